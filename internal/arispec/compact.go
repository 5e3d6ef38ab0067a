package arispec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// branchesKey lists, in a description's info, the branches of Asterisk that its history knows.
const branchesKey = "x-ari-branches"

// compactSince writes the first releases of all branches that have a feature in the short form of x-ari-since:
// "13.13, 14.2+" is 13.13 in branch 13, 14.2 in branch 14, and the first release of each known branch after that.
func compactSince(since Since, branches []int) string {
	plus := len(since)
	for i, v := range slices.Backward(since) {
		at := slices.Index(branches, v.Major)
		if at < 0 || len(branches)-at != len(since)-i {
			break
		}
		plus = i
		if v.Minor != 0 || v.Patch != 0 {
			break
		}
	}
	var parts []string
	for i, v := range since[:min(plus+1, len(since))] {
		text := shortVersion(v)
		if i == plus {
			text += "+"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func shortVersion(v Version) string {
	switch {
	case v.Patch != 0:
		return v.String()
	case v.Minor != 0:
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	default:
		return strconv.Itoa(v.Major)
	}
}

// expandSince reads the short form.
func expandSince(text string, branches []int) (Since, error) {
	var since Since
	for part := range strings.SplitSeq(text, ", ") {
		number, plus := strings.CutSuffix(part, "+")
		v, err := ParseVersion(number + ".0")
		if err != nil || shortVersion(v) != number {
			return nil, fmt.Errorf("arispec: %q isn't a list of first releases such as \"13.13, 14.2+\"", text)
		}
		since = append(since, v)
		if !plus {
			continue
		}
		for _, major := range branches {
			if major > v.Major {
				since = append(since, Version{Major: major})
			}
		}
	}
	return since, nil
}

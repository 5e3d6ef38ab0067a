package ari

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Version is an Asterisk release, such as 22.10.1. The zero value is an unknown one.
type Version struct {
	Major, Minor, Patch int
}

// tip is the minor version that stands for what comes after a branch's last release.
const tip = 99

// ParseVersion reads the release that s names: "22.10.1", "Asterisk/20.6.0~dfsg-1", "certified/20.7-cert3". A build from
// a checkout has the name of its branch, such as "GIT-22-1a2b3c4" or "GIT-master-1a2b3c4"; it is taken for release 99 of
// that branch, and master's for one of the newest branch that this package knows.
func ParseVersion(s string) (Version, error) {
	text := strings.TrimPrefix(strings.TrimPrefix(s, "Asterisk/"), "Asterisk ")
	text, checkout := strings.CutPrefix(text, "GIT-")
	if rest, ok := strings.CutPrefix(text, "master"); checkout && ok && (rest == "" || rest[0] == '-') {
		return Version{Major: newestBranch, Minor: tip}, nil
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "certified/"), "certified-")
	var v Version
	for i, part := range []*int{&v.Major, &v.Minor, &v.Patch} {
		end := 0
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(text[:end])
		if err != nil {
			return Version{}, fmt.Errorf("ari: %.40q doesn't name a version of Asterisk", s)
		}
		*part = n
		if text = text[end:]; !strings.HasPrefix(text, ".") {
			switch {
			case i > 0:
				return v, nil
			case checkout:
				v.Minor = tip
				return v, nil
			}
			return Version{}, fmt.Errorf("ari: %.40q doesn't name a version of Asterisk", s)
		}
		text = text[1:]
	}
	return v, nil
}

// String returns the version as Asterisk writes it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare returns -1, 0 or 1 as v is older than, the same as, or newer than w.
func (v Version) Compare(w Version) int {
	return slices.Compare([]int{v.Major, v.Minor, v.Patch}, []int{w.Major, w.Minor, w.Patch})
}

// versions are the first releases that have a feature, one of each branch that has it, oldest first.
type versions []Version

// have reports whether release v has the feature. A branch newer than all that are known has what the
// newest known one has.
func (s versions) have(v Version) bool {
	if len(s) == 0 {
		return false
	}
	if newest := s[len(s)-1]; v.Major > newest.Major {
		return newest.Major == newestBranch
	}
	for _, first := range s {
		if first.Major == v.Major {
			return v.Compare(first) >= 0
		}
	}
	return false
}

// String lists the releases: "20.16, 21.11 or 22.6". A branch that has had the feature from its beginning
// is left out behind an older one that has it too.
func (s versions) String() string {
	var parts []string
	for i, v := range s {
		if i > 0 && v.Minor == 0 && v.Patch == 0 && s[i-1].Major == v.Major-1 {
			continue
		}
		text := strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor)
		if v.Patch != 0 {
			text += "." + strconv.Itoa(v.Patch)
		}
		parts = append(parts, text)
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " or " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// newestBranch is the newest branch whose features are known.
var newestBranch = func() int {
	newest := 0
	for i := range operations {
		for _, v := range operations[i].since {
			newest = max(newest, v.Major)
		}
	}
	return newest
}()

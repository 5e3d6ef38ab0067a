package release

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Version is a release of Asterisk.
type Version struct{ Major, Minor, Patch int }

// Parse reads a version such as "22.10.1"; what is missing is 0.
func Parse(text string) Version {
	var v Version
	for i, part := range strings.SplitN(text, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			panic("release: " + text)
		}
		*[]*int{&v.Major, &v.Minor, &v.Patch}[i] = n
	}
	return v
}

// String is the version as Asterisk writes it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare returns -1, 0 or 1 as v is older than, the same as, or newer than w.
func (v Version) Compare(w Version) int {
	return slices.Compare([]int{v.Major, v.Minor, v.Patch}, []int{w.Major, w.Minor, w.Patch})
}

// AtLeast reports whether the version is one of these releases or a later one of its branch: whether it has what came with them. The last
// release stands for all newer branches too.
func (v Version) AtLeast(since ...string) bool {
	for i, text := range since {
		first := Parse(text)
		if first.Major == v.Major || i == len(since)-1 && v.Major > first.Major {
			return v.Compare(first) >= 0
		}
	}
	return false
}

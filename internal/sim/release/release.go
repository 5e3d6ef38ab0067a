package release

import (
	"cmp"
	"fmt"
)

// A Version is a release of Asterisk.
type Version struct{ Major, Minor, Patch int }

// Parse reads a version such as "22.10.1"; what is missing is 0. It is called for each parameter of each request, and allocates nothing.
func Parse(text string) Version {
	var parts [3]int
	i := 0
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			parts[i] = parts[i]*10 + int(c-'0')
		case c == '.' && i < len(parts)-1:
			i++
		default:
			panic("release: " + text)
		}
	}
	return Version{parts[0], parts[1], parts[2]}
}

// String is the version as Asterisk writes it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare returns -1, 0 or 1 as v is older than, the same as, or newer than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
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

package arispec

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Version is an Asterisk release, such as 22.10.1.
type Version struct {
	Major, Minor, Patch int
}

// ParseVersion reads the release that s begins with: "22.10.1~dfsg+~cs6.16.60671435-1" is 22.10.1.
func ParseVersion(s string) (Version, error) {
	var v Version
	rest := s
	for i, part := range []*int{&v.Major, &v.Minor, &v.Patch} {
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil {
			return Version{}, fmt.Errorf("arispec: %q isn't an Asterisk version such as 22.10.1", s)
		}
		*part = n
		rest = rest[end:]
		if !strings.HasPrefix(rest, ".") {
			if i == 0 {
				return Version{}, fmt.Errorf("arispec: %q isn't an Asterisk version such as 22.10.1", s)
			}
			return v, nil
		}
		rest = rest[1:]
	}
	return v, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare returns -1, 0 or 1 as v is older than, the same as, or newer than w.
func (v Version) Compare(w Version) int {
	return slices.Compare([]int{v.Major, v.Minor, v.Patch}, []int{w.Major, w.Minor, w.Patch})
}

// Since holds the first release of each branch that has a feature, oldest branch first.
type Since []Version

// Strings returns the releases as they are written, oldest first.
func (s Since) Strings() []string {
	out := make([]string, len(s))
	for i, v := range s {
		out[i] = v.String()
	}
	return out
}

// A History tells in which releases each feature first appeared. A feature is named as by Features.
// The zero value knows nothing.
type History struct {
	branches []int // major versions, ascending
	rows     map[string]Since
}

const noRelease = "-"

// ParseHistory reads a table: a head line with the branches, then a line a feature, tab-separated, with
// the first release on each branch or a dash.
func ParseHistory(table []byte) (*History, error) {
	h := &History{rows: make(map[string]Since)}
	for n, line := range strings.Split(strings.TrimRight(string(table), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		if n == 0 {
			if len(fields) < 2 || fields[0] != "feature" {
				return nil, fmt.Errorf("arispec: history, line 1: want \"feature\" and the branches")
			}
			for _, f := range fields[1:] {
				major, err := strconv.Atoi(f)
				if err != nil || len(h.branches) > 0 && major <= h.branches[len(h.branches)-1] {
					return nil, fmt.Errorf("arispec: history, line 1: %q isn't a branch in ascending order", f)
				}
				h.branches = append(h.branches, major)
			}
			continue
		}
		if len(fields) != len(h.branches)+1 {
			return nil, fmt.Errorf("arispec: history, line %d: want %d fields, have %d", n+1, len(h.branches)+1, len(fields))
		}
		if _, ok := h.rows[fields[0]]; ok || fields[0] == "" {
			return nil, fmt.Errorf("arispec: history, line %d: feature %q is empty or occurs twice", n+1, fields[0])
		}
		since := Since{}
		for i, f := range fields[1:] {
			if f == noRelease {
				continue
			}
			v, err := ParseVersion(f)
			if err != nil || v.Major != h.branches[i] || v.String() != f {
				return nil, fmt.Errorf("arispec: history, line %d: %q isn't a release of branch %d", n+1, f, h.branches[i])
			}
			since = append(since, v)
		}
		h.rows[fields[0]] = since
	}
	return h, nil
}

// Bytes returns the table in the form that ParseHistory reads, sorted by feature.
func (h *History) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString("feature")
	for _, major := range h.branches {
		fmt.Fprintf(&b, "\t%d", major)
	}
	b.WriteByte('\n')
	for _, feature := range sortedKeys(h.rows) {
		b.WriteString(feature)
		since := h.rows[feature]
		for _, major := range h.branches {
			b.WriteByte('\t')
			if i := slices.IndexFunc(since, func(v Version) bool { return v.Major == major }); i >= 0 {
				b.WriteString(since[i].String())
			} else {
				b.WriteString(noRelease)
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Since returns the first release of each branch that has the feature; nil if the history doesn't know it.
func (h *History) Since(feature string) Since {
	if h == nil {
		return nil
	}
	return h.rows[feature]
}

// Branches returns the major versions that the history knows, ascending.
func (h *History) Branches() []int { return h.branches }

// Extend takes a version's spec into the history: a feature that the branch did not have, or had later,
// has it from that version on. A new branch gets a column. It returns how many entries changed.
//
// What an older release of the branch lacked can't be seen from one spec, so a feature that is new to
// a known branch is dated by the imported version: exact if every release is imported, late otherwise.
// A branch that is newer than all known ones began with what the newest of them has.
func (h *History) Extend(v Version, spec *Spec) int {
	newest := 0 // of the branches before a new one
	if n := len(h.branches); n > 0 && v.Major > h.branches[n-1] {
		newest = h.branches[n-1]
	}
	if !slices.Contains(h.branches, v.Major) {
		h.branches = append(h.branches, v.Major)
		slices.Sort(h.branches)
	}
	if h.rows == nil {
		h.rows = make(map[string]Since)
	}
	changed := 0
	for _, feature := range spec.Features() {
		since := h.rows[feature]
		in := func(major int) int {
			return slices.IndexFunc(since, func(w Version) bool { return w.Major == major })
		}
		i := in(v.Major)
		switch {
		case i < 0 && newest > 0 && in(newest) >= 0:
			since = append(slices.Clone(since), Version{Major: v.Major})
		case i < 0:
			since = append(slices.Clone(since), v)
			slices.SortFunc(since, Version.Compare)
		case v.Compare(since[i]) < 0:
			since = slices.Clone(since)
			since[i] = v
		default:
			continue
		}
		h.rows[feature] = since
		changed++
	}
	return changed
}

// Doc says since when in words: "Since Asterisk 20.16, 21.11, 22.6." A branch that has had the feature
// from its first release is left out behind an older branch that has it too. It is empty for what
// the history doesn't know.
func (h *History) Doc(since Since) string {
	if len(since) == 0 {
		return ""
	}
	return "Since Asterisk " + strings.Join(h.firsts(since), ", ") + "."
}

func (h *History) firsts(since Since) []string {
	var out []string
	for i, v := range since {
		previous := -1
		if j := slices.Index(h.branches, v.Major); j > 0 {
			previous = h.branches[j-1]
		}
		if i > 0 && v.Minor == 0 && v.Patch == 0 && since[i-1].Major == previous {
			continue
		}
		switch {
		case v.Patch != 0:
			out = append(out, v.String())
		case v.Minor != 0:
			out = append(out, fmt.Sprintf("%d.%d", v.Major, v.Minor))
		default:
			out = append(out, strconv.Itoa(v.Major))
		}
	}
	return out
}

// The names of features, as the history's first column has them.

func featureOp(method, path string) string { return "op " + method + " " + path }

func featureParam(method, path, in, name string) string {
	return "param " + method + " " + path + " " + in + ":" + name
}

func featureParamValue(method, path, in, name, value string) string {
	return "enum " + method + " " + path + " " + in + ":" + name + "=" + value
}

func featureModel(id string) string { return "model " + id }

func featureEvent(id string) string { return "event " + id }

func featureProp(model, name string) string { return "prop " + model + "." + name }

// Features returns the name of everything that has a history, sorted: operations, parameters and their
// values, models, events and properties. The values of properties have none: Asterisk sends others than
// its specs list, before and after they are listed.
func (s *Spec) Features() []string {
	var out []string
	for _, r := range s.Resources {
		for _, api := range r.APIs {
			for _, op := range api.Operations {
				out = append(out, featureOp(op.Method, api.Path))
				for _, p := range op.Parameters {
					out = append(out, featureParam(op.Method, api.Path, p.In, p.Name))
					for _, v := range p.Values {
						out = append(out, featureParamValue(op.Method, api.Path, p.In, p.Name, v))
					}
				}
			}
		}
		for _, m := range r.Models {
			out = append(out, featureModel(m.ID))
			for _, p := range m.Properties {
				out = append(out, featureProp(m.ID, p.Name))
			}
		}
	}
	for _, id := range s.Events() {
		out = append(out, featureEvent(id))
	}
	slices.Sort(out)
	return out
}

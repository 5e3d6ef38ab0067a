package ari

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKnownIssueRanges(t *testing.T) {
	i := KnownIssue{Since: []Version{{20, 16, 0}, {22, 6, 0}}, Fixed: []Version{{22, 12, 0}}}
	for v, want := range map[Version]bool{
		{16, 28, 0}: false, {20, 15, 9}: false, {20, 16, 0}: true, {20, 99, 0}: true,
		{22, 5, 9}: false, {22, 6, 0}: true, {22, 11, 3}: true, {22, 12, 0}: false, {23, 0, 0}: false,
	} {
		assert.Equal(t, want, i.In(v), v)
	}
	assert.True(t, (&KnownIssue{}).In(Version{16, 0, 0}))
}

// Each entry is whole, in order, and nobody's change of a copy reaches the table.
func TestKnownIssuesAreWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, i := range AllKnownIssues() {
		assert.Regexp(t, regexp.MustCompile(`^[a-z][a-z-]+[a-z]$`), i.ID)
		assert.False(t, seen[i.ID], i.ID)
		seen[i.ID] = true
		assert.NotEmpty(t, i.Effect, i.ID)
		assert.NotEmpty(t, i.Remedy, i.ID)
		assert.True(t, slices.IsSortedFunc(i.Since, Version.Compare), i.ID)
		assert.True(t, slices.IsSortedFunc(i.Fixed, Version.Compare), i.ID)
		assert.True(t, i.In(Version{16, 28, 0}) || i.In(Version{22, 10, 1}), "nobody has seen %s", i.ID)
	}
	AllKnownIssues()[0].Since[0] = Version{}
	assert.NotEqual(t, Version{}, AllKnownIssues()[0].Since[0])
}

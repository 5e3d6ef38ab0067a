package ari

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ids tell whose they are, none is the beginning of another one, and nothing in them must be escaped.
func TestIDs(t *testing.T) {
	ours, again, others, nobodys := newIDs("hello", newRun()), newIDs("hello", newRun()), newIDs("hello world/ä", newRun()), newIDs("", newRun())
	for name, x := range map[string]struct {
		id         string
		mine, made bool
	}{
		"this run's":                 {ours.next(), true, true},
		"an earlier run's":           {again.next(), false, true},
		"another application's":      {others.next(), false, false},
		"a controller's":             {nobodys.next(), false, false},
		"the user's":                 {"ari-mine", false, false},
		"Asterisk's":                 {"1700000000.5", false, false},
		"the other half of this one": {ours.next() + ";2", true, true},
		"nothing":                    {"", false, false},
	} {
		assert.Equal(t, x.mine, ours.mine(x.id), name)
		assert.Equal(t, x.made, ours.made(x.id), name)
	}
	seen := make(map[string]bool)
	length := len(ours.next())
	for _, i := range []ids{ours, again, others, nobodys} {
		for range 100 {
			id := i.next()
			require.Len(t, id, length, "Asterisk takes an id for taken when a living one begins with it")
			require.Regexp(t, `^[A-Za-z0-9-]+$`, id)
			require.False(t, seen[id])
			seen[id] = true
		}
	}
}

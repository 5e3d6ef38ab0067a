package release

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Version{
		"22.10.1": {22, 10, 1}, "20.17": {20, 17, 0}, "16": {16, 0, 0}, "": {},
	} {
		assert.Equal(t, want, Parse(text), text)
	}
	for _, text := range []string{"22.x", "1.2.3.4", "-1"} {
		require.Panics(t, func() { Parse(text) }, text)
	}
}

// What came with several releases, one of each branch, is in the later ones of these branches and in all of newer branches.
func TestAtLeast(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"16.30.1": false, "18.26.4": false, "20.16.9": false, "20.17.0": true, "20.20.1": true, "21.12.3": false, "22.6.0": false, "22.7.0": true, "23.0.0": true, "24.1.0": true,
	} {
		assert.Equal(t, want, Parse(text).AtLeast("20.17", "22.7"), text)
	}
	assert.False(t, Parse("22.10.1").AtLeast())
	assert.Equal(t, "22.10.1", Parse("22.10.1").String())
	assert.Negative(t, Parse("22.9.9").Compare(Parse("22.10.0")))
	assert.Positive(t, Parse("23.0.0").Compare(Parse("22.10.0")))
	assert.Zero(t, Parse("22.10.0").Compare(Parse("22.10")))
}

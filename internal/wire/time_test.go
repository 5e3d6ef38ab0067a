package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

func TestParseTime(t *testing.T) {
	india := time.FixedZone("IST", 5*60*60+30*60)
	for _, text := range []string{
		"2026-11-23T00:41:40.897+0000", "2026-11-23T00:41:40.897-0000", "2026-11-23T00:41:40.897+0530", "2026-11-23T00:41:40.897-0330",
		"2024-02-29T23:59:59.999+1400", "0000-01-01T00:00:00.000-2359", "9999-12-31T23:59:59.999+2359",
	} {
		for _, local := range []*time.Location{time.UTC, india} {
			want, err := time.ParseInLocation(gen.TimeLayout, text, local)
			require.NoError(t, err)
			have, ok := parseTime(text, local)
			assert.True(t, ok, text)
			assert.Equal(t, want, have, text)
		}
	}
	for _, text := range []string{
		"", "2026-11-23", "2026-02-29T00:00:00.000+0000", "2026-13-23T00:41:40.897+0000", "2026-00-23T00:41:40.897+0000",
		"2026-11-31T00:41:40.897+0000", "2026-11-23T24:41:40.897+0000", "2026-11-23T00:60:40.897+0000", "2026-11-23T00:41:60.897+0000",
		"2026-11-23T00:41:40.897+2400", "2026-11-23T00:41:40.897+0060", "2026-11-23T00:41:40.897 0000", "2026-11-23 00:41:40.897+0000",
		"2026-11-23T00:41:40.89x+0000", "20é6-11-23T00:41:40.897+000", "2026-11-23T00:41:40.897Z0000", "2026-11-23T00:41:40,897+0000",
	} {
		_, ok := parseTime(text, time.UTC)
		assert.False(t, ok, text)
	}
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{
		"2026-11-23T00:41:40.897+0000", "2026-11-23T00:41:40.897-0530", "2024-02-29T23:59:59.999+1400", "2026-02-29T00:00:00.000+0000",
	} {
		f.Add(text, 3600)
	}
	f.Fuzz(func(t *testing.T, text string, offset int) {
		local := time.FixedZone("here", offset%86400)
		have, ok := parseTime(text, local)
		if !ok {
			return
		}
		want, err := time.ParseInLocation(gen.TimeLayout, text, local)
		require.NoError(t, err)
		require.Equal(t, want, have)
	})
}

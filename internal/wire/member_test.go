package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequireID(t *testing.T) {
	for frame, want := range map[string]string{
		`{"type":"StasisStart","channel":{"id":"c1"}}`:                                   "",
		`{"type":"StasisStart","channel":{"id":"\u0063"},"replace_channel":{"id":"c2"}}`: "",

		`{"type":"StasisStart"}`:                                  "channel is missing",
		`{"type":"StasisStart","replace_channel":{"id":"c2"}}`:    "channel is missing",
		`{"type":"StasisStart","Channel":{"id":"c1"}}`:            "channel is missing",
		`{"type":"StasisStart","channel":null}`:                   "channel is missing",
		`{"type":"StasisStart","channel":"c1"}`:                   "channel is not an object",
		`{"type":"StasisStart","channel":[{"id":"c1"}]}`:          "channel is not an object",
		`{"type":"StasisStart","channel":{}}`:                     "channel.id is missing",
		`{"type":"StasisStart","channel":{"id":null,"name":"x"}}`: "channel.id is missing",
		`{"type":"StasisStart","channel":{"caller":{"id":"c1"}}}`: "channel.id is missing",
		`{"type":"StasisStart","channel":{"id":17}}`:              "channel.id is not a text",
		`{"type":"StasisStart","channel":{"id":{"id":"c1"}}}`:     "channel.id is not a text",
		`{"type":"StasisStart","channel":{"id":""}}`:              "channel.id is empty",
	} {
		var f Frame
		require.NoError(t, f.Scan([]byte(frame)), frame)
		err := f.RequireID("channel")
		if want == "" {
			assert.NoError(t, err, frame)
			continue
		}
		assert.EqualError(t, err, want, frame)
		var fault *MemberError
		assert.ErrorAs(t, err, &fault)
	}
}

func TestRequireIDDoesNotAllocate(t *testing.T) {
	var f Frame
	require.NoError(t, f.Scan([]byte(enteredBridge)))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if f.RequireID("channel") != nil {
			t.Fatal("not found")
		}
	}))
}

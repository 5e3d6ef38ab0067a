package aritrace_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritrace"
)

// A call has its bridge, whom it talks with there, and what plays to them; another call at the same time isn't part of it.
func TestCall(t *testing.T) {
	trace, err := aritrace.Read(strings.NewReader(head + strings.Join([]string{
		`{"kind":"connected"}`,
		`{"kind":"event","event":{"type":"StasisStart","channel":{"id":"a"}}}`,
		`{"kind":"event","event":{"type":"StasisStart","channel":{"id":"x"}}}`,
		`{"kind":"command","command":{"id":1,"method":"POST","path":"/bridges/b/addChannel","query":"channel=a,c"}}`,
		`{"kind":"answer","answer":{"id":1,"status":204}}`,
		`{"kind":"command","command":{"id":2,"method":"GET","path":"/channels"}}`,
		`{"kind":"answer","answer":{"id":2,"status":200,"body":[{"id":"a"},{"id":"x"}]}}`,
		`{"kind":"command","command":{"id":3,"method":"POST","path":"/channels/x/answer"}}`,
		`{"kind":"event","event":{"type":"ChannelDestroyed","channel":{"id":"c"}}}`,
		`{"kind":"event","event":{"type":"PlaybackStarted","playback":{"id":"p","target_uri":"bridge:b"}}}`,
	}, "\n") + "\n"))
	require.NoError(t, err)
	call := trace.Call("c")
	require.Len(t, call.Lines, 6)
	require.Len(t, trace.Call("x").Lines, 3)
	require.Nil(t, trace.Call("nobody"))
}

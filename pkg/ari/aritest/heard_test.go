package aritest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// What can't be played isn't heard.
func TestMissingMedia(t *testing.T) {
	srv := aritest.NewServer(t, aritest.WithSpeed(100))
	l := listen(t, srv, "app=hello")
	call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
	l.await("StasisStart c")
	ok(t, srv, "POST", "/channels/c/play/p?media=sound:no-such-sound,sound:digits/7,recording:none,sound:welcome")
	l.await("PlaybackFinished sound:welcome failed")
	require.Equal(t, []string{"sound:digits/7"}, call.Heard())
}

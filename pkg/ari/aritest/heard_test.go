package aritest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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

func TestMusicOnHold(t *testing.T) {
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	alice := srv.Call("1000", aritest.WithChannelID("a"), aritest.Answered())
	bob := srv.Call("1000", aritest.WithChannelID("b"), aritest.Answered())
	l.await("StasisStart b")
	ok(t, srv, "POST", "/channels/a/moh")
	require.NoError(t, alice.WaitHeard(soon(t), "moh:default"))
	ok(t, srv, "DELETE", "/channels/a/moh")
	ok(t, srv, "POST", "/channels/a/moh?mohClass=jazz")
	require.NoError(t, alice.WaitHeard(soon(t), "moh:jazz"))
	ok(t, srv, "POST", "/channels/a/hold")

	// Music of a bridge is heard by those who are in it, and by those who come.
	ok(t, srv, "POST", "/bridges/x?type=holding")
	ok(t, srv, "POST", "/bridges/x/addChannel?channel=a")
	ok(t, srv, "POST", "/bridges/x/moh?mohClass=rock")
	ok(t, srv, "POST", "/bridges/x/addChannel?channel=b")
	ok(t, srv, "DELETE", "/bridges/x/moh")
	require.Equal(t, []string{"moh:default", "moh:jazz", "moh:default", "moh:rock"}, alice.Heard())
	require.Equal(t, []string{"moh:rock"}, bob.Heard())

	srv.Extension("moh", "MusicOnHold(waltz)")
	require.NoError(t, srv.Call("moh").WaitHeard(soon(t), "moh:waltz"))
	srv.Extension("sound", "Playback(no-such-sound&hello-world)")
	listener := srv.Call("sound")
	require.NoError(t, listener.WaitHeard(soon(t), "sound:hello-world"))
	require.Equal(t, []string{"sound:hello-world"}, listener.Heard())
}

func TestClearHeard(t *testing.T) {
	srv := aritest.NewServer(t, aritest.WithSpeed(100))
	l := listen(t, srv, "app=hello")
	call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
	l.await("StasisStart c")
	ok(t, srv, "POST", "/channels/c/play/p?media=sound:hello-world")
	require.NoError(t, call.WaitHeard(soon(t), "sound:hello-world"))
	call.ClearHeard()
	require.Empty(t, call.Heard())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, call.WaitHeard(ctx, "sound:hello-world"), context.DeadlineExceeded)
	ok(t, srv, "POST", "/channels/c/play/q?media=sound:hello-world")
	require.NoError(t, call.WaitHeard(soon(t), "sound:hello-world"))
}

func TestWaitRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
		l.await("StasisStart c")
		begun := make(chan error)
		wait := func() {
			synctest.Wait()
			select {
			case err := <-begun:
				require.Fail(t, "nothing is recorded", "%v", err)
			default:
			}
		}

		// A recording begins when what was played before it has ended.
		go func() { begun <- call.WaitRecording(t.Context()) }()
		ok(t, srv, "POST", "/channels/c/play/p?media=sound:hello-world")
		ok(t, srv, "POST", "/channels/c/record?name=first&format=wav&beep=true&terminateOn=any")
		wait()
		require.NoError(t, <-begun)
		require.Equal(t, []string{"sound:hello-world", "beep"}, call.Heard())
		call.SendDTMF("#")

		// That of the bridge, once it isn't paused any more.
		ok(t, srv, "POST", "/bridges/x")
		ok(t, srv, "POST", "/bridges/x/addChannel?channel=c")
		go func() { begun <- call.WaitRecording(t.Context()) }()
		wait()
		ok(t, srv, "POST", "/bridges/x/record?name=second&format=wav&beep=true")
		require.NoError(t, <-begun)
		require.Equal(t, []string{"sound:hello-world", "beep", "beep"}, call.Heard())
		ok(t, srv, "POST", "/recordings/live/second/pause")
		go func() { begun <- call.WaitRecording(t.Context()) }()
		wait()
		ok(t, srv, "DELETE", "/recordings/live/second/pause")
		require.NoError(t, <-begun)
		ok(t, srv, "POST", "/recordings/live/second/stop")

		// That of a snoop channel.
		ok(t, srv, "POST", "/channels/c/snoop/s?app=hello&spy=in")
		go func() { begun <- call.WaitRecording(t.Context()) }()
		wait()
		ok(t, srv, "POST", "/channels/s/record?name=third&format=wav&beep=true")
		require.NoError(t, <-begun)
		require.Len(t, call.Heard(), 3) // Who is listened to hears no beep.
	})
}

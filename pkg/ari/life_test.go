package ari

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Promise 10: who waits for what a command makes is there before the request
// leaves.
func TestLifeOfAPlayback(t *testing.T) {
	for name, tt := range map[string]struct {
		frames []string
		state  string
		want   error
	}{
		"done":   {[]string{playbackFrame("PlaybackFinished", "p1", "channel:c1", "done")}, "done", nil},
		"failed": {[]string{playbackFrame("PlaybackFinished", "p1", "channel:c1", "failed")}, "failed", nil},
		"channel destroyed without a word": {
			[]string{playbackFrame("PlaybackStarted", "p1", "channel:c1", "playing"), destroyedFrame("c1")}, "", ErrChannelDestroyed,
		},
		"channel left without a word": {[]string{endFrame("c1")}, "", ErrLeftStasis},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t)
				lf := c.expects(kindPlayback, "p1", entityKey{c.first().id, kindChannel, "c1"})
				c.receive(playbackFrame("PlaybackFinished", "p2", "channel:c1", "done"))
				c.receive(tt.frames...) // before the request's answer
				lf.settle(nil)
				out, err := lf.wait(t.Context(), stageEnded)
				assert.Equal(t, tt.state, out.State)
				if tt.want == nil {
					require.NoError(t, err)
					assert.IsType(t, &PlaybackFinished{}, out.Event)
				} else {
					require.ErrorIs(t, err, tt.want)
					assert.Nil(t, out.Event)
				}
				assert.Zero(t, c.Stats().Listeners)
				assert.Empty(t, c.hub.index.children)
			})
		})
	}
}

func TestLifeOfARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		lf := c.expects(kindRecording, "r1", entityKey{c.first().id, kindBridge, "b1"})
		lf.settle(nil)
		c.receive(recordingFrame("RecordingFinished", "r1", "bridge:b1", "done"))
		out, err := lf.wait(t.Context(), stageEnded)
		require.NoError(t, err)
		assert.Equal(t, "done", out.State)
		assert.Equal(t, "r1", out.Event.(*RecordingFinished).Recording.Name)
	})
}

// A hangup makes what runs on the channel fail, which Asterisk tells before the channel's end.
func TestCutOffByAHangup(t *testing.T) {
	hangup := channelFrame("ChannelHangupRequest", "c1")
	playbackFailed := playbackFrame("PlaybackFinished", "p1", "channel:c1", "failed")
	recordingFailed := recordingFrame("RecordingFailed", "r1", "channel:c1", "failed")
	for name, tt := range map[string]struct {
		frames []string
		cutOff bool
	}{
		"hung up":             {[]string{startFrame("c1"), hangup, playbackFailed, recordingFailed}, true},
		"not hung up":         {[]string{startFrame("c1"), playbackFailed, recordingFailed}, false},
		"another is hung up":  {[]string{startFrame("c1"), startFrame("c2"), channelFrame("ChannelHangupRequest", "c2"), playbackFailed, recordingFailed}, false},
		"not of our channels": {[]string{hangup, playbackFailed, recordingFailed}, false},
		"back again":          {[]string{startFrame("c1"), hangup, endFrame("c1"), startFrame("c1"), playbackFailed, recordingFailed}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := offline(t)
				playback, recording := c.ARI().Playback("p1"), c.ARI().LiveRecording("r1")
				playback.life = c.expects(kindPlayback, "p1", entityKey{})
				recording.life = c.expects(kindRecording, "r1", entityKey{})
				c.receive(tt.frames...)
				_, recordingErr := recording.Wait(t.Context())
				for err, failure := range map[error]error{playback.Wait(t.Context()): ErrPlaybackFailed, recordingErr: ErrRecordingFailed} {
					if !tt.cutOff {
						require.ErrorIs(t, err, failure)
						continue
					}
					var end *EndError
					require.ErrorAs(t, err, &end)
					require.ErrorIs(t, err, ErrEnded)
					require.NotErrorIs(t, err, failure)
					assert.Equal(t, Entity{"channel", "c1"}, end.Entity)
				}
			})
		})
	}
}

func TestLifeOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t, WithSubscribeAll())
		lf := c.expects(kindChannel, "c1", entityKey{})
		var steps bag[string]
		for name, s := range map[string]stage{"answered": stageAnswered, "entered": stageEntered, "left": stageLeft, "ended": stageEnded} {
			go func() {
				if _, err := lf.wait(context.Background(), s); err == nil {
					steps.add(name)
				}
			}()
		}
		c.receive(`{"type":"ChannelStateChange","channel":` + channelJSON("c1", "Ringing") + frameTail)
		c.receive(`{"type":"ChannelStateChange","channel":` + channelJSON("c2", "Up") + frameTail)
		lf.settle(nil)
		synctest.Wait()
		assert.Empty(t, steps.all())
		for _, frame := range []string{
			channelFrame("ChannelStateChange", "c1"), startFrame("c1"), endFrame("c1"), destroyedFrame("c1"),
		} {
			c.receive(frame)
			synctest.Wait()
		}
		assert.Equal(t, []string{"answered", "entered", "left", "ended"}, steps.all())
		out, err := lf.wait(t.Context(), stageEnded)
		require.NoError(t, err)
		end, ok := errors.AsType[*EndError](out.End)
		require.True(t, ok)
		assert.Equal(t, 17, end.Cause)
		assert.Equal(t, "User busy", end.CauseText)
		assert.IsType(t, &ChannelDestroyed{}, out.Event)
	})
}

func TestLifeOfAChannelThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		lf := c.expects(kindChannel, "c1", entityKey{})
		c.receive(destroyedFrame("c1"))
		lf.settle(nil)
		_, err := lf.wait(t.Context(), stageAnswered)
		require.ErrorIs(t, err, ErrChannelDestroyed)
		require.EqualError(t, err, "ari: channel c1: channel destroyed (cause 17, User busy)")
		_, err = lf.wait(t.Context(), stageLeft)
		require.ErrorIs(t, err, ErrChannelDestroyed)
		_, err = lf.wait(t.Context(), stageAnswered|stageEnded)
		require.NoError(t, err)
	})
}

// Where nothing more is heard of a channel once it has left, that is its end.
func TestLifeOfAChannelThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		lf := c.expects(kindChannel, "c1", entityKey{})
		lf.settle(nil)
		c.receive(startFrame("c1"), inApp("other", startFrame("c1")), endFrame("c1"))
		assert.Equal(t, 1, c.Stats().Listeners) // moved
		c.receive(inApp("other", endFrame("c1")))
		out, err := lf.wait(t.Context(), stageEnded)
		require.NoError(t, err)
		assert.IsType(t, &StasisEnd{}, out.Event)
		assert.Zero(t, c.Stats().Listeners)
	})
}

func TestLifeIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		lf := c.expects(kindChannel, "c1", entityKey{})
		var got bag[error]
		go func() {
			_, err := lf.wait(context.Background(), stageEnded)
			got.add(err)
		}()
		synctest.Wait()
		lf.drop()
		lf.drop()
		synctest.Wait()
		assert.Equal(t, []error{ErrClosed}, got.all())
		assert.Zero(t, c.Stats().Listeners)
	})
}

func TestLifeEndsWithItsWaitersContextAndTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		lf := c.expects(kindChannel, "c1", entityKey{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := lf.wait(ctx, stageEnded)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, c.Close(t.Context()))
		_, err = lf.wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrClosed)
		_, err = c.expects(kindChannel, "c2", entityKey{}).wait(t.Context(), stageEnded)
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestLifeWithoutAClient(t *testing.T) {
	alone, err := NewController("http://asterisk:8088/ari")
	require.NoError(t, err)
	lf := alone.expect(expectation{kind: kindChannel, id: "c1"})
	lf.settle(nil)
	_, err = lf.wait(t.Context(), stageEnded)
	require.ErrorIs(t, err, ErrNoEvents)
	lf.settle(errTest)
	lf.giveUp()
	_, _, err = alone.watch(t.Context(), kindChannel, "c1")
	require.ErrorIs(t, err, ErrNoEvents)
	require.ErrorIs(t, Subscribe[Event](alone.Channel("c1")).Err(), ErrNoEvents)
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		a.set(func() { a.channels["c1"] = inStasis("hello"); a.playbacks["p1"] = true; a.bridges = []string{"b1"} })
		lf, release, err := c.ARI().watch(t.Context(), kindChannel, "c1")
		require.NoError(t, err)
		_, err = lf.wait(t.Context(), stageAnswered) // It is, so there won't be an event.
		require.NoError(t, err)
		_, err = lf.wait(t.Context(), stageEntered)
		require.NoError(t, err)
		release()
		_, release, err = c.ARI().watch(t.Context(), kindPlayback, "p1")
		require.NoError(t, err)
		release()

		_, _, err = c.ARI().watch(t.Context(), kindChannel, "c2")
		require.ErrorIs(t, err, ErrNotFound)
		_, _, err = c.ARI().watch(t.Context(), kindPlayback, "p2")
		require.ErrorIs(t, err, ErrNotFound)
		assert.Zero(t, c.Stats().Listeners)

		// The end may come between the registration and the answer.
		a.set(func() {
			a.hook = func(_, path string) {
				if strings.HasPrefix(path, "/applications") {
					return // the session itself
				}
				require.NoError(t, a.send(destroyedFrame("c1")))
				time.Sleep(time.Second)
			}
		})
		lf, _, err = c.ARI().watch(t.Context(), kindChannel, "c1")
		require.NoError(t, err)
		_, err = lf.wait(t.Context(), stageEnded)
		require.NoError(t, err)
	})
}

func TestOriginatedChannelIsFollowedToItsEnd(t *testing.T) {
	c := offline(t)
	ours := c.originates("c1")
	foreign := c.expects(kindChannel, "c2", entityKey{})
	digits := Subscribe[*ChannelDtmfReceived](c.ARI().Channel("c1"))
	ours.settle(nil)
	foreign.settle(nil)
	for _, id := range []string{"c1", "c2"} {
		c.receive(startFrame(id), endFrame(id))
	}
	_, err := ours.wait(t.Context(), stageLeft)
	require.NoError(t, err)
	require.NoError(t, ours.ending())
	require.NoError(t, digits.Err())
	require.ErrorIs(t, foreign.ending(), ErrLeftStasis)

	c.receive(destroyedFrame("c1"))
	_, err = ours.wait(t.Context(), stageEnded)
	require.NoError(t, err)
	end, ok := errors.AsType[*EndError](ours.ending())
	require.True(t, ok)
	assert.Equal(t, ErrChannelDestroyed, end.Reason)
	assert.NotZero(t, end.Cause)
	require.ErrorIs(t, digits.Err(), ErrChannelDestroyed)
	assert.Empty(t, c.first().wanted.subscribed, "nothing is remembered of a channel that is gone")

	c.originates("c3").drop()
	assert.Empty(t, c.first().wanted.subscribed)
	for _, app := range []string{"other", ""} {
		assert.Nil(t, c.first().expect(expectation{kind: kindChannel, id: "c4", app: app, subscribed: true}), "nobody would tell of it")
	}
	assert.Zero(t, c.Stats().Listeners)
}

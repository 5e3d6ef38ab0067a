package ari

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

func TestControllerOfObjects(t *testing.T) {
	c, err := NewController("http://127.0.0.1:1/ari")
	require.NoError(t, err)
	for _, o := range []interface{ Controller() *Controller }{
		c.Application("a"), c.Bridge("b"), c.Channel("c"), c.DeviceState("d"), c.Endpoint("PJSIP", "e"), c.LiveRecording("l"), c.LogChannel("o"),
		c.Mailbox("m"), c.Module("u"), c.Playback("p"), c.Sound("s"), c.StoredRecording("r"), c.LiveRecording("l").Stored(),
	} {
		assert.Same(t, c, o.Controller(), "%T", o)
	}
	assert.Nil(t, (&Channel{}).Controller())
	assert.Nil(t, (*Channel)(nil).Controller())
}

// What an answer holds has the controller that asked.
func TestControllerOfAnswers(t *testing.T) {
	w := newRecorder(t, answerJSON(http.StatusOK, `[{"id":"c1"},{"id":"c2"}]`))
	c := w.controller(t)
	channels, err := c.Channels(t.Context())
	require.NoError(t, err)
	require.Len(t, channels, 2)
	assert.Same(t, c, channels[1].Controller())

	w.answer = answerJSON(http.StatusOK, `{"id":"c1"}`)
	for _, get := range []func() (*Channel, error){
		func() (*Channel, error) { return c.Channel("c1").Refresh(t.Context()) },
		func() (*Channel, error) { return c.Originate(t.Context(), OriginateOptions{Endpoint: "PJSIP/a"}) },
	} {
		ch, err := get()
		require.NoError(t, err)
		assert.Same(t, c, ch.Controller())
	}
}

func TestHangupWithCode(t *testing.T) {
	w := newRecorder(t, noContent)
	c := w.controller(t)
	for cause, want := range map[int]string{CauseRejected: "21", 127: "127", 0: "16"} {
		require.NoError(t, c.Channel("c1").HangupWithCode(t.Context(), cause))
		assert.Equal(t, "DELETE /pbx1/ari/channels/c1?reason_code="+want, w.last(t).line)
	}
	require.ErrorIs(t, c.Channel("c1").HangupWithCode(t.Context(), -1), ErrInvalid)
}

func TestDetectTalk(t *testing.T) {
	w := newRecorder(t, noContent)
	ch := w.controller(t).Channel("c1")
	for name, tt := range map[string]struct {
		call            func() error
		function, value string
	}{
		"as it is": {func() error { return ch.DetectTalk(t.Context()) }, "TALK_DETECT(set)", ""},
		"silence": {
			func() error {
				return ch.DetectTalkWith(t.Context(), DetectTalkOptions{Silence: 1500*time.Millisecond + 1})
			},
			"TALK_DETECT(set)", "1501",
		},
		"level": {func() error { return ch.DetectTalkWith(t.Context(), DetectTalkOptions{Level: 512}) }, "TALK_DETECT(set)", ",512"},
		"both": {
			func() error {
				return ch.DetectTalkWith(t.Context(), DetectTalkOptions{Silence: time.Second, Level: 512})
			},
			"TALK_DETECT(set)", "1000,512",
		},
		"the end": {func() error { return ch.StopDetectTalk(t.Context()) }, "TALK_DETECT(remove)", ""},
	} {
		require.NoError(t, tt.call(), name)
		u, err := url.Parse(w.last(t).line[len("POST "):])
		require.NoError(t, err)
		assert.Equal(t, tt.function, u.Query().Get("variable"), name)
		assert.Equal(t, []string{tt.value}, u.Query()["value"], name)
	}
	for _, bad := range []DetectTalkOptions{{Silence: -1}, {Level: -1}} {
		require.ErrorIs(t, ch.DetectTalkWith(t.Context(), bad), ErrInvalid)
	}
}

func TestDurations(t *testing.T) {
	assert.Equal(t, 120*time.Millisecond, (&ChannelDtmfReceived{DurationMs: 120}).Duration())
	assert.Equal(t, 2*time.Second, (&ChannelTalkingFinished{DurationMs: 2000}).Duration())
	r := &LiveRecording{LiveRecording: gen.LiveRecording{Duration: 7, TalkingDuration: 8, SilenceDuration: -1}}
	assert.Equal(t, 7*time.Second, r.Duration())
	assert.Equal(t, 8*time.Second, r.TalkingDuration())
	assert.Zero(t, r.SilenceDuration(), "Asterisk rounds to -1")
}

// An application's own name is the default of what is sent to an application.
func TestSendUserEventToOneself(t *testing.T) {
	w := newRecorder(t, noContent)
	c := w.controller(t)
	c.application = "hello"
	require.NoError(t, c.SendUserEvent(t.Context(), "ready", UserEventOptions{}))
	assert.Equal(t, "POST /pbx1/ari/events/user/ready?application=hello", w.last(t).line)
	require.NoError(t, c.SendUserEvent(t.Context(), "ready", UserEventOptions{Application: "other", Variables: map[string]any{"n": 1}}))
	assert.Equal(t, "POST /pbx1/ari/events/user/ready?application=other", w.last(t).line)
	assert.JSONEq(t, `{"variables":{"n":1}}`, w.last(t).body)
}

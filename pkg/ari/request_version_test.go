package ari

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVersions(t *testing.T) {
	for text, want := range map[string]Version{
		"22.10.1":                   {22, 10, 1},
		"Asterisk/16.28.0~dfsg-0":   {16, 28, 0},
		"Asterisk/certified/20.7-1": {20, 7, 0},
		"certified-18.9-cert5":      {18, 9, 0},
		"GIT-20-1a2b3c4":            {20, tip, 0},
		"GIT-20.5.0-1a2b3c4":        {20, 5, 0},
		"GIT-certified/22.8-1a2b3c": {22, 8, 0},
		"Asterisk/GIT-master-abc":   {newestBranch, tip, 0},
	} {
		v, err := ParseVersion(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, v, text)
	}
	for _, text := range []string{"", "23", "GIT-", "GIT-mastery", "SVN-x", "nginx/1.2"} {
		_, err := ParseVersion(text)
		assert.Error(t, err, text)
	}
	progress := opChannelsProgress.since // 20.16, 21.11, 22.6, 23.0
	for text, want := range map[string]bool{
		"12.0.0": false, "16.30.1": false, "19.8.0": false, "20.15.2": false, "20.16.0": true, "20.20.0": true, "21.10.9": false,
		"21.11.0": true, "22.5.0": false, "22.6.0": true, "23.0.0": true, "24.0.0": true, "99.0.0": true,
	} {
		v, err := ParseVersion(text)
		require.NoError(t, err)
		assert.Equal(t, want, progress.have(v), text)
	}
	claim := opEventsClaimChannel.since // not in 21
	assert.False(t, claim.have(Version{21, 99, 0}))
	assert.True(t, claim.have(Version{22, 10, 0}))
	assert.Equal(t, "20.16, 21.11 or 22.6", progress.String())
	assert.Equal(t, "12.0", opChannelsAnswer.since.String())
}

func TestUnsupported(t *testing.T) {
	missing := func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(rw, `{"message":"Resource not found"}`)
	}
	ctx := t.Context()

	w := newRecorder(t, serverVersion("16.28.0", missing))
	err := w.controller(t).Channel("c1").Progress(ctx)
	require.ErrorIs(t, err, ErrUnsupported)
	assert.NotErrorIs(t, err, ErrNotFound, "it is not the channel that is missing")
	assert.Contains(t, err.Error(), "it needs Asterisk 20.16, 21.11 or 22.6, this is 16.28.0")

	w = newRecorder(t, serverVersion("22.10.1", missing))
	err = w.controller(t).Channel("c1").Progress(ctx)
	assert.NotErrorIs(t, err, ErrUnsupported)
	assert.ErrorIs(t, err, ErrNotFound)
}

func TestOldAsteriskGetsNoMistakablePath(t *testing.T) {
	ctx := t.Context()
	info := func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"system":{"version":"13.38.3"}}`)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"version in the header": serverVersion("13.38.3", info),
		"version asked for":     info,
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t, answer)
			_, err := w.controller(t).CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"})
			require.ErrorIs(t, err, ErrUnsupported)
			assert.Contains(t, err.Error(), "14.0")
			_, err = w.controller(t).CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw"})
			require.ErrorIs(t, err, ErrUnsupported)
			for _, s := range w.seen {
				assert.Equal(t, "GET /pbx1/ari/asterisk/info?only=system", s.line)
			}
		})
	}
}

// A version that can't be told is no reason to refuse a command.
func TestVersionThatCannotBeTold(t *testing.T) {
	ctx := t.Context()
	for name, info := range map[string]http.HandlerFunc{
		"no version": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"system":{"version":"of my own"}}`)
		},
		"not allowed": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
	} {
		w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/asterisk/info") {
				info(rw, r)
				return
			}
			_, _ = io.WriteString(rw, `{"id":"c1"}`)
		})
		c := w.controller(t)
		for range 3 {
			_, err := c.CreateChannel(ctx, CreateChannelOptions{Endpoint: "X/1"})
			require.NoError(t, err, name)
		}
		require.NoError(t, c.Channel("c1").HangupWithCode(ctx, 21), name)
		assert.Equal(t, 5, w.count(), "it is asked for once")
		_, err := c.Supports(ctx, "channelsProgress")
		require.Error(t, err, name)
	}
}

// An Asterisk that starts fails to tell its version, and may tell it later.
func TestVersionIsAskedForAgainAfterAFailure(t *testing.T) {
	asked := 0
	d := &server{ask: func(context.Context) (Version, error) {
		if asked++; asked == 1 {
			return Version{}, &Error{StatusCode: http.StatusServiceUnavailable}
		}
		return Version{16, 28, 0}, nil
	}}
	_, known := d.knownVersion(t.Context())
	assert.False(t, known)
	_, known = d.knownVersion(t.Context())
	assert.True(t, known)
}

func TestTooNewParameters(t *testing.T) {
	ctx := t.Context()
	w := newRecorder(t, serverVersion("16.28.0", func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(rw, `{"message":"not supported"}`)
	}))
	c := w.controller(t)
	_, err := c.CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw", ExternalHost: "h:1", Encapsulation: EncapsulationAudiosocket})
	require.ErrorIs(t, err, ErrUnsupported)
	assert.ErrorContains(t, err, "encapsulation=audiosocket needs Asterisk 18.0, this is 16.28.0")
	_, err = c.CreateExternalMedia(ctx, ExternalMediaOptions{Format: "ulaw", ExternalHost: "h:1", Encapsulation: EncapsulationRTP})
	require.NotErrorIs(t, err, ErrUnsupported, "it knows this value, so it must be something else")

	before := w.count()
	require.ErrorIs(t, c.Channel("c1").HangupWithCode(ctx, 21), ErrUnsupported)
	assert.Equal(t, before, w.count(), "it would hang up with the normal cause")
}

func TestSupports(t *testing.T) {
	w := newRecorder(t, serverVersion("22.5.0", answerJSON(200, `{"system":{"version":"22.5.0"}}`)))
	w.answer = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Server", "Asterisk/22.5.0")
		_, _ = io.WriteString(rw, `{"system":{"version":"22.5.0"}}`)
	}
	c := w.controller(t)
	for op, want := range map[string]bool{"channelsAnswer": true, "channelsProgress": false, "channelsTransferProgress": true} {
		have, err := c.Supports(t.Context(), op)
		require.NoError(t, err)
		assert.Equal(t, want, have, op)
	}
	assert.Equal(t, 1, w.count(), "the version is asked for once")
	_, err := c.Supports(t.Context(), "channelsJump")
	assert.ErrorContains(t, err, `"channelsJump"`)
}

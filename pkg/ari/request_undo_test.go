package ari

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
)

// What is made after the context of its request has ended is taken back.
func TestAbandonedRequestsAreUndone(t *testing.T) {
	const id = "a/b+c"
	media := ExternalMediaOptions{ChannelID: id, ExternalHost: "h:1", Format: "ulaw"}
	for name, test := range map[string]struct {
		make func(ctx context.Context, c *Controller) error
		undo string // "" if there is nothing to undo
	}{
		"originate": {func(ctx context.Context, c *Controller) error {
			return second(c.Originate(ctx, OriginateOptions{ChannelID: id, Endpoint: "X/1"}))
		}, "DELETE /pbx1/ari/channels/a%2Fb%2Bc"},
		"create": {func(ctx context.Context, c *Controller) error {
			return second(c.CreateChannel(ctx, CreateChannelOptions{ChannelID: id, Endpoint: "X/1"}))
		}, "DELETE /pbx1/ari/channels/a%2Fb%2Bc"},
		"external media": {func(ctx context.Context, c *Controller) error { return second(c.CreateExternalMedia(ctx, media)) }, "DELETE /pbx1/ari/channels/a%2Fb%2Bc"},
		"bridge": {func(ctx context.Context, c *Controller) error {
			return second(c.CreateBridge(ctx, CreateBridgeOptions{BridgeID: id}))
		}, "DELETE /pbx1/ari/bridges/a%2Fb%2Bc"},
		"snoop": {func(ctx context.Context, c *Controller) error {
			return second(c.Channel("c1").Snoop(ctx, SnoopOptions{SnoopID: id, Spy: SnoopDirectionBoth}))
		}, "DELETE /pbx1/ari/channels/a%2Fb%2Bc"},
		"play": {func(ctx context.Context, c *Controller) error {
			return second(c.Channel("c1").PlayWith(ctx, PlayOptions{PlaybackID: id}, "sound:x"))
		}, "DELETE /pbx1/ari/playbacks/a%2Fb%2Bc"},
		"play to a bridge": {func(ctx context.Context, c *Controller) error {
			return second(c.Bridge("b1").PlayWith(ctx, BridgePlayOptions{PlaybackID: id}, "sound:x"))
		}, "DELETE /pbx1/ari/playbacks/a%2Fb%2Bc"},
		"record": {func(ctx context.Context, c *Controller) error {
			return second(c.Channel("c1").Record(ctx, id, "wav"))
		}, "DELETE /pbx1/ari/recordings/live/a%2Fb%2Bc"},
		"record a bridge": {func(ctx context.Context, c *Controller) error {
			return second(c.Bridge("b1").Record(ctx, id, "wav"))
		}, "DELETE /pbx1/ari/recordings/live/a%2Fb%2Bc"},
		"answer": {func(ctx context.Context, c *Controller) error { return c.Channel(id).Answer(ctx) }, ""},
	} {
		for _, status := range []int{http.StatusOK, http.StatusNotFound} {
			ctx, cancel := context.WithCancel(t.Context())
			proceed, undone := make(chan struct{}), make(chan string, 1)
			w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodDelete {
					undone <- r.Method + " " + r.RequestURI
					return
				}
				if r.Method == http.MethodGet { // for the version
					answerJSON(http.StatusOK, `{}`)(rw, r)
					return
				}
				cancel()
				<-proceed
				answerJSON(status, `{"id":"x"}`)(rw, r)
			})
			c := w.controller(t)
			var behind sync.WaitGroup
			c.attach(inBackground{&behind})
			require.ErrorIs(t, test.make(ctx, c), context.Canceled, name)
			close(proceed)
			behind.Wait()
			if test.undo == "" || status != http.StatusOK {
				assert.Empty(t, undone, name)
			} else if assert.Len(t, undone, 1, name) {
				assert.Equal(t, test.undo, <-undone, name)
			}
		}
	}
}

// Closing a client waits for what is being taken back.
func TestCloseWaitsForTheUndoing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	proceed := make(chan struct{})
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			cancel()
			<-proceed
		}
		answerJSON(http.StatusOK, `{"id":"x"}`)(rw, r)
	})
	client, err := NewClient(w.URL+"/ari", "hello")
	require.NoError(t, err)
	_, err = client.ARI().CreateBridge(ctx, CreateBridgeOptions{})
	require.ErrorIs(t, err, context.Canceled)
	hurry, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	require.ErrorContains(t, client.Close(hurry), "1 handlers still running")
	close(proceed)
	require.NoError(t, client.Close(t.Context()))
	assert.Contains(t, w.last(t).line, "DELETE /ari/bridges/ari-")
}

// inBackground is a session that counts what goes on after a request has returned.
type inBackground struct{ wg *sync.WaitGroup }

func (inBackground) dead() error           { return nil }
func (inBackground) failed(error)          {}
func (s inBackground) background(f func()) { s.wg.Go(f) }

// What an unreadable answer tells of is taken back: nobody would ever follow it. There needn't be a session for that.
func TestUnreadableAnswersAreUndone(t *testing.T) {
	for name, test := range map[string]struct {
		body, contentType string
		cut               bool
		undone            bool
	}{
		"broken off":   {`{"id":"c1"`, "application/json", true, true},
		"no JSON":      {`{"id":"c1"`, "application/json", false, true},
		"another JSON": {`{"id":["c1"]}`, "application/json", false, true},
		"fine":         {`{"id":"c1"}`, "application/json", false, false},
		// An older Asterisk answers so where a bridge with the id exists, which is somebody else's.
		"nothing":          {``, "application/json", false, false},
		"a portal's login": {`<html>`, "text/html", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			undone := make(chan string, 10)
			w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodDelete {
					undone <- r.RequestURI + " " + r.Header.Get("Authorization")
					rw.WriteHeader(http.StatusNoContent)
					return
				}
				rw.Header().Set("Content-Type", test.contentType)
				if test.cut {
					rw.Header().Set("Content-Length", "1000")
				}
				_, _ = io.WriteString(rw, test.body)
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, ctx := range []context.Context{ctx, context.Background()} { // one that can end, and one that can't
				c := w.controller(t)
				_, err := c.CreateBridge(ctx, CreateBridgeOptions{BridgeID: "b/1+"})
				if test.body == `{"id":"c1"}` {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, ErrProtocol)
				}
				if test.cut {
					require.ErrorContains(t, err, "the answer broke off")
				}
				if test.undone {
					assert.Equal(t, "/pbx1/ari/bridges/b%2F1%2B Basic dXNlcjpzM2NyZXQ=", <-undone)
				}
			}
			assert.Empty(t, undone)
			_, err := w.controller(t).API().ChannelsOriginateWithIDWithResponse(ctx, "c1", &gen.ChannelsOriginateWithIDParams{Endpoint: "X/1"}, gen.ChannelsOriginateWithIDJSONRequestBody{})
			if test.cut {
				require.Error(t, err)
				assert.Contains(t, <-undone, "/pbx1/ari/channels/c1")
			}
		})
	}
}

// What can't be taken back is logged.
func TestUndoingFails(t *testing.T) {
	var book logBook
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			rw.WriteHeader(http.StatusConflict)
			return
		}
		answerJSON(http.StatusOK, `{"id":["b1"]}`)(rw, r)
	})
	c := w.controller(t, WithLogger(book.logger()))
	var behind sync.WaitGroup
	c.attach(inBackground{&behind})
	_, err := c.CreateBridge(t.Context(), CreateBridgeOptions{BridgeID: "b1"})
	require.ErrorIs(t, err, ErrProtocol)
	behind.Wait()
	require.Len(t, book.with("may be left over"), 1)
	assert.Contains(t, book.with("may be left over")[0], "/bridges/b1")
}

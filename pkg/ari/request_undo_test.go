package ari

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

func (inBackground) dead() error                       { return nil }
func (inBackground) failed(error)                      {}
func (inBackground) revived(ctx context.Context) error { return ctx.Err() }

func (s inBackground) background(f func(context.Context)) {
	s.wg.Go(func() { f(context.Background()) })
}

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
					rw.WriteHeader(http.StatusNoContent)
					return
				}
				rw.Header().Set("Content-Type", test.contentType)
				if test.cut {
					rw.Header().Set("Content-Length", "1000")
				}
				_, _ = io.WriteString(rw, test.body)
			})
			tell := WithTransport(func(next Doer) Doer {
				return DoerFunc(func(req *http.Request) (*http.Response, error) {
					resp, err := next.Do(req)
					if err == nil && req.Method == http.MethodDelete { // It is over, and nothing of it is left.
						undone <- req.URL.EscapedPath() + " " + req.Header.Get("Authorization")
					}
					return resp, err
				})
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, ctx := range []context.Context{ctx, context.Background()} { // one that can end, and one that can't
				c := w.controller(t, tell)
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
			_, err := w.controller(t, tell).API().ChannelsOriginateWithIDWithResponse(ctx, "c1", &gen.ChannelsOriginateWithIDParams{Endpoint: "X/1"}, gen.ChannelsOriginateWithIDJSONRequestBody{})
			if test.undone && test.body != `{"id":["c1"]}` { // The generated client's user may read what he likes.
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

// A silent is an Asterisk that carries out what makes something without an answer, and answers each DELETE with the next
// status.
type silent struct {
	makes    func(req *http.Request) (*http.Response, error)
	statuses []int // 0 is no answer

	deleted []string // path and seconds since the beginning
	began   time.Time
}

func (s *silent) transport(Doer) Doer {
	s.began = time.Now()
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodDelete {
			return s.makes(req)
		}
		status := s.statuses[0]
		s.statuses = s.statuses[1:]
		s.deleted = append(s.deleted, fmt.Sprintf("%s %.0f", req.URL.EscapedPath(), time.Since(s.began).Seconds()))
		if status == 0 {
			return nil, errFrozen
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
}

// What a request may have made that got no answer is taken back when Asterisk answers again. It may be made only after the
// first look for it.
func TestUnansweredRequestsAreUndone(t *testing.T) {
	hangs := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	breaks := func(err error) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		makes    func(*http.Request) (*http.Response, error)
		id       string // "" for one of ours
		giveUp   time.Duration
		statuses []int
		deleted  []string // the seconds
		left     int      // lines in the log that tell of what is left over
	}{
		"made already":         {makes: breaks(io.ErrUnexpectedEOF), statuses: []int{204}, deleted: []string{"0"}},
		"made later":           {makes: breaks(io.ErrUnexpectedEOF), statuses: []int{404, 204}, deleted: []string{"0", "4"}},
		"never made":           {makes: breaks(io.ErrUnexpectedEOF), statuses: []int{404, 404}, deleted: []string{"0", "4"}},
		"no answer for long":   {makes: breaks(io.EOF), statuses: []int{0, 0, 0, 0, 0, 0, 0, 204}, deleted: []string{"0", "0", "0", "1", "2", "3", "6", "11"}},
		"refused":              {makes: breaks(io.EOF), statuses: []int{403}, deleted: []string{"0"}, left: 1},
		"never an answer":      {makes: breaks(io.EOF), statuses: make([]int, 100), left: 1},
		"an id of the user's":  {makes: breaks(io.EOF), id: "mine"},
		"never sent":           {makes: breaks(&net.OpError{Op: "dial", Err: errFrozen})},
		"given up, no answer":  {makes: hangs, giveUp: time.Second, statuses: []int{404, 204}, deleted: []string{"11", "15"}},
		"given up, user's id":  {makes: hangs, giveUp: time.Second, id: "mine"},
		"given up, never sent": {makes: breaks(&net.OpError{Op: "dial", Err: errFrozen}), giveUp: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var book logBook
				s := &silent{makes: test.makes, statuses: test.statuses}
				c, err := NewController("http://127.0.0.1/ari", WithTransport(s.transport), WithLogger(book.logger()))
				require.NoError(t, err)
				ctx := context.Background()
				if test.giveUp > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.giveUp)
					defer cancel()
				}
				_, err = c.Originate(ctx, OriginateOptions{ChannelID: test.id, Endpoint: "PJSIP/a"})
				require.Error(t, err)
				require.False(t, isAnswer(err))
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if test.deleted != nil || test.left == 0 {
					require.Len(t, s.deleted, len(test.deleted))
				}
				for i, seconds := range test.deleted {
					path, at, _ := strings.Cut(s.deleted[i], " ")
					assert.Equal(t, seconds, at)
					assert.Regexp(t, "^/ari/channels/ari-", path)
				}
				assert.Len(t, book.with("may be left over"), test.left)
			})
		})
	}
}

// As long as Asterisk is known to be dead, nobody asks it, and a client that closes meanwhile says what may be left.
func TestUndoingWaitsForALivingAsterisk(t *testing.T) {
	for _, revives := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var book logBook
			m := &mortal{}
			s := &silent{statuses: []int{204}}
			dead := errFrozen
			s.makes = func(*http.Request) (*http.Response, error) {
				m.why.Store(&dead)
				return nil, errFrozen
			}
			c, err := NewController("http://127.0.0.1/ari", WithTransport(s.transport), WithLogger(book.logger()))
			require.NoError(t, err)
			life := mortalLife{m}
			c.attach(life)
			var end context.CancelFunc
			m.ctx, end = context.WithCancel(context.Background())
			defer end()
			_, err = c.Originate(context.Background(), OriginateOptions{Endpoint: "PJSIP/a"})
			require.ErrorIs(t, err, errFrozen)
			time.Sleep(time.Minute)
			require.Empty(t, s.deleted)
			if revives {
				m.why.Store(nil)
			} else {
				end()
			}
			m.behind.Wait()
			if revives {
				assert.Len(t, s.deleted, 1)
			} else {
				assert.Empty(t, s.deleted)
				assert.Len(t, book.with("may be left over"), 1)
			}
		})
	}
}

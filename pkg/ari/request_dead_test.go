package ari

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errFrozen = errors.New("ari: Asterisk has stopped answering")

// mortal is a session whose Asterisk can be found dead.
type mortal struct {
	why    atomic.Pointer[error]
	failed atomic.Int32
	behind sync.WaitGroup
	ctx    context.Context //nolint:containedctx // It ends with the client; nil if it never does.
}

func (m *mortal) session() liveness { return mortalLife{m} }

type mortalLife struct{ m *mortal }

func (l mortalLife) failed(error) { l.m.failed.Add(1) }

func (l mortalLife) background(f func(context.Context)) {
	ctx := l.m.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	l.m.behind.Go(func() { f(ctx) })
}

func (l mortalLife) revived(ctx context.Context) error {
	for l.dead() != nil {
		if !sleep(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

func (l mortalLife) dead() error {
	if why := l.m.why.Load(); why != nil {
		return *why
	}
	return nil
}

// frozen is a server that answers nothing while it is frozen.
func frozen(t *testing.T) (w *recorder, arrived chan string, thaw func()) {
	t.Helper()
	arrived = make(chan string, 100)
	ice := make(chan struct{})
	thaw = sync.OnceFunc(func() { close(ice) })
	w = newRecorder(t, func(rw http.ResponseWriter, r *http.Request) {
		arrived <- r.Method
		<-ice
		answerJSON(http.StatusOK, `{"id":"x"}`)(rw, r)
	})
	t.Cleanup(thaw)
	return w, arrived, thaw
}

// Commands under way end with ErrConnection when Asterisk is found dead, and so do those to come, until it is alive again.
func TestCommandsToADeadAsteriskEnd(t *testing.T) {
	for name, opts := range map[string][]ControllerOption{
		"our transport":      nil,
		"a user's client":    {WithHTTPClient(&http.Client{Transport: &http.Transport{}})},
		"a user's transport": {WithTransport(func(next Doer) Doer { return DoerFunc(next.Do) })},
	} {
		t.Run(name, func(t *testing.T) {
			w, arrived, thaw := frozen(t)
			c := w.controller(t, opts...)
			m := &mortal{}
			c.attach(m.session())
			ctx := t.Context()
			commands := map[string]func() error{
				"GET":    func() error { _, err := c.Channels(ctx); return err },
				"DELETE": func() error { return c.Playback("p").Stop(ctx) },
				"POST":   func() error { return c.AnswerChannel(ctx, "c1") },
				"make":   func() error { return second(c.CreateBridge(ctx, CreateBridgeOptions{})) },
				"leave":  func() error { return c.StopChannel(ctx, "c1") },
			}
			errs := make(chan error, len(commands))
			for _, do := range commands {
				go func() { errs <- do() }()
			}
			for range commands {
				<-arrived
			}
			dead := errFrozen
			m.why.Store(&dead)
			c.chain.sever(errFrozen)
			for range commands {
				err := <-errs
				require.ErrorIs(t, err, ErrConnection)
				require.ErrorIs(t, err, errFrozen)
				assert.NotErrorIs(t, err, context.Canceled)
			}
			for method, do := range commands {
				require.ErrorIs(t, do(), errFrozen, method)
			}
			assert.Equal(t, len(commands), w.count(), "nothing is sent to a dead Asterisk, and nothing again")
			assert.Zero(t, m.failed.Load(), "the session knows")

			thaw()
			m.why.Store(nil)
			for _, do := range commands {
				require.NoError(t, ignoreShape(do()))
			}
			m.behind.Wait()
		})
	}
}

// ignoreShape takes an answer that isn't a list for one.
func ignoreShape(err error) error {
	if errors.Is(err, ErrProtocol) {
		return nil
	}
	return err
}

// Who has got an answer can read it, and the next death ends what comes then.
func TestAnswersOutliveTheirRequest(t *testing.T) {
	var handler atomic.Value
	handler.Store(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "RIFF") }))
	w := newRecorder(t, func(rw http.ResponseWriter, r *http.Request) { handler.Load().(http.HandlerFunc)(rw, r) })
	c := w.controller(t, WithTransport(func(next Doer) Doer { return next }))
	m := &mortal{}
	c.attach(m.session())
	file, err := c.StoredRecording("r").File(t.Context())
	require.NoError(t, err)
	data, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "RIFF", string(data))
	require.NoError(t, file.Close())
	for range 2 {
		arrived := make(chan struct{})
		handler.Store(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		}))
		done := make(chan error, 1)
		go func() { done <- c.AnswerChannel(t.Context(), "c1") }()
		<-arrived
		c.chain.sever(errFrozen)
		require.ErrorIs(t, <-done, ErrConnection)
	}
}

// A command without an answer puts the session's connection in doubt; one that its user has given up doesn't.
func TestFailedCommandsRaiseDoubt(t *testing.T) {
	m := &mortal{}
	c, err := NewController("http://127.0.0.1:1/ari")
	require.NoError(t, err)
	c.attach(m.session())
	require.ErrorIs(t, c.AnswerChannel(t.Context(), "c1"), ErrConnection)
	assert.EqualValues(t, 1, m.failed.Load())

	w, arrived, _ := frozen(t)
	c = w.controller(t)
	c.attach(m.session())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	require.ErrorIs(t, c.Channel("c1").Ring(ctx), context.Canceled)
	assert.EqualValues(t, 1, m.failed.Load())

	hurry, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.AnswerChannel(hurry, "c1"), context.DeadlineExceeded)
	assert.EqualValues(t, 1, m.failed.Load(), "it waits by nature")
	require.ErrorIs(t, c.Channel("c1").Ring(hurry), context.DeadlineExceeded)
	hurry, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Channel("c1").Ring(hurry), context.DeadlineExceeded)
	assert.Positive(t, m.failed.Load())
}

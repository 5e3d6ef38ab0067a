package aritest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritrace"
)

// A Replay plays a recorded trace back: to a program that connects, it is the Asterisk of that time. The program gets the same
// events in the same order; an event that followed a command waits for that command, and commands get the answers of that time.
// So what has happened in production becomes a test:
//
//	trace, err := aritrace.Open("testdata/lost-digit.trace")
//	replay := aritest.NewReplay(t, trace)
//	client := replay.Client()
//	myapp.Register(client)
//	go client.Run(ctx)
//	require.NoError(t, replay.Wait(ctx)) // all has come, and the program has sent what it sent then
//
// Ids that the program makes for its bridges, playbacks and channels are others than then; they are translated. What the program
// does differently is told by [Replay.Wait]. Commands that read are answered where the trace has an answer, and never waited for.
//
// Calls that are at the same time are told apart by what their commands say: where that isn't enough, cut the one of interest out
// by [aritrace.Trace.Call]. It speaks HTTP and the event websocket; commands over the websocket it doesn't take.
type Replay struct {
	// URL is the base URL of its REST interface. Any user and password will do.
	URL string
	// App is the application of the trace's first event.
	App string

	trace    *aritrace.Trace
	listener net.Listener
	http     *http.Server
	patience time.Duration
	gap      time.Duration

	ctx    context.Context //nolint:containedctx // It ends with the replay.
	cancel context.CancelFunc
	done   chan struct{} // closed when all has been played

	mu        sync.Mutex
	changed   *sync.Cond
	conn      *websocket.Conn
	clients   []*ari.Client
	commands  []*replayedCommand
	byID      map[int]*replayedCommand
	ids       translation
	server    string
	deviation []error
}

// A ReplayOption changes how a trace is played.
type ReplayOption func(*Replay)

// ReplayPatience says how long a command that the trace has is waited for. The default is 5 s.
func ReplayPatience(d time.Duration) ReplayOption { return func(r *Replay) { r.patience = d } }

// ReplayGaps keeps the time between two lines of the trace, as far as it isn't longer than most. The default is 50 ms, which lets a
// program do what it did between two events; 0 plays without a pause.
func ReplayGaps(most time.Duration) ReplayOption { return func(r *Replay) { r.gap = most } }

// NewReplay plays a trace until the test ends.
func NewReplay(tb testing.TB, trace *aritrace.Trace, opts ...ReplayOption) *Replay {
	tb.Helper()
	r, err := StartReplay("127.0.0.1:0", trace, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

// StartReplay plays a trace without a test, to a program that connects to an address. It must be closed.
func StartReplay(addr string, trace *aritrace.Trace, opts ...ReplayOption) (*Replay, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Replay{
		App: "hello", trace: trace, patience: 5 * time.Second, gap: 50 * time.Millisecond,
		ctx: ctx, cancel: cancel, done: make(chan struct{}), byID: make(map[int]*replayedCommand), server: "Asterisk/22.10.1",
	}
	r.changed = sync.NewCond(&r.mu)
	for _, opt := range opts {
		opt(r)
	}
	if err := r.prepare(); err != nil {
		cancel()
		return nil, fmt.Errorf("aritest: replay: %w", err)
	}
	var err error
	if r.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
		cancel()
		return nil, fmt.Errorf("aritest: replay: %w", err)
	}
	r.URL = "http://" + r.listener.Addr().String() + "/ari"
	r.http = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.http.Serve(r.listener) }() // It ends with Close.
	go r.play()
	return r, nil
}

// Client makes a client for the application of the trace. It isn't connected; it is closed with the replay.
func (r *Replay) Client(opts ...ari.Option) *ari.Client {
	c, err := ari.NewClient(r.URL, r.App, append([]ari.Option{ari.WithBasicAuth("asterisk", "asterisk")}, opts...)...)
	if err != nil {
		panic(err) // an option that makes no sense
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients = append(r.clients, c)
	return c
}

// Close ends the replay and its connections.
func (r *Replay) Close() {
	r.mu.Lock()
	clients := r.clients
	r.clients = nil
	r.mu.Unlock()
	for _, c := range clients {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		_ = c.Close(ctx) // The test's own end tells of handlers that hang.
		cancel()
	}
	r.cancel()
	r.mu.Lock()
	r.changed.Broadcast()
	r.mu.Unlock()
	_ = r.http.Close()
	r.drop()
	<-r.done
}

// Done is closed when all has been played.
func (r *Replay) Done() <-chan struct{} { return r.done }

// Wait waits until all has been played. It returns what the program has done otherwise than then: commands that it didn't send,
// and those that it sent and the trace doesn't have.
func (r *Replay) Wait(ctx context.Context) error {
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("aritest: the replay isn't over: %w", errors.Join(ctx.Err(), r.Deviations()))
	}
	if err := r.Deviations(); err != nil {
		return fmt.Errorf("aritest: the program does otherwise than in the trace: %w", err)
	}
	return nil
}

// Deviations is what the program has done otherwise so far; nil is nothing.
func (r *Replay) Deviations() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(slices.Clone(r.deviation)...)
}

// play goes through the trace.
func (r *Replay) play() {
	defer close(r.done)
	var last time.Time
	for i := range r.trace.Lines {
		line := &r.trace.Lines[i]
		if !last.IsZero() && !r.pause(min(line.At.Sub(last), r.gap)) {
			return
		}
		last = line.At
		switch line.Kind {
		case aritrace.KindEvent:
			if !r.send(line) {
				return
			}
		case aritrace.KindCommand:
			r.awaitCommand(r.byID[line.Command.ID])
		case aritrace.KindAnswer:
			r.giveAnswer(r.byID[line.Answer.ID])
		case aritrace.KindDisconnected:
			if !r.pause(r.gap) { // What was sent before has to arrive before.
				return
			}
			r.drop()
		default:
		}
		if r.ctx.Err() != nil {
			return
		}
	}
}

// pause waits; it returns false when the replay is closed.
func (r *Replay) pause(d time.Duration) bool {
	if d <= 0 {
		return r.ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-r.ctx.Done():
		return false
	}
}

// send sends an event, to the connection that there is or the next one.
func (r *Replay) send(line *aritrace.Line) bool {
	r.mu.Lock()
	for r.conn == nil && r.ctx.Err() == nil {
		r.changed.Wait()
	}
	conn := r.conn
	text := []byte(line.Raw)
	if line.Event != nil {
		text = r.ids.translate(line.Event)
	}
	r.mu.Unlock()
	if r.ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.patience)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil && r.ctx.Err() == nil {
		r.deviate("the program took no event, %.60s: %w", text, err)
	}
	return true
}

// awaitCommand waits until the program has sent a command that it sent then.
func (r *Replay) awaitCommand(c *replayedCommand) {
	if c.reads() {
		return
	}
	late := time.AfterFunc(r.patience, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		c.late = true
		r.changed.Broadcast()
	})
	defer late.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !c.sent && !c.late && r.ctx.Err() == nil {
		r.changed.Wait()
	}
	if !c.sent && r.ctx.Err() == nil {
		r.deviation = append(r.deviation, fmt.Errorf("it didn't send %s within %s", c, r.patience))
	}
}

// giveAnswer lets a command be answered, and goes on when the program has the answer.
func (r *Replay) giveAnswer(c *replayedCommand) {
	if c == nil {
		return // The trace begins behind the command.
	}
	close(c.due)
	r.mu.Lock()
	sent := c.sent
	r.mu.Unlock()
	if !sent {
		return
	}
	select {
	case <-c.told:
	case <-r.ctx.Done():
	}
}

func (r *Replay) deviate(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deviation = append(r.deviation, fmt.Errorf(format, args...))
}

// drop ends the connection, as it ended then.
func (r *Replay) drop() {
	r.mu.Lock()
	conn := r.conn
	r.conn = nil
	r.mu.Unlock()
	if conn != nil {
		_ = conn.CloseNow()
	}
}

package sipp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/internal/guard"
	"github.com/ari-go/ari/test/asterisk/rtp"
)

// waitTime is how long those methods wait that fail the test by themselves.
const waitTime = 20 * time.Second

// maxTraced is up to how many calls a run keeps its messages for the report of a failed test.
const maxTraced = 100

// Stats count what has happened to a run's calls.
type Stats struct {
	// Calls have begun; Answered of them were answered, and so on. Ended are those that were answered and are over.
	Calls, Answered, Refused, Cancelled, Ended int
	// Failed are those that Asterisk refused unexpectedly.
	Failed int
}

// Run is a sipp that runs.
type Run struct {
	port    int
	dir     string
	process *guard.Process
	peer    *rtp.Peer
	sound   []byte
	control *net.UDPConn
	// over is closed when sipp has ended and all it told was read.
	over chan struct{}

	mu      sync.Mutex
	changed chan struct{} // Closed, and made anew, when anything below has changed.
	calls   []*Call
	byID    map[string]*Call
	stats   Stats
}

// Call is one call of a run.
type Call struct {
	// ID is its Call-ID.
	ID string

	run *Run

	// Guarded by the run's lock.
	events    map[string]int
	data      map[string]string // What an event's last occurrence had to say.
	localTag  string
	remoteTag string
	stream    *rtp.Stream
}

// start runs a scenario. It ends with the test.
func start(tb testing.TB, inst *asterisk.Instance, scenario string, data any, s setup) *Run {
	tb.Helper()
	if inst.External {
		tb.Skip("sipp: the Asterisk isn't ours, so its SIP address is unknown")
	}
	// The folder is asked for first, since the test removes it before it does what is registered before it.
	run := &Run{dir: tb.TempDir(), port: s.port, sound: s.sound, over: make(chan struct{}), changed: make(chan struct{}), byID: make(map[string]*Call)}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("sipp's %s, by its own words:\n%s", scenario, run.words())
		}
	})
	if err := run.start(tb, inst, scenario, data, s); err != nil {
		tb.Fatalf("sipp: %v", err)
	}
	return run
}

func (r *Run) start(tb testing.TB, inst *asterisk.Instance, scenario string, data any, s setup) error {
	take := func() (int, error) {
		port, giveBack, err := inst.TakePort()
		if err == nil {
			tb.Cleanup(giveBack)
		}
		return port, err
	}
	var err error
	if r.port == 0 {
		if r.port, err = take(); err != nil {
			return err
		}
	}
	args := []string{
		"-sf", filepath.Join(r.dir, "scenario.xml"), "-i", "127.0.0.1", "-p", strconv.Itoa(r.port), "-cp", strconv.Itoa(r.port + 1),
		"-m", strconv.Itoa(s.calls), "-nostdin", "-rp", "1000",
		// Asterisk's requests can come while a call is at a step that doesn't wait. They are dropped, and Asterisk sends them again.
		"-default_behaviors", "all,-abortunexp",
		"-trace_logs", "-log_file", filepath.Join(r.dir, "events"),
		"-trace_err", "-error_file", filepath.Join(r.dir, "errors"),
	}
	// All messages of very many calls would only be in the way.
	if s.calls <= maxTraced {
		args = append(args, "-trace_msg", "-message_file", filepath.Join(r.dir, "messages"))
	}
	if s.media {
		port, err := take()
		if err != nil {
			return err
		}
		if r.peer, err = rtp.Listen(port); err != nil {
			return err
		}
		tb.Cleanup(r.peer.Close)
		args = append(args, "-key", "audio_port", strconv.Itoa(port))
	}
	xml, err := render(scenario, data)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "scenario.xml"), xml, 0o600); err != nil {
		return err
	}
	if r.control, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return err
	}
	tb.Cleanup(func() { _ = r.control.Close() })
	events, err := guard.Pipe(filepath.Join(r.dir, "events"))
	if err != nil {
		return err
	}
	output, err := os.Create(filepath.Join(r.dir, "output"))
	if err != nil {
		return errors.Join(err, events.Close())
	}
	defer output.Close()
	command, err := inst.SIPpCommand(append(args, s.args...)...)
	if err != nil {
		return errors.Join(err, events.Close())
	}
	r.process, err = guard.Start(guard.Command{Args: command, Dir: r.dir, Env: []string{"LC_ALL=C", "TERM=dumb"}, Output: output})
	if err != nil {
		return errors.Join(err, events.Close())
	}
	tb.Cleanup(r.Stop)
	go r.read(events)
	go func() {
		<-r.process.Done()
		// The pipe has no end of its own while we hold its writing side, too; sipp's last words come before this one.
		_, _ = events.WriteString(lastEvent + "\n")
	}()
	if s.awaitPort {
		return r.awaitPort()
	}
	return nil
}

// render makes a scenario.
func render(scenario string, data any) ([]byte, error) {
	t, err := template.ParseFS(scenarios, "scenario/*.xml")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, scenario+".xml", data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// awaitPort waits until sipp listens. Trying to take the port oneself would take it from sipp.
func (r *Run) awaitPort() error {
	local := fmt.Sprintf(" 0100007F:%04X ", r.port)
	deadline := time.After(waitTime)
	for {
		table, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			return err
		}
		if bytes.Contains(table, []byte(local)) {
			return nil
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-r.process.Done():
			return errors.New("it ended at once")
		case <-deadline:
			return errors.New("it doesn't listen")
		}
	}
}

// lastEvent is what we write ourselves when sipp has ended.
const lastEvent = "over"

// read takes in what the scenario tells.
func (r *Run) read(events *os.File) {
	defer close(r.over)
	defer events.Close()
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		if lines.Text() == lastEvent {
			return
		}
		r.event(lines.Text())
	}
}

// event takes in one line: the event's name, the Call-ID, and data.
func (r *Run) event(line string) {
	name, rest, _ := strings.Cut(line, " ")
	id, data, _ := strings.Cut(rest, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	call, ok := r.byID[id]
	if !ok {
		call = &Call{ID: id, run: r, events: make(map[string]int), data: make(map[string]string)}
		r.byID[id] = call
		r.calls = append(r.calls, call)
		r.stats.Calls++
	}
	call.events[name]++
	call.data[name] = data
	switch name {
	case "answered":
		r.stats.Answered++
		call.setUp(data)
	case "progress", "invited":
		call.setUp(data)
	case "refused":
		r.stats.Refused++
	case "failed":
		r.stats.Failed++
	case "cancelled":
		r.stats.Cancelled++
	case "bye", "hungup":
		r.stats.Ended++
		if call.stream != nil {
			call.stream.Play(nil)
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// setUp takes in where the other side's media is, and what the dialog is called.
func (c *Call) setUp(data string) {
	fields := strings.Fields(data)
	if len(fields) > 0 && c.run.peer != nil && c.stream == nil {
		if port, err := strconv.Atoi(fields[0]); err == nil && port > 0 {
			c.stream = c.run.peer.Connect(port)
			c.stream.Play(c.run.sound)
		}
	}
	if len(fields) == 3 {
		c.localTag, c.remoteTag = fields[1], fields[2]
	}
}

// URI is the address at which the run can be called.
func (r *Run) URI() string { return "sip:phone@127.0.0.1:" + strconv.Itoa(r.port) }

// Port is the SIP port of the run.
func (r *Run) Port() int { return r.port }

// Stats are the run's figures up to now.
func (r *Run) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// await waits until a condition holds, under the run's lock.
func (r *Run) await(ctx context.Context, what string, condition func() bool) error {
	for {
		r.mu.Lock()
		changed, ok := r.changed, condition()
		r.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-r.over:
			r.mu.Lock()
			ok := condition()
			r.mu.Unlock()
			if ok {
				return nil
			}
			return fmt.Errorf("sipp: no %s, and it has ended", what)
		case <-ctx.Done():
			return fmt.Errorf("sipp: no %s: %w", what, context.Cause(ctx))
		}
	}
}

// Call waits for the run's first call, in whatever state.
func (r *Run) Call(ctx context.Context) (*Call, error) { return r.NthCall(ctx, 0) }

// NthCall waits for one of the run's calls, counted from 0.
func (r *Run) NthCall(ctx context.Context, n int) (*Call, error) {
	if err := r.await(ctx, "call", func() bool { return len(r.calls) > n }); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[n], nil
}

// AwaitMessage waits until an Inbox has got a text, and returns it.
func (r *Run) AwaitMessage(ctx context.Context) (string, error) {
	call, err := r.Call(ctx)
	if err != nil {
		return "", err
	}
	if err := call.Await(ctx, "message"); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return call.data["message"], nil
}

// Wait waits until all calls are over. It is an error if one of them went otherwise than the scenario says.
func (r *Run) Wait(ctx context.Context) error {
	select {
	case <-r.over:
	case <-ctx.Done():
		return fmt.Errorf("sipp: calls are still there: %w", context.Cause(ctx))
	}
	err := r.process.Err()
	if failed := r.Stats().Failed; err == nil && failed > 0 {
		err = fmt.Errorf("%d calls were refused", failed)
	}
	if err != nil {
		return fmt.Errorf("sipp: %w\n%s", err, tail(filepath.Join(r.dir, "errors"), 20))
	}
	return nil
}

// MustWait is Wait for tests that have nothing else to do: it fails the test.
func (r *Run) MustWait(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	if err := r.Wait(ctx); err != nil {
		tb.Fatal(err)
	}
}

// Stop ends sipp at once: the telephones are gone, and nobody is told.
func (r *Run) Stop() {
	r.process.KillGroup()
	<-r.over
}

// words is what sipp had to say, for failed tests.
func (r *Run) words() string {
	return tail(filepath.Join(r.dir, "output"), 10) + tail(filepath.Join(r.dir, "errors"), 20) + tail(filepath.Join(r.dir, "messages"), 150)
}

func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Sprintf("--- %s\n%s\n", filepath.Base(path), strings.Join(all[max(0, len(all)-lines):], "\n"))
}

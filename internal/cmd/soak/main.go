// Command soak runs the bridging example under load on the simulated Asterisk while the event connection is dropped, cut,
// frozen and slowed down at random, and then overloads a client with events that its handler can't keep up with. It checks
// that nothing is lost that must not be, that everything is cleaned up, and that memory and goroutines return to where they
// were. It ends with status 1 if a check fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how long to run, half a minute at least; a tenth of it is the overload")
	rate := flag.Int("rate", 50, "calls per second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	overload := *length / 10
	err := soak(ctx, *length-overload, *rate)
	if err == nil {
		err = flood(ctx, overload)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("soak: all checks hold")
}

var quiet = slog.New(slog.DiscardHandler)

// A usage is what the process takes at one moment.
type usage struct {
	heap       uint64
	goroutines int
}

func use() usage {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return usage{m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()}
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MB, %d goroutines", mb(u.heap), u.goroutines)
}

func mb(n uint64) float64 { return float64(n) / (1 << 20) }

// presence checks what the handlers see of each channel: it enters, then it leaves, each once. Where the connection was lost just when
// a channel entered, it may be seen to leave only.
type presence struct {
	mu      sync.Mutex
	in      map[string]bool
	entered int
	unseen  int // left without having been seen to enter
	wrong   []string
}

func (p *presence) enter(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in[id] {
		p.wrong = append(p.wrong, id+" entered twice")
	}
	p.in[id] = true
	p.entered++
}

func (p *presence) leave(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.in[id] {
		p.unseen++
	}
	delete(p.in, id)
}

// soak runs calls through the bridging example while the connection suffers.
func soak(ctx context.Context, length time.Duration, rate int) error {
	srv, err := aritest.Start() //nolint:contextcheck // To listen takes no time.
	if err != nil {
		return err
	}
	defer srv.Close() //nolint:contextcheck // It closes when all is over.
	var failures atomic.Int64
	client := srv.Client(
		ari.WithLogger(quiet),
		ari.WithReconnect(ari.ReconnectOptions{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond}),
		ari.WithKeepalive(300*time.Millisecond, 300*time.Millisecond),
		ari.WithErrorHandler(func(_ context.Context, err error) {
			if errors.Is(err, ari.ErrGap) {
				return // External media that Asterisk has turned away while the application had no connection.
			}
			failures.Add(1)
			fmt.Println("  error:", err)
		}),
	)
	// One handler for both, so that it sees them in order.
	seen := &presence{in: make(map[string]bool)}
	ari.On(client, func(_ context.Context, ev ari.Event) error {
		switch ev := ev.(type) {
		case *ari.StasisStart:
			seen.enter(ev.Channel.ID)
		case *ari.StasisEnd:
			seen.leave(ev.Channel.ID)
		}
		return nil
	})
	app := &bridger.App{Media: ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"}}
	client.OnCall(app.Serve)
	if err := client.Connect(ctx); err != nil {
		return err
	}

	load, stopLoad := context.WithTimeout(ctx, length)
	defer stopLoad()
	var calls sync.WaitGroup
	var placed, answered atomic.Int64
	calls.Go(func() { disturb(load, srv.Faults()) })
	ticks := time.NewTicker(time.Second / time.Duration(rate))
	defer ticks.Stop()
	samples := time.NewTicker(max(length/12, time.Second))
	defer samples.Stop()
	var used []usage
	for load.Err() == nil {
		select {
		case <-load.Done():
		case <-samples.C:
			used = append(used, use())
			fmt.Printf("  %d calls, %d answered; %v; %+v\n", placed.Load(), answered.Load(), used[len(used)-1], client.Stats())
		case <-ticks.C:
			placed.Add(1)
			calls.Go(func() {
				if call(ctx, srv) {
					answered.Add(1)
				}
			})
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	calls.Wait()
	srv.Faults().ThawEvents()
	srv.Faults().SlowEvents(0)

	settle, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := srv.WaitIdle(settle); err != nil {
		return fmt.Errorf("%d channels and %d bridges are left over: %w", len(srv.Channels()), len(srv.Bridges()), err)
	}
	err = until(settle, func() bool {
		s := client.Stats()
		return s.Connected && s.Calls == 0 && s.Waiting == 0 && s.Running == 0 && s.Listeners == 0
	})
	stats := client.Stats()
	if err != nil {
		return fmt.Errorf("the client doesn't come to rest: %+v: %w", stats, err)
	}
	if err := client.Close(settle); err != nil {
		return err
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	fmt.Printf("soaked: %d calls, %d answered, %d channels seen to enter and leave, %d to leave only; %d connections, %d events\n",
		placed.Load(), answered.Load(), seen.entered, seen.unseen, stats.Connections, stats.Frames)
	return errors.Join(
		check(len(seen.in) == 0, "%d channels entered and never left: %v", len(seen.in), seen.in),
		check(seen.unseen <= seen.entered/20, "%d channels were seen to leave only", seen.unseen),
		check(len(seen.wrong) == 0, "wrong order: %s", strings.Join(seen.wrong, "; ")),
		check(seen.entered >= int(answered.Load()), "%d calls were answered but only %d were seen to enter", answered.Load(), seen.entered),
		check(answered.Load() > placed.Load()/2, "only %d of %d calls were answered", answered.Load(), placed.Load()),
		check(stats.Lost == 0, "%d events lost", stats.Lost),
		check(failures.Load() == 0, "%d errors", failures.Load()),
		check(stats.Connections > 1, "the connection was never lost: nothing was tested"),
		flat(used),
	)
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// flat checks that the last quarter of the run takes no more than the second one did.
func flat(used []usage) error {
	if len(used) < 8 {
		return nil // too short a run to tell
	}
	mean := func(list []usage) (heap uint64) {
		for _, u := range list {
			heap += u.heap
		}
		return heap / uint64(len(list))
	}
	quarter := len(used) / 4
	early, late := mean(used[quarter:2*quarter]), mean(used[len(used)-quarter:])
	return check(late < early+early/2+8<<20, "memory grew from %.1f to %.1f MB", mb(early), mb(late))
}

// call is one caller: dials, talks for a moment, hangs up. It reports whether the call was answered; while the event connection is
// down nobody answers.
func call(ctx context.Context, srv *aritest.Server) bool {
	c := srv.Call("1000")
	patience, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := c.WaitAnswered(patience)
	if err == nil {
		_ = c.WaitBridged(patience, 2)
		c.SendDTMF("12#")
		wait(ctx, atMost(500*time.Millisecond))
	}
	c.Hangup()
	return err == nil
}

// until looks at a condition until it holds. The client's figures change without telling anybody.
func until(ctx context.Context, condition func() bool) error {
	for !condition() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait(ctx, 5*time.Millisecond)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// atMost is a random time below d.
func atMost(d time.Duration) time.Duration {
	return rand.N(d) //nolint:gosec // Nobody gains by guessing it.
}

// disturb does something bad to the event connection every few seconds.
func disturb(ctx context.Context, faults aritest.Faults) {
	for ctx.Err() == nil {
		wait(ctx, time.Second+atMost(2*time.Second))
		switch int(atMost(6)) {
		case 0:
			faults.DropEvents()
		case 1:
			faults.DropEventsInFrame(int(atMost(200)))
		case 2:
			faults.FreezeEvents()
			wait(ctx, 700*time.Millisecond) // longer than the keepalive
			faults.ThawEvents()
		case 3:
			faults.SlowEvents(time.Millisecond)
			wait(ctx, 500*time.Millisecond)
			faults.SlowEvents(0)
		case 4:
			faults.SendEvent("hello", "SomethingNew", map[string]any{"x": 1})
		case 5:
			faults.DelayRequests("", 3, 50*time.Millisecond)
		}
	}
}

// flood sends events of 3 KB as fast as possible to a client whose handler is far too slow.
func flood(ctx context.Context, length time.Duration) error {
	before := use()
	srv, err := aritest.Start() //nolint:contextcheck // To listen takes no time.
	if err != nil {
		return err
	}
	var overflows, ends atomic.Int64
	client := srv.Client(ari.WithLogger(quiet), ari.WithErrorHandler(func(_ context.Context, err error) {
		if _, ok := errors.AsType[*ari.OverflowError](err); ok {
			overflows.Add(1)
		}
	}))
	ari.On(client, func(ctx context.Context, _ *ari.ChannelVarset) error {
		<-ctx.Done() // slower than that no handler is
		return nil
	})
	client.OnStasisEnd(func(context.Context, *ari.StasisEnd) error {
		ends.Add(1)
		return nil
	})
	if err := client.Connect(ctx); err != nil {
		return err
	}
	load, stop := context.WithTimeout(ctx, length)
	defer stop()
	value := strings.Repeat("x", 3000)
	sent, vital, peak := uint64(0), int64(0), uint64(0)
	for load.Err() == nil {
		for i := range 1000 {
			srv.Faults().SendEvent("hello", "ChannelVarset", map[string]any{
				"variable": "V", "value": value, "channel": map[string]any{"id": fmt.Sprintf("flood-%d", i%10)},
			})
		}
		sent += 1000
		srv.Faults().SendEvent("hello", "StasisEnd", map[string]any{"channel": map[string]any{"id": fmt.Sprintf("flood-%d", vital%10)}})
		vital++
		// At the client's pace: what is in flight is the server's memory, not the client's.
		lost := false
		err := until(ctx, func() bool {
			s := client.Stats()
			lost = s.Connections > 1 || !s.Connected
			return lost || s.Frames >= sent
		})
		if err != nil {
			return err
		}
		if lost {
			return fmt.Errorf("the connection was lost after %d events: the reader was too slow for the server", sent)
		}
		peak = max(peak, use().heap)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	settle, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = until(settle, func() bool { return ends.Load() == vital })
	stats := client.Stats()
	closeErr := client.Close(settle)
	srv.Close() //nolint:contextcheck // It closes when all is over.
	after := use()
	fmt.Printf("flooded: %d events of 3 KB, %d lost, %d overflows told, %d of %d ends handled, at most %.1f MB; before %v, after %v\n",
		sent, stats.Lost, overflows.Load(), ends.Load(), vital, mb(peak), before, after)
	return errors.Join(
		closeErr,
		check(stats.Connections == 1, "the connection was lost %d times", stats.Connections-1),
		check(ends.Load() == vital, "%d of %d StasisEnd were handled", ends.Load(), vital),
		check(stats.Lost > 0 && overflows.Load() == 10, "%d events were lost and told %d times, want once for each of 10 channels", stats.Lost, overflows.Load()),
		check(peak < before.heap+128<<20, "%.1f MB in use", mb(peak)),
		check(after.goroutines <= before.goroutines+2, "%d goroutines before, %d after", before.goroutines, after.goroutines),
	)
}

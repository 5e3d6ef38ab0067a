package ari_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/pkg/ari"
)

// The benchmarks that internal/cmd/bench makes a table of, as far as they need nothing but the public API. What they
// run on are frames of a real Asterisk, recorded by the conformance suite.

// frameServerEnv makes the test binary a websocket server in a process of its own.
const frameServerEnv = "ARI_BENCH_FRAME_SERVER"

func init() {
	if os.Getenv(frameServerEnv) == "" {
		return
	}
	if err := serveFrames(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveFrames answers each websocket with as many frames as its application's name says, one write each as Asterisk
// does, as fast as it can. It ends with its standard input.
func serveFrames() error {
	frames, err := ari.RecordedEvents("asterisk-22")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("app"))
		if err != nil {
			http.Error(w, "the application's name must be a number", http.StatusBadRequest)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		ctx := conn.CloseRead(context.Background())
		for i := range n {
			frame := frames[i%len(frames)]
			ari.Restamp(frame) // The connections come one after the other.
			if conn.Write(ctx, websocket.MessageText, frame) != nil {
				return
			}
		}
		<-ctx.Done()
	}))
}

func startFrameServer(b *testing.B) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), frameServerEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// BenchmarkEndToEnd compares a loop that does nothing but read frames with a client that hands each to a handler.
func BenchmarkEndToEnd(b *testing.B) {
	addr := startFrameServer(b)
	ari.Compare(b, ari.FewTurns,
		ari.Contender{Name: "read-only", Run: func(n int) {
			conn, _, err := websocket.Dial(b.Context(), fmt.Sprintf("ws://%s/ari/events?app=%d", addr, n), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.CloseNow()
			conn.SetReadLimit(-1)
			for range n {
				if _, _, err := conn.Read(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}},
		ari.Contender{Name: "handler", Run: func(n int) {
			client, err := ari.NewClient("http://"+addr+"/ari", strconv.Itoa(n), ari.WithEventBuffer(n), ari.WithLogger(quiet))
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan struct{})
			var got atomic.Int64
			ari.On(client, func(_ context.Context, ev ari.Event) error {
				if _, local := ev.(*ari.Connected); !local && got.Add(1) == int64(n) {
					close(done)
				}
				return nil
			})
			if err := client.Connect(b.Context()); err != nil {
				b.Fatal(err)
			}
			select {
			case <-done:
			case <-client.Done():
				b.Fatal(client.Err())
			}
			if err := client.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		}},
	)
}

// BenchmarkCommand compares Channel.Answer with a request made by hand, one at a time and many at once.
func BenchmarkCommand(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer srv.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 64, 64 // as ours
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	ctrl, err := ari.NewController(srv.URL+"/ari", ari.WithBasicAuth("asterisk", "asterisk"))
	if err != nil {
		b.Fatal(err)
	}
	ch := ctrl.Channel("1700000000.1")
	url := srv.URL + "/ari/channels/1700000000.1/answer"
	bare := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth("asterisk", "asterisk")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("status %s", resp.Status)
		}
		return nil
	}
	for _, atOnce := range []int{1, 32, 256} {
		b.Run(strconv.Itoa(atOnce), func(b *testing.B) {
			ari.Compare(b, ari.ManyTurns,
				ari.Contender{Name: "bare", Run: func(n int) { atATime(b, atOnce, n, bare) }},
				ari.Contender{Name: "answer", Run: func(n int) { atATime(b, atOnce, n, ch.Answer) }},
			)
		})
	}
}

// atATime does something total times, and atOnce times at once.
func atATime(b *testing.B, atOnce, total int, do func(context.Context) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(total))
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// heap returns how much memory is in use, stacks included.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkMemory measures what an idle subscription takes, and a live call whose handler waits for its end.
func BenchmarkMemory(b *testing.B) {
	const n = 10_000
	b.Run("subscription", func(b *testing.B) {
		client, err := ari.NewClient("http://127.0.0.1:1/ari", "bench", ari.WithLogger(quiet))
		if err != nil {
			b.Fatal(err)
		}
		channels := make([]*ari.Channel, n)
		for i := range channels {
			channels[i] = client.ARI().Channel(fmt.Sprintf("1700000000.%d", i))
		}
		for b.Loop() {
			subs := make([]*ari.Subscription[*ari.ChannelDtmfReceived], n)
			before := heap()
			for i, ch := range channels {
				subs[i] = ari.Subscribe[*ari.ChannelDtmfReceived](ch)
			}
			b.ReportMetric((heap()-before)/n, "B/subscription")
			for _, sub := range subs {
				sub.Close()
			}
		}
	})
	b.Run("call", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(memoryPerCall(b, n), "B/call")
		}
	})
}

func memoryPerCall(b *testing.B, n int) float64 {
	start := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		ctx := conn.CloseRead(context.Background())
		<-start
		for i := range n {
			id := fmt.Sprintf("1700000000.%d", i)
			frame := `{"type":"StasisStart","timestamp":"2026-11-23T00:41:40.897+0000","args":[],"channel":{"id":"` + id + `","name":"PJSIP/alice-` + id +
				`","state":"Ring","protocol_id":"1-1234@127.0.0.1","caller":{"name":"Alice","number":"100"},"connected":{"name":"","number":""},"accountcode":"",` +
				`"dialplan":{"context":"default","exten":"1000","priority":2,"app_name":"Stasis","app_data":"hello"},"creationtime":"2026-11-23T00:41:39.801+0000",` +
				`"language":"en"},"asterisk_id":"02:42:ac:11:00:02","application":"bench"}`
			if conn.Write(ctx, websocket.MessageText, []byte(frame)) != nil {
				return
			}
		}
		<-ctx.Done()
	}))
	defer srv.Close()
	client, err := ari.NewClient(srv.URL+"/ari", "bench", ari.WithLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Add(n)
	client.OnStasisStart(func(ctx context.Context, _ *ari.StasisStart) error {
		waiting.Done()
		<-ctx.Done()
		return nil
	})
	if err := client.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	before := heap()
	close(start)
	waiting.Wait()
	used := (heap() - before) / float64(n)
	if err := client.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return used
}

var quiet = slog.New(slog.DiscardHandler)

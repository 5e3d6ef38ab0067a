package media

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// frameLoops are a websocket's two ends for benchmarks: one that is filled with frames, one that is emptied.
func frameLoops(b *testing.B) (reading, writing *websocket.Conn) {
	b.Helper()
	ctx := context.Background()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		frame := make([]byte, 640)
		for err == nil {
			if r.URL.Path == "/fill" {
				err = conn.Write(ctx, websocket.MessageBinary, frame)
				continue
			}
			var in io.Reader
			if _, in, err = conn.Reader(ctx); err == nil {
				for err == nil {
					_, err = in.Read(frame)
				}
				if errors.Is(err, io.EOF) {
					err = nil
				}
			}
		}
	}))
	b.Cleanup(server.Close)
	dial := func(path string) *websocket.Conn {
		conn, _, err := websocket.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1)+path, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
		require.NoError(b, err)
		b.Cleanup(func() { _ = conn.CloseNow() })
		return conn
	}
	return dial("/fill"), dial("/empty")
}

// BenchmarkFrame is what a frame of 20 ms at 16 kHz costs each way, by websocket, beside a bare loop of the same library
// with a buffer of its own. Contenders run in turns.
func BenchmarkFrame(b *testing.B) {
	reading, writing := frameLoops(b)
	ctx := context.Background()
	raw := make([]byte, 640)
	pcm := make([]int16, maxRead)
	frame := noise(1, 320)
	in := &websocketLeg{conn: reading, codec: linear{16000, false}, buf: make([]byte, 8<<10)}
	out := &websocketLeg{conn: writing, codec: linear{16000, false}}
	s := &Stream{rate: 16000, leg: out, player: newPlayer(16000, 25), heard: newHearing(16000, 3*time.Second), ctx: ctx, kick: make(chan struct{}, 1)}
	s.own = s.heard.listen()
	s.open = true
	s.frames = make([]int16, mostFrames*320)
	contenders := []struct {
		name string
		run  func() error
	}{
		{"bare-read", func() error {
			_, r, err := reading.Reader(ctx)
			if err == nil {
				_, err = io.ReadFull(r, raw)
			}
			if err == nil { // To the message's end.
				_, err = r.Read(raw)
				if errors.Is(err, io.EOF) {
					err = nil
				}
			}
			return err
		}},
		{"read", func() error {
			n, _, err := in.read(pcm)
			if err == nil {
				s.hear(pcm[:n], time.Now())
				_, err = s.ReadFrame(ctx)
			}
			return err
		}},
		{"bare-write", func() error { return writing.Write(ctx, websocket.MessageBinary, raw) }},
		{"write", func() error {
			if err := s.WriteFrame(frame); err != nil {
				return err
			}
			now := time.Now()
			s.due = now
			return s.sendDue(now)
		}},
	}
	spent := make([]time.Duration, len(contenders))
	allocs := make([]uint64, len(contenders))
	var before, after runtime.MemStats
	const turn = 500
	for n := 0; n < b.N; n += turn {
		for i, c := range contenders {
			runtime.ReadMemStats(&before)
			begun := time.Now()
			for range turn {
				if err := c.run(); err != nil {
					b.Fatal(c.name, err)
				}
			}
			spent[i] += time.Since(begun)
			runtime.ReadMemStats(&after)
			allocs[i] += after.Mallocs - before.Mallocs
		}
	}
	count := float64((b.N + turn - 1) / turn * turn)
	for i, c := range contenders {
		b.ReportMetric(float64(spent[i].Nanoseconds())/count, c.name+"-ns/op")
		b.ReportMetric(float64(allocs[i])/count, c.name+"-allocs/op")
	}
}

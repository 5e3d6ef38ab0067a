package aritest_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// How long it takes until a test has an Asterisk and a connected application.
func BenchmarkTestStart(b *testing.B) {
	for name, opts := range map[string][]aritest.Option{"memory": {aritest.InMemory()}, "tcp": nil} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				srv, err := aritest.Start(opts...)
				if err != nil {
					b.Fatal(err)
				}
				if err := srv.Client(quiet).Connect(b.Context()); err != nil {
					b.Fatal(err)
				}
				srv.Close()
			}
		})
	}
}

// How long a call takes that comes in, is answered, and ends.
func BenchmarkCall(b *testing.B) {
	srv, err := aritest.Start(aritest.InMemory())
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	client := srv.Client(quiet)
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return call.Channel.Answer(ctx) })
	if err := client.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		call := srv.Call("1000")
		if err := call.WaitAnswered(b.Context()); err != nil {
			b.Fatal(err)
		}
		call.Hangup()
	}
}

// What ten thousand calls at the same time cost in one process: coming in and being answered by a client, being there, and being hung up.
func BenchmarkTenThousandCalls(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		srv, err := aritest.Start(aritest.WithWriteTimeout(time.Minute))
		if err != nil {
			b.Fatal(err)
		}
		client := srv.Client(quiet, ari.WithEventBuffer(2*n))
		client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
			if err := call.Channel.Answer(ctx); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
		if err := client.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		before := inUse()
		begin := time.Now()
		calls := make([]*aritest.Call, n)
		for i := range calls {
			calls[i] = srv.Call("1000")
		}
		for _, call := range calls {
			if err := call.WaitAnswered(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(begin).Nanoseconds())/n, "answered-ns/call")
		b.ReportMetric(float64(inUse()-before)/n, "B/call")
		begin = time.Now()
		for _, call := range calls {
			call.Hangup()
		}
		if err := srv.WaitIdle(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(begin).Nanoseconds())/n, "hungup-ns/call")
		srv.Close()
	}
}

// inUse is the memory that is in use after a collection, the stacks of goroutines included.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

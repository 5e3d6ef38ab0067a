package aritest_test

import (
	"context"
	"testing"

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

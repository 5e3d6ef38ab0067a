package ariotel_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/ari-go/ari/pkg/ari"

	"github.com/ari-go/ari/pkg/ariotel"
)

// A client that is traced and measured by the global providers, and whose handlers' log carries the ids.
func ExampleInstrument() {
	log := slog.New(ariotel.LogHandler(slog.NewJSONHandler(os.Stderr, nil)))
	client, err := ari.NewClient("http://127.0.0.1:8088/ari", "app", ari.WithBasicAuth("user", "secret"), ariotel.Instrument())
	if err != nil {
		fmt.Println(err)
		return
	}
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		log.InfoContext(ctx, "a call") // with call.id, trace_id and span_id
		return ev.Channel.Answer(ctx)
	})
	fmt.Println(client.Health().Alive)
	// Output: true
}

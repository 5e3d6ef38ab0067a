package ariotel_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/coder/websocket"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/ari-go/ari/pkg/ariotel"
)

// BenchmarkEndToEnd reads frames of digits from a websocket and hands each to a handler, without and with tracing by the SDK.
func BenchmarkEndToEnd(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(serveDigits))
	defer srv.Close()
	b.Run("off", func(b *testing.B) { readDigits(b, srv.URL) })
	b.Run("on", func(b *testing.B) {
		readDigits(b, srv.URL, ariotel.Instrument(
			ariotel.WithTracerProvider(sdktrace.NewTracerProvider()),
			ariotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))))
	})
}

const digitFrame = `{"type":"ChannelDtmfReceived","timestamp":"2026-11-23T00:41:40.897+0000","digit":"1","duration_ms":100,` +
	`"channel":{"id":"c%d","name":"PJSIP/a-1","state":"Up","caller":{"name":"","number":"1"},"connected":{"name":"","number":""},` +
	`"accountcode":"","dialplan":{"context":"default","exten":"1000","priority":2,"app_name":"Stasis","app_data":"x"},` +
	`"creationtime":"2026-11-23T00:41:40.000+0000","language":"en"},"asterisk_id":"00:00:00:00:00:01","application":"x"}`

func serveDigits(w http.ResponseWriter, r *http.Request) {
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
		if conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, digitFrame, i%100)) != nil {
			return
		}
	}
	<-ctx.Done()
}

func readDigits(b *testing.B, url string, opts ...ari.Option) {
	b.Helper()
	opts = append(opts, ari.WithEventBuffer(b.N), ari.WithLogger(slog.New(slog.DiscardHandler)))
	client, err := ari.NewClient(url+"/ari", strconv.Itoa(b.N), opts...)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	var got atomic.Int64
	ari.On(client, func(context.Context, *ari.ChannelDtmfReceived) error {
		if got.Add(1) == int64(b.N) {
			close(done)
		}
		return nil
	})
	if err := client.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	<-done
	if err := client.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

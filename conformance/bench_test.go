//go:build unix

package conformance_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/test/asterisk"
)

// BenchmarkTransports measures commands by HTTP, over the websocket that events come by, and over one for commands: one
// after the other, alone and while the application gets events. It runs on a real Asterisk where ARI_TEST_REQUIRE is set, and
// else on the simulator.
func BenchmarkTransports(b *testing.B) {
	url, user, password := benchmarked(b)
	connect := func(app string, opts ...ari.Option) *ari.Client {
		client, err := ari.NewClient(url, app, append(opts, ari.WithBasicAuth(user, password), ari.WithLogger(slog.New(slog.DiscardHandler)))...)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, client.Close(context.Background())) })
		require.NoError(b, client.Connect(b.Context()))
		return client
	}
	contenders := []struct {
		name string
		by   ari.Commands
		do   func(ctx context.Context, c *ari.Client, channel string) error
	}{
		{"HTTP", ari.CommandsHTTP, get},
		{"auto", ari.CommandsAuto, get},
		{"event-socket", ari.CommandsWebsocket, get},
		{"HTTP-set", ari.CommandsHTTP, set},
		{"command-socket-set", ari.CommandsWebsocket, set},
	}
	var all [][2]time.Duration
	for _, load := range []bool{false, true} {
		var clients []*ari.Client
		for i, c := range contenders {
			clients = append(clients, connect(fmt.Sprintf("bench-%v-%d", load, i), ari.WithCommands(c.by), ari.WithSubscriptions("channel:", "endpoint:")))
		}
		ch, err := clients[0].ARI().Call(b.Context(), ari.CallOptions{Endpoint: "Local/1011@default"})
		require.NoError(b, err)
		ctx, cancel := context.WithCancel(b.Context())
		var busy sync.WaitGroup
		rate := new(atomic.Int64)
		if load {
			for i := range clients {
				busy.Go(func() { flood(ctx, clients[0].ARI(), fmt.Sprintf("bench-%v-%d", load, i), rate) })
			}
		}
		times := make([][]time.Duration, len(contenders))
		cpu := make([]time.Duration, len(contenders))
		began := time.Now()
		const rounds, each = 20, 100
		for range rounds { // in turns, so that what else the machine does hits all
			for i, c := range contenders {
				before := processorTime()
				for range each {
					start := time.Now()
					require.NoError(b, c.do(b.Context(), clients[i], ch.ID))
					times[i] = append(times[i], time.Since(start))
				}
				cpu[i] += processorTime() - before
			}
		}
		lasted := time.Since(began)
		cancel()
		busy.Wait()
		require.NoError(b, ch.Stop(b.Context()))
		suffix := ""
		if load {
			suffix = "-loaded"
			b.ReportMetric(float64(rate.Load())/lasted.Seconds(), "events/s")
		}
		for i, c := range contenders {
			slices.Sort(times[i])
			p50, p99 := times[i][len(times[i])/2], times[i][len(times[i])*99/100]
			all = append(all, [2]time.Duration{p50, p99})
			b.ReportMetric(float64(p50.Microseconds()), c.name+suffix+"-p50-µs")
			b.ReportMetric(float64(p99.Microseconds()), c.name+suffix+"-p99-µs")
			if !load {
				b.ReportMetric(float64((cpu[i] / (rounds * each)).Microseconds()), c.name+"-own-cpu-µs")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(all[1][1])/float64(all[0][1]), "auto/HTTP-p99")
}

func get(ctx context.Context, c *ari.Client, channel string) error {
	_, err := c.ARI().Channel(channel).Refresh(ctx)
	return err
}

func set(ctx context.Context, c *ari.Client, channel string) error {
	return c.ARI().Channel(channel).SetVariable(ctx, "BENCH", "1")
}

// flood sends events to an application.
func flood(ctx context.Context, ctrl *ari.Controller, app string, sent *atomic.Int64) {
	for ctx.Err() == nil {
		if ctrl.SendUserEvent(ctx, "flood", ari.UserEventOptions{Application: app}) == nil {
			sent.Add(1)
		}
	}
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// benchmarked is the endpoint that is measured.
func benchmarked(b *testing.B) (url, user, password string) {
	b.Helper()
	if os.Getenv("ARI_TEST_REQUIRE") != "" {
		inst := asterisk.Start(b, asterisk.Options{Own: true})
		return inst.URL, inst.Username, inst.Password
	}
	srv := aritest.NewServer(b, aritest.WithDialplan(simulatedDialplan), aritest.WithSessionLimit(0))
	return srv.URL, srv.Username, srv.Password
}

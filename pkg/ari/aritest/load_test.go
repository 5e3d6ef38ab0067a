package aritest_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/examples/bridging/bridger"
	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// Thousands of calls at the same time run through the bridging example, and nothing is left over.
func TestManyCalls(t *testing.T) {
	calls := manyCalls
	if testing.Short() {
		calls = 500
	}
	// All calls end at once, which may be too much for a reader on a busy machine to take within 100 ms.
	srv := aritest.NewServer(t, aritest.WithWriteTimeout(30*time.Second))
	var failures atomic.Int32
	client := srv.Client(ari.WithErrorHandler(func(_ context.Context, err error) {
		failures.Add(1)
		t.Log(err)
	}))
	var bridged atomic.Int32
	app := &bridger.App{
		Media: ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"},
		Report: func(_ *ari.Channel, what string) {
			if strings.HasPrefix(what, "bridged") {
				bridged.Add(1)
			}
		},
	}
	client.OnCall(app.Serve)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, client.Connect(ctx))

	start := time.Now()
	all := make([]*aritest.Call, calls)
	for i := range all {
		all[i] = srv.Call("1000")
	}
	var waiting sync.WaitGroup
	for _, call := range all {
		waiting.Go(func() {
			if err := call.WaitBridged(ctx, 2); err != nil {
				failures.Add(1)
			}
		})
	}
	waiting.Wait()
	up := time.Since(start)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d calls answered and bridged in %v; %d goroutines, %d MB in use", calls, up, runtime.NumGoroutine(), mem.HeapInuse>>20)
	require.Len(t, srv.Channels(), 2*calls)
	require.Len(t, srv.Bridges(), calls)

	start = time.Now()
	for _, call := range all {
		call.Hangup()
	}
	require.NoError(t, srv.WaitIdle(ctx))
	t.Logf("hung up and cleaned up in %v", time.Since(start))
	require.EqualValues(t, calls, bridged.Load())
	require.Zero(t, failures.Load())
}

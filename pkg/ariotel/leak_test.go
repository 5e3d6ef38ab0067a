package ariotel

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

func silent(t *testing.T) *tracker {
	m, err := newMeters(noop.NewMeterProvider().Meter(""))
	require.NoError(t, err)
	return newTracker(tracenoop.NewTracerProvider().Tracer(""), m)
}

// 10,000 calls leave nothing behind, though half of what they began never ends and none leaves its bridge.
func TestNothingIsLeft(t *testing.T) {
	tr := silent(t)
	for i := range 10000 {
		id := fmt.Sprintf("c%d", i)
		ctx, cancel := context.WithCancelCause(t.Context())
		start := &ari.StasisStart{Channel: &ari.Channel{}}
		start.Channel.ID = id
		in := tr.call(ctx, start)
		require.NotNil(t, tr.begin(in, spanKey{SpanPlayback, "p" + id}))
		require.NotNil(t, tr.begin(in, spanKey{SpanDial, "d" + id}))
		tr.enterBridge(id, fmt.Sprintf("b%d", i/2))
		if i%2 == 0 {
			tr.end(spanKey{SpanPlayback, "p" + id}, "")
		}
		cancel(ari.ErrLeftStasis)
	}
	require.Eventually(t, func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return len(tr.calls)+len(tr.open)+len(tr.bridges) == 0
	}, 30*time.Second, time.Millisecond)
}

// What belongs to no call, and whose end is never told, is bounded, and ends with the client or after a gap.
func TestUnownedIsBounded(t *testing.T) {
	tr := silent(t)
	for i := range 2 * maxUnowned {
		tr.begin(t.Context(), spanKey{SpanDial, fmt.Sprint(i)})
	}
	assert.Len(t, tr.open, maxUnowned)
	tr.endUnowned("test")
	assert.Empty(t, tr.open)
}

// A command outside of ARI's operations, and one without an id, begin nothing.
func TestNothingBegins(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
	assert.Equal(t, spanKey{}, begins(ari.RequestInfoOf(req), req))
	assert.Nil(t, silent(t).begin(t.Context(), spanKey{}))
}

// The lists of values of their own keep the promise about metrics.
func TestOwnValuesAreFew(t *testing.T) {
	assert.Less(t, len(ownOperations), 20)
	assert.Less(t, len(ownEvents), 20)
	assert.Less(t, len(ownStatuses)+3, 20)
}

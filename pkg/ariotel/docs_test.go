package ariotel_test

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ari-go/ari/pkg/ariotel"
)

// Each constant is in the table of docs/observability.md.
func TestNamesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if lit, ok := node.(*ast.BasicLit); ok {
			name, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			assert.Contains(t, string(page), "`"+name+"`")
			n++
		}
		return true
	})
	assert.Greater(t, n, 30)
}

// The dashboard asks only for what is emitted, by the names that Prometheus gives it, and for all of it.
func TestDashboard(t *testing.T) {
	emitted := make(map[string]bool)
	for name, m := range everyMetric(t) {
		name = strings.ReplaceAll(name, ".", "_")
		if m.Unit == "s" {
			name += "_seconds"
		}
		switch d := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				emitted[name+suffix] = true
			}
		case metricdata.Sum[int64]:
			if d.IsMonotonic {
				name += "_total"
			}
			emitted[name] = true
		}
	}
	data, err := os.ReadFile("dashboard/ari.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &board))
	labels := regexp.MustCompile(`by \([a-z_]+\)|\{[^}]*\}`)
	names := regexp.MustCompile(`\b(ari|call)_[a-z_]+`)
	asked := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found := names.FindAllString(labels.ReplaceAllString(target.Expr, ""), -1)
			require.NotEmpty(t, found, target.Expr)
			for _, name := range found {
				assert.True(t, emitted[name], "%s is asked for, but not emitted", name)
				asked++
			}
		}
	}
	assert.Greater(t, asked, 12)
}

// everyMetric makes a client emit all that it can.
func everyMetric(t *testing.T) map[string]metricdata.Metrics {
	r := newRig(t)
	c := r.client(func(ctx context.Context, ev *ari.StasisStart) error { return ev.Channel.Answer(ctx) })
	back := ari.Subscribe[*ari.Connected](c)
	defer back.Close()
	call := r.srv.Call("1000")
	r.ended("channelsAnswer", 1)
	r.srv.Faults().Down()
	call.Hangup()
	r.srv.Faults().Up()
	_, err := back.Next(t.Context())
	require.NoError(t, err)
	r.ended(ariotel.SpanCall, 1)
	want := []string{ariotel.MetricCallDuration, ariotel.MetricGap, ariotel.MetricResync, ariotel.MetricEventsLost}
	require.Eventually(t, func() bool {
		have := r.metrics()
		for _, name := range want {
			if _, ok := have[name]; !ok {
				return false
			}
		}
		return true
	}, 10*time.Second, 10*time.Millisecond)
	m := r.metrics()
	r.closed(c)
	return m
}

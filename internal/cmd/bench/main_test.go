package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const output = `goos: linux
cpu: Some CPU
BenchmarkDispatch/subscriptions=1-2     100  1000 ns/op  960 B/op  3 allocs/op
BenchmarkDispatch/subscriptions=1-2     100  3000 ns/op  960 B/op  3 allocs/op
BenchmarkDispatch/subscriptions=1-2     100  1100 ns/op  960 B/op  3 allocs/op
BenchmarkDispatch/subscriptions=1000-2  100  1210 ns/op  960 B/op  3 allocs/op
BenchmarkDispatch/subscriptions=10000-2 100  2200 ns/op  960 B/op  9 allocs/op
PASS
`

func TestReport(t *testing.T) {
	found, cpu, err := parse([]byte(output))
	require.NoError(t, err)
	assert.Equal(t, "Some CPU", cpu)
	median, ok := found.median("Dispatch/subscriptions=1", "ns/op")
	require.True(t, ok)
	assert.InDelta(t, 1100, median, 0, "an outlier doesn't count")

	var b strings.Builder
	failed := report(&b, found, 0.25)
	assert.Contains(t, b.String(), "|   1,000 subscriptions | 1210 ns | 1.10 | 1.20 |")
	assert.Contains(t, b.String(), "|   10,000 subscriptions | 2200 ns | 2.00 | 1.20 (exceeded) |")
	missing := strings.Count(b.String(), "not measured")
	assert.NotZero(t, missing)
	assert.Greater(t, failed, missing, "what was not measured counts as failed, and so does the exceeded limit")
}

func TestParseFails(t *testing.T) {
	_, _, err := parse([]byte("BenchmarkX-2 100 much ns/op\n"))
	assert.ErrorContains(t, err, "much")
}

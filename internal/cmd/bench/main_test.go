package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const output = `goos: linux
cpu: Some CPU
BenchmarkDispatch-2   100   3.000 subscriptions=1-allocs/op   1000 subscriptions=1-ns/op   1300 subscriptions=1000-ns/op   1500 subscriptions=10000-ns/op
BenchmarkDispatch-2   100   3.000 subscriptions=1-allocs/op   3000 subscriptions=1-ns/op   3300 subscriptions=1000-ns/op   6600 subscriptions=10000-ns/op
BenchmarkDispatch-2   100   3.000 subscriptions=1-allocs/op   1100 subscriptions=1-ns/op   1100 subscriptions=1000-ns/op   2200 subscriptions=10000-ns/op
BenchmarkCommand/1-2   100   62.0 bare-allocs/op   65.0 answer-allocs/op
BenchmarkMemory/call-2   1   5121 B/call
PASS
`

func TestReport(t *testing.T) {
	found, cpu, err := parse([]byte(output))
	require.NoError(t, err)
	assert.Equal(t, "Some CPU", cpu)
	assert.InDelta(t, 1100, median(found.values("Dispatch", "subscriptions=1", "ns/op")), 0, "an outlier doesn't count")

	var b strings.Builder
	failed := report(&b, found, 0.25)
	assert.Contains(t, b.String(), "|   1,000 subscriptions | 1300 ns | 1.10 | 1.10 |", "ratios are compared within a run")
	assert.Contains(t, b.String(), "|   10,000 subscriptions | 2200 ns | 2.00 | 1.10 (exceeded) |")
	assert.Contains(t, b.String(), "|   allocations more | 3 |  | 3 |")
	assert.Contains(t, b.String(), "| memory of a live call with a waiting handler | 5121 B |  | 5120 |", "within the noise")
	missing := strings.Count(b.String(), "not measured")
	assert.NotZero(t, missing)
	assert.Equal(t, missing+1, failed, "what was not measured counts as failed, and so does the exceeded limit")
}

func TestParseFails(t *testing.T) {
	_, _, err := parse([]byte("BenchmarkX-2 100 much ns/op\n"))
	assert.ErrorContains(t, err, "much")
}

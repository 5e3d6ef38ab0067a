//go:build race

package aritest_test

// manyCalls are as many as the race detector can watch within seconds.
const manyCalls = 1000

//go:build !race

package aritest_test

// manyCalls are as many as a process should hold.
const manyCalls = 5000

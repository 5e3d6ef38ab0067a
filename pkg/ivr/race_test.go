//go:build race

package ivr_test

// stride is how many points of a script are passed over: the race detector takes its time.
const stride = 11

//go:build !race

package ivr_test

// stride is how many points of a script are passed over: none.
const stride = 1

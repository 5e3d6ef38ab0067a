//go:build race

package media_test

import "time"

// talk is short: the race detector makes it twenty times as slow.
const talk = time.Minute

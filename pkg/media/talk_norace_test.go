//go:build !race

package media_test

import "time"

const talk = time.Hour

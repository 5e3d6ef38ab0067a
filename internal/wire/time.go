package wire

import (
	"time"

	"github.com/ari-go/ari/gen"
)

// parseTime reads ARI's usual form of a time, quickly. The result is that of [time.ParseInLocation]; what it doesn't
// read may still be a time.
func parseTime(s string, local *time.Location) (time.Time, bool) {
	const layout = gen.TimeLayout // 2006-01-02T15:04:05.000-0700
	if len(s) != len(layout) {
		return time.Time{}, false
	}
	ok := s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':' && s[19] == '.' &&
		(s[23] == '+' || s[23] == '-')
	number := func(from, to, least, most int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			ok = ok && isDigit(c)
			n = n*10 + int(c-'0')
		}
		ok = ok && least <= n && n <= most
		return n
	}
	year, month, day := number(0, 4, 0, 9999), number(5, 7, 1, 12), number(8, 10, 1, 31)
	hour, minute, second, milli := number(11, 13, 0, 23), number(14, 16, 0, 59), number(17, 19, 0, 59), number(20, 23, 0, 999)
	offset := (number(24, 26, 0, 23)*60 + number(26, 28, 0, 59)) * 60
	if !ok {
		return time.Time{}, false
	}
	if s[23] == '-' {
		offset = -offset
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, milli*int(time.Millisecond), time.UTC)
	if t.Day() != day {
		return time.Time{}, false // the month is shorter
	}
	t = t.Add(-time.Duration(offset) * time.Second)
	here := t.In(local)
	if _, o := here.Zone(); o == offset {
		return here, true
	}
	return t.In(time.FixedZone("", offset)), true
}

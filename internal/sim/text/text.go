package text

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// IsTrue reports whether a text says yes.
func IsTrue(text string) bool {
	return slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, strings.ToLower(text))
}

// LeadingInt reads the number that a text begins with, or 0.
func LeadingInt(text string) int {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[end] == '-' || text[end] == '+')) {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil {
		return 0
	}
	return n
}

// Before is what stands before a separator.
func Before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }

// After is what stands behind a separator.
func After(s, sep string) string { _, a, _ := strings.Cut(s, sep); return a }

// Seconds reads a number of seconds, which may have a fraction.
func Seconds(text string) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || f < 0 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// Keys are the characters of a text that are keys of a telephone.
func Keys(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789*#ABCD", r) {
			return r
		}
		return -1
	}, strings.ToUpper(text))
}

package ari

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain fails when the tests leave a goroutine of this package behind. (Those
// that run in a synctest bubble are checked one by one, by the bubble.)
func TestMain(m *testing.M) {
	code := m.Run()
	if left := ownGoroutines(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// ownGoroutines returns the stacks of this package's goroutines, other than the
// caller's, that have not ended after a while.
func ownGoroutines(patience time.Duration) string {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for i, stack := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(stack, "github.com/ari-go/ari/pkg/ari.") && !strings.Contains(stack, "testing.(*T).Run") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

// A logBook collects what is logged.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

func (b *logBook) with(text string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A bag collects values from several goroutines.
type bag[T any] struct {
	mu    sync.Mutex
	items []T
}

func (b *bag[T]) add(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, item)
}

func (b *bag[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.items)
}

// quiet is a logger that says nothing.
var quiet = slog.New(slog.DiscardHandler)

var errTest = errors.New("error of the test")

// goroutines counts those of the test's own bubble: others come and go with the runtime and with what ran before.
func goroutines(t *testing.T) int {
	t.Helper()
	synctest.Wait()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.Less(t, len(stacks), cap(stacks), "too many goroutines to count")
	// The first one is the caller.
	bubble := regexp.MustCompile(`synctest bubble \d+`).Find(stacks)
	require.NotNil(t, bubble)
	return len(regexp.MustCompile(`(?m)^goroutine \d+ \[.*`+string(bubble)+`\b`).FindAll(stacks, -1))
}

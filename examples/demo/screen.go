package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A screen shows what happens, a line each, for people to read.
type screen struct {
	out   io.Writer
	start time.Time
	// What was there before, which is none of ours.
	otherChannels, otherBridges int

	mu                                 sync.Mutex
	names                              map[string]string // by channel
	early                              map[string][]string
	answered, bridged, ended, failures int
	channels, bridges                  int
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, start: time.Now(), names: make(map[string]string), early: make(map[string][]string)}
}

// dials tells who a channel is.
func (s *screen) dials(c caller, channel, extension string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[channel] = fmt.Sprintf("%-5s %s", c.name, c.number)
	s.line(channel, "dials "+extension)
	for _, what := range s.early[channel] {
		s.line(channel, what)
	}
	delete(s.early, channel)
}

// call tells what happens to a channel. The application may be faster than the caller's own view of the call.
func (s *screen) call(channel, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case what == "answered":
		s.answered++
	case strings.HasPrefix(what, "bridged"):
		s.bridged++
	case strings.HasPrefix(what, "ended"):
		s.ended++
	}
	if s.names[channel] == "" {
		s.early[channel] = append(s.early[channel], what)
		return
	}
	s.line(channel, what)
}

func (s *screen) line(channel, what string) {
	fmt.Fprintf(s.out, "%6.2f s  %-10s %s\n", time.Since(s.start).Seconds(), s.names[channel], what)
}

func (s *screen) failure(c caller, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	fmt.Fprintf(s.out, "%6.2f s  %-5s %s failed: %v\n", time.Since(s.start).Seconds(), c.name, c.number, err)
}

// left keeps what there is now, and reports whether none of it is ours.
func (s *screen) left(channels, bridges int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels, s.bridges = max(channels-s.otherChannels, 0), max(bridges-s.otherBridges, 0)
	return s.channels+s.bridges == 0
}

func (s *screen) summary() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "\n%d calls in %.1f s: %d answered, %d bridged with external media, %d ended, %d failed.\n",
		len(callers), time.Since(s.start).Seconds(), s.answered, s.bridged, s.ended, s.failures)
	fmt.Fprintf(s.out, "Left over: %d channels, %d bridges.\n", s.channels, s.bridges)
}

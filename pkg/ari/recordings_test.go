package ari

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// recordedFrames are the events that real Asterisks sent in the conformance suite, one frame each.
func recordedFrames(tb testing.TB) [][]byte {
	tb.Helper()
	frames, err := RecordedFrames("asterisk-*")
	require.NoError(tb, err)
	return frames
}

// RecordedFrames returns the events in the recordings of the versions that a pattern matches.
func RecordedFrames(versions string) ([][]byte, error) {
	files, err := filepath.Glob(filepath.Join("../../conformance/testdata", versions, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var frames [][]byte
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(content) {
			var record struct {
				Dir  string          `json:"dir"`
				Body json.RawMessage `json:"body"`
			}
			if err := json.Unmarshal(line, &record); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if record.Dir == "event" {
				frames = append(frames, record.Body)
			}
		}
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("no events were recorded of %s: run make record", versions)
	}
	return frames, nil
}

// RecordedEvents are the recorded frames that reach subscriptions: answers to commands over the websocket don't.
func RecordedEvents(versions string) ([][]byte, error) {
	frames, err := RecordedFrames(versions)
	return slices.DeleteFunc(frames, func(frame []byte) bool { return isAnswerFrame(frame) }), err
}

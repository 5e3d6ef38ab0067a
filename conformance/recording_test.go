package conformance

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	hardware = regexp.MustCompile(`\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b`)
	address  = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	folder   = regexp.MustCompile(`/(?:root|home|tmp|work|Users)/[^"\\ ]*`)
)

// Nothing in the recordings tells of the machine that they were made on.
func TestNothingIsToldOfTheMachine(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range hardware.FindAllString(string(data), -1) {
			assert.Equal(t, "02:00:00:00:00:01", found, "%s: an id that is made of a network card's address", file)
		}
		for _, found := range address.FindAllString(string(data), -1) {
			assert.True(t, net.ParseIP(found).IsLoopback(), "%s: the address %s", file, found)
		}
		assert.Empty(t, folder.FindAllString(string(data), -1), "%s: folders", file)
	}
}

// What stands in a text is scrubbed like the rest.
func TestScrubMessageBody(t *testing.T) {
	t.Parallel()
	data, err := newScrubber().json([]byte(`{"message_body":"{\"asterisk_id\":\"12:4e:23:fe:6b:52\",\"timestamp\":\"2026-03-04T05:06:07.890+0100\"}","asterisk_id":"12:4e:23:fe:6b:52"}`), "")
	require.NoError(t, err)
	require.JSONEq(t, `{"message_body":"{\"asterisk_id\":\"02:00:00:00:00:01\",\"timestamp\":\"2026-01-01T00:00:00.000+0000\"}","asterisk_id":"02:00:00:00:00:01"}`, string(data))
	data, err = newScrubber().json([]byte(`{"message_body":"at 2026-03-04T05:06:07.890+0100"}`), "")
	require.NoError(t, err)
	require.JSONEq(t, `{"message_body":"at 2026-01-01T00:00:00.000+0000"}`, string(data), "a body that is no JSON")
}

// Text frames are taken out of both directions, however they are cut: a client's are masked, one may come in parts, and
// control frames may stand in between.
func TestFrames(t *testing.T) {
	t.Parallel()
	mask := []byte{1, 2, 3, 4}
	masked := func(head byte, text string) []byte {
		frame := append([]byte{head, 0x80 | byte(len(text))}, mask...)
		for i := range len(text) {
			frame = append(frame, text[i]^mask[i%4])
		}
		return frame
	}
	var stream []byte
	for _, frame := range [][]byte{
		{0x81, 2, '{', '}'},
		masked(0x81, "hello"),
		{0x01, 1, 'a'},
		{0x89, 1, 'x'},
		{0x80, 1, 'b'},
		masked(0x82, "binary"), masked(0x81, ""),
		{0x88, 0},
		append([]byte{0x81, 126, 0, 200}, make([]byte, 200)...),
	} {
		stream = append(stream, frame...)
	}
	for size := 1; size <= len(stream); size++ {
		var have []string
		f := frames{frame: func(data []byte) { have = append(have, string(data)) }}
		for rest := append([]byte(nil), stream...); len(rest) > 0; {
			n := min(size, len(rest))
			f.add(rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, []string{"{}", "hello", "ab", "", string(make([]byte, 200))}, have, "in pieces of %d bytes", size)
	}
}

package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media"
)

func readAll(t *testing.T, r io.Reader, chunk int) ([]int16, int) {
	t.Helper()
	w, err := media.NewWAVReader(r)
	require.NoError(t, err)
	var all []int16
	pcm := make([]int16, chunk)
	for {
		n, err := w.ReadSamples(pcm)
		all = append(all, pcm[:n]...)
		if errors.Is(err, io.EOF) {
			return all, w.Rate()
		}
		require.NoError(t, err)
	}
}

func TestWAVRoundTrip(t *testing.T) {
	t.Parallel()
	pcm := []int16{0, 1, -1, 32767, -32768, 12345, -12345}
	file, err := os.Create(filepath.Join(t.TempDir(), "x.wav"))
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString("before") // A file may be begun in the middle.
	require.NoError(t, err)
	w, err := media.NewWAVWriter(file, 16000, 1)
	require.NoError(t, err)
	require.NoError(t, w.WriteSamples(pcm[:3]))
	require.NoError(t, w.WriteSamples(pcm[3:]))
	require.NoError(t, w.Close())
	_, err = file.WriteString("after")
	require.NoError(t, err)
	raw, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	raw = raw[len("before"):]
	assert.Equal(t, uint32(36+14), binary.LittleEndian.Uint32(raw[4:]))
	assert.Equal(t, uint32(14), binary.LittleEndian.Uint32(raw[40:]))
	assert.Equal(t, "after", string(raw[44+14:]))
	got, rate := readAll(t, bytes.NewReader(raw), 2)
	assert.Equal(t, pcm, got)
	assert.Equal(t, 16000, rate)
}

// What is written to a pipe has no length in its head, and can be read while it is written.
func TestWAVStreams(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	go func() {
		out, err := media.NewWAVWriter(w, 8000, 2)
		if err == nil {
			err = out.WriteSamples([]int16{100, 200, -100, -300})
		}
		if err == nil {
			err = out.Close()
		}
		_ = w.CloseWithError(err)
	}()
	got, rate := readAll(t, iotest.OneByteReader(r), 10)
	assert.Equal(t, []int16{150, -200}, got, "the average of both channels")
	assert.Equal(t, 8000, rate)
}

func chunk(id string, body ...byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	out = append(out, body...)
	if len(body)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func format(tag, channels uint16, rate uint32, bits uint16, more ...byte) []byte {
	var b []byte
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(channels)*uint32(bits)/8)
	b = binary.LittleEndian.AppendUint16(b, channels*bits/8)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return chunk("fmt ", append(b, more...)...)
}

func TestWAVFormats(t *testing.T) {
	t.Parallel()
	extensible := append([]byte{22, 0, 16, 0, 4, 0, 0, 0, 1, 0}, make([]byte, 14)...)
	for name, c := range map[string]struct {
		file []byte
		want []int16
	}{
		"8 bits":           {riff(format(1, 1, 8000, 8), chunk("data", 128, 129, 0)), []int16{0, 256, -32768}},
		"24 bits":          {riff(format(1, 1, 8000, 24), chunk("data", 9, 1, 2, 9, 0xff, 0xff)), []int16{0x201, -1}},
		"32 bits":          {riff(format(1, 1, 8000, 32), chunk("data", 9, 9, 1, 2)), []int16{0x201}},
		"µ-law":            {riff(format(7, 1, 8000, 8), chunk("data", 0x80, 0)), []int16{32124, -32124}},
		"A-law":            {riff(format(6, 1, 8000, 8), chunk("data", 0xaa)), []int16{32256}},
		"extensible":       {riff(format(0xfffe, 1, 8000, 16, extensible...), chunk("data", 1, 0)), []int16{1}},
		"chunks before":    {riff(chunk("LIST", 1, 2, 3), format(1, 1, 8000, 16), chunk("fact", 1), chunk("data", 1, 0)), []int16{1}},
		"chunks behind":    {riff(format(1, 1, 8000, 16), chunk("data", 1, 0), chunk("LIST", 1, 2)), []int16{1}},
		"cut off":          {riff(format(1, 1, 8000, 16), chunk("data", 1, 0, 2, 0, 3, 0))[:49], []int16{1, 2}},
		"nothing":          {riff(format(1, 1, 8000, 16), chunk("data"))[:44], nil},
		"length not known": {append(riff(format(1, 1, 8000, 16), []byte("data\xff\xff\xff\xff")), 5, 0), []int16{5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := readAll(t, bytes.NewReader(c.file), 100)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestNotWAV(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"nothing":           nil,
		"text":              []byte("this is no sound at all"),
		"no sound":          riff(format(1, 1, 8000, 16)),
		"sound first":       riff(chunk("data", 1, 0), format(1, 1, 8000, 16)),
		"floating point":    riff(format(3, 1, 8000, 32), chunk("data", 1, 0, 0, 0)),
		"12 bits":           riff(format(1, 1, 8000, 12), chunk("data", 1, 0)),
		"no channel":        riff(format(1, 0, 8000, 16), chunk("data", 1, 0)),
		"rate 0":            riff(format(1, 1, 0, 16), chunk("data", 1, 0)),
		"short format":      riff(chunk("fmt ", 1, 0), chunk("data", 1, 0)),
		"cut in the format": riff(format(1, 1, 8000, 16))[:20],
	} {
		_, err := media.NewWAVReader(bytes.NewReader(file))
		assert.ErrorIs(t, err, media.ErrNotWAV, name)
	}
	_, err := media.NewWAVWriter(io.Discard, 0, 1)
	assert.Error(t, err)
	_, err = media.NewWAVWriter(io.Discard, 8000, 0)
	assert.Error(t, err)
}

func TestWAVWriteErrors(t *testing.T) {
	t.Parallel()
	_, w := io.Pipe()
	require.NoError(t, w.Close())
	_, err := media.NewWAVWriter(w, 8000, 1)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func FuzzWAV(f *testing.F) {
	f.Add(riff(format(1, 2, 8000, 16), chunk("data", 1, 0, 2, 0)))
	f.Add(riff(format(7, 1, 8000, 8), chunk("LIST", 1), chunk("data", 1, 0, 2, 0)))
	f.Fuzz(func(t *testing.T, file []byte) {
		w, err := media.NewWAVReader(bytes.NewReader(file))
		if err != nil {
			require.ErrorIs(t, err, media.ErrNotWAV)
			return
		}
		pcm := make([]int16, 100)
		for total := 0; ; {
			n, err := w.ReadSamples(pcm)
			total += n
			require.LessOrEqual(t, total, len(file))
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				return
			}
		}
	})
}

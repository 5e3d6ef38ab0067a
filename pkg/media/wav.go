package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ari-go/ari/internal/audio/g711"
)

// ErrNotWAV is returned for what is no WAV file, or one of a kind that can't be read here.
var ErrNotWAV = errors.New("media: not a WAV file that can be read")

// The sample formats of WAV files.
const (
	wavPCM        = 1
	wavALaw       = 6
	wavMuLaw      = 7
	wavExtensible = 0xfffe
)

// WAVReader reads a WAV file as it comes: it needs no file that can be rewound. PCM of 8, 16, 24 and 32 bits, µ-law and
// A-law are read; of several channels the average.
type WAVReader struct {
	r        *bufio.Reader
	format   uint16
	channels int
	rate     int
	bytes    int // of one sample of one channel
	left     int64
	raw      []byte
}

// NewWAVReader reads the file's head. It fails with [ErrNotWAV].
func NewWAVReader(r io.Reader) (*WAVReader, error) {
	w := &WAVReader{r: bufio.NewReader(r)}
	var head [12]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return nil, notWAV("it has no head", err)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, notWAV("it doesn't begin with RIFF and WAVE", nil)
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(w.r, chunk[:]); err != nil {
			return nil, notWAV("it has no sound", err)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if err := w.readFormat(size); err != nil {
				return nil, err
			}
		case "data":
			if w.rate == 0 {
				return nil, notWAV("its sound comes before its format", nil)
			}
			w.left = size
			if size == 0 || size >= 0xffffff00 {
				w.left = -1 // Written by a program that didn't know the length: all that comes.
			}
			return w, nil
		default:
			if _, err := io.CopyN(io.Discard, w.r, size+size&1); err != nil {
				return nil, notWAV("it ends in its head", err)
			}
		}
	}
}

func notWAV(why string, err error) error {
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotWAV, why, err)
	}
	return fmt.Errorf("%w: %s", ErrNotWAV, why)
}

func (w *WAVReader) readFormat(size int64) error {
	if size < 16 || size > 1024 {
		return notWAV(fmt.Sprintf("its format has %d bytes", size), nil)
	}
	format := make([]byte, size+size&1)
	if _, err := io.ReadFull(w.r, format); err != nil {
		return notWAV("it ends in its head", err)
	}
	w.format = binary.LittleEndian.Uint16(format)
	w.channels = int(binary.LittleEndian.Uint16(format[2:]))
	w.rate = int(binary.LittleEndian.Uint32(format[4:]))
	bits := int(binary.LittleEndian.Uint16(format[14:]))
	if w.format == wavExtensible && size >= 26 {
		w.format = binary.LittleEndian.Uint16(format[24:])
	}
	w.bytes = bits / 8
	known := w.format == wavPCM && bits%8 == 0 && bits >= 8 && bits <= 32 || (w.format == wavALaw || w.format == wavMuLaw) && bits == 8
	if !known || w.channels < 1 || w.channels > 16 || w.rate < 1000 || w.rate > 384000 {
		return notWAV(fmt.Sprintf("format %d with %d bits, %d channels, %d Hz", w.format, bits, w.channels, w.rate), nil)
	}
	return nil
}

// Rate is the sample rate in Hz.
func (w *WAVReader) Rate() int { return w.rate }

// ReadSamples reads up to len(pcm) samples. At the end it returns 0 and [io.EOF]. A file that ends too early is read as
// far as it goes.
func (w *WAVReader) ReadSamples(pcm []int16) (int, error) {
	frame := w.bytes * w.channels
	want := len(pcm) * frame
	if w.left >= 0 {
		want = int(min(int64(want), w.left))
	}
	if cap(w.raw) < want {
		w.raw = make([]byte, want)
	}
	n, err := io.ReadFull(w.r, w.raw[:want])
	if w.left >= 0 {
		w.left -= int64(n)
	}
	n /= frame
	switch {
	case n > 0:
		w.decode(pcm[:n], w.raw)
		return n, nil
	case err == nil && want > 0 || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && len(pcm) > 0:
		return 0, io.EOF
	default:
		return 0, err
	}
}

func (w *WAVReader) decode(pcm []int16, raw []byte) {
	for i := range pcm {
		sum := 0
		for range w.channels {
			sum += w.sample(raw)
			raw = raw[w.bytes:]
		}
		pcm[i] = int16(sum / w.channels) //nolint:gosec // An average of such.
	}
}

func (w *WAVReader) sample(raw []byte) int {
	var one [1]int16
	switch {
	case w.format == wavMuLaw:
		g711.MuLaw().Decode(one[:], raw[:1])
		return int(one[0])
	case w.format == wavALaw:
		g711.ALaw().Decode(one[:], raw[:1])
		return int(one[0])
	case w.bytes == 1:
		return (int(raw[0]) - 128) << 8 // Bytes have no sign in WAV files.
	default:
		return int(int16(binary.LittleEndian.Uint16(raw[w.bytes-2:]))) //nolint:gosec // The two most significant bytes.
	}
}

// WAVWriter writes a WAV file of 16-bit PCM. If its writer can be rewound, as files can, Close puts the length into the
// head; until then, and for others, the head says that all that comes belongs to it.
type WAVWriter struct {
	w        io.Writer
	channels int
	written  int64
	raw      []byte
	err      error
}

// NewWAVWriter writes the head.
func NewWAVWriter(w io.Writer, rate, channels int) (*WAVWriter, error) {
	if rate < 1 || channels < 1 || channels > 16 {
		return nil, fmt.Errorf("media: no WAV file has %d Hz and %d channels", rate, channels)
	}
	head := make([]byte, 0, 44)
	head = append(head, "RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00"...)
	head = binary.LittleEndian.AppendUint16(head, uint16(channels))
	head = binary.LittleEndian.AppendUint32(head, uint32(rate))            //nolint:gosec // A rate.
	head = binary.LittleEndian.AppendUint32(head, uint32(rate*channels*2)) //nolint:gosec // A rate.
	head = binary.LittleEndian.AppendUint16(head, uint16(channels*2))
	head = append(head, "\x10\x00data\xff\xff\xff\xff"...)
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("media: WAV file: %w", err)
	}
	return &WAVWriter{w: w, channels: channels}, nil
}

// WriteSamples writes samples; those of several channels alternate.
func (w *WAVWriter) WriteSamples(pcm []int16) error {
	if w.err != nil {
		return w.err
	}
	w.raw = appendPCM(w.raw[:0], pcm)
	n, err := w.w.Write(w.raw)
	w.written += int64(n)
	if err != nil {
		w.err = fmt.Errorf("media: WAV file: %w", err)
	}
	return w.err
}

// Close completes the head. It doesn't close the writer.
func (w *WAVWriter) Close() error {
	seeker, ok := w.w.(io.WriteSeeker)
	if w.err != nil || !ok || w.written+36 > 0xffffffff {
		return w.err
	}
	start, err := seeker.Seek(-(w.written + 44), io.SeekCurrent)
	if err != nil {
		return nil //nolint:nilerr // A pipe, say: it stays as it is.
	}
	var size [4]byte
	for _, field := range []struct{ at, value int64 }{{4, w.written + 36}, {40, w.written}} {
		binary.LittleEndian.PutUint32(size[:], uint32(field.value)) //nolint:gosec // Checked above.
		if _, err := seeker.Seek(start+field.at, io.SeekStart); err != nil {
			return fmt.Errorf("media: WAV file: %w", err)
		}
		if _, err := w.w.Write(size[:]); err != nil {
			return fmt.Errorf("media: WAV file: %w", err)
		}
	}
	if _, err := seeker.Seek(start+44+w.written, io.SeekStart); err != nil {
		return fmt.Errorf("media: WAV file: %w", err)
	}
	return nil
}

// appendPCM appends samples as 16-bit little-endian bytes.
func appendPCM(raw []byte, pcm []int16) []byte {
	for _, s := range pcm {
		raw = append(raw, byte(s), byte(s>>8)) //nolint:gosec // Both halves.
	}
	return raw
}

// parsePCM reads 16-bit little-endian bytes.
func parsePCM(pcm []int16, raw []byte) int {
	n := min(len(pcm), len(raw)/2)
	for i := range pcm[:n] {
		pcm[i] = int16(raw[2*i]) | int16(raw[2*i+1])<<8
	}
	return n
}

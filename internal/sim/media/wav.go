package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errWAV = errors.New("no WAV file of 16-bit samples")

// ReadWAV reads a file of 16-bit samples; of more channels it takes the first.
func ReadWAV(r io.Reader) (rate int, pcm []int16, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, nil, err
	}
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return 0, nil, errWAV
	}
	channels := 0
	for rest := data[12:]; len(rest) >= 8; {
		name, n := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:min(8+n, len(rest))]
		switch {
		case name == "fmt " && len(body) >= 16:
			channels, rate = int(binary.LittleEndian.Uint16(body[2:])), int(binary.LittleEndian.Uint32(body[4:]))
			if bits := binary.LittleEndian.Uint16(body[14:]); bits != 16 {
				return 0, nil, fmt.Errorf("%w: they have %d bits", errWAV, bits)
			}
		case name == "data" && channels > 0:
			for at := 0; at+2 <= len(body); at += 2 * channels {
				pcm = append(pcm, int16(binary.LittleEndian.Uint16(body[at:]))) //nolint:gosec // The same 16 bits.
			}
			return rate, pcm, nil
		}
		rest = rest[min(8+n+n&1, len(rest)):]
	}
	return 0, nil, errWAV
}

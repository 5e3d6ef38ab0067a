package media

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"time"
)

// Kinds of AudioSocket packets. Audio of other rates follows that of 8 kHz.
const (
	AudioSocketHangup = 0x00
	audioSocketID     = 0x01
	audioSocketDTMF   = 0x03
	audioSocketAudio  = 0x10
)

// audioSocketRates are the rates of the kinds of audio.
var audioSocketRates = []int{8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000}

// AudioSocketGap is how long Asterisk waits within a packet.
const AudioSocketGap = 5 * time.Millisecond

var errPacket = errors.New("media: an AudioSocket packet that ends the call")

// AudioSocketKind is the kind of a rate's audio.
func AudioSocketKind(rate int) byte {
	for i, r := range audioSocketRates {
		if r == rate {
			return byte(audioSocketAudio + i)
		}
	}
	return audioSocketAudio
}

// AudioSocketPacket makes a packet.
func AudioSocketPacket(kind byte, payload []byte) []byte {
	packet := []byte{kind, 0, 0}
	binary.BigEndian.PutUint16(packet[1:], uint16(len(payload))) //nolint:gosec // Frames are short.
	return append(packet, payload...)
}

// AudioSocketDigit makes a packet that tells a key.
func AudioSocketDigit(digit string) []byte { return AudioSocketPacket(audioSocketDTMF, []byte(digit)) }

// AudioSocketName makes the packet that says which call it is.
func AudioSocketName(uuid string) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	return AudioSocketPacket(audioSocketID, id), err
}

// An AudioSocketReader reads what a program sends.
type AudioSocketReader struct {
	conn net.Conn
	in   *bufio.Reader
}

// NewAudioSocketReader reads from a connection.
func NewAudioSocketReader(conn net.Conn) *AudioSocketReader {
	return &AudioSocketReader{conn, bufio.NewReaderSize(conn, 64<<10)}
}

// Next waits for the next audio. Whatever isn't audio ends the call, and so does a packet without content, and one that comes in pieces with a
// gap between them.
func (r *AudioSocketReader) Next() (rate int, payload []byte, err error) {
	var header [3]byte
	if _, err := io.ReadFull(r.in, header[:1]); err != nil {
		return 0, nil, err
	}
	if r.in.Buffered() < 2 {
		_ = r.conn.SetReadDeadline(time.Now().Add(AudioSocketGap)) // If it can't be set, there is no limit.
	}
	defer func() { _ = r.conn.SetReadDeadline(time.Time{}) }()
	if _, err := io.ReadFull(r.in, header[1:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(header[1:]))
	kind := int(header[0]) - audioSocketAudio
	if kind < 0 || kind >= len(audioSocketRates) || n == 0 {
		return 0, nil, errPacket
	}
	payload = make([]byte, n)
	for at := 0; at < n; {
		if r.in.Buffered() == 0 {
			_ = r.conn.SetReadDeadline(time.Now().Add(AudioSocketGap))
		}
		got, err := r.in.Read(payload[at:])
		if at += got; err != nil && at < n {
			return 0, nil, err
		}
	}
	return audioSocketRates[kind], payload, nil
}

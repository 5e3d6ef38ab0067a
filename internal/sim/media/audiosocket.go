package media

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"time"
)

// Kinds of AudioSocket messages.
const (
	audioSocketHangup = 0x00
	audioSocketID     = 0x01
	idLength          = 16
)

var errID = errors.New("media: an AudioSocket id has 16 bytes")

// connectTime is how long Asterisk waits for an AudioSocket server to take a connection.
const connectTime = 2 * time.Second

// DialAudioSocket connects to an AudioSocket server and says which call it is.
func DialAudioSocket(ctx context.Context, addr, uuid string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	id, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil {
		return nil, err
	}
	if len(id) != idLength {
		return nil, errID
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append([]byte{audioSocketID, 0, idLength}, id...)); err != nil {
		_ = conn.Close() // The first error says more.
		return nil, err
	}
	return conn, nil
}

// ReadAudioSocket reads and forgets what an AudioSocket server sends, until it hangs up or the connection ends.
func ReadAudioSocket(conn net.Conn) {
	var header [3]byte
	for {
		if _, err := io.ReadFull(conn, header[:]); err != nil || header[0] == audioSocketHangup {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(header[1:]))); err != nil {
			return
		}
	}
}

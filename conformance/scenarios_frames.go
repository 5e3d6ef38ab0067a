package conformance

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/stretchr/testify/require"
)

var _ = register(
	scenario{name: "websocket-message-in-pieces", run: messageInPieces, needs: []Feature{Own, Pieces}, unrecorded: true},
)

// A message of the client that arrives in more than ten reads ends the connection.
func messageInPieces(s *S) {
	s.moveTo(s.Own(s, Setup{}))
	few, many := s.rawWebsocket("few"), s.rawWebsocket("many")
	s.ok(few.sendInPieces(s, 5))
	s.ok(few.ping())
	if err := many.sendInPieces(s, 25); err == nil { // It may notice only with the answer.
		require.ErrorIs(s, many.ping(), errClosedByPeer)
	}
}

// A rawWebsocket is a connection whose frames are written by hand.
type rawWebsocket struct {
	net.Conn
	in *bufio.Reader
}

// rawWebsocket connects as an application.
func (s *S) rawWebsocket(app string) rawWebsocket {
	s.Helper()
	server := s.Server()
	u, err := url.Parse(server.URL)
	s.ok(err)
	conn, err := (&net.Dialer{}).DialContext(s.Ctx, "tcp", u.Host)
	s.ok(err)
	s.Cleanup(func() { _ = conn.Close() })
	s.ok(conn.SetDeadline(time.Now().Add(awaitTime)))
	req, err := http.NewRequestWithContext(s.Ctx, http.MethodGet, server.URL+"/events?app="+s.AppName+"-"+app, http.NoBody)
	s.ok(err)
	req.SetBasicAuth(server.Username, server.Password)
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(make([]byte, 16)),
	} {
		req.Header.Set(name, value)
	}
	s.ok(req.Write(conn))
	raw := rawWebsocket{conn, bufio.NewReader(conn)}
	resp, err := http.ReadResponse(raw.in, req)
	s.ok(err)
	_ = resp.Body.Close()
	require.Equal(s, http.StatusSwitchingProtocols, resp.StatusCode)
	return raw
}

const pieceSize = 1000

// sendInPieces sends a text message in so many pieces, each of which Asterisk has read before the next one is sent, most likely. It is masked with zeros.
func (c rawWebsocket) sendInPieces(s *S, pieces int) error {
	size := pieces * pieceSize
	frame := append([]byte{0x81, 0x80 | 126, byte(size >> 8), byte(size), 0, 0, 0, 0}, make([]byte, size)...) //nolint:gosec // It fits.
	for i := 8; i < len(frame); i++ {
		frame[i] = ' '
	}
	for len(frame) > 0 {
		n := min(len(frame), pieceSize)
		if _, err := c.Write(frame[:n]); err != nil {
			return err
		}
		frame = frame[n:]
		if err := pause(s.Ctx); err != nil {
			return err
		}
	}
	return nil
}

var errClosedByPeer = errors.New("closed by the other side")

// ping waits for the answer to a ping.
func (c rawWebsocket) ping() error {
	if _, err := c.Write([]byte{0x89, 0x80, 0, 0, 0, 0}); err != nil {
		return errClosedByPeer
	}
	for {
		var head [2]byte
		if _, err := io.ReadFull(c.in, head[:]); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return err
			}
			return errClosedByPeer
		}
		length := int64(head[1] & 0x7f)
		if length == 126 {
			var long [2]byte
			if _, err := io.ReadFull(c.in, long[:]); err != nil {
				return errClosedByPeer
			}
			length = int64(long[0])<<8 | int64(long[1])
		}
		if _, err := io.CopyN(io.Discard, c.in, length); err != nil {
			return errClosedByPeer
		}
		switch head[0] & 0x0f {
		case 0x0a:
			return nil
		case 0x08:
			return errClosedByPeer
		}
	}
}

package voice_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/voice"
)

const uuid = "40325ec2-5efd-4bd3-805f-53576e581d13"

// acceptAudioSocket makes an AudioSocket channel and takes its connection, which has said who it is. From then on it sends silence until the test
// does something else.
func acceptAudioSocket(t *testing.T, l *voice.Line, ctrl *ari.Controller, format string) (*ari.Channel, net.Conn) {
	t.Helper()
	listener, err := l.Network().Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	type result struct {
		ch  *ari.Channel
		err error
	}
	created := make(chan result, 1)
	go func() {
		ch, err := ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
			ExternalHost: listener.Addr().String(), Format: format, Data: uuid, Transport: ari.TransportTCP, Encapsulation: ari.EncapsulationAudiosocket,
		})
		created <- result{ch, err}
	}()
	conn, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	kind, id := readPacket(t, conn)
	assert.Equal(t, byte(1), kind)
	assert.Equal(t, "40325ec25efd4bd3805f53576e581d13", hex.EncodeToString(id))
	writePacket(t, conn, audioKind(format), make([]byte, 320)) // One who says nothing can bring Asterisk to a standstill.
	r := <-created
	require.NoError(t, r.err)
	return r.ch, conn
}

// keepTalking sends silence until the function that it returns is called: while a channel is being bridged, a peer that says nothing can bring all of
// a real Asterisk to a standstill.
func keepTalking(conn net.Conn, format string, size int) (hush func()) {
	done := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := append(binary.BigEndian.AppendUint16([]byte{audioKind(format)}, uint16(size)), make([]byte, size)...)
		for {
			if _, err := conn.Write(packet); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		talking.Wait()
	}
}

func audioKind(format string) byte {
	return map[string]byte{"slin": 0x10, "slin16": 0x12, "slin24": 0x13, "slin48": 0x16}[format]
}

func readPacket(t *testing.T, conn net.Conn) (kind byte, payload []byte) {
	t.Helper()
	var header [3]byte
	_, err := io.ReadFull(conn, header[:])
	require.NoError(t, err)
	payload = make([]byte, binary.BigEndian.Uint16(header[1:]))
	_, err = io.ReadFull(conn, payload)
	require.NoError(t, err)
	return header[0], payload
}

func writePacket(t *testing.T, conn net.Conn, kind byte, payload []byte) {
	t.Helper()
	packet := binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(payload)))
	_, err := conn.Write(append(packet, payload...))
	require.NoError(t, err)
}

func TestAudioSocket(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "audiosocket").ARI()
		for _, format := range []string{"slin", "slin16", "slin24", "slin48"} {
			ch, conn := acceptAudioSocket(t, l, ctrl, format)
			other := newProgram(t, ctrl, format, "f(json)")
			other.event("MEDIA_START")
			size := map[string]int{"slin": 320, "slin16": 640, "slin24": 960, "slin48": 1920}[format]
			hush := keepTalking(conn, format, size)
			bridged(t, ctrl, ch, other.ch)
			hush()
			writePacket(t, conn, audioKind(format), bytes.Repeat([]byte{9}, size))
			other.await(func() bool { n := len(other.frames); return n > 0 && other.frames[n-1][0] == 9 }) // All before it has come.
			before := other.heard()
			// What comes goes on at once, as it is, whatever its size.
			for range 5 {
				writePacket(t, conn, audioKind(format), bytes.Repeat([]byte{1}, size))
			}
			writePacket(t, conn, audioKind(format), bytes.Repeat([]byte{1}, 20))
			other.await(func() bool { return len(other.frames) == before+6 })
			assert.Len(t, other.all()[before], size)
			assert.Len(t, other.all()[before+5], 20)
			other.say(2, size)
			for range 2 {
				kind, payload := readPacket(t, conn)
				assert.Equal(t, audioKind(format), kind)
				assert.Equal(t, bytes.Repeat([]byte{1}, size), payload)
			}
			require.NoError(t, ch.SendDTMF(t.Context(), "7"))
			kind, payload := readPacket(t, conn)
			assert.Equal(t, byte(3), kind)
			assert.Equal(t, "7", string(payload))
			require.NoError(t, ch.Stop(t.Context()))
			_, err := conn.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		}
	})
}

// What ends an AudioSocket channel.
func TestAudioSocketEnds(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "ends").ARI()
		for name, say := range map[string]func(net.Conn){
			"closes":        func(conn net.Conn) { _ = conn.Close() },
			"hangs up":      func(conn net.Conn) { writePacket(t, conn, 0, nil) },
			"a digit":       func(conn net.Conn) { writePacket(t, conn, 3, []byte("5")) },
			"empty audio":   func(conn net.Conn) { writePacket(t, conn, 0x10, nil) },
			"unknown kind":  func(conn net.Conn) { writePacket(t, conn, 0x77, nil) },
			"half a packet": func(conn net.Conn) { _, _ = conn.Write([]byte{0x10, 1, 0x40, 1, 2, 3}) },
		} {
			for _, inBridge := range []bool{false, true} {
				ch, conn := acceptAudioSocket(t, l, ctrl, "slin")
				require.NoError(t, ch.WaitStasis(t.Context()))
				want := 0
				if inBridge {
					want = 16
					other := newProgram(t, ctrl, "slin", "f(json)")
					hush := keepTalking(conn, "slin", 320)
					bridged(t, ctrl, ch, other.ch)
					hush()
				}
				say(conn)
				end, err := ch.WaitEnd(t.Context())
				require.NoError(t, err, name)
				assert.Equal(t, want, end.Cause, "%s, bridged: %v", name, inBridge)
			}
		}
		_, err := ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{
			ExternalHost: "127.0.0.1:1", Format: "slin", Data: uuid, Transport: ari.TransportTCP, Encapsulation: ari.EncapsulationAudiosocket,
		})
		require.Error(t, err, "nobody listens")
	})
}

// By RTP, what Asterisk takes and what it doesn't.
func TestRTP(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "rtp").ARI()
		port, err := l.Network().ListenPacket(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = port.Close() }()
		stranger, err := l.Network().ListenPacket(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = stranger.Close() }()
		ch, err := ctrl.CreateExternalMedia(t.Context(), ari.ExternalMediaOptions{ExternalHost: port.LocalAddr().String(), Format: "ulaw"})
		require.NoError(t, err)
		to, err := net.ResolveUDPAddr("udp", ch.ChannelVars["UNICASTRTP_LOCAL_ADDRESS"]+":"+ch.ChannelVars["UNICASTRTP_LOCAL_PORT"])
		require.NoError(t, err)
		other := newProgram(t, ctrl, "ulaw", "f(json)")
		other.event("MEDIA_START")
		bridged(t, ctrl, ch, other.ch)

		sequence := uint16(100)
		send := func(from net.PacketConn, pt byte, mark byte) {
			packet := []byte{0x80, pt, byte(sequence >> 8), byte(sequence), 0, 0, byte(sequence >> 8), byte(sequence), 1, 2, 3, 4}
			packet = append(packet, bytes.Repeat([]byte{mark}, 160)...)
			sequence++
			_, err := from.WriteTo(packet, to)
			require.NoError(t, err)
		}
		// Each step is known to be over when a packet of ours has come through.
		through := func(mark byte) (marks []byte) {
			before := other.heard()
			send(port, 0, mark)
			other.await(func() bool { return len(other.frames) > before && other.frames[len(other.frames)-1][0] == mark })
			for _, f := range other.all() {
				marks = append(marks, f[0])
			}
			return marks
		}
		assert.Equal(t, []byte{1}, through(1), "the first packet of the peer's is taken")
		send(port, 118, 99)
		assert.Equal(t, []byte{1, 2}, through(2), "a payload type above 34 isn't")
		for i := range byte(6) {
			send(stranger, 0, 10+i)
			time.Sleep(20 * time.Millisecond) // Two sockets have no order.
		}
		assert.Equal(t, []byte{1, 2, 14, 15, 3}, through(3), "a stranger is, after four packets")

		other.say(3, 160)
		var timestamps []uint32
		for i := range 3 {
			buf := make([]byte, 500)
			n, from, err := port.ReadFrom(buf)
			require.NoError(t, err)
			assert.Equal(t, to.String(), from.String())
			assert.Equal(t, 172, n)
			assert.Equal(t, byte(0), buf[1]&0x7f)
			if timestamps = append(timestamps, binary.BigEndian.Uint32(buf[4:])); i > 0 {
				assert.Equal(t, uint32(160), timestamps[i]-timestamps[i-1])
			}
		}
		require.NoError(t, ch.Stop(t.Context()))
	})
}

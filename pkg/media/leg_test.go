package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media/internal/audiosocket"
	"github.com/ari-go/ari/pkg/media/internal/chanws"
	"github.com/ari-go/ari/pkg/media/internal/rtp"
)

const startJSON = `{"event":"MEDIA_START","connection_id":"c","channel_id":"1","format":"slin16","optimal_frame_size":640,"ptime":20}`

// websocketPair connects a leg with a server that is told what to do.
func websocketPair(t *testing.T, first string) (*websocketLeg, *websocket.Conn, error) {
	t.Helper()
	conns := make(chan *websocket.Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err == nil {
			conns <- conn
			<-t.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil)
	require.NoError(t, err)
	far := <-conns
	t.Cleanup(func() { _ = far.CloseNow(); _ = conn.CloseNow() })
	require.NoError(t, far.Write(t.Context(), websocket.MessageText, []byte(first)))
	l, _, err := startWebsocketLeg(t.Context(), conn)
	return l, far, err
}

func TestWebsocketLeg(t *testing.T) {
	t.Parallel()
	l, far, err := websocketPair(t, startJSON)
	require.NoError(t, err)
	assert.Equal(t, 16000, l.rate())
	assert.True(t, l.marks())
	pcm := noise(1, 320*14)
	require.NoError(t, l.write(pcm))
	require.NoError(t, l.mark(12345, 7))
	require.NoError(t, l.flush())
	var got []byte
	for _, n := range []int{320 * 12, 320 * 2} {
		typ, data, err := far.Read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, websocket.MessageBinary, typ)
		assert.Len(t, data, 2*n, "whole frames, at most 8 KB")
		got = append(got, data...)
	}
	assert.Equal(t, appendPCM(nil, pcm), got)
	var commands []string
	for range 3 {
		_, data, err := far.Read(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(data), chanws.MaxText)
		commands = append(commands, string(data))
	}
	assert.JSONEq(t, `{"command":"MARK_MEDIA","correlation_id":"7.9ix"}`, commands[0])
	assert.JSONEq(t, `{"command":"GET_STATUS"}`, commands[1])
	assert.JSONEq(t, `{"command":"FLUSH_MEDIA"}`, commands[2])

	for _, m := range []struct {
		typ  websocket.MessageType
		text string
	}{
		{websocket.MessageText, `{"event":"MEDIA_MARK_PROCESSED","correlation_id":"7.9ix"}`},
		{websocket.MessageText, `{"event":"STATUS","queue_length":17}`},
		{websocket.MessageText, `{"event":"DTMF_END","digit":"#"}`},
		{websocket.MessageText, "garbage"},
		{websocket.MessageText, `{"event":"SOMETHING_NEW"}`},
		{websocket.MessageText, `{"event":"MEDIA_MARK_PROCESSED","correlation_id":"somebody else's"}`},
		{websocket.MessageText, `{"event":"MEDIA_XOFF"}`},
		{websocket.MessageBinary, string(appendPCM(nil, pcm[:500]))},
		{websocket.MessageBinary, ""},
		{websocket.MessageBinary, "x"},
		{websocket.MessageBinary, string(bytes.Repeat([]byte("ab"), 10000))},
	} {
		require.NoError(t, far.Write(t.Context(), m.typ, []byte(m.text)))
	}
	buf := make([]int16, maxRead)
	for _, want := range []legEvent{
		{kind: legMark, frames: 12345, generation: 7}, {kind: legStatus, queue: 17}, {kind: legDigit, digit: '#'}, {kind: legXOff},
	} {
		n, ev, err := l.read(buf)
		require.NoError(t, err)
		assert.Zero(t, n)
		assert.Equal(t, want, ev)
	}
	n, _, err := l.read(buf)
	require.NoError(t, err)
	assert.Equal(t, pcm[:500], buf[:n])
	total := 0
	for total < 10000 { // A message that is longer than what is read at once.
		n, _, err = l.read(buf)
		require.NoError(t, err)
		total += n
	}
	assert.Equal(t, 10000, total)
	go func() { _ = far.Close(websocket.StatusNormalClosure, "") }()
	_, _, err = l.read(buf)
	assert.ErrorIs(t, err, io.EOF, "hung up")
}

func TestWebsocketStart(t *testing.T) {
	t.Parallel()
	l, _, err := websocketPair(t, "MEDIA_START connection_id:c channel_id:1 format:ulaw optimal_frame_size:160 ptime:20")
	require.NoError(t, err)
	assert.False(t, l.marks(), "plain text is older than marks")
	assert.Equal(t, 8000, l.rate())
	for _, bad := range []string{"", "hello", `{"event":"STATUS"}`, strings.Replace(startJSON, "slin16", "opus", 1)} {
		_, _, err := websocketPair(t, bad)
		assert.Error(t, err, bad)
	}
}

// A control message without end is refused, and a connection that breaks is no hang-up.
func TestWebsocketErrors(t *testing.T) {
	t.Parallel()
	l, far, err := websocketPair(t, startJSON)
	require.NoError(t, err)
	require.NoError(t, far.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte("x"), 9000)))
	_, _, err = l.read(make([]int16, maxRead))
	assert.ErrorContains(t, err, "control message of more than")
	l, far, err = websocketPair(t, startJSON)
	require.NoError(t, err)
	require.NoError(t, far.CloseNow())
	_, _, err = l.read(make([]int16, maxRead))
	require.Error(t, err)
	assert.NotErrorIs(t, err, io.EOF)
}

func TestAudioSocketLeg(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	l, err := newAudioSocketLeg(near, newAudioSocketReader(near), 16000)
	require.NoError(t, err)
	pcm := noise(1, 640)
	go func() {
		_ = l.write(pcm)
		for _, s := range []string{"\x03\x00\x017", "\xff\x00\x01\x01"} {
			_, _ = far.Write([]byte(s))
		}
	}()
	packet := make([]byte, 643)
	for i := range 2 {
		n, err := far.Read(packet)
		require.NoError(t, err)
		require.Equal(t, 643, n, "one write for each packet")
		assert.Equal(t, []byte{0x12, 2, 0x80}, packet[:3])
		assert.Equal(t, appendPCM(nil, pcm[320*i:320*(i+1)]), packet[3:])
	}
	buf := make([]int16, maxRead)
	_, ev, err := l.read(buf)
	require.NoError(t, err)
	assert.Equal(t, legEvent{kind: legDigit, digit: '7'}, ev)
	_, ev, err = l.read(buf)
	require.NoError(t, err)
	assert.Equal(t, legEvent{kind: legError}, ev)
	go func() {
		_, _ = far.Write(append(audiosocket.AppendHeader(nil, 0x12, 1280), appendPCM(nil, pcm)...))
		_, _ = far.Write([]byte{0x10, 0, 2, 1, 2})
	}()
	n, _, err := l.read(buf[:400])
	require.NoError(t, err)
	m, _, err := l.read(buf[400:])
	require.NoError(t, err)
	assert.Equal(t, pcm, buf[:n+m])
	_, _, err = l.read(buf)
	assert.ErrorContains(t, err, "8000 Hz", "another rate than was asked for")
	require.NoError(t, far.Close())
	_, _, err = l.read(buf)
	assert.ErrorIs(t, err, io.EOF)
}

// Strangers on the listener: with the wrong name, with garbage, with nothing. The right one gets through, once.
func TestAudioSocketListener(t *testing.T) {
	t.Parallel()
	l, err := ListenAudioSocket("127.0.0.1:0", "")
	require.NoError(t, err)
	expected, id, err := l.expect()
	require.NoError(t, err)
	connect := func(first []byte) net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write(first)
		require.NoError(t, err)
		return conn
	}
	hello := func(id [16]byte) []byte { return append([]byte{1, 0, 16}, id[:]...) }
	silent := connect(nil)
	for name, first := range map[string][]byte{
		"wrong name": hello([16]byte{1}), "HTTP": []byte("GET / HTTP/1.1\r\n\r\n"), "audio first": {0x10, 0, 2, 0, 0}, "long": {1, 0xff, 0xff},
	} {
		_, err := connect(first).Read(make([]byte, 1))
		require.Error(t, err, name)
		assert.False(t, isTimeout(err), name)
	}
	right := connect(hello(id))
	c := <-expected
	go func() { _, _ = right.Write([]byte{3, 0, 1, '5'}) }()
	kind, payload, err := c.in.Next()
	require.NoError(t, err)
	assert.Equal(t, audiosocket.DTMF, kind)
	assert.Equal(t, "5", string(payload))
	_, err = connect(hello(id)).Read(make([]byte, 1))
	require.Error(t, err, "a second time")

	// One that comes when nobody waits any more is closed.
	late, id2, err := l.expect()
	require.NoError(t, err)
	conn := connect(hello(id2))
	require.Eventually(t, func() bool { return len(late) == 1 }, 10*time.Second, time.Millisecond)
	l.forget(id2, late)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, l.Close())
	_, err = silent.Read(make([]byte, 1))
	require.Error(t, err, "closed with the listener")
	_, _, err = l.expect()
	require.ErrorIs(t, err, net.ErrClosed)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestRTPLeg(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddrPort("127.0.0.1:0")
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
	require.NoError(t, err)
	far, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
	require.NoError(t, err)
	stranger, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(); _ = far.Close(); _ = stranger.Close() })
	l, err := newRTPLeg(conn, far.LocalAddr().(*net.UDPAddr).AddrPort(), "slin")
	require.NoError(t, err)
	pcm := noise(1, 480)
	require.NoError(t, l.write(pcm))
	raw := make([]byte, 2048)
	var before rtp.Header
	for i := range 3 {
		n, err := far.Read(raw)
		require.NoError(t, err)
		h, payload, err := rtp.Parse(raw[:n])
		require.NoError(t, err)
		assert.Equal(t, uint8(10), h.PayloadType)
		assert.Equal(t, i == 0, h.Marker)
		assert.Equal(t, linear{8000, true}.append(nil, pcm[160*i:160*(i+1)]), payload, "big-endian")
		if i > 0 {
			assert.Equal(t, before.Sequence+1, h.Sequence)
			assert.Equal(t, before.Timestamp+160, h.Timestamp)
			assert.Equal(t, before.SSRC, h.SSRC)
		}
		before = h
	}
	send := func(from *net.UDPConn, sequence uint16, pt uint8, pcm []int16) {
		packet := rtp.AppendHeader(nil, rtp.Header{PayloadType: pt, Sequence: sequence, SSRC: 9})
		_, err := from.WriteToUDPAddrPort(linear{8000, true}.append(packet, pcm), conn.LocalAddr().(*net.UDPAddr).AddrPort())
		require.NoError(t, err)
	}
	send(stranger, 1, 10, pcm[:160])
	send(far, 1, 99, pcm[:160])
	_, err = far.WriteToUDPAddrPort([]byte("garbage"), conn.LocalAddr().(*net.UDPAddr).AddrPort())
	require.NoError(t, err)
	for i, sequence := range []uint16{1, 3, 2, 5, 6, 7} {
		send(far, sequence, 10, pcm[i*10:i*10+160])
	}
	buf := make([]int16, maxRead)
	var got [][]int16
	lost := 0
	for range 7 {
		n, ev, err := l.read(buf)
		require.NoError(t, err)
		got = append(got, append([]int16(nil), buf[:n]...))
		lost += ev.lost
	}
	for i, from := range []int{0, 20, 10, -1, 30, 40, 50} {
		if from >= 0 {
			assert.Equal(t, pcm[from:from+160], got[i], "packet %d", i)
		}
	}
	assert.Len(t, got[3], 160)
	assert.Equal(t, got[2][159], got[3][0], "the gap begins where the packet before ended")
	assert.Equal(t, 1, lost)
	assert.Equal(t, int64(2), l.strangers.Load())
	assert.Equal(t, int64(1), l.wrong.Load())
	require.NoError(t, l.close())
	_, _, err = l.read(buf)
	require.ErrorIs(t, err, io.EOF)
	require.ErrorIs(t, l.write(pcm), io.EOF)
	_, err = newRTPLeg(conn, local, "slin16")
	require.ErrorIs(t, err, errFormat)
}

// Whatever comes from the network: no leg panics or spins.
func FuzzWebsocketLeg(f *testing.F) {
	f.Add([]byte(`{"event":"STATUS","queue_length":-5}`), true)
	f.Add([]byte("abc"), false)
	f.Fuzz(func(t *testing.T, message []byte, text bool) {
		l := &websocketLeg{codec: linear{16000, false}, buf: make([]byte, 8<<10)}
		if text {
			_, _ = l.readControl(bytes.NewReader(message))
			return
		}
		l.message = io.MultiReader(bytes.NewReader(message), iotest.ErrReader(errors.New("the end")))
		pcm := make([]int16, maxRead)
		for total := 0; ; {
			n, _, err := l.read(pcm)
			if err != nil {
				return
			}
			require.Positive(t, n)
			total += n
			require.LessOrEqual(t, total, len(message)/2)
		}
	})
}

// Marks of other generations, statuses out of nowhere, anything in any order: the stream's account stays sound.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{2, 5, 0, 3, 9, 0, 2, 200, 1, 4, 0, 0, 5, 0, 0})
	f.Fuzz(func(t *testing.T, events []byte) {
		fake := &fakeAsterisk{hertz: 8000, queues: true, canMark: true, say: make(chan legReply, 4096), closed: make(chan struct{})}
		s := streamOn(t, fake, 8000, Options{})
		u, err := s.Say(context.Background(), Samples(8000, noise(1, 4000)))
		require.NoError(t, err)
		for len(events) >= 3 {
			s.event(legEvent{
				kind: legEventKind(events[0] % 8), queue: int(int8(events[1])), frames: int64(int8(events[1])), generation: uint32(events[2] % 2),
			}, time.Now())
			if events[0] > 200 {
				go u.Pause()
				u.Resume()
			}
			events = events[3:]
		}
		s.player.mu.Lock()
		require.LessOrEqual(t, s.player.heard, s.player.sent)
		require.LessOrEqual(t, u.base, u.next)
		require.LessOrEqual(t, u.next, u.end)
		s.player.mu.Unlock()
		require.NoError(t, s.Close())
	})
}

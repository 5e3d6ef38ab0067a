package audiosocket_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media/internal/audiosocket"
)

func TestPackets(t *testing.T) {
	t.Parallel()
	uuid := []byte("0123456789abcdef")
	raw := append([]byte{1, 0, 16}, uuid...)
	raw = append(raw, 3, 0, 1, '5', 0x10, 0, 4, 1, 2, 3, 4, 0x12, 0, 0, 0, 0, 0)
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(raw), "byte by byte": iotest.OneByteReader(bytes.NewReader(raw))} {
		in := audiosocket.NewReader(r)
		for _, want := range []struct {
			kind    audiosocket.Kind
			payload string
		}{{audiosocket.UUID, string(uuid)}, {audiosocket.DTMF, "5"}, {audiosocket.Audio, "\x01\x02\x03\x04"}, {0x12, ""}, {audiosocket.Hangup, ""}} {
			kind, payload, err := in.Next()
			require.NoError(t, err, name)
			assert.Equal(t, want.kind, kind, name)
			assert.Equal(t, want.payload, string(payload), name)
		}
		_, _, err := in.Next()
		assert.Equal(t, io.EOF, err, name)
	}
	assert.Equal(t, []byte{0x12, 2, 0x80}, audiosocket.AppendHeader(nil, 0x12, 640))
}

func TestBadPackets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"cut in the head":    {"\x10\x00", io.ErrUnexpectedEOF},
		"cut in the payload": {"\x10\x00\x04\x01", io.ErrUnexpectedEOF},
		"no payload":         {"\x10\x00\x04", io.ErrUnexpectedEOF},
		"HTTP":               {"GET / HTTP/1.1\r\n\r\n", audiosocket.ErrProtocol},
		"unknown kind":       {"\x55\x00\x00", audiosocket.ErrProtocol},
		"kind after audio":   {"\x19\x00\x02\x00\x00", audiosocket.ErrProtocol},
		"short id":           {"\x01\x00\x03abc", audiosocket.ErrProtocol},
		"two digits":         {"\x03\x00\x0212", audiosocket.ErrProtocol},
		"half a sample":      {"\x10\x00\x01a", audiosocket.ErrProtocol},
		"long id":            {"\x01\xff\xff", audiosocket.ErrProtocol},
	} {
		_, _, err := audiosocket.NewReader(bytes.NewReader([]byte(c.raw))).Next()
		assert.ErrorIs(t, err, c.want, name)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for kind, rate := range map[audiosocket.Kind]int{0x10: 8000, 0x11: 12000, 0x12: 16000, 0x13: 24000, 0x16: 48000, 0x18: 192000} {
		assert.Equal(t, rate, kind.Rate())
		got, err := audiosocket.AudioOf(rate)
		require.NoError(t, err)
		assert.Equal(t, kind, got)
	}
	assert.Zero(t, audiosocket.Kind(0x19).Rate())
	assert.Zero(t, audiosocket.UUID.Rate())
	_, err := audiosocket.AudioOf(11025)
	assert.Error(t, err)
}

func FuzzNext(f *testing.F) {
	f.Add([]byte("\x01\x00\x100123456789abcdef\x10\x00\x02ab\x03\x00\x015"))
	f.Add([]byte("\x10\xff\xfe"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := audiosocket.NewReader(bytes.NewReader(raw))
		total := 0
		for {
			kind, payload, err := in.Next()
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, audiosocket.ErrProtocol))
				return
			}
			total += audiosocket.HeaderSize + len(payload)
			require.LessOrEqual(t, total, len(raw))
			require.True(t, kind.Rate() == 0 || len(payload)%2 == 0)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	packet := append(audiosocket.AppendHeader(nil, 0x12, 640), make([]byte, 640)...)
	src := bytes.NewReader(packet)
	in := audiosocket.NewReader(src)
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(packet)
		if _, _, err := in.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

package voice_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media"
	"github.com/ari-go/ari/test/voice"
)

// counter is a codec whose frames have one byte: all samples are as loud as it says.
type counter struct{}

func (counter) Rate() int { return 48000 }

func (counter) Encode(frame []byte, pcm []int16) ([]byte, error) {
	return append(frame, byte(pcm[len(pcm)/2]/100)), nil
}

func (counter) Decode(pcm []int16, frame []byte) (int, error) {
	if len(frame) != 1 {
		return 0, errors.New("no frame of this codec")
	}
	for i := range pcm {
		pcm[i] = 100 * int16(frame[0])
	}
	return len(pcm), nil
}

// Frames of a codec that only the program knows pass through Asterisk as they are, both ways.
func TestOwnCodec(t *testing.T) {
	t.Parallel()
	voice.Each(t, []string{"22"}, func(t *testing.T, l *voice.Line) {
		ctrl := l.Client(t, "codec").ARI()
		p := newProgram(t, ctrl, "opus", "f(json)")
		p.event("MEDIA_START")
		require.NoError(t, p.ch.WaitStasis(t.Context()))
		opts := media.Options{Format: "opus", Rate: 48000, Fade: -1, NewCodec: func() (media.Codec, error) { return counter{}, nil }}
		s, err := media.Open(t.Context(), p.ch, opts)
		require.NoError(t, err)

		said, err := s.Say(t.Context(), media.Samples(48000, constant(5*960, 4200)))
		require.NoError(t, err)
		require.NoError(t, said.Wait(t.Context()))
		p.await(func() bool {
			n := 0
			for _, f := range p.frames {
				if bytes.Equal(f, []byte{42}) {
					n++
				}
			}
			return n == 5
		})
		for _, frame := range [][]byte{{1, 2, 3}, {7}} { // What can't be decoded is counted.
			require.NoError(t, p.conn.Write(t.Context(), websocket.MessageBinary, frame))
		}
		for {
			f, err := s.ReadFrame(t.Context())
			require.NoError(t, err)
			if f.PCM[480] == 700 {
				break
			}
		}
		assert.EqualValues(t, 1, s.Stats().Errors)
		time.Sleep(6 * time.Second) // Asterisk is asked for the length of its queue, which is short.
		require.NoError(t, s.Close())

		opts.Transport = media.AudioSocket
		_, err = media.Open(t.Context(), p.ch, opts)
		require.ErrorIs(t, err, media.ErrUnsupported)
		opts.Transport, opts.NewCodec = media.WebSocket, nil
		_, err = media.Open(context.Background(), p.ch, opts)
		require.Error(t, err)
	})
}

func constant(n int, x int16) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = x
	}
	return pcm
}

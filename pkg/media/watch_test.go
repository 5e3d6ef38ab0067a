package media

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is wrong is in the log, once while it lasts, and once when it is over.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(8000, true)
		var log bytes.Buffer
		s, err := newStream(context.Background(), f, streamConfig{
			rate: 8000, history: time.Second, ahead: time.Second, log: slog.New(slog.NewTextHandler(&log, nil)), name: "media-1", pacer: f,
		})
		require.NoError(t, err)
		s.opened()
		time.Sleep(21 * time.Second)
		for range 500 {
			f.say <- legReply{pcm: make([]int16, 160)}
			_, err := s.ReadFrame(t.Context())
			require.NoError(t, err)
			time.Sleep(frameTime)
		}
		chunks := make(chan []int16)
		_, err = s.Say(t.Context(), Frames(8000, chunks))
		require.NoError(t, err)
		for range 10 {
			chunks <- noise(1, 800)
			time.Sleep(time.Second)
		}
		require.NoError(t, s.Close())
		text := log.String()
		for what, times := range map[string]int{
			`level=WARN msg="media: nothing comes from the caller" stream=media-1`:   2,
			`level=INFO msg="media: no longer so: nothing comes from the caller"`:    1,
			`level=WARN msg="media: a source is too slow: the caller hears gaps"`:    1,
			`level=WARN msg="media: this process stands still now and then"`:         0,
			`level=WARN msg="media: a reader is too slow and misses what the caller`: 0,
		} {
			assert.Equal(t, times, bytes.Count([]byte(text), []byte(what)), "%s in\n%s", what, text)
		}
	})
}

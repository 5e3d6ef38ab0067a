package media_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
)

// An observer hears each five seconds how the stream is, what is wrong with it, and how it ended.
func TestObserve(t *testing.T) {
	t.Parallel()
	var reports chan media.Report
	app := func(ctx context.Context, s *media.Stream) error {
		if _, err := s.Say(ctx, media.Tone(8000, 440, -12, 0)); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	observe := func(r media.Report) { reports <- r }
	onSimulator(t, "slin", media.Options{Rate: 8000, Format: "slin", Observe: observe}, app, func(t *testing.T, srv *aritest.Server, call *aritest.Call) {
		reports = make(chan media.Report, 100)
		next := func() media.Report {
			r := <-reports
			assert.Equal(t, call.ChannelID(), r.CallID)
			assert.Equal(t, "slin", r.Format)
			return r
		}
		call.Say(8000, loudNoise(1, 8000*12))
		for range 2 {
			r := next()
			assert.Empty(t, r.Problems)
			assert.InDelta(t, 250, float64(r.Stats.FramesIn%250), 250)
		}
		// A telephone that is muted sends silence, which is another thing than nothing.
		for range 5 {
			next()
		}
		assert.Equal(t, []media.Problem{media.Mute}, next().Problems)
		call.Say(8000, loudNoise(2, 8000*12))
		next()
		assert.Empty(t, next().Problems)

		// A clock that isn't the same everywhere.
		for range 12 {
			next()
		}
		assert.Less(t, next().Stats.Drift.Abs(), 100*time.Millisecond)

		// The caller is sent something, and nothing comes back.
		require.NoError(t, srv.Controller().Channel(call.ChannelID()).Mute(t.Context(), "in"))
		next()
		problems := next().Problems
		assert.Contains(t, problems, media.NoAudio)
		assert.Contains(t, problems, media.OneWay)
		call.Hangup()
		for {
			if r := <-reports; r.End != nil {
				assert.Empty(t, r.Problems)
				break
			}
		}
	})
}

// RTP that is lost is told, with how much of it.
func TestObserveLoss(t *testing.T) {
	t.Parallel()
	lossy := false
	reports := make(chan media.Report, 100)
	observe := func(r media.Report) { reports <- r }
	app := func(ctx context.Context, _ *media.Stream) error {
		<-ctx.Done()
		return errors.New("over")
	}
	onSimulator(t, "slin", media.Options{Rate: 8000, Format: "slin", Observe: observe}, app, func(t *testing.T, srv *aritest.Server, call *aritest.Call) {
		srv.Faults().Media(aritest.MediaFaults{Loss: 0.1})
		call.Say(8000, loudNoise(1, 8000*20))
		for range 3 {
			time.Sleep(5 * time.Second)
		}
		for len(reports) > 0 {
			r := <-reports
			lossy = lossy || slices.Contains(r.Problems, media.LostPackets)
			if r.Transport == media.RTP {
				assert.GreaterOrEqual(t, r.Stats.FramesIn, int64(100))
			}
		}
	})
	assert.True(t, lossy)
}

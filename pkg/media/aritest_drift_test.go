package media_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/media"
)

// A ramp is a source whose samples tell where they are from, and that gives them at a speed of its own.
type ramp struct {
	speed float64
	start time.Time
	given int64
	total int64
}

const rampSize = 20000

// rampAt is the sample at a position: never 0, so that it can be told from silence.
func rampAt(n int64) int16 { return int16(n%rampSize + 1000) }

func (*ramp) Rate() int { return 8000 }

func (r *ramp) ReadSamples(ctx context.Context, pcm []int16) (int, error) {
	if r.start.IsZero() {
		r.start = time.Now()
	}
	n := int(min(int64(len(pcm)), 160, r.total-r.given))
	if n == 0 {
		return 0, io.EOF
	}
	for i := range pcm[:n] {
		pcm[i] = rampAt(r.given + int64(i))
	}
	r.given += int64(n)
	due := r.start.Add(time.Duration(float64(r.given) / 8000 / r.speed * float64(time.Second)))
	select {
	case <-time.After(time.Until(due)):
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// An hour of talk whose source is a little too fast or too slow, in virtual time: all is heard, in order and once; too fast a source never adds
// up to more than the look-ahead, and starves never; too slow a one has the gaps that are its own.
func TestHourOfTalk(t *testing.T) {
	t.Parallel()
	talk := talk
	if testing.Short() {
		talk = time.Minute
	}
	for name, speed := range map[string]float64{"too fast": 1.01, "too slow": 0.99} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stats atomic.Pointer[media.Stats]
			total := int64(talk.Seconds() * 8000)
			app := func(ctx context.Context, s *media.Stream) error {
				u, err := s.Say(ctx, &ramp{speed: speed, total: total})
				if err != nil {
					return err
				}
				err = u.Wait(ctx)
				st := s.Stats()
				stats.Store(&st)
				return err
			}
			onSimulator(t, "slin", media.Options{Rate: 8000, Format: "slin", Fade: -1}, app, func(t *testing.T, _ *aritest.Server, call *aritest.Call) {
				ear := call.Listen()
				began := time.Now()
				heard, deepest := int64(0), time.Duration(0)
				for heard < total {
					time.Sleep(10 * time.Second)
					frames := ear.Take()
					if len(frames) == 0 {
						t.Fatalf("nothing was heard after sample %d", heard)
					}
					for _, f := range frames {
						for _, x := range f.Samples {
							if x == 0 {
								continue
							}
							if x != rampAt(heard) {
								t.Fatalf("%d at sample %d, where %d should be", x, heard, rampAt(heard))
							}
							heard++
						}
						// How long ago the source has given it; a fast source waits for whoever hears it.
						given := time.Duration(float64(heard) / 8000 / min(speed, 1) * float64(time.Second))
						deepest = max(deepest, f.Time.Sub(began)-given)
					}
				}
				assert.Equal(t, total, heard)
				st := stats.Load()
				require.NotNil(t, st)
				t.Logf("late by at most %v; %+v", deepest, *st)
				assert.Less(t, deepest, 200*time.Millisecond, "nothing adds up")
				if speed > 1 {
					assert.Zero(t, st.Underruns)
				}
			})
		})
	}
}

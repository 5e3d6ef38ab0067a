package lanes

import (
	"maps"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type place struct {
	conn uint32
	kind uint8
}

// A worker owns lanes, and keeps what it is told.
type worker struct {
	Lanes[place, int]
	handle func(key Key[place], task int)

	mu      sync.Mutex
	running int
	made    int
	reports map[Key[place]][]Report
	dropped []int
}

func newWorker(b *Budget, handle func(Key[place], int)) *worker {
	w := &worker{handle: handle, reports: make(map[Key[place]][]Report)}
	w.Init(b, w)
	return w
}

func (w *worker) Started() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running++
	w.made++
}

func (w *worker) Done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
}

type handlerFunc func(task int)

func (f handlerFunc) Handle(task int) { f(task) }

func (w *worker) Lane(key Key[place]) Handler[int] {
	return handlerFunc(func(task int) { w.handle(key, task) })
}

func (w *worker) Report(key Key[place], r Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports[key] = append(w.reports[key], r)
}

func (w *worker) Drop(task int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped = append(w.dropped, task)
}

func (w *worker) checkIdle(t *testing.T, b *Budget) {
	t.Helper()
	assert.Zero(t, w.Len())
	assert.Zero(t, w.running)
	assert.Zero(t, b.Waiting())
	assert.Zero(t, b.shared.Load())
	assert.Zero(t, b.aside.Load())
}

var channels = place{1, 1}

func TestLanesRunOneAfterAnotherAndSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, n = 20, 30
		var mu sync.Mutex
		got := make(map[string][]int)
		busy := make(map[string]bool)
		all := make(chan struct{})
		atOnce := 0
		b := NewBudget(100)
		w := newWorker(b, func(key Key[place], task int) {
			mu.Lock()
			assert.False(t, busy[key.ID], "two at once in one lane")
			busy[key.ID] = true
			if task == 0 {
				atOnce++
				if atOnce == keys {
					close(all)
				}
			}
			mu.Unlock()
			<-all // They all come here only if none waits for another.
			mu.Lock()
			busy[key.ID] = false
			got[key.ID] = append(got[key.ID], task)
			mu.Unlock()
		})
		for task := range n {
			for key := range keys {
				require.Equal(t, Taken, w.Offer(channels, strconv.AppendInt(nil, int64(key), 10), task, canLose))
			}
		}
		synctest.Wait()
		require.Len(t, got, keys)
		for _, tasks := range got {
			require.Len(t, tasks, n)
			require.IsIncreasing(t, tasks)
		}
		w.checkIdle(t, b)
	})
}

func TestLanesKeepKeysApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorker(NewBudget(1), func(Key[place], int) { <-release })
		id := []byte("c1")
		w.Offer(channels, id, 1, canLose)
		id[1] = '2' // The id was only lent.
		w.Offer(channels, id, 2, canLose)
		w.Offer(place{2, 1}, id, 3, canLose)
		w.Offer(place{1, 2}, id, 4, canLose)
		w.Offer(channels, nil, 5, canLose)
		w.Offer(channels, []byte("c1"), 6, canLose)
		assert.Equal(t, 5, w.Len())
		assert.Equal(t, 1, w.budget.Waiting())
		close(release)
		synctest.Wait()
		w.checkIdle(t, w.budget)
	})
}

func TestIdleLanesCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := NewBudget(100)
		w := newWorker(b, func(Key[place], int) { <-release })
		for i := range 1000 {
			w.Offer(channels, []byte(strconv.Itoa(i)), i, canLose)
		}
		assert.Equal(t, 1000, w.Len())
		assert.Equal(t, 1000, w.running)
		close(release)
		synctest.Wait() // A goroutine that were left would be found by the bubble.
		assert.Nil(t, w.byKey)
		w.checkIdle(t, b)

		w.Offer(channels, []byte("c"), 1, canLose)
		synctest.Wait()
		assert.NotNil(t, w.byKey, "a small map is kept")
	})
}

func TestLaneLosesAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := NewBudget(3)
		w := newWorker(b, func(Key[place], int) { <-release })
		offer := func(task int, vital bool) Verdict { return w.Offer(channels, []byte("c"), task, vital) }
		assert.Equal(t, Taken, offer(0, canLose)) // runs
		for i := range 3 {
			assert.Equal(t, Taken, offer(1+i, canLose))
		}
		assert.Equal(t, Lost, offer(4, canLose))
		assert.Equal(t, Lost, offer(5, canLose))
		assert.Equal(t, Taken, offer(6, vital))
		for range 4 {
			release <- struct{}{}
		}
		synctest.Wait()
		key := Key[place]{channels, "c"}
		assert.Equal(t, []Report{{Losing, 1, 3}}, w.reports[key], "the last one runs still")
		release <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []Report{{Losing, 1, 3}, {CaughtUp, 2, 0}}, w.reports[key])
		assert.Equal(t, []int{4, 5}, w.dropped)
		w.checkIdle(t, b)
	})
}

func TestLaneThatPilesUpCostsOthersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 512
		release := make(chan struct{})
		b := NewBudget(limit)
		w := newWorker(b, func(Key[place], int) { <-release })
		for i := range 100_000 {
			require.Equal(t, Taken, w.Offer(channels, []byte("stuck"), i, vital))
		}
		for i := range limit + 1 {
			require.Equal(t, Taken, w.Offer(channels, []byte("other"), i, canLose))
		}
		assert.Equal(t, Lost, w.Offer(channels, []byte("other"), 0, canLose))
		assert.Len(t, w.reports[Key[place]{channels, "stuck"}], 8)
		close(release)
		synctest.Wait()
		w.checkIdle(t, b)
		for _, reports := range w.reports {
			assert.Equal(t, CaughtUp, reports[len(reports)-1].Kind)
		}
	})
}

func TestLaneGoesOnAfterGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100)
		var got []int
		w := newWorker(b, func(_ Key[place], task int) {
			got = append(got, task)
			if task != 5 {
				runtime.Goexit()
			}
		})
		for i := range 10 {
			w.Offer(channels, []byte("c"), i, canLose)
		}
		synctest.Wait()
		require.Len(t, got, 10)
		assert.IsIncreasing(t, got)
		assert.Equal(t, 1, w.made)
		w.checkIdle(t, b)
	})
}

func TestStopDropsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := NewBudget(3)
		var ran atomic.Int64
		w := newWorker(b, func(Key[place], int) { <-release; ran.Add(1) })
		for i := range 6 {
			w.Offer(channels, []byte("c"), i, canLose)
		}
		w.Offer(channels, []byte("other"), 6, canLose)
		w.Offer(channels, []byte("other"), 7, vital)
		w.Stop()
		w.Stop()
		assert.Zero(t, b.Waiting())
		assert.Equal(t, Closed, w.Offer(channels, []byte("c"), 8, vital))
		assert.Equal(t, Closed, w.Offer(channels, []byte("new"), 9, vital))
		assert.ElementsMatch(t, []int{1, 2, 3, 4, 5, 7, 8, 9}, w.dropped)
		assert.Equal(t, map[Key[place]][]Report{{channels, "c"}: {{Losing, 1, 3}, {Ended, 2, 3}}}, w.reports)
		assert.Equal(t, 2, w.running, "what runs is left alone")
		close(release)
		synctest.Wait()
		assert.EqualValues(t, 2, ran.Load())
		assert.Len(t, w.reports, 1)
		w.checkIdle(t, b)
	})
}

func TestLanesMayBeStoppedAndOfferedFromWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(10)
		var w *worker
		w = newWorker(b, func(key Key[place], task int) {
			if task == 3 {
				w.Stop()
			}
			w.Offer(key.Of, []byte(key.ID), task+1, canLose)
		})
		w.Offer(channels, []byte("c"), 0, canLose)
		synctest.Wait()
		assert.Equal(t, []int{4}, w.dropped)
		w.checkIdle(t, b)
	})
}

// Each task is handled or dropped, exactly once, whatever happens at the same time.
func TestEachTaskIsHandledOrDropped(t *testing.T) {
	const senders, n = 4, 3000
	b := NewBudget(4)
	var mu sync.Mutex
	seen := make(map[int]int)
	w := newWorker(b, func(_ Key[place], task int) {
		mu.Lock()
		seen[task]++
		mu.Unlock()
		if task%7 == 0 {
			runtime.Goexit()
		}
		if task%5 == 0 {
			runtime.Gosched()
		}
	})
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range n {
				w.Offer(channels, []byte{byte('a' + i%3)}, s*n+i, i%10 == 0)
				if s == 0 && i == n-n/10 {
					w.Stop()
				}
			}
		})
	}
	group.Wait()
	for w.Len() > 0 {
		runtime.Gosched()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, task := range w.dropped {
		seen[task]++
	}
	assert.Len(t, seen, senders*n)
	for task, times := range maps.All(seen) {
		require.Equal(t, 1, times, task)
	}
	assert.Zero(t, b.Waiting())
	assert.Zero(t, b.aside.Load())
	lost := b.Lost()
	for _, reports := range w.reports {
		for _, r := range reports {
			if r.Kind == CaughtUp || r.Kind == Ended {
				lost -= r.Lost
			}
		}
		checkEpisodes(t, reports, sumLost(reports))
	}
	assert.Zero(t, lost)
}

func sumLost(reports []Report) (n uint64) {
	for _, r := range reports {
		if r.Kind == CaughtUp || r.Kind == Ended {
			n += r.Lost
		}
	}
	return n
}

const longID = "a-channel's-id-that-is-longer-than-any-buffer-on-the-stack-1700000000.5"

func TestOfferToALaneThatExistsDoesNotAllocate(t *testing.T) {
	release := make(chan struct{})
	w := newWorker(NewBudget(1), func(Key[place], int) { <-release })
	defer close(release)
	id := []byte(longID)
	w.Offer(channels, id, 0, vital)
	w.Offer(channels, id, 0, vital)
	w.dropped = make([]int, 0, 2000)
	w.Offer(channels, id, 0, canLose) // The first one that is lost is told of.
	assert.Zero(t, testing.AllocsPerRun(1000, func() { w.Offer(channels, id, 1, canLose) }))
}

func BenchmarkLanes(b *testing.B) {
	b.Run("existing", func(b *testing.B) {
		done := make(chan struct{}, 1)
		hold := make(chan struct{})
		w := newWorker(NewBudget(512), nil)
		w.handle = func(_ Key[place], task int) {
			if task < 0 {
				<-hold
				return
			}
			done <- struct{}{}
		}
		id := []byte(longID)
		w.Offer(channels, id, -1, vital)
		b.ReportAllocs()
		for b.Loop() {
			w.Offer(channels, id, 1, canLose)
			w.Offer(channels, id, -1, canLose)
			hold <- struct{}{}
			<-done
		}
		close(hold)
	})
	b.Run("new", func(b *testing.B) {
		done := make(chan struct{}, 1)
		w := newWorker(NewBudget(512), func(Key[place], int) { done <- struct{}{} })
		id := []byte(longID)
		b.ReportAllocs()
		for b.Loop() {
			w.Offer(channels, id, 1, canLose)
			<-done
		}
	})
}

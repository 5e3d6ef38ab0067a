package lanes

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errOver = errors.New("over")

// A fetcher owns a queue, and keeps what it is told.
type fetcher struct {
	Queue[int]
	mu      sync.Mutex
	reports []Report
	dropped []int
}

func (f *fetcher) Report(r Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports = append(f.reports, r)
}

func (f *fetcher) Drop(task int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = append(f.dropped, task)
}

func newFetcher(b *Budget) *fetcher {
	f := &fetcher{}
	f.Init(b, f)
	return f
}

const (
	vital   = true
	canLose = false
)

// offerAll offers n tasks and returns how many were taken.
func (f *fetcher) offerAll(n int, vital bool) (taken int) {
	for i := range n {
		if f.Offer(i, vital) == Taken {
			taken++
		}
	}
	return taken
}

func (f *fetcher) drain() {
	for {
		if _, ok := f.Pop(); !ok {
			return
		}
	}
}

func TestQueueGivesTasksInOrder(t *testing.T) {
	b := NewBudget(4)
	f := newFetcher(b)
	_, ok := f.Pop()
	assert.False(t, ok)
	next := 0
	for i := range 1000 { // It grows, is moved to the front, and is emptied now and then.
		require.Equal(t, Taken, f.Offer(i, vital))
		if i%3 == 0 || i%100 > 90 {
			task, ok := f.Pop()
			require.True(t, ok)
			require.Equal(t, next, task)
			next++
		}
		require.Equal(t, i+1-next, f.Len())
		require.Equal(t, f.Len(), b.Waiting())
	}
	for ; next < 1000; next++ {
		task, ok := f.Pop()
		require.True(t, ok)
		require.Equal(t, next, task)
	}
	assert.Zero(t, b.Waiting())
	assert.Zero(t, cap(f.backlog.items), "an empty queue holds on to nothing much")
	assert.Empty(t, f.dropped)
}

func TestQueueLosesWhatFindsNoRoom(t *testing.T) {
	b := NewBudget(3)
	f := newFetcher(b)
	assert.Equal(t, 3, f.offerAll(5, canLose))
	assert.Equal(t, []int{3, 4}, f.dropped)
	assert.Equal(t, uint64(2), b.Lost())
	assert.Equal(t, []Report{{Losing, 1, 3}}, f.reports)

	assert.Equal(t, Taken, f.Offer(5, vital))
	f.drain()
	assert.Equal(t, []Report{{Losing, 1, 3}, {CaughtUp, 2, 0}}, f.reports, "both ends are told once")

	f.reports = nil
	assert.Equal(t, 3, f.offerAll(4, canLose))
	f.drain()
	assert.Equal(t, []Report{{Losing, 1, 3}, {CaughtUp, 1, 0}}, f.reports, "each episode counts for itself")

	f.reports = nil
	assert.Equal(t, 3, f.offerAll(3, canLose))
	f.drain()
	assert.Empty(t, f.reports, "what is full has lost nothing yet")
	assert.Zero(t, b.Waiting())
}

func TestQueueTellsOfVitalTasksThatPileUp(t *testing.T) {
	b := NewBudget(10)
	f := newFetcher(b)
	assert.Equal(t, 100, f.offerAll(100, vital))
	assert.Equal(t, []Report{{Piling, 0, 11}, {Piling, 0, 22}, {Piling, 0, 44}, {Piling, 0, 88}}, f.reports)
	assert.Equal(t, Lost, f.Offer(0, canLose))
	assert.Equal(t, Report{Losing, 1, 100}, f.reports[4])
	f.drain()
	assert.Equal(t, Report{CaughtUp, 1, 0}, f.reports[5])
	assert.Len(t, f.reports, 6)

	f.reports = nil
	f.offerAll(11, vital)
	f.drain()
	assert.Equal(t, []Report{{Piling, 0, 11}, {CaughtUp, 0, 0}}, f.reports, "nothing was lost, but it was told")

	f.reports = nil
	f.offerAll(11, canLose)
	f.offerAll(20, vital)
	assert.Equal(t, []Report{{Losing, 1, 10}, {Piling, 1, 22}}, f.reports, "Losing says that it is full")
	f.drain()
}

// Somebody subscribes to a whole Asterisk and never reads.
func TestQueueThatIsNeverReadCostsOthersNothing(t *testing.T) {
	const limit = 512
	for _, kind := range []bool{vital, canLose} {
		b := NewBudget(limit)
		var unread []*fetcher
		for range shares {
			f := newFetcher(b)
			f.offerAll(100_000/shares, kind)
			unread = append(unread, f)
		}
		other := newFetcher(b)
		assert.Equal(t, limit, other.offerAll(limit, canLose))
		assert.Equal(t, Lost, other.Offer(0, canLose))
		for _, f := range unread {
			assert.NotEmpty(t, f.reports)
			f.Close(errOver)
		}
		other.drain()
		assert.Zero(t, b.Waiting())
		assert.Zero(t, b.shared.Load())
		assert.Zero(t, b.aside.Load())
	}
	b := NewBudget(limit)
	unread := newFetcher(b)
	unread.offerAll(100_000, vital)
	others := make([]*fetcher, shares)
	for i := range others { // All together they have what there is for all.
		others[i] = newFetcher(b)
		require.Equal(t, limit-1, others[i].offerAll(limit-1, canLose))
	}
	assert.Equal(t, 100_000+shares*(limit-1), b.Waiting())
}

func TestQueueWhoseConsumerIsSlowStaysAsideUntilHalfIsDone(t *testing.T) {
	b := NewBudget(20)
	f := newFetcher(b)
	f.offerAll(30, vital)
	for f.Len() > 11 {
		f.Pop()
	}
	assert.Zero(t, b.shared.Load())
	assert.EqualValues(t, 1, b.aside.Load())
	f.Pop()
	assert.EqualValues(t, 10, b.shared.Load())
	assert.Zero(t, b.aside.Load())
	f.offerAll(10, canLose)
	assert.Zero(t, b.shared.Load())
	assert.EqualValues(t, 1, b.aside.Load())
	f.drain()
	assert.Zero(t, b.Waiting())
	assert.Zero(t, b.aside.Load())
}

// What waits is bounded, however many queues don't keep up, and each still has its fair share.
func TestBudgetBoundsAllQueuesTogether(t *testing.T) {
	const limit, n = 20, 2*shares + 50
	b := NewBudget(limit)
	var all []*fetcher
	for range n {
		f := newFetcher(b)
		f.offerAll(limit+5, canLose)
		all = append(all, f)
	}
	assert.Equal(t, 2*shares*limit+50*fairShare, b.Waiting())
	assert.Equal(t, uint64(n*(limit+5)-b.Waiting()), b.Lost())

	last := all[n-1]
	assert.Equal(t, fairShare, last.Len())
	last.offerAll(2*limit, vital)
	assert.False(t, last.backlog.behind.aside, "no place among those set aside is left")
	shared := b.shared.Load()
	last.offerAll(10, vital)
	assert.Equal(t, shared, b.shared.Load(), "beyond its limit it costs nobody anything all the same")
	all[0].drain()
	last.offerAll(1, vital)
	assert.True(t, last.backlog.behind.aside, "now there is one")
	for i, f := range all {
		switch i % 3 {
		case 0:
			f.drain()
		case 1:
			f.End(errOver)
		default:
			f.Close(errOver)
		}
	}
	assert.Zero(t, b.Waiting())
	assert.Zero(t, b.shared.Load())
	assert.Zero(t, b.aside.Load())
}

func TestBudgetOfNothingHoldsOne(t *testing.T) {
	f := newFetcher(NewBudget(0))
	assert.Equal(t, 1, f.offerAll(3, canLose))
	f.drain()
	assert.Equal(t, []Report{{Losing, 1, 1}, {CaughtUp, 2, 0}}, f.reports)
}

func TestQueueThatEndsGivesWhatItHas(t *testing.T) {
	b := NewBudget(2)
	f := newFetcher(b)
	f.offerAll(3, canLose)
	require.NoError(t, f.Err())
	f.End(errOver)
	f.End(errors.New("too late"))
	assert.Equal(t, []Report{{Losing, 1, 2}, {Ended, 1, 2}}, f.reports, "an episode's end is told even if nobody fetches")
	assert.Zero(t, b.Waiting())
	assert.Equal(t, Closed, f.Offer(9, vital))
	assert.Equal(t, []int{2, 9}, f.dropped)
	assert.Equal(t, errOver, f.Err())
	for i := range 2 {
		task, err := f.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, i, task)
	}
	_, err := f.Next(t.Context())
	assert.Equal(t, errOver, err)
	assert.Zero(t, b.Waiting())
	assert.Len(t, f.reports, 2)
}

func TestQueueThatIsClosedDropsWhatItHas(t *testing.T) {
	for _, endedBefore := range []bool{false, true} {
		b := NewBudget(2)
		f := newFetcher(b)
		f.offerAll(3, vital)
		f.Pop()
		if endedBefore {
			f.End(errOver)
		}
		f.Close(errOver)
		f.Close(errOver)
		assert.Equal(t, []Report{{Piling, 0, 3}, {Ended, 0, 2}}, f.reports)
		assert.Equal(t, []int{1, 2}, f.dropped)
		assert.Zero(t, b.Waiting())
		assert.Zero(t, b.aside.Load())
		_, ok := f.Pop()
		assert.False(t, ok)
	}
}

func TestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFetcher(NewBudget(10))
		got := make(chan int)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for {
					task, err := f.Next(t.Context())
					if err != nil {
						assert.Equal(t, errOver, err)
						return
					}
					got <- task
				}
			})
		}
		group.Go(func() { assert.Equal(t, errOver, f.AwaitEnd(t.Context())) })
		synctest.Wait()
		for i := range 5 {
			f.Offer(i, canLose)
			assert.Equal(t, i, <-got)
			synctest.Wait()
		}
		f.End(errOver)
		group.Wait()
		assert.Equal(t, errOver, f.AwaitEnd(t.Context()))
	})
}

func TestQueueStopsWaitingWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFetcher(NewBudget(10))
		ctx, cancel := context.WithCancelCause(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			_, err := f.Next(ctx)
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, err, errOver)
		})
		group.Go(func() { assert.ErrorIs(t, f.AwaitEnd(ctx), errOver) })
		synctest.Wait()
		cancel(errOver)
		group.Wait()

		plain, end := context.WithCancel(t.Context())
		end()
		_, err := f.Next(plain)
		assert.Equal(t, context.Canceled, err)

		f.offerAll(11, canLose)
		f.End(errOver)
		for range 10 { // What is there is given, whatever has become of ctx.
			_, err := f.Next(plain)
			require.NoError(t, err)
		}
	})
}

// What ends a consumer's context may have come as the last task.
func TestQueueGivesTheLastTaskThoughContextHasEnded(t *testing.T) {
	for range 200 {
		f := newFetcher(NewBudget(10))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			f.Offer(1, canLose)
			cancel()
		}()
		task, err := f.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, task)
	}
}

func TestQueueIsSafeForAll(t *testing.T) {
	b := NewBudget(8)
	f := newFetcher(b)
	const n, senders = 2000, 4
	var group, consumers sync.WaitGroup
	var mu sync.Mutex
	fetched := 0
	for range senders {
		group.Go(func() { f.offerAll(n, canLose) })
		consumers.Go(func() {
			for {
				if _, err := f.Next(t.Context()); err != nil {
					return
				}
				mu.Lock()
				fetched++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	f.End(errOver)
	consumers.Wait()
	assert.Equal(t, n*senders, fetched+len(f.dropped))
	assert.Equal(t, uint64(len(f.dropped)), b.Lost())
	assert.Zero(t, b.Waiting())
	checkEpisodes(t, f.reports, b.Lost())
}

// checkEpisodes checks that each episode is told from its beginning to its end, and that together they lost so much.
func checkEpisodes(t *testing.T, reports []Report, lost uint64) {
	t.Helper()
	behind := false
	for i, r := range reports {
		switch r.Kind {
		case Losing, Piling:
			behind = true
		default:
			require.True(t, behind, "report %d ends nothing", i)
			behind = false
			lost -= r.Lost
		}
	}
	assert.False(t, behind, "an episode has no end")
	assert.Zero(t, lost, "not told")
}

func TestIdleQueueIsSmall(t *testing.T) {
	assert.LessOrEqual(t, reflect.TypeFor[Queue[any]]().Size(), uintptr(96))
}

func BenchmarkQueue(b *testing.B) {
	f := newFetcher(NewBudget(512))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Offer(i, canLose)
		f.Pop()
	}
}

func BenchmarkQueueFull(b *testing.B) {
	for _, kind := range []bool{vital, canLose} {
		b.Run(fmt.Sprintf("vital=%v", kind), func(b *testing.B) {
			q := new(Queue[int])
			q.Init(NewBudget(512), quiet{})
			for range 1000 {
				q.Offer(0, vital)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Offer(i, kind)
				if kind == vital {
					q.Pop()
				}
			}
		})
	}
}

// quiet is an owner that doesn't care.
type quiet struct{}

func (quiet) Report(Report) {}
func (quiet) Drop(int)      {}

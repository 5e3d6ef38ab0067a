package ari

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A connection that is lost after seconds of health is made again at once, however often that has happened before.
func TestReconnectBeginsAnewAfterHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithReconnect(ReconnectOptions{Max: time.Minute, Factor: 4}))
		up := Subscribe[*Connected](c)
		for range 5 {
			time.Sleep(2 * time.Second)
			lost := time.Now()
			a.drop()
			_, err := up.Next(t.Context())
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(lost), time.Second)
			assert.GreaterOrEqual(t, time.Since(lost), leastDelay)
		}
	})
}

// The log says when the next try comes, and that is when it comes.
func TestLogTellsTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		a.connected(WithLogger(book.logger()), WithReconnect(ReconnectOptions{Max: time.Minute, Factor: 3}))
		a.set(func() { a.down = syscall.ECONNREFUSED })
		lost := time.Now()
		a.drop()
		time.Sleep(10 * time.Minute)
		lines := append(book.with("connection to Asterisk lost"), book.with("cannot connect to Asterisk yet")...)
		require.Greater(t, len(lines), 10)
		next := regexp.MustCompile(`next_try=(\S+)`)
		told := lost
		a.mu.Lock()
		defer a.mu.Unlock()
		for i, line := range lines {
			m := next.FindStringSubmatch(line)
			require.NotNil(t, m, line)
			d, err := time.ParseDuration(m[1])
			require.NoError(t, err)
			told = told.Add(d)
			if i+1 < len(a.dials) {
				require.Equal(t, told, a.dials[i+1])
			}
		}
	})
}

// standStill makes the asterisk answer nothing, on no connection, until thaw.
func (a *asterisk) standStill() (thaw func()) {
	ice := make(chan struct{})
	a.freeze()
	a.set(func() {
		a.hook = func(string, string) { <-ice }
		a.refuse = func(http.ResponseWriter) bool { <-ice; return false }
	})
	return sync.OnceFunc(func() { close(ice) })
}

// Whoever waits for an Asterisk that stands still is told when the connection is given up, and at once from then on.
func TestCommandsEndWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.channels["c1"] = inStasis("hello") })
		c := a.connected()
		ch := c.ARI().Channel("c1")
		thaw := a.standStill()
		frozen := time.Now()
		errs := make(chan error, 2)
		go func() { errs <- ch.Answer(t.Context()) }()
		go func() { errs <- c.ARI().Bridge("b1").Stop(Cleanup(t.Context())) }()
		for range 2 {
			require.Error(t, <-errs) // Cleanup's own time may be over before the connection is.
		}
		time.Sleep(time.Minute)
		assert.False(t, c.Stats().Connected)
		for range 3 {
			before := time.Now()
			require.ErrorIs(t, ch.Answer(t.Context()), ErrConnection)
			require.ErrorIs(t, ch.Stop(Cleanup(t.Context())), ErrConnection)
			assert.Zero(t, time.Since(before), "it is known by now")
			time.Sleep(time.Minute)
		}
		assert.Less(t, time.Since(frozen), time.Hour)
		thaw()
		require.NoError(t, c.WaitConnected(t.Context()))
		_, err := ch.Refresh(t.Context())
		require.NoError(t, err)
	})
}

// An answer that takes its time is given up with the connection, not before.
func TestBlockingCommandEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected(WithKeepalive(30*time.Second, 10*time.Second))
		silence := make(chan struct{})
		defer close(silence)
		a.set(func() {
			a.hook = func(_, path string) {
				if path == "/bridges/b1/addChannel" {
					<-silence
				}
			}
		})
		began := time.Now()
		errs := make(chan error, 1)
		go func() { errs <- c.ARI().Bridge("b1").AddChannel(t.Context(), "c1") }()
		time.Sleep(10 * time.Minute)
		assert.Empty(t, errs, "the connection is well")
		a.freeze()
		require.ErrorIs(t, <-errs, ErrConnection)
		assert.LessOrEqual(t, time.Since(began), 11*time.Minute)
	})
}

// On a half-open connection nobody is told that all is well once a command has got no answer, so that whoever tries again
// after that doesn't spin.
func TestRetriesDoNotSpinOnAHalfOpenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.channels["c1"] = inStasis("hello") })
		c := a.connected(WithKeepalive(time.Minute, 10*time.Second))
		time.AfterFunc(5*time.Minute, a.standStill())
		tries := 0
		for {
			tries++
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.ARI().Channel("c1").Refresh(ctx)
			cancel()
			if err == nil {
				break
			}
			require.NoError(t, c.WaitConnected(t.Context()))
		}
		assert.LessOrEqual(t, tries, 3)
		assert.Greater(t, tries, 1)
	})
}

// Events flow and pings are answered, but no command is.
func TestDoubtEndsWithAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		c := a.connected(WithLogger(book.logger()))
		silence := make(chan struct{})
		a.set(func() { a.hook = func(string, string) { <-silence } })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.ARI().Channel("c1").Ring(ctx), context.DeadlineExceeded)
		waited := make(chan error, 1)
		go func() { waited <- c.WaitConnected(t.Context()) }()
		time.Sleep(5 * time.Minute)
		assert.Empty(t, waited)
		assert.True(t, c.Stats().Connected)
		assert.Len(t, book.with("commands get no answer"), 1)
		assert.EqualValues(t, 1, c.Stats().Connections, "the connection is as it should be")
		close(silence)
		require.NoError(t, <-waited)
		require.NoError(t, c.WaitConnected(t.Context()))
	})
}

// Who never connects hears of nothing. Waits say so, and leave nothing behind.
func TestWaitsOfAClientThatNeverConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.channels["c1"] = inStasis("hello") })
		c := a.client()
		ch := c.ARI().Channel("c1")
		for i := range 100 {
			pb, err := ch.PlayWith(t.Context(), PlayOptions{PlaybackID: fmt.Sprint("p", i)}, "sound:hello-world")
			require.NoError(t, err)
			require.ErrorIs(t, pb.Wait(t.Context()), ErrNoEvents)
			require.ErrorIs(t, c.ARI().Playback(pb.ID).Wait(t.Context()), ErrNoEvents)
		}
		require.ErrorIs(t, ch.WaitAnswered(t.Context()), ErrNoEvents)
		require.ErrorIs(t, ch.WaitStasis(t.Context()), ErrNoEvents)
		_, err := ch.WaitEnd(t.Context())
		require.ErrorIs(t, err, ErrNoEvents)
		assert.Zero(t, c.Stats().Listeners)
		require.NoError(t, c.Close(t.Context()))
	})
}

package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A subscription that was made in an Asterisk which has forgotten it by the time the answer is read is made again.
func TestSubscribingAcrossAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		var done atomic.Bool
		// The connection of the events is lost, and Asterisk restarted, between the answer and its being read.
		lose := func(next Doer) Doer {
			return DoerFunc(func(req *http.Request) (*http.Response, error) {
				resp, err := next.Do(req)
				if strings.HasSuffix(req.URL.Path, "/subscription") && !done.Swap(true) {
					a.mu.Lock()
					a.sources = map[string][]string{}
					_ = a.wires[0].Close()
					a.mu.Unlock()
					time.Sleep(time.Minute)
				}
				return resp, err
			})
		}
		c := a.connected(WithTransport(lose))
		_, err := c.ARI().Application("").Subscribe(t.Context(), "bridge:b1")
		require.NoError(t, err)
		require.Equal(t, 2, a.connections())
		time.Sleep(time.Minute)
		a.set(func() { assert.Equal(t, []string{"bridge:b1"}, a.sources["hello"]) })
	})
}

// One that fails is not made again, and one that was there before is.
func TestFailedSubscriptionIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		app := c.ARI().Application("")
		_, err := app.Subscribe(t.Context(), "bridge:b1")
		require.NoError(t, err)
		a.set(func() { a.unknown = "bridge:b2" })
		_, err = app.Subscribe(t.Context(), "bridge:b1", "bridge:b2")
		require.ErrorIs(t, err, ErrUnprocessable)
		a.set(func() { a.unknown, a.sources["hello"] = "", nil })
		a.reconnect()
		a.set(func() { assert.Equal(t, []string{"bridge:b1"}, a.sources["hello"]) })
	})
}

// What another application was subscribed to and that is no more is forgotten, without a request for each at every
// reconnect.
func TestSubscriptionsOfAnotherApplicationAreForgotten(t *testing.T) {
	const calls = 500
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		other := c.ARI().Application("other")
		_, err := other.Subscribe(t.Context(), "bridge:lives")
		require.NoError(t, err)
		for i := range calls {
			source := fmt.Sprint("channel:c", i)
			_, err := other.Subscribe(t.Context(), source)
			require.NoError(t, err)
			a.set(func() { a.sources["other"] = []string{"bridge:lives"} }) // The channel ends, and no event tells of that.
		}
		synctest.Wait()
		kept, _ := c.first().wanted.of("other")
		assert.Less(t, len(kept), 2*leastPrune+2)
		assert.Contains(t, kept, "bridge:lives")

		before := a.requested("POST /ari/applications/other/subscription")
		a.reconnect()
		time.Sleep(time.Minute)
		assert.Less(t, a.requested("POST /ari/applications/other/subscription")-before, 2*leastPrune+10)
	})
}

// What has just been asked for is kept, though Asterisk's answer is older.
func TestPruningSparesWhatIsBeingSubscribedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		w := c.first().wanted
		w.add("other", []string{"bridge:b1", "bridge:b2"})
		w.confirm("other", []string{"bridge:b1"})
		w.prune("other", w.confirmed("other"), map[string]bool{})
		kept, _ := w.of("other")
		assert.Equal(t, []string{"bridge:b2"}, kept)
	})
}

// An application of somebody else's that is no more takes its subscriptions with it.
func TestSubscriptionsOfAnApplicationThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		_, err := c.ARI().Application("other").Subscribe(t.Context(), "bridge:b1", "endpoint:PJSIP/alice")
		require.NoError(t, err)
		a.set(func() {
			a.fail = func(_, path string) int {
				if path == "/applications/other" {
					return http.StatusNotFound
				}
				return 0
			}
		})
		a.reconnect()
		assert.Empty(t, c.first().wanted.names())
	})
}

// A subscription whose answer is still under way when the connection is lost, and that is refused after that, is made again:
// Asterisk had agreed, and has forgotten it.
func TestSubscriptionThatIsRefusedInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		var c *Client
		c = a.connected(WithInterceptor(func(next Doer) Doer {
			return DoerFunc(func(req *http.Request) (*http.Response, error) {
				resp, err := next.Do(req)
				if req.Context().Value(overTaken{}) != nil {
					a.set(func() { a.sources["hello"], a.unknown = nil, "channel:c1" })
					a.reconnect()
					require.NoError(t, c.WaitConnected(t.Context()))
					sources, _ := c.first().wanted.of("hello")
					require.Empty(t, sources, "it is refused, and forgotten")
					a.set(func() { a.unknown = "" })
				}
				return resp, err
			})
		}))
		_, err := c.ARI().Application("").Subscribe(context.WithValue(t.Context(), overTaken{}, true), "channel:c1")
		require.NoError(t, err)
		synctest.Wait()
		a.set(func() { assert.Equal(t, []string{"channel:c1"}, a.sources["hello"]) })
		a.set(func() { a.sources["hello"] = nil })
		a.reconnect()
		a.set(func() { assert.Equal(t, []string{"channel:c1"}, a.sources["hello"], "and it is remembered") })
	})
}

type overTaken struct{}

func TestSubscriptionsAndFilterAreRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		a := newAsterisk(t)
		c := a.connected(WithLogger(book.logger()))
		c.first().wanted.add("hello", []string{"channel:c1", "deviceState:Stasis:x", "endpoint:PJSIP/alice", "bridge:gone"})
		c.first().wanted.add("hello", []string{"channel:c2"})
		c.first().wanted.remove("hello", []string{"channel:c2"})
		c.first().wanted.add("another", []string{"channel:"})
		c.first().filtered("hello", json.RawMessage(`{"allowed":[{"type":"StasisStart"}],"disallowed":[]}`), nil)
		a.set(func() {
			a.channels["c1"] = inStasis("hello")
			a.sources["hello"] = []string{"channel:c1"} // This it still knows.
			a.unknown = "bridge:gone"
		})
		a.reconnect()
		assert.ElementsMatch(t, []string{"channel:c1", "deviceState:Stasis:x", "endpoint:PJSIP/alice"}, a.sources["hello"])
		assert.Equal(t, []string{"channel:"}, a.sources["another"])
		assert.JSONEq(t, `{"allowed":[{"type":"StasisStart"}],"disallowed":[]}`, a.filters["hello"])
		assert.Len(t, book.with("Asterisk refuses to restore"), 1)
		sources, _ := c.first().wanted.of("hello")
		assert.NotContains(t, sources, "bridge:gone")
	})
}

func TestSubscriptionsToWhatIsGoneAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		app := c.ARI().Application("")
		_, err := app.Subscribe(t.Context(), "channel:c1", "bridge:b1", "bridge:b2")
		require.NoError(t, err)
		require.NoError(t, a.send(destroyedFrame("c1"), bridgeFrame("BridgeDestroyed", "b1")))
		synctest.Wait()
		sources, _ := c.first().wanted.of("hello")
		assert.Equal(t, []string{"bridge:b2"}, sources)
	})
}

// While an event filter is set, a mute connection can't be told. An empty filter is none.
func TestEmptyFilterIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		c := a.connected()
		for _, filter := range []EventFilter{{Disallowed: []string{"ChannelVarset"}}, {}} {
			_, err := c.ARI().Application("").Filter(t.Context(), filter)
			require.NoError(t, err)
		}
		a.set(func() { a.mute = 1 })
		a.reconnect()
		require.Eventually(t, func() bool { return a.connections() == 3 }, time.Minute, time.Second)
	})
}

// Where the application is left from an earlier process, Asterisk ignores what the handshake says.
func TestSubscribeAllToAnApplicationThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.sources["hello"] = []string{"channel:old"} })
		a.connected(WithSubscribeAll())
		synctest.Wait()
		assert.Subset(t, a.sources["hello"], allSources)
	})
}

func TestSubscriptionsOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.unknown = "endpoint:PJSIP/nobody"
		failures := 2
		a.fail = func(_, path string) int {
			if failures > 0 && path == "/applications/hello/subscription" {
				failures--
				return http.StatusInternalServerError
			}
			return 0
		}
		var errs bag[error]
		c := a.client(WithSubscriptions("channel:", "bridge:b1"), WithSubscriptions("endpoint:PJSIP/nobody"), WithApplications("other"),
			WithErrorHandler(func(_ context.Context, err error) { errs.add(err) }))
		var got bag[string]
		On(c, func(_ context.Context, ev Event) error { got.add(ev.Header().Type); return nil })

		hurry, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, c.Connect(hurry), context.DeadlineExceeded)
		assert.Empty(t, got.all(), "it isn't connected as it should be yet")
		require.NoError(t, c.Connect(t.Context()))
		assert.Equal(t, []string{"bridge:b1", "channel:"}, slices.Sorted(slices.Values(a.sources["hello"])))
		assert.Empty(t, a.sources["other"])
		synctest.Wait()
		assert.Equal(t, []string{"Connected"}, got.all())
		assert.Len(t, errs.all(), 2)
		assert.Equal(t, 1, a.connections())

		a.set(func() { a.sources["hello"] = nil })
		a.reconnect()
		synctest.Wait()
		assert.Equal(t, []string{"bridge:b1", "channel:"}, slices.Sorted(slices.Values(a.sources["hello"])))
		require.NoError(t, c.Close(t.Context()))
	})
}

func TestBadSubscriptions(t *testing.T) {
	for _, source := range []string{"", "channel", "device:x"} {
		_, err := NewClient("http://asterisk:8088/ari", "hello", WithSubscriptions("bridge:", source))
		require.ErrorContains(t, err, fmt.Sprintf("%q is no event source", source))
	}
}

// While Asterisk starts, its endpoints aren't there yet.
func TestSubscriptionToAnEndpointIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsterisk(t)
		a.set(func() { a.unknown = "endpoint:PJSIP/1" })
		a.connected(WithSubscriptions("endpoint:PJSIP/1"))
		assert.Empty(t, a.sources["hello"])
		a.set(func() { a.unknown = "" })
		a.reconnect()
		assert.Equal(t, []string{"endpoint:PJSIP/1"}, a.sources["hello"])
	})
}

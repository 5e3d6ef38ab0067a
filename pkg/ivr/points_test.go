package ivr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// Points of a script: each request, before it is sent and after it is answered, and each event, before it is sent. Something
// is injected at one of them.
type points struct {
	mu     sync.Mutex
	n      int // points so far
	at     int // where to inject; 0: nowhere
	on     bool
	inject func()
	where  string
}

// pass is a point. What happens there is over when it returns, unless it is an event, whose sender holds the simulator's lock.
func (c *points) pass(what string, wait bool) {
	c.mu.Lock()
	if !c.on {
		c.mu.Unlock()
		return
	}
	c.n++
	hit := c.n == c.at
	inject := c.inject
	if hit {
		c.where = what
	}
	c.mu.Unlock()
	switch {
	case hit && wait:
		inject()
	case hit:
		go inject()
	}
}

func (c *points) intercept(next ari.Doer) ari.Doer {
	return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
		what := req.Method + " " + req.URL.Path
		c.pass("before "+what, true)
		resp, err := next.Do(req)
		c.pass("after "+what, true)
		return resp, err
	})
}

func (c *points) begin(inject func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.inject = true, inject
}

func (c *points) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = false
}

// A scenario is a call in which something goes wrong at one point.
type scenario struct {
	name string
	run  func(ctx context.Context, caller *ari.Channel) (outcome string, err error)
	// phones prepares the telephones, and returns what hangs up at the callee's end.
	phones func(p *pbx) (hangup func())
	// caller is what the caller does.
	caller func(p *pbx, call *aritest.Call)
}

// faults are what goes wrong.
var faults = []string{"caller", "callee", "context", "events", "answers", "outage"}

// everywhere runs a script once for each of its points and faults, and has each result looked at. Nothing may be left over, whatever happens.
func everywhere(t *testing.T, s scenario, check func(t *testing.T, fault, outcome string, err error)) {
	t.Helper()
	total, failed := 0, make(map[string]int)
	for _, fault := range faults {
		for at := 1; ; at += stride {
			reached := false
			ok := t.Run(fmt.Sprintf("%s/%s/%d", s.name, fault, at), func(t *testing.T) {
				where, outcome, err := once(t, s, fault, at)
				reached = where != ""
				if reached {
					t.Logf("%s: %s, %v", where, outcome, err)
					check(t, fault, outcome, err)
					if err != nil {
						failed[fault]++
					}
				}
			})
			if !ok || !reached {
				break
			}
			total++
		}
	}
	t.Logf("%d points and faults, of which the error told %v", total, failed)
	require.Greater(t, total, len(faults)*20/stride)
	require.Greater(t, failed["caller"], 20/stride)
	require.Greater(t, failed["context"], 20/stride)
	require.GreaterOrEqual(t, failed["answers"], 5/stride)
}

// once runs a script with one fault, and returns where it came; "" if the script is over before.
func once(t *testing.T, s scenario, fault string, at int) (where, outcome string, err error) {
	t.Helper()
	c := &points{at: at}
	bubble(t, func(p *pbx) {
		hangup := s.phones(p)
		p.Faults().Alter(func(frame []byte) [][]byte {
			c.pass("event "+string(frame[:min(len(frame), 60)]), false)
			return [][]byte{frame}
		})
		var cancel context.CancelFunc
		ended := make(chan struct{})
		p.client.OnCall(func(ctx context.Context, start *ari.StasisStart) error {
			defer close(ended)
			defer start.Channel.Stop(ari.Cleanup(ctx))
			outcome, err = s.run(ctx, start.Channel)
			c.end()
			return err
		})
		ctx, stop := context.WithCancel(p.ctx)
		defer stop()
		cancel = stop
		run := s.run
		s.run = func(handler context.Context, caller *ari.Channel) (string, error) {
			both, stop := context.WithCancelCause(handler)
			defer stop(nil)
			defer context.AfterFunc(ctx, func() { stop(context.Canceled) })()
			return run(both, caller)
		}
		call := p.Call("1000", aritest.From("Ada <100>"), aritest.WithChannelID("the-caller"))
		c.begin(func() {
			switch fault {
			case "caller":
				call.Hangup()
			case "callee":
				hangup()
			case "context":
				cancel()
			case "events":
				p.Faults().DropEvents()
			case "answers":
				p.Faults().DropRequests("", 1)
			case "outage":
				p.Faults().Down()
				time.AfterFunc(3*time.Second, p.Faults().Up)
			}
		})
		go s.caller(p, call)
		<-ended
		call.Hangup() // Without a connection, the script could not.
		require.NoError(t, p.WaitIdle(p.ctx), "something is left over after %s", c.where)
		time.Sleep(time.Minute) // The telephones have ended, too.
	}, ari.WithInterceptor(c.intercept))
	return c.where, outcome, err
}

func TestDialAtAllPoints(t *testing.T) {
	for name, opts := range map[string]ivr.DialOptions{
		"ringing":     {Targets: ivr.Endpoints("PJSIP/busy", "PJSIP/alice", "PJSIP/bob")},
		"screened":    {Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob"), Screen: &ivr.Screen{}, Waiting: ivr.Music("")},
		"early media": {Targets: ivr.Endpoints("PJSIP/busy", "PJSIP/alice"), Strategy: ivr.OneByOne, EarlyMedia: true},
	} {
		everywhere(t, scenario{
			name: name,
			run: func(ctx context.Context, caller *ari.Channel) (string, error) {
				res, err := ivr.Dial(ctx, caller, opts)
				outcome := string(res.Outcome)
				if res.Bridge != nil {
					outcome += ", " + string(res.Bridge.Outcome)
				}
				return outcome, err
			},
			phones: func(p *pbx) func() {
				p.Endpoint("PJSIP/busy", aritest.Busy())
				p.Endpoint("PJSIP/bob", aritest.Rings())
				var mu sync.Mutex
				var called *aritest.Call
				p.Endpoint("PJSIP/alice", aritest.AnswersFor(2*time.Second, 8*time.Second)).OnCall(func(call *aritest.Call) {
					mu.Lock()
					called = call
					mu.Unlock()
					if call.WaitHeard(p.ctx, "sound:digits/1") == nil {
						call.SendDTMF("1")
					}
				})
				return func() {
					mu.Lock()
					defer mu.Unlock()
					if called != nil {
						called.Hangup()
					}
				}
			},
			caller: func(*pbx, *aritest.Call) {},
		}, checkDial)
	}
}

// checkDial says what may come of a call to alice, who answers and hangs up later.
func checkDial(t *testing.T, fault, outcome string, err error) {
	t.Helper()
	if outcome == "answered, peer hung up" { // It was over already, or went on.
		require.NoError(t, err)
		return
	}
	switch fault {
	case "caller":
		require.Contains(t, []string{"hung up", "answered, hung up"}, outcome)
		end, ok := errors.AsType[*ari.EndError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "the-caller", end.Entity.ID)
	case "callee":
		require.NoError(t, err)
		require.Contains(t, []string{"busy", "rejected", "declined", "no answer", "answered, peer hung up"}, outcome)
	case "context":
		require.ErrorIs(t, err, context.Canceled)
		require.Contains(t, []string{"canceled", "answered, canceled"}, outcome)
	default: // Either it went on, or it says that the connection has failed.
		switch outcome {
		case "answered, peer hung up", "no answer", "busy", "rejected", "declined":
			require.NoError(t, err)
		case "failed", "answered, failed": // Where it is told first by a channel that could not enter the application.
			require.True(t, errors.Is(err, ari.ErrConnection) || errors.Is(err, ari.ErrNotFound), "%v", err)
		default:
			t.Errorf("%s: %v", outcome, err)
		}
	}
}

package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// HoldOptions say how somebody waits. The zero value plays music until he hangs up or ctx ends.
type HoldOptions struct {
	// Waiting is what he hears: music by default.
	Waiting Waiting

	// Until ends it when it is closed, or something comes.
	Until <-chan struct{}

	// Limit is how long it may last; 0 is no limit.
	Limit time.Duration

	// ExitKeys are keys with which he gives up waiting.
	ExitKeys string
}

// A HoldResult is how waiting ended.
type HoldResult struct {
	// Outcome is Done, TimeLimit, Key, HungUp, Canceled or Failed.
	Outcome Outcome

	// Key is the key with which he gave up.
	Key string

	// Duration is how long it lasted.
	Duration time.Duration
}

// Hold lets a caller wait, and hear music. It fails as the package's documentation says. Since Asterisk 12.
func Hold(ctx context.Context, caller *ari.Channel, opts HoldOptions) (*HoldResult, error) {
	res := &HoldResult{Outcome: Failed}
	ctx, release := caller.Context(ctx)
	defer release()
	begun := time.Now()
	defer func() { res.Duration = time.Since(begun) }()
	keys, stop := exitKeys(ctx, caller, opts.ExitKeys)
	defer stop()
	end, err := opts.Waiting.or(Music("")).begin(ctx, caller)
	defer end()
	if err != nil {
		err = leaving(ctx, err, caller)
		res.Outcome = outcomeOf(ctx, err)
		return res, err
	}
	var limit <-chan time.Time
	if opts.Limit > 0 {
		limit = time.After(opts.Limit)
	}
	select {
	case <-opts.Until:
		res.Outcome = Done
	case <-limit:
		res.Outcome = TimeLimit
	case res.Key = <-keys:
		res.Outcome = Key
	case <-ctx.Done():
		err = reasonOf(ctx)
		res.Outcome = outcomeOf(ctx, err)
	}
	return res, err
}

// exitKeys tells of the first of some keys that a caller presses, until stop is called.
func exitKeys(ctx context.Context, caller *ari.Channel, keys string) (pressed <-chan string, stop func()) {
	if keys == "" {
		return nil, func() {}
	}
	keypad := caller.Keypad()
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer keypad.Close()
		if key, err := keypad.Match(ctx, strings.Split(keys, "")...); err == nil {
			found <- key
		}
	}()
	return found, func() {
		cancel()
		<-done
	}
}

// A ParkingLot is where callers wait until somebody takes them back, by the number of their place. The zero value is empty and
// ready; a program has one or several.
type ParkingLot struct {
	// First is the number of the first place: 701 by default.
	First int

	mu     sync.Mutex
	parked map[int]*parkedCall
}

// A parkedCall is a caller who waits in a parking lot.
type parkedCall struct {
	caller *ari.Channel
	wanted chan struct{} // closed when somebody wants him
	ready  chan struct{} // closed when he doesn't hear music any more
	over   chan struct{} // closed when they have talked
}

// ParkOptions say how somebody is parked.
type ParkOptions struct {
	// Waiting is what he hears: music by default.
	Waiting Waiting

	// Limit is how long he waits at most; 0 is no limit.
	Limit time.Duration

	// Parked, if set, is told the number of his place, to announce it.
	Parked func(place int)
}

// A ParkResult is how parking ended.
type ParkResult struct {
	// Outcome is Answered if somebody took the call and they have talked; TimeLimit, HungUp, Canceled or Failed.
	Outcome Outcome

	// Place was the number of the place.
	Place int
}

// Park parks a caller, and returns when somebody has taken the call, by [ParkingLot.Retrieve], and they have talked; or when the limit is
// reached, or he has hung up. It fails as the package's documentation says. Since Asterisk 12.
func (l *ParkingLot) Park(ctx context.Context, caller *ari.Channel, opts ParkOptions) (*ParkResult, error) {
	c := &parkedCall{caller: caller, wanted: make(chan struct{}), ready: make(chan struct{}), over: make(chan struct{})}
	place := l.add(c)
	if opts.Parked != nil {
		opts.Parked(place)
	}
	held, err := Hold(ctx, caller, HoldOptions{Waiting: opts.Waiting, Until: c.wanted, Limit: opts.Limit})
	res := &ParkResult{Outcome: held.Outcome, Place: place}
	if l.remove(place, c) {
		return res, err // Nobody wants him.
	}
	close(c.ready)
	<-c.over
	if err == nil {
		res.Outcome, err = Answered, leaving(ctx, nil, caller)
	}
	return res, err
}

func (l *ParkingLot) add(c *parkedCall) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parked == nil {
		l.parked = make(map[int]*parkedCall)
	}
	place := cmp.Or(l.First, 701)
	for l.parked[place] != nil {
		place++
	}
	l.parked[place] = c
	return place
}

// remove takes a caller out, and reports whether he was still there.
func (l *ParkingLot) remove(place int, c *parkedCall) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parked[place] != c {
		return false
	}
	delete(l.parked, place)
	return true
}

// Places are the numbers of places where somebody waits.
func (l *ParkingLot) Places() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var places []int
	for place := range l.parked {
		places = append(places, place)
	}
	return places
}

// Retrieve connects somebody with who is parked at a place, and returns when they have talked. The channel of who was parked stays with the
// script that has parked it. It fails with ari.ErrNotFound if nobody is parked there, and as [Bridge] does.
func (l *ParkingLot) Retrieve(ctx context.Context, taker *ari.Channel, place int, opts BridgeOptions) (*BridgeResult, error) {
	l.mu.Lock()
	c := l.parked[place]
	delete(l.parked, place)
	l.mu.Unlock()
	if c == nil {
		return &BridgeResult{Outcome: Failed}, fmt.Errorf("ivr: %w: nobody is parked at %s", ari.ErrNotFound, strconv.Itoa(place))
	}
	defer close(c.over)
	close(c.wanted)
	<-c.ready
	return Bridge(ctx, taker, c.caller, opts)
}

// A MonitorMode is how somebody takes part in a conversation of others.
type MonitorMode uint8

// The modes.
const (
	Listen  MonitorMode = iota // He hears both, and nobody hears him.
	Whisper                    // Only the monitored party hears him.
	Barge                      // Both hear him.
)

// MonitorOptions say how somebody monitors a channel. The zero value listens.
type MonitorOptions struct {
	// Mode is how to begin.
	Mode MonitorMode

	// Keys are those that change to Listen, Whisper and Barge, and the one that ends it: "123*" by default; "-" is none.
	Keys string
}

// A MonitorResult is how monitoring ended.
type MonitorResult struct {
	// Outcome is PeerHungUp if the monitored channel is gone; Key, HungUp, Canceled or Failed.
	Outcome Outcome

	// Mode is the last one.
	Mode MonitorMode
}

// Monitor lets a supervisor listen to a channel and whoever it talks to; whisper, so that only the channel's party hears him; or
// barge in, so that both do. He changes between them by keys. It returns when one of the two hangs up or he presses *. The channels stay.
// It fails as the package's documentation says. Since Asterisk 12.
func Monitor(ctx context.Context, supervisor, target *ari.Channel, opts MonitorOptions) (*MonitorResult, error) {
	res := &MonitorResult{Mode: opts.Mode}
	keys := strings.ReplaceAll(cmp.Or(opts.Keys, "123*"), "-", "")
	for {
		talked, err := monitor(ctx, supervisor, target, res.Mode, keys)
		if err != nil || talked.Outcome != Key {
			res.Outcome = talked.Outcome
			return res, err
		}
		mode := strings.Index(keys, talked.Keys)
		if mode > int(Barge) {
			res.Outcome = Key
			return res, nil
		}
		res.Mode = MonitorMode(mode) //nolint:gosec // one of three
	}
}

// monitor is one mode, until a key changes it.
func monitor(ctx context.Context, supervisor, target *ari.Channel, mode MonitorMode, keys string) (*BridgeResult, error) {
	whisper := []ari.SnoopDirection{ari.SnoopDirectionNone, ari.SnoopDirectionOut, ari.SnoopDirectionBoth}[mode]
	snoop, err := target.Snoop(ctx, ari.SnoopOptions{Spy: ari.SnoopDirectionBoth, Whisper: whisper})
	if isGone(err) && ctx.Err() == nil {
		return &BridgeResult{Outcome: PeerHungUp}, nil
	}
	if err != nil {
		err = leaving(ctx, err, supervisor)
		return &BridgeResult{Outcome: outcomeOf(ctx, err)}, err
	}
	bridge := BridgeOptions{}
	for key := range strings.SplitSeq(keys, "") {
		bridge.Commands = append(bridge.Commands, Command{Keys: key, By: ByCaller, Do: func(context.Context, *Conversation) (Outcome, error) { return Key, nil }})
	}
	res, err := Bridge(ctx, supervisor, snoop, bridge)
	return res, errors.Join(err, hangUp(ctx, snoop, "", false))
}

package ari

import (
	"context"
	"time"

	"github.com/ari-go/ari/internal/roster"
)

// A call is a channel's stay in one application, as far as it concerns handlers: from the StasisStart to the end.
type call struct {
	stay   roster.Stay
	last   *Channel                // as StasisStart showed it; nil if nobody listened
	cancel context.CancelCauseFunc // nil if no handler needed a context
	hangup bool                    // it is being hung up
	ours   bool                    // by this client
	done   func()                  // tells that it is over; nil if nobody counts it
}

func (k *call) end(err error) {
	if k.cancel != nil {
		k.cancel(err)
	}
	if k.done != nil {
		k.done()
	}
}

// An ending is a call that is over, and why.
type ending struct {
	call *call
	err  error
}

// An arrival is an event on its way through a session.
type arrival struct {
	inbound
	call *call    // that begins with the event
	over []ending // the calls that end with it
}

func stayOf(in *arrival) roster.Stay {
	return roster.Stay{App: string(in.app), Channel: string(in.id(kindChannel))}
}

// enter notes that a channel has entered an application, and reports whether that is news.
func (s *session) enter(in *arrival) bool {
	stay := stayOf(in)
	if s.upper.handles(in.kind) { // Otherwise nobody needs what the event says.
		s.decode(in)
	}
	switch s.roster.Enter(stay, in.stamp(), placeOf(in.ev)) {
	case roster.Duplicate:
		return false
	case roster.Missed:
		s.endInGap(stay)
	case roster.Again: // Its end has not been told.
		if k := s.takeCall(stay); k != nil {
			k.end(&EndError{Entity: entityKey{s.id, kindChannel, stay.Channel}.entity(), Reason: ErrLeftStasis})
		}
	case roster.Started:
	}
	s.endSuperseded(stay.Channel)
	in.call = &call{stay: stay}
	s.calls[stay] = in.call
	in.madeHere = s.ctrl.ids.mine(stay.Channel)
	return true
}

// leave notes that a channel has left an application, and reports whether that is news.
func (s *session) leave(in *arrival) bool {
	stay := stayOf(in)
	heard := s.wanted.hears(kindChannel, stay.Channel)
	if heard {
		s.decode(in)
	}
	switch s.roster.Leave(stay, in.stamp(), heard, placeOf(in.ev)) {
	case roster.Known:
		return false
	case roster.Elsewhere: // When a channel is moved, the one's StasisStart comes before the other's StasisEnd.
		in.stays = true
		s.callOver(in, stay, ErrLeftStasis)
	case roster.Ended:
		s.callOver(in, stay, ErrLeftStasis)
	case roster.Stranger:
	}
	s.endSuperseded(stay.Channel)
	return true
}

// endSuperseded ends the calls of a channel of which an event has told, without being about them, that they ended in the
// gap.
func (s *session) endSuperseded(channel string) {
	for _, stay := range s.roster.Superseded(channel) {
		s.endInGap(stay)
	}
}

// placeOf is where in the dialplan an event shows its channel; "" if that can't be told.
func placeOf(ev Event) string {
	var ch *Channel
	switch ev := ev.(type) {
	case *StasisStart:
		ch = ev.Channel
	case *StasisEnd:
		ch = ev.Channel
	}
	if ch == nil {
		return ""
	}
	return position(ch)
}

// destroyed notes that a channel is gone.
func (s *session) destroyed(in *arrival) {
	for _, stay := range s.roster.Destroy(string(in.id(kindChannel))) {
		s.callOver(in, stay, ErrChannelDestroyed)
	}
}

// callOver takes out a call that ends with an event. Its context is still to be ended.
func (s *session) callOver(in *arrival, stay roster.Stay, reason error) {
	k := s.takeCall(stay)
	if k == nil {
		return
	}
	err := in.endError(kindChannel, reason)
	err.ours = k.ours
	in.over = append(in.over, ending{k, err})
}

func (s *session) takeCall(stay roster.Stay) *call {
	k := s.calls[stay]
	delete(s.calls, stay)
	return k
}

// contextOf makes the context of the call that begins with an event; nil if none does. Call it with mu held.
func (s *session) contextOf(in *arrival) context.Context {
	if in.call == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(s.hub.ctx)
	in.call.cancel = cancel
	if start, ok := in.ev.(*StasisStart); ok {
		in.call.last = start.Channel
		if len(s.hub.observers) > 0 {
			ctx = s.observeCall(ctx, start)
		}
	}
	return ctx
}

// admit counts a call from outside that begins with an event, whether handlers hear of it or not, and reports whether they
// may: while the client drains, it is sent on. Call it with mu held.
func (s *session) admit(in *arrival) bool {
	if in.call == nil || in.madeHere || in.hidden {
		return true
	}
	s.hub.calls.start()
	in.call.done = s.hub.calls.done
	if !s.upper.drains() {
		return true
	}
	s.upper.sendOn(s.ctrl.Channel(in.call.stay.Channel))
	return false
}

// endInGap ends a call whose StasisEnd was lost in a gap, and makes one in its place, so that handlers can clean up. Call
// it with mu held; the roster knows of it.
func (s *session) endInGap(stay roster.Stay) {
	in := &arrival{inbound: inbound{
		session: s.id, kind: s.hub.registry.byName["StasisEnd"], gap: true, app: []byte(stay.App),
		stays: s.roster.Has(stay.Channel),
	}}
	in.addEntity(kindChannel, []byte(stay.Channel))
	ch := s.ctrl.Channel(stay.Channel)
	if k := s.calls[stay]; k != nil && k.last != nil {
		ch = k.last
	}
	end := &StasisEnd{Channel: ch}
	end.EventHeader = s.newLocalHeader("StasisEnd")
	end.Application, end.synthetic = stay.App, true
	in.ev = end
	s.callOver(in, stay, ErrGap)
	s.deliver(in)
}

// startMissed makes a StasisStart for a channel that is in an application without our knowing it: its own was sent into a
// connection that was dead already. Nobody would ever answer that caller. Call it with mu held; the roster knows of it.
func (s *session) startMissed(stay roster.Stay, ch *Channel, args []string) {
	start := &StasisStart{Channel: ch, Args: args}
	start.EventHeader = s.newLocalHeader("StasisStart")
	start.Application, start.synthetic, start.resumed = stay.App, true, !s.state.hasBeenReady()
	in := &arrival{inbound: inbound{
		session: s.id, kind: s.hub.registry.byName["StasisStart"], ev: start, app: []byte(stay.App),
		madeHere: s.ctrl.ids.made(stay.Channel) || isTool(ch),
	}}
	in.addEntity(kindChannel, []byte(stay.Channel))
	in.call = &call{stay: stay}
	s.calls[stay] = in.call
	s.deliver(in)
}

// callCount is the number of channels that are known to be in an application.
func (s *session) callCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// inApplication reports whether a channel is known to be in one of the session's applications.
func (s *session) inApplication(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roster.Has(channel)
}

// hangupRequested notes that a channel is being hung up. Call it with mu held.
func (s *session) hangupRequested(in *arrival) {
	for _, stay := range s.roster.Stays(string(in.id(kindChannel))) {
		if k := s.calls[stay]; k != nil {
			k.hangup = true
		}
	}
}

// hangingUp implements observer.
func (s *session) hangingUp(channel string, ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stay := range s.roster.Stays(channel) {
		if k := s.calls[stay]; k != nil {
			k.ours = ours && !k.hangup // Somebody else may have been first.
		}
	}
}

// sentAway implements observer.
func (s *session) sentAway(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster.Continued(channel)
}

// cutOff says that what runs on a channel has failed since the channel is being hung up; nil if it isn't. Asterisk tells of
// such a failure before it tells of the channel's end. Call it with mu held.
func (s *session) cutOff(in *arrival) error {
	id := in.id(kindChannel)
	if id == nil {
		return nil
	}
	for _, stay := range s.roster.Stays(string(id)) {
		if k := s.calls[stay]; k != nil && k.hangup {
			return &EndError{Entity: entityKey{s.id, kindChannel, string(id)}.entity(), Reason: ErrEnded}
		}
	}
	return nil
}

// endLag is how long the end of a call, or of what waits on a bridge, may be on its way behind what it has brought about,
// such as commands that fail.
const endLag = time.Second

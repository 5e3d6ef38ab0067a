package aritest

import (
	"context"
	"fmt"
	"time"

	"github.com/ari-go/ari/internal/sim/phones"
)

// A Behaviour is what an endpoint does when it is called.
type Behaviour func(*behaviour)

type behaviour = phones.Behaviour

// Answers lets an endpoint ring for some time and answer then.
func Answers(after time.Duration) Behaviour {
	return func(b *behaviour) { b.Ring, b.Refuse = after, 0 }
}

// AnswersFor is like Answers, and the endpoint hangs up some time after it has answered.
func AnswersFor(after, stay time.Duration) Behaviour {
	return func(b *behaviour) { b.Ring, b.Refuse, b.Stay = after, 0, stay }
}

// Rings lets an endpoint ring until it is told to do something else, or its caller gives up.
func Rings() Behaviour {
	return func(b *behaviour) { b.Ring, b.Refuse = -1, 0 }
}

// Silent lets an endpoint do nothing at all, not even ring.
func Silent() Behaviour {
	return func(b *behaviour) { b.Ring, b.Refuse, b.Silent = -1, 0, true }
}

// Busy lets an endpoint refuse calls since it is busy.
func Busy() Behaviour { return Refuses(0, 486) }

// Refuses lets an endpoint ring for some time and refuse then, with a SIP status such as 603.
func Refuses(after time.Duration, status int) Behaviour {
	return func(b *behaviour) { b.Ring, b.Refuse = after, status }
}

// Unreachable makes an endpoint one that isn't registered: calls to it fail at once.
func Unreachable() Behaviour {
	return func(b *behaviour) { b.Unreachable = true }
}

// An Endpoint is a telephone that Asterisk can call.
type Endpoint struct {
	name     string
	phone    *phones.Phone
	patience patience
}

// Endpoint makes a telephone that can be called, such as "PJSIP/alice", or changes it. Without a behaviour it answers at once.
func (s *Server) Endpoint(name string, behave ...Behaviour) *Endpoint {
	var b behaviour
	for _, f := range behave {
		f(&b)
	}
	return &Endpoint{name: name, phone: s.sim.Network.Phone(name, b), patience: s.patience}
}

// OnCall sets a function that is called, on a goroutine of its own, for each call to the endpoint.
func (e *Endpoint) OnCall(f func(*Call)) {
	if f == nil {
		e.phone.OnCall(nil)
		return
	}
	e.phone.OnCall(func(far *phones.Call) { f(&Call{far, e.patience}) })
}

// Next waits for the next call to the endpoint. It gets no calls that a function of OnCall gets.
func (e *Endpoint) Next(ctx context.Context) (*Call, error) {
	ctx, cancel := e.patience.limit(ctx)
	defer cancel()
	far, err := e.phone.Next(ctx)
	if err != nil {
		return nil, fmt.Errorf("aritest: nobody has called %s: %w", e.name, err)
	}
	return &Call{far, e.patience}, nil
}

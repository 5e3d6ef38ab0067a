package sim

import (
	"slices"
	"time"

	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// eventConns are the connections of event websockets.
func (s *Server) eventConns() []*faultConn {
	var conns []*faultConn
	for _, c := range s.sockets.Connections() {
		if f, ok := c.(*faultConn); ok {
			conns = append(conns, f)
		}
	}
	return conns
}

// DropEvents closes all event websockets without a close frame.
func (s *Server) DropEvents() {
	for _, c := range s.eventConns() {
		_ = c.Close() // That is all that can be done.
	}
}

// DropEventsInFrame closes all event websockets after n bytes of the next frame.
func (s *Server) DropEventsInFrame(n int) {
	for _, c := range s.eventConns() {
		c.cutIn(max(n, 1))
	}
}

// FreezeEvents makes all event websockets half-open, or thaws them.
func (s *Server) FreezeEvents(on bool) {
	for _, c := range s.eventConns() {
		c.freeze(on)
	}
}

// Freeze makes all connections stand still, those to come too, or thaws them.
func (s *Server) Freeze(on bool) { s.listener.freeze(on) }

// SlowEvents delays each read and write of all event websockets.
func (s *Server) SlowEvents(delay time.Duration) {
	for _, c := range s.eventConns() {
		c.slow(delay)
	}
}

// SendRaw sends a frame to an application.
func (s *Server) SendRaw(app string, frame []byte) {
	s.Do(func(p *pbx.PBX) {
		if a := p.Active(app); a != nil {
			a.Connection().Enqueue(slices.Clone(frame))
		}
	})
}

// SendEvent sends an event to an application.
func (s *Server) SendEvent(app, typ string, fields ...wire.Field) {
	s.Do(func(p *pbx.PBX) {
		if a := p.Active(app); a != nil {
			a.Send(p.Event(typ, fields...))
		}
	})
}

// Alter sets a function through which all frames of events go, or nil.
func (s *Server) Alter(f func(frame []byte) [][]byte) {
	s.Do(func(*pbx.PBX) { s.sockets.Change(f) })
}

// AddFault adds a fault of requests.
func (s *Server) AddFault(f RequestFault) { s.faults.add(f) }

// ClearFaults ends all faults of requests, and alter.
func (s *Server) ClearFaults() {
	s.faults.clear()
	s.Alter(nil)
}

// Down makes the server refuse connections and closes those that there are, until up.
func (s *Server) Down() {
	s.listener.refuse(true)
	s.listener.cut()
}

// Up ends down.
func (s *Server) Up() { s.listener.refuse(false) }

// Restart is a restart of Asterisk, which is down for some time.
func (s *Server) Restart(down time.Duration) {
	s.Down()
	s.Do(func(p *pbx.PBX) {
		p.Restart()
		s.sockets.Reset()
		if down > 0 {
			p.After(down, s.Up)
		}
	})
	if down <= 0 {
		s.Up()
	}
}

// TakeOver lets another connection take an application over.
func (s *Server) TakeOver(app string) {
	s.Do(func(p *pbx.PBX) {
		if p.Active(app) != nil {
			s.sockets.TakeOver(app)
		}
	})
}

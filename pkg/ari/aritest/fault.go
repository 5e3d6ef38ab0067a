package aritest

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ari-go/ari/internal/sim"
	"github.com/ari-go/ari/internal/sim/wire"
)

// Faults are what can go wrong on the server's side, when a test wants it.
type Faults struct{ s *Server }

// Faults returns the means to disturb the server.
func (s *Server) Faults() Faults { return Faults{s} }

// DropEvents closes all event websockets at once, without a close frame.
func (f Faults) DropEvents() {
	f.s.sim.DropEvents()
}

// DropEventsInFrame closes all event websockets after n bytes of the next frame.
func (f Faults) DropEventsInFrame(n int) {
	f.s.sim.DropEventsInFrame(n)
}

// FreezeEvents makes all event websockets half-open: nothing is read and nothing written, not even a pong, and they stay open.
func (f Faults) FreezeEvents() {
	f.s.sim.FreezeEvents(true)
}

// ThawEvents ends what FreezeEvents began.
func (f Faults) ThawEvents() {
	f.s.sim.FreezeEvents(false)
}

// Freeze makes the server stop answering, as an Asterisk that stands still: all connections stay open, new ones are taken,
// and nothing is read or written on any of them until Thaw. Then what was sent meanwhile is carried out.
func (f Faults) Freeze() {
	f.s.sim.Freeze(true)
}

// Thaw ends what Freeze began.
func (f Faults) Thaw() {
	f.s.sim.Freeze(false)
}

// SlowEvents delays each read and write of all event websockets. 0 ends that.
func (f Faults) SlowEvents(delay time.Duration) {
	f.s.sim.SlowEvents(delay)
}

// SendRaw sends a frame of any content to an application: an unknown event, broken JSON, something huge.
func (f Faults) SendRaw(app string, frame []byte) {
	f.s.sim.SendRaw(app, frame)
}

// SendEvent sends an event of any type, with members of its own, to an application. Type, time stamp and the rest are added.
func (f Faults) SendEvent(app, typ string, members map[string]any) {
	fields := make([]wire.Field, 0, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		fields = append(fields, wire.F(name, members[name]))
	}
	f.s.sim.SendEvent(app, typ, fields...)
}

// Alter sets a function through which all frames go that are sent to event websockets: it gets a frame and returns those to
// send instead, so that frames can be lost, doubled, changed or kept back for later. Nil ends that.
func (f Faults) Alter(alter func(frame []byte) [][]byte) {
	f.s.sim.Alter(alter)
}

// Duplicate doubles each frame of a type.
func (f Faults) Duplicate(typ string) {
	f.Alter(func(frame []byte) [][]byte {
		if frameType(frame) == typ {
			return [][]byte{frame, frame}
		}
		return [][]byte{frame}
	})
}

// Lose drops the frames of a type.
func (f Faults) Lose(typ string) {
	f.Alter(func(frame []byte) [][]byte {
		if frameType(frame) == typ {
			return nil
		}
		return [][]byte{frame}
	})
}

// AddUnknownFields adds members to each event and its objects that no version knows.
func (f Faults) AddUnknownFields() {
	f.Alter(func(frame []byte) [][]byte {
		var v any
		if json.Unmarshal(frame, &v) != nil {
			return [][]byte{frame}
		}
		addUnknown(v)
		changed, err := json.Marshal(v)
		if err != nil {
			return [][]byte{frame}
		}
		return [][]byte{changed}
	})
}

func addUnknown(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			addUnknown(member)
		}
		v["x_unknown"] = map[string]any{"list": []any{1, "two", nil}}
	case []any:
		for _, item := range v {
			addUnknown(item)
		}
	}
}

// Reorder keeps the frames of a channel back until n others have been sent: order between entities isn't promised.
func (f Faults) Reorder(channelID string, n int) {
	var held [][]byte
	var passed int
	f.Alter(func(frame []byte) [][]byte {
		if frameChannel(frame) == channelID && passed < n {
			held = append(held, frame)
			return nil
		}
		passed++
		if passed < n || held == nil {
			return [][]byte{frame}
		}
		all := append([][]byte{frame}, held...)
		held = nil
		return all
	})
}

func frameType(frame []byte) string {
	var e struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(frame, &e) != nil {
		return ""
	}
	return e.Type
}

func frameChannel(frame []byte) string {
	var e struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	if json.Unmarshal(frame, &e) != nil {
		return ""
	}
	return e.Channel.ID
}

// FailRequests answers the next n requests with a status, without carrying them out. The match says which requests are meant, as
// method and a part of the path: "POST /answer"; "" is all of them. A negative n is all of them for ever.
func (f Faults) FailRequests(match string, n, status int) {
	f.s.sim.AddFault(sim.RequestFault{Match: match, Times: n, Status: status})
}

// DelayRequests delays the next n requests.
func (f Faults) DelayRequests(match string, n int, delay time.Duration) {
	f.s.sim.AddFault(sim.RequestFault{Match: match, Times: n, Delay: delay})
}

// DropRequests carries the next n requests out, and closes their connections instead of answering.
func (f Faults) DropRequests(match string, n int) {
	f.s.sim.AddFault(sim.RequestFault{Match: match, Times: n, Drop: true})
}

// Clear ends all faults of requests, and Alter.
func (f Faults) Clear() {
	f.s.sim.ClearFaults()
}

// Down makes the server refuse connections and closes those that there are, until Up. What it knows stays.
func (f Faults) Down() {
	f.s.sim.Down()
}

// Up ends Down.
func (f Faults) Up() {
	f.s.sim.Up()
}

// Restart is a restart of Asterisk: all connections are closed, and channels, bridges, applications and all else that isn't
// kept in files is lost without an event. It is down for some time.
func (f Faults) Restart(down time.Duration) {
	f.s.sim.Restart(down)
}

// TakeOver lets another connection take an application over, as a second instance of the program would.
func (f Faults) TakeOver(app string) {
	f.s.sim.TakeOver(app)
}

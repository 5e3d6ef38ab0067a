package sim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A KnownFault is one of real releases.
type KnownFault int

// The faults, all of them seen with 22.10.1, the last one with 16.28.0 too.
const (
	// BridgeVariableWithoutName crashes it when a variable of a bridge is set without a name.
	BridgeVariableWithoutName KnownFault = iota + 1
	// FunctionWithoutValue crashes it when CHANNEL() of a channel is set without a value.
	FunctionWithoutValue
	// MoveWithoutApplication crashes it when a channel is moved, nobody says where to.
	MoveWithoutApplication
	// LockUpAfterDevices lets it stand still when a connection ends that hears of all device states.
	LockUpAfterDevices
	// PlaysCollide answers 500 to a play to a bridge that comes while another one begins.
	PlaysCollide
)

// crashTime is how long it takes until somebody has started an Asterisk again that has crashed.
const crashTime = time.Second

// knownFaults lets the faults happen that were asked for.
func (s *Server) knownFaults(next http.Handler) http.Handler {
	if len(s.opts.Known) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, fault := range s.opts.Known {
			if fault.crashes(r) {
				s.Restart(crashTime)
				panic(http.ErrAbortHandler)
			}
		}
		next.ServeHTTP(w, r)
		if r.URL.Path == "/ari/events" && r.URL.Query().Get("subscribeAll") == "true" && slices.Contains(s.opts.Known, LockUpAfterDevices) {
			s.Freeze(true)
		}
	})
}

// crashes reports whether a request meets the fault. What it needs may be in the query only: with a body, Asterisk looks there.
func (f KnownFault) crashes(r *http.Request) bool {
	if r.Method != http.MethodPost || r.ContentLength > 0 {
		return false
	}
	parts, query := strings.Split(strings.Trim(r.URL.Path, "/"), "/"), r.URL.Query() // ari, kind, id, what
	if len(parts) != 4 {
		return false
	}
	switch kind, what := parts[1], parts[3]; f {
	case BridgeVariableWithoutName:
		return kind == "bridges" && what == "variable" && query.Get("variable") == ""
	case FunctionWithoutValue:
		return kind == "channels" && what == "variable" && strings.HasPrefix(query.Get("variable"), "CHANNEL(") && !query.Has("value")
	case MoveWithoutApplication:
		return kind == "channels" && what == "move" && query.Get("app") == ""
	default:
		return false
	}
}

package resources

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// ChannelsGetChannelVar reads a variable or function.
func (o *operations) ChannelsGetChannelVar(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsGetChannelVarParams) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if q.Variable == "" {
			return nil, failed(http.StatusBadRequest, "Variable name is required")
		}
		ch := o.p.Find(id)
		if ch == nil {
			return nil, errNoSuchChannel
		}
		value, err := readVariable(ch, q.Variable)
		if err != nil {
			return nil, err
		}
		return wire.Object(wire.F("value", value)), nil
	})
}

func readVariable(ch *pbx.Channel, name string) (string, *apiError) {
	value, ok := ch.Lookup(name)
	switch {
	case ok:
		return value, nil
	case strings.HasSuffix(name, ")"):
		return "", failed(http.StatusInternalServerError, "Unable to read provided function")
	default:
		return "", failed(http.StatusNotFound, "Provided variable was not found")
	}
}

// ChannelsGetChannelVars reads several variables: all of them or none.
func (o *operations) ChannelsGetChannelVars(w http.ResponseWriter, r *http.Request, id string, _ gen.ChannelsGetChannelVarsParams) {
	names := argsOf(r).lists["variables"]
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if len(names) == 0 {
			return nil, failed(http.StatusBadRequest, "At least one variable name is required")
		}
		ch := o.p.Find(id)
		if ch == nil {
			return nil, errNoSuchChannel
		}
		var values []wire.Field
		for _, name := range names {
			name = strings.TrimSpace(name)
			value, err := readVariable(ch, name)
			if err != nil {
				return nil, err
			}
			values = append(values, wire.F(name, value))
		}
		return wire.Object(wire.F("variables", wire.Members(values))), nil
	})
}

// ChannelsSetChannelVar sets a variable or function.
func (o *operations) ChannelsSetChannelVar(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsSetChannelVarParams) {
	if q.Variable == "" {
		fail(w, http.StatusBadRequest, "Variable name is required")
		return
	}
	o.setVariables(w, r, id, errNoChannel, []pbx.Variable{{Name: q.Variable, Value: deref(q.Value), Report: deref(q.ReportEvents)}}, q.Value == nil)
}

// ChannelsSetChannelVars sets several variables.
func (o *operations) ChannelsSetChannelVars(w http.ResponseWriter, r *http.Request, id string) {
	vars, bad := argsOf(r).variables(true)
	if bad != nil {
		respond(w, 0, nil, bad)
		return
	}
	o.setVariables(w, r, id, errNoSuchChannel, vars, false)
}

// setVariables sets variables or, if it is said so, removes them. The two operations word it in their own ways if there is no channel.
func (o *operations) setVariables(w http.ResponseWriter, r *http.Request, id string, missing *apiError, vars []pbx.Variable, unset bool) {
	p := o.p
	p.Mu.Lock()
	ch, bad := o.controlled(id)
	if bad == errNoChannel {
		bad = missing
	}
	if bad != nil {
		p.Mu.Unlock()
		respond(w, 0, nil, bad)
		return
	}
	vars = slices.DeleteFunc(vars, func(v pbx.Variable) bool { return v.Name == "" })
	if len(vars) == 0 { // Nothing has to wait.
		p.Mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	done := ch.DoWait(func() error {
		for _, v := range vars {
			if unset {
				ch.UnsetVariable(v.Name)
			} else {
				ch.SetReported(v)
			}
		}
		return nil
	})
	wait := p.Has.SyncSetVar
	p.Mu.Unlock()
	if wait && await(r, done) != nil {
		fail(w, http.StatusInternalServerError, "Failed to set variable")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

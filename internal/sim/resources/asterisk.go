package resources

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

var errNotLoaded = failed(http.StatusNotFound, "Module not found in running modules")

var errNoLog = failed(http.StatusNotFound, "Log channel does not exist")

var errNoVariableName = failed(http.StatusBadRequest, "Variable name is required")

// AsteriskGetInfo tells about the server.
func (o *operations) AsteriskGetInfo(w http.ResponseWriter, r *http.Request, _ gen.AsteriskGetInfoParams) {
	a := argsOf(r)
	_, only := a.values["only"]
	want := func(section string) bool { return !only || slices.Contains(a.lists["only"], section) }
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		p := o.p
		var fields []wire.Field
		if want("build") {
			fields = append(fields, wire.F("build", wire.Object(wire.F("os", "Linux"), wire.F("kernel", "simulated"), wire.F("machine", "simulated"),
				wire.F("options", "OPTIONAL_API"), wire.F("date", "2026-01-01 00:00:00 UTC"), wire.F("user", "aritest"))))
		}
		if want("system") {
			fields = append(fields, wire.F("system", wire.Object(wire.F("version", p.Config.Version.String()), wire.F("entity_id", p.Config.EntityID))))
		}
		if want("config") {
			fields = append(fields, wire.F("config", wire.Object(wire.F("name", p.Config.Name), wire.F("default_language", "en"),
				wire.F("setid", wire.Object(wire.F("user", ""), wire.F("group", ""))))))
		}
		if want("status") {
			fields = append(fields, wire.F("status", wire.Object(wire.F("startup_time", p.Started), wire.F("last_reload_time", p.Started))))
		}
		return wire.Object(fields...), nil
	})
}

// AsteriskPing answers.
func (o *operations) AsteriskPing(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		return wire.Object(wire.F("ping", "pong"), wire.F("timestamp", o.p.Now()), wire.F("asterisk_id", o.p.Config.EntityID)), nil
	})
}

// AsteriskListModules lists the modules that are loaded.
func (o *operations) AsteriskListModules(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		var all []*pbx.Module
		for _, name := range slices.Sorted(maps.Keys(o.p.Modules)) {
			if m := o.p.Modules[name]; m.Loaded {
				all = append(all, m)
			}
		}
		return list(all), nil
	})
}

// AsteriskGetModule shows a module.
func (o *operations) AsteriskGetModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if m := o.p.Loaded(name); m != nil {
			return m.JSON(), nil
		}
		return nil, failed(http.StatusNotFound, "Module could not be found in running modules")
	})
}

// AsteriskLoadModule loads a module.
func (o *operations) AsteriskLoadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		m := o.p.Modules[name]
		switch {
		case m == nil:
			return nil, failed(http.StatusConflict, "Module load declined")
		case m.Loaded:
			return nil, failed(http.StatusConflict, "Module is already loaded")
		}
		m.Loaded = true
		return nil, nil
	})
}

// AsteriskUnloadModule unloads a module.
func (o *operations) AsteriskUnloadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		m := o.p.Loaded(name)
		switch {
		case m == nil:
			return nil, errNotLoaded
		case m.Users > 0:
			return nil, failed(http.StatusConflict, "Module could not be unloaded")
		}
		m.Loaded = false
		return nil, nil
	})
}

// AsteriskReloadModule reloads a module.
func (o *operations) AsteriskReloadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		m := o.p.Loaded(name)
		switch {
		case m == nil:
			return nil, errNotLoaded
		case !m.Reloads:
			return nil, failed(http.StatusConflict, "Module does not support reloading")
		}
		return nil, nil
	})
}

// AsteriskListLogChannels lists the log channels.
func (o *operations) AsteriskListLogChannels(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		var all []wire.JSON
		for _, name := range slices.Sorted(maps.Keys(o.p.Logs)) {
			all = append(all, wire.Object(wire.F("channel", name), wire.F("type", "File"), wire.F("status", "Enabled"), wire.F("configuration", o.p.Logs[name])))
		}
		return wire.AppendValue(nil, all), nil
	})
}

// AsteriskAddLog makes a log channel.
func (o *operations) AsteriskAddLog(w http.ResponseWriter, _ *http.Request, name string, q gen.AsteriskAddLogParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if q.Configuration == "" {
			return nil, failed(http.StatusBadRequest, "Configuration levels are required")
		}
		if _, ok := o.p.Log(name); ok {
			return nil, failed(http.StatusConflict, "Log channel already exists")
		}
		var levels strings.Builder
		for level := range strings.SplitSeq(q.Configuration, ",") {
			levels.WriteString(strings.ToUpper(strings.TrimSpace(level)) + " ")
		}
		if !strings.HasPrefix(name, "/") {
			name = pbx.LogDir + name
		}
		o.p.Logs[name] = levels.String()
		return nil, nil
	})
}

// AsteriskDeleteLog removes a log channel.
func (o *operations) AsteriskDeleteLog(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		path, ok := o.p.Log(name)
		if !ok {
			return nil, errNoLog
		}
		delete(o.p.Logs, path)
		return nil, nil
	})
}

// AsteriskRotateLog rotates a log. As in Asterisk, those that ARI has made don't survive that.
func (o *operations) AsteriskRotateLog(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if _, ok := o.p.Log(name); !ok {
			return nil, errNoLog
		}
		o.p.Logs = pbx.DefaultLogs()
		return nil, nil
	})
}

// AsteriskGetGlobalVar reads a global variable; one that isn't there is empty.
func (o *operations) AsteriskGetGlobalVar(w http.ResponseWriter, _ *http.Request, q gen.AsteriskGetGlobalVarParams) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if q.Variable == "" {
			return nil, errNoVariableName
		}
		return wire.Object(wire.F("value", o.p.Globals[q.Variable])), nil
	})
}

// AsteriskSetGlobalVar sets a global variable.
func (o *operations) AsteriskSetGlobalVar(w http.ResponseWriter, _ *http.Request, q gen.AsteriskSetGlobalVarParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if q.Variable == "" {
			return nil, errNoVariableName
		}
		p, value := o.p, deref(q.Value)
		p.Globals[q.Variable] = value
		p.ToAllChannels(func() wire.Event {
			return p.BlobEvent("ChannelVarset", []wire.Field{wire.F("variable", q.Variable), wire.F("value", value)})
		})
		return nil, nil
	})
}

package aritest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
)

// AsteriskGetInfo tells about the server.
func (o *operations) AsteriskGetInfo(w http.ResponseWriter, r *http.Request, _ gen.AsteriskGetInfoParams) {
	a := argsOf(r)
	_, only := a.values["only"]
	want := func(section string) bool { return !only || slices.Contains(a.lists["only"], section) }
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		p := o.p
		var fields []field
		if want("build") {
			fields = append(fields, field{"build", object(field{"os", "Linux"}, field{"kernel", "simulated"}, field{"machine", "simulated"},
				field{"options", "OPTIONAL_API"}, field{"date", "2026-01-01 00:00:00 UTC"}, field{"user", "aritest"})})
		}
		if want("system") {
			fields = append(fields, field{"system", object(field{"version", p.opts.version.String()}, field{"entity_id", p.opts.entityID})})
		}
		if want("config") {
			fields = append(fields, field{"config", object(field{"name", p.opts.name}, field{"default_language", "en"},
				field{"setid", object(field{"user", ""}, field{"group", ""})})})
		}
		if want("status") {
			fields = append(fields, field{"status", object(field{"startup_time", p.started}, field{"last_reload_time", p.started})})
		}
		return object(fields...), nil
	})
}

// AsteriskPing answers.
func (o *operations) AsteriskPing(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		return object(field{"ping", "pong"}, field{"timestamp", o.p.now()}, field{"asterisk_id", o.p.opts.entityID}), nil
	})
}

// A module of Asterisk.
type module struct {
	name, description string
	users             int
	reloads           bool
	loaded            bool
}

func defaultModules() map[string]*module {
	modules := map[string]*module{}
	for _, m := range []module{
		{"app_echo.so", "Simple Echo Application", 0, false, true},
		{"app_stasis.so", "Stasis dialplan application", 0, false, true},
		{"chan_pjsip.so", "PJSIP Channel Driver", 0, false, true},
		{"pbx_config.so", "Text Extension Configuration", 0, true, true},
		{"res_clialiases.so", "CLI Aliases", 0, true, false},
		{"res_ari.so", "Asterisk RESTful Interface", 12, true, true},
		{"res_ari_applications.so", "RESTful API module - Stasis application resources", 0, false, true},
		{"res_ari_asterisk.so", "RESTful API module - Asterisk resources", 0, false, true},
		{"res_ari_bridges.so", "RESTful API module - Bridge resources", 0, false, true},
		{"res_ari_channels.so", "RESTful API module - Channel resources", 0, false, true},
		{"res_ari_events.so", "RESTful API module - WebSocket resource", 0, false, true},
		{"res_musiconhold.so", "Music On Hold Resource", 0, true, true},
		{"res_pjsip.so", "Basic SIP resource", 30, true, true},
		{"res_stasis.so", "Stasis application support", 11, false, true},
	} {
		modules[m.name] = &m
	}
	return modules
}

func (m *module) json() jsonText {
	return object(field{"name", m.name}, field{"description", m.description}, field{"use_count", m.users}, field{"status", "Running"},
		field{"support_level", "core"})
}

// AsteriskListModules lists the modules that are loaded.
func (o *operations) AsteriskListModules(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		var all []*module
		for _, name := range slices.Sorted(maps.Keys(o.p.modules)) {
			if m := o.p.modules[name]; m.loaded {
				all = append(all, m)
			}
		}
		return list(all), nil
	})
}

func (p *pbx) loaded(name string) *module {
	if m := p.modules[name]; m != nil && m.loaded {
		return m
	}
	return nil
}

// AsteriskGetModule shows a module.
func (o *operations) AsteriskGetModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if m := o.p.loaded(name); m != nil {
			return m.json(), nil
		}
		return nil, failed(http.StatusNotFound, "Module could not be found in running modules")
	})
}

// AsteriskLoadModule loads a module.
func (o *operations) AsteriskLoadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		m := o.p.modules[name]
		switch {
		case m == nil:
			return nil, failed(http.StatusConflict, "Module load declined")
		case m.loaded:
			return nil, failed(http.StatusConflict, "Module is already loaded")
		}
		m.loaded = true
		return nil, nil
	})
}

var errNotLoaded = failed(http.StatusNotFound, "Module not found in running modules")

// AsteriskUnloadModule unloads a module.
func (o *operations) AsteriskUnloadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		m := o.p.loaded(name)
		switch {
		case m == nil:
			return nil, errNotLoaded
		case m.users > 0:
			return nil, failed(http.StatusConflict, "Module could not be unloaded")
		}
		m.loaded = false
		return nil, nil
	})
}

// AsteriskReloadModule reloads a module.
func (o *operations) AsteriskReloadModule(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		m := o.p.loaded(name)
		switch {
		case m == nil:
			return nil, errNotLoaded
		case !m.reloads:
			return nil, failed(http.StatusConflict, "Module does not support reloading")
		}
		return nil, nil
	})
}

// Log channels.

const logDir = "/var/log/asterisk/"

// defaultLogs are the log channels of the configuration.
func defaultLogs() map[string]string {
	return map[string]string{logDir + "full": "NOTICE WARNING ERROR VERBOSE DTMF "}
}

var errNoLog = failed(http.StatusNotFound, "Log channel does not exist")

// log finds a log channel by its path, or its name in the log directory.
func (p *pbx) log(name string) (string, bool) {
	for _, path := range []string{name, logDir + name} {
		if _, ok := p.logs[path]; ok {
			return path, true
		}
	}
	return "", false
}

// AsteriskListLogChannels lists the log channels.
func (o *operations) AsteriskListLogChannels(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		var all []jsonText
		for _, name := range slices.Sorted(maps.Keys(o.p.logs)) {
			all = append(all, object(field{"channel", name}, field{"type", "File"}, field{"status", "Enabled"}, field{"configuration", o.p.logs[name]}))
		}
		return appendValue(nil, all), nil
	})
}

// AsteriskAddLog makes a log channel.
func (o *operations) AsteriskAddLog(w http.ResponseWriter, _ *http.Request, name string, q gen.AsteriskAddLogParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if q.Configuration == "" {
			return nil, failed(http.StatusBadRequest, "Configuration levels are required")
		}
		if _, ok := o.p.log(name); ok {
			return nil, failed(http.StatusConflict, "Log channel already exists")
		}
		var levels strings.Builder
		for level := range strings.SplitSeq(q.Configuration, ",") {
			levels.WriteString(strings.ToUpper(strings.TrimSpace(level)) + " ")
		}
		if !strings.HasPrefix(name, "/") {
			name = logDir + name
		}
		o.p.logs[name] = levels.String()
		return nil, nil
	})
}

// AsteriskDeleteLog removes a log channel.
func (o *operations) AsteriskDeleteLog(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		path, ok := o.p.log(name)
		if !ok {
			return nil, errNoLog
		}
		delete(o.p.logs, path)
		return nil, nil
	})
}

// AsteriskRotateLog rotates a log. As in Asterisk, those that ARI has made don't survive that.
func (o *operations) AsteriskRotateLog(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if _, ok := o.p.log(name); !ok {
			return nil, errNoLog
		}
		o.p.logs = defaultLogs()
		return nil, nil
	})
}

// Global variables.

var errNoVariableName = failed(http.StatusBadRequest, "Variable name is required")

// AsteriskGetGlobalVar reads a global variable; one that isn't there is empty.
func (o *operations) AsteriskGetGlobalVar(w http.ResponseWriter, _ *http.Request, q gen.AsteriskGetGlobalVarParams) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if q.Variable == "" {
			return nil, errNoVariableName
		}
		return object(field{"value", o.p.globals[q.Variable]}), nil
	})
}

// AsteriskSetGlobalVar sets a global variable.
func (o *operations) AsteriskSetGlobalVar(w http.ResponseWriter, _ *http.Request, q gen.AsteriskSetGlobalVarParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if q.Variable == "" {
			return nil, errNoVariableName
		}
		p, value := o.p, deref(q.Value)
		p.globals[q.Variable] = value
		p.publish(func(a *app) int { return min(a.allChannels, 1) }, func() event {
			return p.blobEvent("ChannelVarset", []field{{"variable", q.Variable}, {"value", value}})
		})
		return nil, nil
	})
}

// Dynamic configuration: objects of the module res_pjsip, of which only few attributes are known.

// objectTypes are the types of objects, with the attributes that they have and their defaults.
var objectTypes = map[string]map[string]string{
	"endpoint": {"aors": "", "auth": "", "context": "default", "allow": "(ulaw)", "disallow": "", "transport": "", "callerid": "<unknown>", "direct_media": "true", "mailboxes": ""},
	"aor": {
		"max_contacts": "0", "contact": "", "qualify_frequency": "0", "minimum_expiration": "60", "maximum_expiration": "7200", "default_expiration": "3600",
		"remove_existing": "false", "remove_unavailable": "false", "support_path": "false", "mailboxes": "",
	},
	"auth":     {"auth_type": "userpass", "username": "", "password": "", "realm": "", "md5_cred": "", "nonce_lifetime": "32"},
	"identify": {"endpoint": "", "match": ""},
}

// objectType looks at the class and type of an object.
func objectType(class, typ string) (map[string]string, *apiError) {
	if class != "res_pjsip" && class != "res_pjsip_endpoint_identifier_ip" {
		return nil, failed(http.StatusNotFound, "configClass '"+class+"' not found")
	}
	attributes := objectTypes[typ]
	if attributes == nil {
		return nil, failed(http.StatusNotFound, "objectType '"+typ+"' not found")
	}
	return attributes, nil
}

func tuples(attributes map[string]string) jsonText {
	var all []jsonText
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		all = append(all, object(field{"attribute", name}, field{"value", attributes[name]}))
	}
	return appendValue(nil, all)
}

// static reports whether the endpoint is one that a test has made, as if it stood in a configuration file.
func (p *pbx) static(typ, id string) bool {
	return (typ == "endpoint" || typ == "aor") && p.endpoints["PJSIP/"+id] != nil
}

// AsteriskGetObject shows an object.
func (o *operations) AsteriskGetObject(w http.ResponseWriter, _ *http.Request, class, typ, id string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		defaults, err := objectType(class, typ)
		if err != nil {
			return nil, err
		}
		if attributes := o.p.objects[typ+"/"+id]; attributes != nil {
			return tuples(attributes), nil
		}
		if o.p.static(typ, id) {
			return tuples(defaults), nil
		}
		return nil, failed(http.StatusNotFound, "Object with id '"+id+"' not found")
	})
}

// AsteriskUpdateObject makes or changes an object.
func (o *operations) AsteriskUpdateObject(w http.ResponseWriter, r *http.Request, class, typ, id string) {
	body := argsOf(r).body
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		defaults, err := objectType(class, typ)
		if err != nil {
			return nil, err
		}
		p := o.p
		key := typ + "/" + id
		if p.objects[key] == nil && p.static(typ, id) {
			return nil, failed(http.StatusForbidden, "Cannot update sorcery objects of type '"+typ+"'")
		}
		var fields []struct {
			Attribute string `json:"attribute"`
			Value     string `json:"value"`
		}
		raw, given := body["fields"]
		if given && json.Unmarshal(raw, &fields) != nil {
			return nil, failed(http.StatusBadRequest, "Fields must be provided to update object '"+id+"'")
		}
		attributes, doing := maps.Clone(p.objects[key]), "Update"
		if attributes == nil {
			attributes, doing = maps.Clone(defaults), "Creation"
		} else if !given {
			return nil, failed(http.StatusBadRequest, "Fields must be provided to update object '"+id+"'")
		}
		for _, f := range fields {
			if _, ok := defaults[f.Attribute]; !ok {
				return nil, failed(http.StatusBadRequest, doing+" of object '"+id+"' failed field value validation")
			}
			attributes[f.Attribute] = f.Value
		}
		p.objects[key] = attributes
		return tuples(attributes), nil
	})
}

// AsteriskDeleteObject removes an object.
func (o *operations) AsteriskDeleteObject(w http.ResponseWriter, _ *http.Request, class, typ, id string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if _, err := objectType(class, typ); err != nil {
			return nil, err
		}
		switch {
		case o.p.objects[typ+"/"+id] != nil:
			delete(o.p.objects, typ+"/"+id)
			return nil, nil
		case o.p.static(typ, id):
			return nil, failed(http.StatusForbidden, "Could not delete object with id '"+id+"'")
		default:
			return nil, failed(http.StatusNotFound, "Object with id '"+id+"' not found")
		}
	})
}

package pbx

import (
	"github.com/ari-go/ari/internal/sim/wire"
)

// A Module of Asterisk.
type Module struct {
	name, description string
	Users             int
	Reloads           bool
	Loaded            bool
}

func defaultModules() map[string]*Module {
	modules := map[string]*Module{}
	for _, m := range []Module{
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

// JSON is the module as ARI shows it.
func (m *Module) JSON() wire.JSON {
	return wire.Object(wire.F("name", m.name), wire.F("description", m.description), wire.F("use_count", m.Users), wire.F("status", "Running"),
		wire.F("support_level", "core"))
}

// Loaded is a module that is loaded, or nil.
func (p *PBX) Loaded(name string) *Module {
	if m := p.Modules[name]; m != nil && m.Loaded {
		return m
	}
	return nil
}

// LogDir is where logs are.
const LogDir = "/var/log/asterisk/"

// DefaultLogs are the log channels of the configuration.
func DefaultLogs() map[string]string {
	return map[string]string{LogDir + "full": "NOTICE WARNING ERROR VERBOSE DTMF "}
}

// Log finds a log channel by its path, or its name in the log directory.
func (p *PBX) Log(name string) (string, bool) {
	for _, path := range []string{name, LogDir + name} {
		if _, ok := p.Logs[path]; ok {
			return path, true
		}
	}
	return "", false
}

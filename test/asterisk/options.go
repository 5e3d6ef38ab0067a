package asterisk

import (
	"reflect"
	"time"
)

// Options say how an Asterisk is to be started. The zero value is an Asterisk 22 with the configuration that is in the folder config.
type Options struct {
	// Version is the first number of the version, "22" by default.
	Version string
	// Own asks for an Asterisk that this test has for itself, because it stops it, say. A test that needs anything else here gets one of its own anyway.
	Own bool
	// SessionLimit is how many HTTP connections Asterisk accepts; 0 stands for Asterisk's default, 100.
	SessionLimit int
	// KeepAlive is after which time Asterisk closes an idle HTTP connection; 0 stands for Asterisk's default, 15 seconds.
	KeepAlive time.Duration
	// WriteTimeout is how long a write to an event websocket may block; 0 stands for Asterisk's default, 100 ms.
	WriteTimeout time.Duration
	// ChannelVars are the channel variables that every event's channels carry.
	ChannelVars []string
	// Outbound are event websockets that Asterisk opens itself (22 only).
	Outbound []Outbound
	// Clients are websocket servers that Asterisk's media channels may connect to (22 only).
	Clients []WebsocketClient
	// Dialplan is added to extensions.conf; it begins within the context "target", so it should name a context first.
	// "[default](+)" adds extensions to those that calls come into.
	Dialplan string
	// PJSIP is added to pjsip.conf. A section that begins with "[name](phone)" is an endpoint like the others.
	PJSIP string
	// ARI is added to ari.conf.
	ARI string
	// Files are configuration files, by name, that are added, or replace those of the same name.
	Files map[string]string
	// StartTimeout is how long Asterisk may take until ARI answers; 30 seconds by default.
	StartTimeout time.Duration
}

// own tells whether an Asterisk that somebody else has configured wouldn't do.
func (o Options) own() bool {
	o.Version, o.StartTimeout = "", 0
	return !reflect.ValueOf(o).IsZero()
}

// Outbound is an event websocket that Asterisk opens to an application's server.
type Outbound struct {
	WebsocketClient
	// Apps are the applications that the server implements.
	Apps []string
	// SubscribeAll sends the applications all events.
	SubscribeAll bool
	// LocalUser is the ARI user whose rights requests on this websocket have; the read-write one by default.
	LocalUser string
}

// WebsocketClient is a websocket server that Asterisk can connect to.
type WebsocketClient struct {
	// Name is the name of its section.
	Name string
	// URI is the server's address: ws://127.0.0.1:1234/path.
	URI string
	// Protocol is the websocket subprotocol: "ari" for an [Outbound] by default, else "media".
	Protocol string
	// PerCall makes a connection for each call, rather than one that stays.
	PerCall bool
	// Username and Password are what Asterisk shows to the server.
	Username, Password string
	// Interval is the time between two attempts to connect, 100 ms by default.
	Interval time.Duration
	// CAFile is the file with the server's certificate, for a wss URI.
	CAFile string
	// CertFile and KeyFile are what Asterisk shows to the server, for a wss URI.
	CertFile, KeyFile string
}

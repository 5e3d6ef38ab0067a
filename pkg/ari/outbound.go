package ari

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An OutboundConfig makes Asterisk open websockets to a [Server]: it writes the sections that ari.conf and
// websocket_client.conf need for that. Name, URI, Application and User are required. Asterisk can do so since 20.15, 21.10,
// 22.5.
type OutboundConfig struct {
	// Name is how the sections' names begin.
	Name string

	// URI is where the server is: "ws://10.0.0.7:9000/", or wss for TLS.
	URI string

	// Application is the server's application, Applications are further ones.
	Application  string
	Applications []string

	// PerCall opens a websocket for each call, instead of one that stays. Each call then enters the application half a second
	// later.
	PerCall bool

	// SubscribeAll subscribes the applications to everything. It makes no sense with PerCall, and can lock an application up
	// inside Asterisk: see [WithSubscribeAll].
	SubscribeAll bool

	// User is the section of ari.conf whose rights commands have. Its password there must not be encrypted.
	User string

	// CommandSockets is how many websockets are opened for commands that may wait for what plays on a channel; a negative
	// number is none, where HTTP is there for them. The default is 4: so many of these commands are carried out at once.
	CommandSockets int

	// Username and Password are what Asterisk shows to the server: see [WithAuthenticator].
	Username, Password string

	// CAFile has the authorities that the server's certificate is checked against; CertFile and KeyFile the certificate that
	// Asterisk shows. They are paths on Asterisk's machine, and go with wss.
	CAFile, CertFile, KeyFile string

	// Timeout is how long an attempt to connect may take, 500 ms by default. Interval is the time between two attempts, 500 ms
	// by default, and Attempts how many are made for a call, 4 by default: after that, the call goes on in the dialplan.
	Timeout, Interval time.Duration
	Attempts          int
}

// defaultCommandSockets is how many commands that may wait can be carried out at once.
const defaultCommandSockets = 4

// ARI returns the sections of ari.conf. The user's section isn't among them.
func (o OutboundConfig) ARI() (string, error) { return o.write(o.ariSection) }

// WebsocketClient returns the sections of websocket_client.conf. They have the password in them.
func (o OutboundConfig) WebsocketClient() (string, error) { return o.write(o.clientSection) }

// write writes a section for the applications, and one for each websocket for commands.
func (o OutboundConfig) write(section func(w *confWriter, name string, apps []string, perCall bool)) (string, error) {
	if err := o.check(); err != nil {
		return "", annotate("outbound configuration", err)
	}
	var w confWriter
	section(&w, o.Name, append([]string{o.Application}, o.Applications...), o.PerCall)
	sockets := o.CommandSockets
	if sockets == 0 {
		sockets = defaultCommandSockets
	}
	for n := 1; n <= sockets; n++ {
		number := "-" + strconv.Itoa(n)
		section(&w, o.Name+commandSuffix+number, []string{o.Application + commandSuffix + number}, false)
	}
	return w.b.String(), nil
}

// commandSuffix is what the applications of websockets for commands have behind the server's.
const commandSuffix = "-commands"

// maxAppName is how long Asterisk lets the name of an application be.
const maxAppName = 73

func (o OutboundConfig) check() error {
	for what, value := range map[string]string{
		"name": o.Name, "URI": o.URI, "application": o.Application, "user": o.User, "username": o.Username, "password": o.Password,
		"CA file": o.CAFile, "certificate's file": o.CertFile, "key's file": o.KeyFile, "list of applications": strings.Join(o.Applications, ","),
	} {
		if strings.ContainsAny(value, "\r\n;[]") || strings.TrimSpace(value) != value {
			return fmt.Errorf("%w: the %s has something in it that can't stand in a configuration file of Asterisk's", ErrInvalid, what)
		}
	}
	for _, app := range append([]string{o.Application}, o.Applications...) {
		if app == "" || strings.ContainsAny(app, ",:") || len(app) > maxAppName {
			return fmt.Errorf("%w: %.80q is no name of an application", ErrInvalid, app)
		}
	}
	switch {
	case o.Name == "" || o.User == "":
		return fmt.Errorf("%w: the name or the user is empty", ErrInvalid)
	case !strings.HasPrefix(o.URI, "ws://") && !strings.HasPrefix(o.URI, "wss://"):
		return fmt.Errorf("%w: the URI must begin with ws:// or wss://", ErrInvalid)
	case (o.Username == "") != (o.Password == ""):
		return errors.New("ari: Asterisk shows a user and a password only together")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("ari: a certificate needs its key")
	case o.PerCall && o.SubscribeAll:
		return fmt.Errorf("%w: a websocket for one call can't be subscribed to everything", ErrInvalid)
	}
	return nil
}

func (o OutboundConfig) ariSection(w *confWriter, name string, apps []string, perCall bool) {
	w.section(name)
	w.set("type", "outbound_websocket")
	w.set("websocket_client_id", name)
	w.set("apps", strings.Join(apps, ","))
	w.set("local_ari_user", o.User)
	if o.SubscribeAll && !perCall && name == o.Name {
		w.set("subscribe_all", "yes")
	}
}

func (o OutboundConfig) clientSection(w *confWriter, name string, _ []string, perCall bool) {
	w.section(name)
	w.set("type", "websocket_client")
	w.set("uri", o.URI)
	w.set("protocols", "ari")
	kind := "persistent"
	if perCall {
		kind = "per_call_config"
	}
	w.set("connection_type", kind)
	w.set("username", o.Username)
	w.set("password", o.Password)
	w.milliseconds("connection_timeout", o.Timeout)
	w.milliseconds("reconnect_interval", o.Interval)
	if o.Attempts > 0 {
		w.set("reconnect_attempts", strconv.Itoa(o.Attempts))
	}
	if strings.HasPrefix(o.URI, "wss://") {
		w.set("tls_enabled", "yes")
		w.set("ca_list_file", o.CAFile)
		w.set("cert_file", o.CertFile)
		w.set("priv_key_file", o.KeyFile)
	}
}

// A confWriter writes a configuration file of Asterisk's.
type confWriter struct{ b strings.Builder }

func (w *confWriter) section(name string) {
	if w.b.Len() > 0 {
		w.b.WriteByte('\n')
	}
	fmt.Fprintf(&w.b, "[%s]\n", name)
}

// set writes a value, unless it is empty.
func (w *confWriter) set(name, value string) {
	if value != "" {
		fmt.Fprintf(&w.b, "%s = %s\n", name, value)
	}
}

func (w *confWriter) milliseconds(name string, d time.Duration) {
	if d > 0 {
		w.set(name, strconv.FormatInt(max(1, d.Milliseconds()), 10))
	}
}

package ari

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOutboundConfig(t *testing.T) {
	o := OutboundConfig{
		Name: "hello", URI: "wss://app.example.com:9000/ari", Application: "hello", Applications: []string{"other"}, User: "asterisk",
		CommandSockets: 1, Username: "pbx", Password: "secret", CAFile: "/etc/ssl/ca.pem", CertFile: "/c.pem", KeyFile: "/k.pem",
		Timeout: 2 * time.Second, Interval: time.Microsecond, Attempts: 10, SubscribeAll: true,
	}
	text, err := o.ARI()
	require.NoError(t, err)
	assert.Equal(t, `[hello]
type = outbound_websocket
websocket_client_id = hello
apps = hello,other
local_ari_user = asterisk
subscribe_all = yes

[hello-commands-1]
type = outbound_websocket
websocket_client_id = hello-commands-1
apps = hello-commands-1
local_ari_user = asterisk
`, text)
	text, err = o.WebsocketClient()
	require.NoError(t, err)
	assert.Equal(t, `[hello]
type = websocket_client
uri = wss://app.example.com:9000/ari
protocols = ari
connection_type = persistent
username = pbx
password = secret
connection_timeout = 2000
reconnect_interval = 1
reconnect_attempts = 10
tls_enabled = yes
ca_list_file = /etc/ssl/ca.pem
cert_file = /c.pem
priv_key_file = /k.pem

[hello-commands-1]
type = websocket_client
uri = wss://app.example.com:9000/ari
protocols = ari
connection_type = persistent
username = pbx
password = secret
connection_timeout = 2000
reconnect_interval = 1
reconnect_attempts = 10
tls_enabled = yes
ca_list_file = /etc/ssl/ca.pem
cert_file = /c.pem
priv_key_file = /k.pem
`, text)
	o.SubscribeAll, o.PerCall, o.CommandSockets = false, true, -1
	text, err = o.WebsocketClient()
	require.NoError(t, err)
	assert.Contains(t, text, "connection_type = per_call_config\n")
	assert.NotContains(t, text, "commands")

	for name, change := range map[string]func(*OutboundConfig){
		"no name":                     func(o *OutboundConfig) { o.Name = "" },
		"no user":                     func(o *OutboundConfig) { o.User = "" },
		"no application":              func(o *OutboundConfig) { o.Application = "" },
		"an application with a comma": func(o *OutboundConfig) { o.Applications = []string{"a,b"} },
		"another scheme":              func(o *OutboundConfig) { o.URI = "http://x/" },
		"another line":                func(o *OutboundConfig) { o.Password = "secret\nlocal_ari_user = admin" },
		"a comment":                   func(o *OutboundConfig) { o.Password = "a;b" },
		"a password without a user":   func(o *OutboundConfig) { o.Username = "" },
		"a certificate without a key": func(o *OutboundConfig) { o.KeyFile = "" },
		"everything for one call":     func(o *OutboundConfig) { o.SubscribeAll = true },
	} {
		bad := o
		change(&bad)
		_, err := bad.ARI()
		assert.Error(t, err, name)
		assert.NotContains(t, errorText(err), "secret", name)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

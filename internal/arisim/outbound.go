package arisim

import (
	"flag"
	"fmt"
	"strings"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// outbound are the flags about websockets that are opened by arisim.
type outbound struct {
	uri, user string
	perCall   bool
	commands  int
}

func (o *outbound) flags(flags *flag.FlagSet) {
	flags.StringVar(&o.uri, "outbound", "", "the URI of a program that event websockets are opened to, such as ws://127.0.0.1:9000/")
	flags.BoolVar(&o.perCall, "outbound-per-call", false, "open one for each call, instead of one that stays")
	flags.StringVar(&o.user, "outbound-user", "", "what is shown to the program: NAME:PASSWORD")
	flags.IntVar(&o.commands, "outbound-commands", 4, "how many websockets are opened for commands")
}

// options are what the flags make of a server for an application.
func (o *outbound) options(app string) []aritest.Option {
	if o.uri == "" {
		return nil
	}
	name, password, _ := strings.Cut(o.user, ":")
	all := []aritest.Outbound{{Name: app, URI: o.uri, Apps: []string{app}, PerCall: o.perCall, Username: name, Password: password}}
	for n := range o.commands {
		command := fmt.Sprintf("%s-commands-%d", app, n+1)
		all = append(all, aritest.Outbound{Name: command, URI: o.uri, Apps: []string{command}, Username: name, Password: password})
	}
	return []aritest.Option{aritest.WithOutbound(all...)}
}

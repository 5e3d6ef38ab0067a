// Arisim is a simulated Asterisk to try applications on without a telephone exchange: it has the REST interface and the event
// websocket, and a console at which you are the telephones.
//
//	go run ./cmd/arisim -addr 127.0.0.1:8088 -app hello
//
// A program that is to talk to it needs the URL http://127.0.0.1:8088/ari, the user asterisk and the password asterisk. Then type
//
//	call 1000
//	keys 1 12#
//	hangup 1
//
// and help for the rest. What happens to a call is told as it happens, with what the caller hears. With -dialplan, extensions are
// read from a file written like Asterisk's extensions.conf; what it doesn't have leads into the application. With -phone, telephones
// can be called: -phone PJSIP/alice=answer:2s -phone PJSIP/bob=busy. With -outbound, it opens event websockets to the program by
// itself: see examples/outbound.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/ari-go/ari/internal/arisim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := arisim.Run(ctx, "arisim", os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "arisim:", err)
		}
		os.Exit(1)
	}
}

// Outbound answers calls on websockets that Asterisk opens, so that this program needs no open port on Asterisk's side, and
// the user of ari.conf stays with Asterisk. It needs Asterisk 20.15, 21.10, 22.5 or newer.
//
// Let it write the sections for Asterisk's configuration:
//
//	go run ./examples/outbound -uri ws://127.0.0.1:9000/ -config
//
// and add them to ari.conf, which must have a user [asterisk] with a password in clear text, and to websocket_client.conf.
// -percall writes those for a websocket for each call, instead of one that stays. Put this into extensions.conf, in the
// context where calls come in:
//
//	exten => 1000,1,Stasis(hello)
//
// Restart Asterisk, or load what has changed:
//
//	asterisk -rx "module reload res_websocket_client.so"
//	asterisk -rx "module reload res_ari.so"
//
// Run it with:
//
//	go run ./examples/outbound -listen 127.0.0.1:9000
//
// Then dial 1000, and hear a greeting and a beep each five seconds. Stop the program with Ctrl-C, and start it again: the call
// goes on.
package main

import (
	"context"
	"crypto/subtle"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// What Asterisk shows to this program. In earnest, take a secret.
const user, password = "pbx", "change-me"

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "the address to listen on")
	config := flag.Bool("config", false, "write the sections for Asterisk's configuration, and end")
	uri := flag.String("uri", "ws://127.0.0.1:9000/", "where Asterisk reaches this program, for -config")
	perCall := flag.Bool("percall", false, "a websocket for each call, for -config")
	flag.Parse()
	if *config {
		if err := write(*uri, *perCall); err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server, err := newServer()
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer stop()
		if err := server.ListenAndServe(ctx, *listen); err != nil {
			log.Print(err)
		}
	}()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// newServer makes the server, with its handler.
func newServer() (*ari.Server, error) {
	server, err := ari.NewServer("hello", ari.WithAuthenticator(func(_ *http.Request, u, p string) bool {
		return subtle.ConstantTimeCompare([]byte(u), []byte(user))&subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1
	}))
	if err != nil {
		return nil, err
	}
	server.OnCall(serve)
	return server, nil
}

// serve serves one call, which may have been with an earlier run of this program.
func serve(ctx context.Context, call *ari.StasisStart) error {
	ch := call.Channel
	if !call.Resumed() {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
		if _, err := ch.Play(ctx, "sound:hello-world"); err != nil {
			return err
		}
	}
	for {
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return nil
		}
		if _, err := ch.Play(ctx, "sound:beep"); err != nil {
			return err
		}
	}
}

// write writes the sections for Asterisk's configuration.
func write(uri string, perCall bool) error {
	conf := ari.OutboundConfig{
		Name: "hello", URI: uri, Application: "hello", PerCall: perCall,
		User: "asterisk", Username: user, Password: password,
	}
	sections, err := conf.ARI()
	if err != nil {
		return err
	}
	client, err := conf.WebsocketClient()
	if err != nil {
		return err
	}
	fmt.Printf("; ari.conf\n\n%s\n; websocket_client.conf\n\n%s", sections, client)
	return nil
}

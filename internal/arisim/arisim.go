// Package arisim is the simulated Asterisk with a console at which people are the telephones: what cmd/arisim and `ari sim` run.
package arisim

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// phones are the values of the flag -phone.
type phones []string

func (p *phones) String() string     { return strings.Join(*p, " ") }
func (p *phones) Set(v string) error { *p = append(*p, v); return nil }

// Run runs the program under a name until its console or its context ends. With -h it prints the flags and returns [flag.ErrHelp].
func Run(ctx context.Context, name string, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8088", "the address to listen on")
	app := flags.String("app", "hello", "the Stasis application that calls lead into")
	user := flags.String("user", "asterisk", "the user of the REST interface")
	password := flags.String("password", "asterisk", "the user's password")
	version := flags.String("version", "22.10.1", "the version of Asterisk to act as")
	dialplan := flags.String("dialplan", "", "a file with extensions, as in extensions.conf")
	speed := flags.Float64("speed", 1, "how much faster than the clock simulated time passes")
	var callOut outbound
	callOut.flags(flags)
	var ph phones
	flags.Var(&ph, "phone", "a telephone that can be called, NAME=answer[:after], ring, busy, refuse:STATUS or unreachable; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	opts := []aritest.Option{
		aritest.WithAddr(*addr), aritest.WithApp(*app), aritest.WithUser(*user, *password), aritest.WithVersion(*version),
		aritest.WithSpeed(*speed), aritest.WithSessionLimit(0),
	}
	if *dialplan != "" {
		text, err := os.ReadFile(*dialplan)
		if err != nil {
			return err
		}
		opts = append(opts, aritest.WithDialplan(string(text)))
	}
	opts = append(opts, callOut.options(*app)...)
	srv, err := aritest.Start(opts...) //nolint:contextcheck // To listen takes no time.
	if err != nil {
		return err
	}
	defer srv.Close() //nolint:contextcheck // It closes when ctx is over.
	c := &console{srv: srv, out: out}
	for _, p := range append(phones{"PJSIP/alice=answer:1s", "PJSIP/bob=busy"}, ph...) {
		if err := c.phone(ctx, p); err != nil {
			return err
		}
	}
	c.printf("Asterisk %s (simulated) at %s, user %s, password %s, application %s. Type help for help.\n", *version, srv.URL, *user, *password, *app)
	return c.serve(ctx, in)
}

// serve reads commands until the input or the context ends.
func (c *console) serve(ctx context.Context, in io.Reader) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				// Without a console it is a server all the same, until it is stopped.
				<-ctx.Done()
				return nil
			}
			if fields := strings.Fields(line); len(fields) > 0 {
				if fields[0] == "quit" || fields[0] == "exit" {
					return nil
				}
				if err := c.do(ctx, fields[0], fields[1:]); err != nil {
					c.printf("%v\n", err)
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// behaviour reads how a telephone behaves: answer:2s, ring, busy, refuse:603, unreachable.
func behaviour(text string) (aritest.Behaviour, error) {
	what, how, _ := strings.Cut(text, ":")
	switch what {
	case "answer":
		if how == "" {
			return aritest.Answers(0), nil
		}
		d, err := time.ParseDuration(how)
		if err != nil {
			return nil, err
		}
		return aritest.Answers(d), nil
	case "ring":
		return aritest.Rings(), nil
	case "busy":
		return aritest.Busy(), nil
	case "refuse":
		var status int
		if _, err := fmt.Sscan(how, &status); err != nil {
			return nil, fmt.Errorf("%q is no SIP status", how)
		}
		return aritest.Refuses(0, status), nil
	case "unreachable":
		return aritest.Unreachable(), nil
	default:
		return nil, fmt.Errorf("%q: a telephone can answer, ring, be busy, refuse or be unreachable", text)
	}
}

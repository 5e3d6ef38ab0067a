package arisim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A console carries out what people type.
type console struct {
	srv *aritest.Server

	mu    sync.Mutex
	out   io.Writer
	calls []*aritest.Call
}

const help = `call EXTENSION [CALLER]   somebody calls
keys N DIGITS             the caller of call N presses keys
say N SECONDS             speaks
hold N, unhold N          puts the other side on hold, takes it back
answer N, refuse N STATUS what a called telephone does that rings
hangup N [CAUSE]          hangs up
phone NAME=BEHAVIOUR      changes a telephone: answer[:after], ring, busy, refuse:STATUS, unreachable
calls, channels, bridges  show what there is
drop, down, up            cut the event websockets; refuse all connections, and take them again
quit
`

func (c *console) printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format, args...)
}

// do carries one command out.
func (c *console) do(ctx context.Context, command string, args []string) error {
	switch command {
	case "help":
		c.printf("%s", help)
	case "call":
		if len(args) == 0 {
			return errors.New("call whom?")
		}
		var opts []aritest.CallOption
		if len(args) > 1 {
			opts = append(opts, aritest.From(strings.Join(args[1:], " ")))
		}
		c.follow(ctx, c.srv.Call(args[0], opts...), "calls "+args[0])
	case "phone":
		return c.phone(ctx, strings.Join(args, " "))
	case "calls":
		c.list()
	case "channels":
		for _, ch := range c.srv.Channels() {
			c.printf("  %-28s %-34s %s\n", ch.ID, ch.Name, ch.State)
		}
	case "bridges":
		for _, b := range c.srv.Bridges() {
			c.printf("  %-38s %-8s %s\n", b.ID, b.BridgeType, strings.Join(b.Channels, " "))
		}
	case "drop":
		c.srv.Faults().DropEvents()
	case "down":
		c.srv.Faults().Down()
	case "up":
		c.srv.Faults().Up()
	default:
		return c.doCall(command, args)
	}
	return nil
}

// doCall carries out a command that is about a call.
func (c *console) doCall(command string, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: unknown command, or the call's number is missing; type help", command)
	}
	n, err := strconv.Atoi(args[0])
	c.mu.Lock()
	if err != nil || n < 1 || n > len(c.calls) {
		c.mu.Unlock()
		return fmt.Errorf("there is no call %s", args[0])
	}
	call := c.calls[n-1]
	c.mu.Unlock()
	argument := strings.Join(args[1:], "")
	number := func() (int, error) { return strconv.Atoi(argument) }
	switch command {
	case "keys":
		call.SendDTMF(argument)
	case "say":
		n, err := number()
		if err != nil {
			return errors.New("say for how many seconds?")
		}
		call.Speak(time.Duration(n) * time.Second)
	case "hold":
		call.Hold()
	case "unhold":
		call.Unhold()
	case "answer":
		return call.Answer()
	case "refuse":
		n, err := number()
		if err != nil {
			return errors.New("refuse with which SIP status?")
		}
		call.Refuse(n)
	case "hangup":
		if argument == "" {
			call.Hangup()
			return nil
		}
		n, err := number()
		if err != nil {
			return errors.New("a cause is a number")
		}
		call.Hangup(n)
	default:
		return fmt.Errorf("%s: unknown command; type help", command)
	}
	return nil
}

// phone makes or changes a telephone, as in PJSIP/alice=answer:1s.
func (c *console) phone(ctx context.Context, text string) error {
	name, how, ok := strings.Cut(text, "=")
	if !ok || !strings.Contains(name, "/") {
		return fmt.Errorf("%q: want a telephone such as PJSIP/alice=busy", text)
	}
	behave, err := behaviour(how)
	if err != nil {
		return err
	}
	c.srv.Endpoint(name, behave).OnCall(func(call *aritest.Call) {
		c.follow(ctx, call, "is called: "+name)
	})
	return nil
}

// follow gives a call a number and tells what happens to it.
func (c *console) follow(ctx context.Context, call *aritest.Call, what string) {
	c.mu.Lock()
	c.calls = append(c.calls, call)
	n := len(c.calls)
	c.mu.Unlock()
	c.printf("[%d] %s\n", n, what)
	go func() {
		told, heard := false, 0
		for {
			if c.srv.Wait(ctx, func() bool { return call.Ended() || call.Answered() != told || len(call.Heard()) > heard }) != nil {
				return
			}
			over := call.Ended() // Looked at first: nothing comes after it.
			if !told && call.Answered() {
				told = true
				c.printf("[%d] is answered\n", n)
			}
			for _, media := range call.Heard()[heard:] {
				heard++
				c.printf("[%d] hears %s\n", n, media)
			}
			if over {
				c.printf("[%d] is over, cause %d\n", n, call.Cause())
				return
			}
		}
	}()
}

func (c *console) list() {
	c.mu.Lock()
	calls := append([]*aritest.Call(nil), c.calls...)
	c.mu.Unlock()
	for i, call := range calls {
		state := "rings"
		switch {
		case call.Ended():
			continue
		case call.Answered():
			state = "up"
		}
		c.printf("  [%d] %-12s %-6s heard %s; digits %q\n", i+1, call.Extension(), state, strings.Join(call.Heard(), " "), call.Digits())
	}
}

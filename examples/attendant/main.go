// Attendant is an auto-attendant with voicemail: callers dial an extension, hear its telephone ring, and leave a message when nobody answers. Dialling * reads
// one's own messages, with a PIN.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=attendant ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/attendant 100=1234 101=4321
//
// where 100 and 101 are the extensions, PJSIP/100 and PJSIP/101 their telephones, and 1234 and 4321 their PINs; and call an extension that leads into the
// application: Stasis(attendant).
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
)

type attendant struct {
	pins  map[string]string // of extensions
	store ivr.Store
}

// serve handles one call.
func (a *attendant) serve(ctx context.Context, call *ari.StasisStart) error {
	caller := call.Channel
	defer caller.Stop(ari.Cleanup(ctx))
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	keypad := caller.Keypad() // Who knows the extension need not listen.
	defer keypad.Close()
	choice, err := ivr.Menu(ctx, caller, ivr.MenuOptions{
		Prompt: ivr.Sounds("vm-enter-num-to-call"), Keys: []string{"*"}, Extensions: 3, Known: a.known, Keypad: keypad,
	})
	switch {
	case err != nil || choice.Outcome != ivr.Done:
		return err
	case choice.Digits == "*":
		return a.read(ctx, caller)
	}
	return a.connect(ctx, caller, choice.Digits)
}

func (a *attendant) known(extension string) bool { return a.pins[extension] != "" }

// connect connects a caller with an extension, or its voicemail.
func (a *attendant) connect(ctx context.Context, caller *ari.Channel, extension string) error {
	dialed, err := ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/" + extension), Timeout: 20 * time.Second})
	if err != nil || dialed.Outcome == ivr.Answered {
		return err
	}
	_, err = ivr.LeaveMessage(ctx, caller, a.mailbox(extension))
	return err
}

// read plays somebody his messages.
func (a *attendant) read(ctx context.Context, caller *ari.Channel) error {
	extension, err := ivr.Ask(ctx, caller, ivr.AskOptions{Prompt: ivr.Sounds("vm-login"), Match: func(typed string, _ bool) ivr.Verdict {
		if a.known(typed) {
			return ivr.Valid
		}
		return ivr.More
	}})
	if err != nil || extension.Outcome != ivr.Done {
		return err
	}
	_, err = ivr.ReadMailbox(ctx, caller, a.mailbox(extension.Digits))
	return err
}

func (a *attendant) mailbox(extension string) ivr.VoicemailOptions {
	return ivr.VoicemailOptions{Mailbox: extension, Store: a.store, PIN: a.pins[extension]}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a := &attendant{pins: make(map[string]string), store: &ivr.FileStore{Dir: os.TempDir()}}
	for _, arg := range os.Args[1:] {
		extension, pin, _ := strings.Cut(arg, "=")
		a.pins[extension] = pin
	}
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(a.serve)
	if err := client.Run(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

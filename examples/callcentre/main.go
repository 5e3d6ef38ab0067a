// Callcentre is a call centre: callers choose sales or support, wait for an agent with music and announcements, and may leave with #. Agents dial *1 to come, *2 to pause,
// *3 to go on, and *0 to go; in a conversation they transfer with *3.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=centre ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/callcentre
//
// and lead extensions into the application: Stasis(centre) for callers, Stasis(centre,agent) for agents, who are known by their caller's number: PJSIP/NUMBER.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
)

type centre struct {
	agents         *ivr.MemoryDirectory
	sales, support *ivr.Queue
}

func newCentre() *centre {
	c := &centre{agents: &ivr.MemoryDirectory{}}
	transfer := ivr.TransferOptions{Targets: func(number string) []ivr.Target { return ivr.Endpoints("PJSIP/" + number) }}
	opts := ivr.QueueOptions{WrapUp: 20 * time.Second, Limit: 20 * time.Minute, AnnounceEvery: time.Minute, ExitKeys: "#"}
	opts.Dial.Bridge.Commands = []ivr.Command{ivr.AttendedTransfer("*3", ivr.ByCallee, transfer)}
	c.sales, c.support = ivr.NewQueue("sales", c.agents, opts), ivr.NewQueue("support", c.agents, opts)
	return c
}

// serve handles one call.
func (c *centre) serve(ctx context.Context, call *ari.StasisStart) error {
	caller := call.Channel
	defer caller.Stop(ari.Cleanup(ctx))
	if err := caller.Answer(ctx); err != nil {
		return err
	}
	if slices.Contains(call.Args, "agent") {
		return c.agent(ctx, caller)
	}
	choice, err := ivr.Menu(ctx, caller, ivr.MenuOptions{Prompt: ivr.Sounds("vm-enter-num-to-call"), Keys: []string{"1", "2"}})
	if err != nil || choice.Outcome != ivr.Done {
		return err
	}
	queue := map[string]*ivr.Queue{"1": c.sales, "2": c.support}[choice.Digits]
	_, err = queue.Enter(ctx, caller, ivr.EnterOptions{})
	return err
}

// agent lets an agent come, pause and go.
func (c *centre) agent(ctx context.Context, ch *ari.Channel) error {
	number := ch.Caller.Number
	choice, err := ivr.Menu(ctx, ch, ivr.MenuOptions{Prompt: ivr.Sounds("agent-user"), Keys: []string{"*1", "*2", "*3", "*0"}})
	switch {
	case err != nil:
		return err
	case choice.Digits == "*1":
		c.agents.Join(ivr.Agent{ID: number, Endpoint: "PJSIP/" + number}, "sales", "support")
	case choice.Digits == "*2":
		c.agents.Pause(number, true)
	case choice.Digits == "*3":
		c.agents.Pause(number, false)
	case choice.Digits == "*0":
		c.agents.Leave(number)
	}
	_, err = ivr.Say(ctx, ch, ivr.SayOptions{}, ivr.Sound("beep"))
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(newCentre().serve)
	if err := client.Run(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

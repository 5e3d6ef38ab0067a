// Campaign calls everybody on a list, five at a time, and asks each whether he comes: 1 is yes, 2 is no. Who is busy or doesn't answer is called again later.
//
// Run it with:
//
//	export ARI_URL=http://127.0.0.1:8088/ari ARI_APPLICATION=campaign ARI_USERNAME=asterisk ARI_PASSWORD=asterisk
//	go run ./examples/campaign PJSIP/alice PJSIP/bob
//
// Interrupt it once, and it calls nobody else.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
)

func main() {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(context.Background(), interrupted.Done(), os.Args[1:]...); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, stop <-chan struct{}, numbers ...string) error {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		return err
	}
	if err := client.Connect(ctx); err != nil {
		return err
	}
	defer client.Close(ari.Cleanup(ctx))
	res, err := ivr.RunCampaign(ctx, client.ARI(), ivr.CampaignOptions{
		Numbers: numbers, Talk: ask, AtOnce: 5, PerSecond: 2, Attempts: 3, Stop: stop,
		Retry:    map[ivr.Outcome]time.Duration{ivr.Busy: time.Minute, ivr.NoAnswer: 10 * time.Minute},
		Progress: func(a ivr.CampaignAttempt) { fmt.Println(a.Number, a.Outcome) },
	})
	fmt.Println(res.Answered, "of", len(numbers), "have answered")
	return err
}

// ask asks who has answered whether he comes.
func ask(ctx context.Context, callee *ari.Channel, number string) error {
	res, err := ivr.Confirm(ctx, callee, ivr.ConfirmOptions{Prompt: ivr.Sounds("vm-tohearenv")})
	if err != nil || res.Outcome != ivr.Done {
		return err
	}
	fmt.Println(number, "comes:", res.Yes)
	_, err = ivr.Say(ctx, callee, ivr.SayOptions{}, ivr.Sound("auth-thankyou"))
	return err
}

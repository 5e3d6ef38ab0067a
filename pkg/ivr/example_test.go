package ivr_test

import (
	"context"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ivr"
)

// The caller and who answers of these; the examples are handlers of a client's OnCall.
var (
	ctx    context.Context
	caller *ari.Channel
	client *ari.Client
)

// Two telephones ring; who answers first has the call, for half an hour at most.
func ExampleDial() {
	res, err := ivr.Dial(ctx, caller, ivr.DialOptions{
		Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob"),
		Timeout: 20 * time.Second,
		Waiting: ivr.Music(""),
		Bridge: ivr.BridgeOptions{
			Limit:    30 * time.Minute,
			Warnings: []ivr.Warning{{Before: time.Minute}},
		},
	})
	if err != nil {
		return // The caller is gone.
	}
	switch res.Outcome {
	case ivr.Answered:
		ari.Logger(ctx).Info("talked", "with", res.Winner.Endpoint, "for", res.Bridge.Duration)
	case ivr.Busy, ivr.NoAnswer:
		// On to the voicemail.
	}
}

// Who answers hears who calls, and takes the call with 1. A mailbox doesn't.
func ExampleDial_screening() {
	_, _ = ivr.Dial(ctx, caller, ivr.DialOptions{
		Targets: []ivr.Target{
			{Endpoint: "PJSIP/alice", Timeout: 15 * time.Second},
			{Endpoint: "PJSIP/+4930123@trunk", Timeout: 25 * time.Second},
		},
		Strategy: ivr.OneByOne,
		Screen:   &ivr.Screen{Repeats: 1},
	})
}

// Somebody is reached first, and told something before he is connected.
func ExampleReach() {
	res, err := ivr.Reach(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
	if err != nil || res.Outcome != ivr.Answered {
		return
	}
	defer res.Channel.Stop(ari.Cleanup(ctx))
	// ...
	_, _ = ivr.Bridge(ctx, caller, res.Channel, ivr.BridgeOptions{})
}

// Somebody is called on nobody's behalf.
func ExampleCall() {
	res, err := ivr.Call(ctx, client.ARI(), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice"), Patience: time.Minute})
	if err != nil || res.Outcome != ivr.Answered {
		return
	}
	defer res.Channel.Stop(ari.Cleanup(ctx))
}

// Two channels talk until one hangs up.
func ExampleBridge() {
	var callee *ari.Channel
	res, err := ivr.Bridge(ctx, caller, callee, ivr.BridgeOptions{})
	if err == nil && res.Outcome == ivr.PeerHungUp {
		return // The caller is still there.
	}
}

package ivr_test

import (
	"context"
	"fmt"
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
	if res.Outcome != ivr.Answered {
		return // Busy, NoAnswer and so on: to the voicemail.
	}
	ari.Logger(ctx).Info("talked", "with", res.Winner.Endpoint, "for", res.Bridge.Duration)
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

// Two numbers, a time and an amount, until the caller presses a key.
func ExampleSay() {
	res, err := ivr.Say(ctx, caller, ivr.SayOptions{Lang: "en"},
		ivr.Sound("vm-youhave"), ivr.Number(3), ivr.Sound("vm-messages"),
		ivr.TimeOfDay(time.Now()), ivr.Money(1250, "USD"))
	if err == nil && res.Outcome == ivr.Key {
		return // He has heard enough.
	}
}

// Sounds for anything that plays media.
func ExamplePhrase_Media() {
	media, err := ivr.Phrase{ivr.Sound("vm-youhave"), ivr.Number(21)}.Media("en")
	fmt.Println(media, err)
	// Output: [sound:vm-youhave sound:digits/20 sound:digits/1] <nil>
}

// A customer number of six digits, confirmed by the caller.
func ExampleAsk() {
	res, err := ivr.Ask(ctx, caller, ivr.AskOptions{
		Prompt:    ivr.Sounds("agent-user"),
		MinDigits: 6, MaxDigits: 6,
		Confirm: &ivr.ConfirmOptions{},
	})
	if err == nil && res.Outcome == ivr.Done {
		ari.Logger(ctx).Info("customer", "number", res.Digits)
	}
}

func ExampleConfirm() {
	res, err := ivr.Confirm(ctx, caller, ivr.ConfirmOptions{Prompt: ivr.Sounds("vm-tohearenv")})
	if err == nil && res.Yes {
		return
	}
}

// Callers who know the menu type ahead, since the keypad lives as long as the call.
func ExampleMenu() {
	keypad := caller.Keypad()
	defer keypad.Close()
	res, err := ivr.Menu(ctx, caller, ivr.MenuOptions{
		Prompt: ivr.Sounds("basic-pbx-ivr-main"), Keys: []string{"1", "2", "0"}, Extensions: 4, Keypad: keypad,
	})
	if err != nil {
		return
	}
	switch res.Digits {
	case "1":
		// Sales.
	case "2":
		// Support.
	default:
		_, _ = ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/" + res.Digits)})
	}
}

// In the conversation, alice can transfer the caller: blindly with *1, after asking with *3, or with her telephone's own key.
func ExampleAttendedTransfer() {
	to := ivr.TransferOptions{
		MaxDigits: 3,
		Targets:   func(number string) []ivr.Target { return ivr.Endpoints("PJSIP/" + number) },
	}
	res, err := ivr.Dial(ctx, caller, ivr.DialOptions{
		Targets: ivr.Endpoints("PJSIP/alice"),
		Bridge: ivr.BridgeOptions{
			Commands: []ivr.Command{ivr.BlindTransfer("*1", ivr.ByCallee, to), ivr.AttendedTransfer("*3", ivr.ByCallee, to)},
			Refer:    &to,
		},
	})
	if err == nil && res.Bridge != nil && res.Bridge.Outcome == ivr.Transferred {
		return // The transferred conversation is over: res.Bridge.Transfer.
	}
}

func ExampleBlindTransfer() {
	_ = ivr.BridgeOptions{Commands: []ivr.Command{ivr.BlindTransfer("#", ivr.Either, ivr.TransferOptions{})}}
}

// A bot hands its caller over to a human, and goes on when nobody takes the call.
func ExampleWarmTransfer() {
	res, err := ivr.WarmTransfer(ctx, caller, ivr.Sounds("priv-callpending"), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice")})
	if err != nil || res.Outcome == ivr.Answered {
		return
	}
	// The bot goes on.
}

func ExampleRecord() {
	res, err := ivr.Record(ctx, caller, ivr.RecordOptions{Prompt: ivr.Sounds("vm-rec-name"), MaxDuration: 10 * time.Second, Review: true})
	if err == nil && res.Recording != nil {
		ari.Logger(ctx).Info("recorded", "name", res.Recording.Name, "for", res.Duration)
	}
}

func ExampleLeaveMessage() {
	boxes := &ivr.FileStore{Dir: "/var/lib/mailboxes"} // one for the program
	_, _ = ivr.LeaveMessage(ctx, caller, ivr.VoicemailOptions{Mailbox: "alice", Store: boxes})
}

func ExampleReadMailbox() {
	boxes := &ivr.FileStore{Dir: "/var/lib/mailboxes"}
	_, _ = ivr.ReadMailbox(ctx, caller, ivr.VoicemailOptions{Mailbox: "alice", Store: boxes, PIN: "1234"})
}

// The caller waits until somebody is there, for five minutes at most.
func ExampleHold() {
	ready := make(chan struct{})
	_, _ = ivr.Hold(ctx, caller, ivr.HoldOptions{Until: ready, Limit: 5 * time.Minute, ExitKeys: "#"})
}

// One script parks a caller, another takes him.
func ExampleParkingLot() {
	var lot ivr.ParkingLot // one for the program
	_, _ = lot.Park(ctx, caller, ivr.ParkOptions{Limit: 2 * time.Minute})
	_, _ = lot.Retrieve(ctx, caller, 701, ivr.BridgeOptions{})
}

// A supervisor listens to an agent, and may whisper to him (2) or talk to both (3).
func ExampleMonitor() {
	var supervisor, agent *ari.Channel
	_, _ = ivr.Monitor(ctx, supervisor, agent, ivr.MonitorOptions{})
}

func ExampleDetectMachine() {
	called, err := ivr.Call(ctx, client.ARI(), ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/+4930123@trunk")})
	if err != nil || called.Outcome != ivr.Answered {
		return
	}
	defer called.Channel.Stop(ari.Cleanup(ctx))
	found, err := ivr.DetectMachine(ctx, called.Channel, ivr.AMDOptions{Client: client})
	if err == nil && found.Outcome == ivr.Machine {
		return
	}
}

// The queue is made once. Each call of it is a line of the call's script.
func ExampleQueue() {
	agents := &ivr.MemoryDirectory{}
	agents.Join(ivr.Agent{ID: "alice", Endpoint: "PJSIP/alice"}, "sales")
	agents.Join(ivr.Agent{ID: "bob", Endpoint: "PJSIP/bob"}, "sales", "support")
	sales := ivr.NewQueue("sales", agents, ivr.QueueOptions{
		Strategy: ivr.LongestIdle, WrapUp: 20 * time.Second, Limit: 10 * time.Minute, AnnounceEvery: time.Minute, ExitKeys: "#",
	})
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		if err := call.Channel.Answer(ctx); err != nil {
			return err
		}
		res, err := sales.Enter(ctx, call.Channel, ivr.EnterOptions{})
		if err == nil && res.Outcome == ivr.Key {
			_, err = ivr.Say(ctx, call.Channel, ivr.SayOptions{}, ivr.Sound("goodbye"))
		}
		return err
	})
}

// A conference with a PIN, which ends with its leader.
func ExampleConference() {
	room := ivr.NewConference(ivr.ConferenceOptions{PIN: "1234", LeaderPIN: "9876", EndWithLeader: true})
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		if err := call.Channel.Answer(ctx); err != nil {
			return err
		}
		_, err := room.Join(ctx, call.Channel)
		return err
	})
}

// Everybody on a list is called between nine and eight, five at a time, and again later when nobody answered.
func ExampleRunCampaign() {
	res, err := ivr.RunCampaign(ctx, client.ARI(), ivr.CampaignOptions{
		Numbers: []string{"PJSIP/+4930123@trunk", "PJSIP/+4930124@trunk"},
		AtOnce:  5, PerSecond: 1, Attempts: 3,
		Open: ivr.Daily(9*time.Hour, 20*time.Hour),
		Talk: func(ctx context.Context, callee *ari.Channel, _ string) error {
			_, err := ivr.Say(ctx, callee, ivr.SayOptions{}, ivr.Sound("hello-world"))
			return err
		},
	})
	if err == nil {
		ari.Logger(ctx).Info("done", "answered", res.Answered)
	}
}

package ari_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

func ExampleNewClient() {
	client, err := ari.NewClient("http://127.0.0.1:8088/ari", "hello", ari.WithBasicAuth("asterisk", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		return call.Channel.Answer(ctx)
	})
	if err := client.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// The handler lives as long as the call, and reads like its script.
func ExampleClient_OnCall() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		ch := call.Channel
		defer ch.Stop(ari.Cleanup(ctx)) // whatever happens, nobody is left in silence
		if err := ch.Answer(ctx); err != nil {
			return err
		}
		bridge, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
		if err != nil {
			return err
		}
		defer bridge.Stop(ari.Cleanup(ctx))
		agent, err := ch.Controller().Call(ctx, ari.CallOptions{Endpoint: "PJSIP/agent", Timeout: 20 * time.Second})
		if err != nil {
			return err // busy, not answered, refused: errors.Is tells
		}
		defer agent.Stop(ari.Cleanup(ctx))
		if err := bridge.AddChannel(ctx, ch.ID, agent.ID); err != nil {
			return err
		}
		_, err = agent.WaitEnd(ctx) // ctx ends when the caller leaves
		return err
	})
}

// A map that one handler fills and another empties works as well, for programs that think in events. Whatever was made for
// the call must be in it: with the bridge alone, the channel of the external media would be left.
func ExampleClient_OnStasisEnd() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	type things struct {
		bridge *ari.Bridge
		media  *ari.Channel
	}
	var made sync.Map // by channel id
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		ctrl := call.Controller()
		bridge, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{})
		if err != nil {
			return err
		}
		media, err := ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"})
		if err != nil {
			return errors.Join(err, bridge.Stop(ari.Cleanup(ctx)))
		}
		made.Store(call.Channel.ID, things{bridge, media})
		if ctx.Err() != nil { // The caller has left meanwhile, and the handler of the end may have found nothing.
			if _, ok := made.LoadAndDelete(call.Channel.ID); ok {
				return errors.Join(media.Stop(ari.Cleanup(ctx)), bridge.Stop(ari.Cleanup(ctx)))
			}
			return nil
		}
		return bridge.AddChannel(ctx, call.Channel.ID, media.ID)
	})
	client.OnStasisEnd(func(ctx context.Context, ev *ari.StasisEnd) error {
		if v, ok := made.LoadAndDelete(ev.Channel.ID); ok {
			call := v.(things)
			return errors.Join(call.media.Stop(ctx), call.bridge.Stop(ctx))
		}
		return nil
	})
}

func ExampleOn() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	stop := ari.On(client, func(_ context.Context, ev *ari.ChannelDtmfReceived) error {
		fmt.Println(ev.Channel.Name, "pressed", ev.Digit)
		return nil
	})
	defer stop()
}

// Digits that were typed while the greeting still played are not lost: the subscription is there before.
func ExampleSubscribe() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		digits := ari.Subscribe[*ari.ChannelDtmfReceived](call.Channel)
		defer digits.Close()
		if _, err := call.Channel.Play(ctx, "sound:press-1"); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		digit, err := digits.Next(wait)
		if err != nil {
			return err
		}
		fmt.Println("pressed", digit.Digit)
		return call.Channel.Stop(ctx)
	})
}

// Keys command a call that goes on. The bridge is made so that Asterisk reports them.
func ExampleKeypad_Match() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		caller := call.Channel
		defer caller.Stop(ari.Cleanup(ctx))
		keypad := caller.Keypad()
		defer keypad.Close()
		if err := caller.Answer(ctx); err != nil {
			return err
		}
		bridge, err := caller.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
		if err != nil {
			return err
		}
		defer bridge.Stop(ari.Cleanup(ctx))
		if err := bridge.AddChannel(ctx, caller.ID); err != nil {
			return err
		}
		for {
			keys, err := keypad.Match(ctx, "*1", "*2")
			if err != nil {
				return err // the caller has hung up, most likely
			}
			fmt.Println("pressed", keys)
		}
	})
}

// One program for the calls of two Asterisks.
func ExampleClient_Add() {
	client, err := ari.NewClient("https://one.example.com:8089/ari", "hello", ari.WithBasicAuth("asterisk", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Add("https://two.example.com:8089/ari", "hello", ari.WithBasicAuth("asterisk", "secret")); err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		return call.Channel.Answer(ctx) // at the Asterisk that the call came from
	})
	if err := client.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// Who knows the menu types on: what is typed before a question counts for it.
func ExampleKeypad() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		caller := call.Channel
		defer caller.Stop(ari.Cleanup(ctx))
		keypad := caller.Keypad()
		defer keypad.Close()
		if err := caller.Answer(ctx); err != nil {
			return err
		}
		account, err := keypad.Prompt(ctx, ari.PromptOptions{Terminators: "#"}, "sound:vm-login")
		if err != nil {
			return err // the caller has hung up, most likely
		}
		pin, err := keypad.Prompt(ctx, ari.PromptOptions{MinDigits: 4, MaxDigits: 4}, "sound:vm-password")
		if errors.Is(err, ari.ErrTooFewDigits) {
			keypad.Flush()
			pin, err = keypad.Prompt(ctx, ari.PromptOptions{MaxDigits: 4}, "sound:please-try-again", "sound:vm-password")
		}
		if err != nil {
			return err
		}
		fmt.Println("account", account, "with a pin of", len(pin), "digits")
		return nil
	})
}

func ExampleChannel_Prompt() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		if err := call.Channel.Answer(ctx); err != nil {
			return err
		}
		switch digit, err := call.Channel.Prompt(ctx, ari.PromptOptions{MaxDigits: 1}, "sound:press-1"); {
		case err != nil:
			return err
		case digit == "":
			fmt.Println("nothing pressed")
		default:
			fmt.Println("pressed", digit)
		}
		return call.Channel.Stop(ctx)
	})
}

func ExampleSubscription_All() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	states := ari.Subscribe[*ari.ChannelStateChange](client)
	defer states.Close()
	for ev, err := range states.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(ev.Channel.Name, ev.Channel.State)
	}
}

func ExampleController_Call() {
	ctx := context.Background()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	ch, err := client.ARI().Call(ctx, ari.CallOptions{Endpoint: "PJSIP/1001", Timeout: 30 * time.Second})
	var end *ari.EndError
	switch {
	case err == nil:
		fmt.Println("answered:", ch.Name)
	case errors.Is(err, ari.ErrBusy):
		fmt.Println("busy")
	case errors.As(err, &end):
		fmt.Println("not answered:", end.Cause, end.CauseText)
	default:
		log.Fatal(err)
	}
}

// A controller works without a client, for programs that only send commands.
func ExampleNewController() {
	ctrl, err := ari.NewController("https://pbx.example.com:8089/ari", ari.WithBasicAuth("asterisk", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	channels, err := ctrl.Channels(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, ch := range channels {
		fmt.Println(ch.Name, ch.State)
	}
}

func ExampleError() {
	ctrl, err := ari.NewController("http://127.0.0.1:8088/ari", ari.WithBasicAuth("asterisk", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	err = ctrl.StopChannel(context.Background(), "1700000000.1")
	var e *ari.Error
	switch {
	case errors.Is(err, ari.ErrNotFound):
		fmt.Println("hung up already")
	case errors.As(err, &e):
		fmt.Println(e.StatusCode, e.Message)
	}
}

func ExamplePlayback_Wait() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		playback, err := call.Channel.Play(ctx, "sound:hello-world", "sound:goodbye")
		if err != nil {
			return err
		}
		switch err := playback.Wait(ctx); {
		case errors.Is(err, ari.ErrPlaybackFailed):
			fmt.Println("a file is missing")
		case err != nil:
			return err
		}
		return nil
	})
}

func ExampleChannel_Record() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		recording, err := call.Channel.RecordWith(ctx, "message", "wav", ari.RecordOptions{
			MaxDuration: time.Minute,
			TerminateOn: "#",
			IfExists:    ari.IfExistsOverwrite,
		})
		if err != nil {
			return err
		}
		if _, err := recording.Wait(ctx); err != nil {
			return err
		}
		file, err := recording.Stored().File(ctx)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(os.Stdout, file)
		return err
	})
}

func ExampleController_Supports() {
	ctx := context.Background()
	ctrl, err := ari.NewController("http://127.0.0.1:8088/ari", ari.WithBasicAuth("asterisk", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	if ok, err := ctrl.Supports(ctx, "channelsProgress"); err == nil && !ok {
		fmt.Println("this Asterisk can't signal progress")
	}
}

func ExampleApplication_Subscribe() {
	ctx := context.Background()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	ari.On(client, func(_ context.Context, ev *ari.DeviceStateChanged) error {
		fmt.Println(ev.DeviceState.Name, ev.DeviceState.State)
		return nil
	})
	if _, err := client.ARI().Application("").Subscribe(ctx, "deviceState:"); err != nil {
		log.Fatal(err)
	}
}

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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		return ev.Channel.Answer(ctx)
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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		caller := ev.Channel
		defer caller.Stop(ari.Cleanup(ctx)) // Nobody else hangs up if something fails.
		if err := caller.Answer(ctx); err != nil {
			return err
		}
		bridge, err := client.ARI().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
		if err != nil {
			return err
		}
		defer bridge.Stop(ari.Cleanup(ctx))
		if err := bridge.AddChannel(ctx, caller.ID); err != nil {
			return err
		}
		<-ctx.Done() // the caller has left
		fmt.Println(context.Cause(ctx))
		return nil
	})
}

// A map that one handler fills and another empties works as well, for programs that think in events.
func ExampleClient_OnStasisEnd() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	var bridges sync.Map // by channel id
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		bridge, err := client.ARI().CreateBridge(ctx, ari.CreateBridgeOptions{})
		if err != nil {
			return err
		}
		bridges.Store(ev.Channel.ID, bridge)
		return bridge.AddChannel(ctx, ev.Channel.ID)
	})
	client.OnStasisEnd(func(ctx context.Context, ev *ari.StasisEnd) error {
		if bridge, ok := bridges.LoadAndDelete(ev.Channel.ID); ok {
			return bridge.(*ari.Bridge).Stop(ctx)
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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		digits := ari.Subscribe[*ari.ChannelDtmfReceived](ev.Channel)
		defer digits.Close()
		if _, err := ev.Channel.Play(ctx, "sound:press-1"); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		digit, err := digits.Next(wait)
		if err != nil {
			return err
		}
		fmt.Println("pressed", digit.Digit)
		return ev.Channel.Stop(ctx)
	})
}

// Who knows the menu types on: what is typed before a question counts for it.
func ExampleKeypad() {
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		caller := ev.Channel
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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		if err := ev.Channel.Answer(ctx); err != nil {
			return err
		}
		switch digit, err := ev.Channel.Prompt(ctx, ari.PromptOptions{MaxDigits: 1}, "sound:press-1"); {
		case err != nil:
			return err
		case digit == "":
			fmt.Println("nothing pressed")
		default:
			fmt.Println("pressed", digit)
		}
		return ev.Channel.Stop(ctx)
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

func ExampleController_Originate() {
	ctx := context.Background()
	client, err := ari.NewClientFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	ch, err := client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/1001", Timeout: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	var end *ari.EndError
	switch err := ch.WaitAnswered(ctx); {
	case err == nil:
		fmt.Println("answered")
	case errors.As(err, &end) && end.Cause == ari.CauseBusy:
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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		playback, err := ev.Channel.Play(ctx, "sound:hello-world", "sound:goodbye")
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
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		recording, err := ev.Channel.RecordWith(ctx, "message", "wav", ari.RecordOptions{
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

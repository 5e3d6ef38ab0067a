package aritrace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ari/aritrace"
	"github.com/ari-go/ari/test/asterisk"
)

// A program answers each call, asks for a key, plays into a bridge, and notes which handler saw which event.
type program struct {
	mu    sync.Mutex
	saw   map[string][]string // by handler and entity, each of which is a lane with an order of its own
	ended chan string
}

func newProgram(client *ari.Client) *program {
	p := &program{saw: make(map[string][]string), ended: make(chan string, 100)}
	client.OnCall(p.call)
	note(p, client, func(ev *ari.ChannelDtmfReceived) (string, string) { return ev.Channel.ID, ev.Digit })
	note(p, client, func(ev *ari.ChannelStateChange) (string, string) { return ev.Channel.ID, string(ev.Channel.State) })
	note(p, client, func(ev *ari.ChannelEnteredBridge) (string, string) { return ev.Channel.ID, ev.Bridge.ID })
	note(p, client, func(ev *ari.ChannelLeftBridge) (string, string) { return ev.Channel.ID, ev.Bridge.ID })
	note(p, client, func(ev *ari.PlaybackStarted) (string, string) { return ev.Playback.ID, ev.Playback.MediaURI })
	note(p, client, func(ev *ari.PlaybackFinished) (string, string) { return ev.Playback.ID, string(ev.Playback.State) })
	note(p, client, func(ev *ari.ChannelVarset) (string, string) { return ev.Channel.ID, ev.Variable })
	note(p, client, func(ev *ari.StasisEnd) (string, string) {
		defer func() { p.ended <- ev.Channel.ID }()
		return ev.Channel.ID, ""
	})
	return p
}

// note notes what a handler sees.
func note[E ari.Event](p *program, client *ari.Client, what func(E) (entity, detail string)) {
	ari.On(client, func(_ context.Context, ev E) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		entity, detail := what(ev)
		lane := fmt.Sprintf("%T of %s", ev, entity)
		p.saw[lane] = append(p.saw[lane], detail)
		return nil
	})
}

var ownID = regexp.MustCompile(`ari-[0-9A-Z]{10}-[0-9A-Z]{10}-[0-9A-Z]{26}`)

// log is all that the handlers saw, each lane a line, with the ids that each run makes anew made the same.
func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for lane, details := range p.saw {
		all = append(all, ownID.ReplaceAllString(lane+": "+strings.Join(details, ", "), "ID"))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (p *program) call(ctx context.Context, call *ari.StasisStart) error {
	ch := call.Channel
	defer ch.Stop(ari.Cleanup(ctx))
	keys := ari.Subscribe[*ari.ChannelDtmfReceived](ch)
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if err := ch.SetVariable(ctx, "DB_PASSWORD", "s3cret"); err != nil {
		return err
	}
	if value, err := ch.Variable(ctx, "DB_PASSWORD"); err != nil || value == "" {
		return fmt.Errorf("variable: %q, %w", value, err)
	}
	bridge, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing,dtmf_events"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	if err := bridge.AddChannel(ctx, ch.ID); err != nil {
		return err
	}
	if _, err := bridge.Play(ctx, "sound:hello-world"); err != nil {
		return err
	}
	key, err := keys.Next(ctx)
	if err != nil {
		return err
	}
	if key.Digit != "1" {
		return fmt.Errorf("key %q", key.Digit)
	}
	_, err = bridge.Play(ctx, "sound:no-such-sound", "sound:beep")
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// record runs the program on a server while a caller calls, and returns the trace's file and what the handlers saw.
func record(t *testing.T, ctx context.Context, connect func(opts ...ari.Option) *ari.Client, caller func(client *ari.Client) error) (string, *program) { //nolint:revive // t comes first in tests.
	t.Helper()
	file := filepath.Join(t.TempDir(), "calls.trace")
	rec, err := aritrace.Create(file)
	require.NoError(t, err)
	client := connect(rec.Options()...)
	p := newProgram(client)
	require.NoError(t, client.Connect(ctx))
	require.NoError(t, caller(client))
	require.NoError(t, client.Close(ctx))
	require.NoError(t, rec.Close())
	return file, p
}

// replay runs the same program on the trace, and expects its handlers to see the same.
func replay(t *testing.T, ctx context.Context, file string, before *program, calls int) { //nolint:revive // t comes first in tests.
	t.Helper()
	trace, err := aritrace.Open(file)
	require.NoError(t, err)
	again := aritest.NewReplay(t, trace)
	client := again.Client()
	p := newProgram(client)
	require.NoError(t, client.Connect(ctx))
	require.NoError(t, again.Wait(ctx))
	for range calls {
		select {
		case <-p.ended:
		case <-ctx.Done():
			require.Fail(t, "a call never ended")
		}
	}
	require.NoError(t, client.Close(ctx)) // All handlers have returned.
	require.Equal(t, before.log(), p.log())
	require.NotEmpty(t, p.log())
}

func checkNoSecrets(t *testing.T, file string, secrets ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, secret := range secrets {
		require.NotContains(t, string(text), secret)
	}
	require.NotContains(t, string(text), "Authorization")
	require.Contains(t, string(text), `"operation":"channelsAnswer"`)
	require.Contains(t, string(text), "DB_PASSWORD")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	srv := aritest.NewServer(t, aritest.WithSpeed(10))
	file, p := record(t, ctx, srv.Client, func(*ari.Client) error {
		for range 2 {
			call := srv.Call("1000", aritest.From("Ada <100>"))
			if err := call.WaitHeard(ctx, "sound:hello-world"); err != nil {
				return err
			}
			call.SendDTMF("1")
			if err := call.WaitHeard(ctx, "sound:beep"); err != nil {
				return err
			}
			call.Hangup()
			if err := srv.WaitIdle(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	checkNoSecrets(t, file, "s3cret", "asterisk:asterisk")
	replay(t, ctx, file, p, 2)
}

// What happened on a real Asterisk is played back on this machine, without one.
func TestReplayAsterisk(t *testing.T) {
	inst := asterisk.Start(t, asterisk.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	connect := func(opts ...ari.Option) *ari.Client {
		c, err := ari.NewClient(inst.URL, "hello", append([]ari.Option{ari.WithBasicAuth(inst.Username, inst.Password)}, opts...)...)
		require.NoError(t, err)
		return c
	}
	ctrl, err := ari.NewController(inst.URL, ari.WithBasicAuth(inst.Username, inst.Password))
	require.NoError(t, err)
	watcher, err := ari.NewClient(inst.URL, "watcher", ari.WithBasicAuth(inst.Username, inst.Password), ari.WithSubscriptions("bridge:", "channel:"))
	require.NoError(t, err)
	require.NoError(t, watcher.Connect(ctx))
	defer watcher.Close(ctx)
	file, p := record(t, ctx, connect, func(*ari.Client) error {
		for range 2 {
			beeped, destroyed := ari.Subscribe[*ari.PlaybackFinished](watcher), ari.Subscribe[*ari.BridgeDestroyed](watcher)
			// The other half presses the key 1, and others, half a second after it has answered.
			ch, err := ctrl.Originate(ctx, ari.OriginateOptions{Endpoint: "Local/1000@default", Context: "default", Extension: "1021"})
			if err != nil {
				return err
			}
			for media := ""; media != "sound:beep"; {
				ev, err := beeped.Next(ctx)
				if err != nil {
					return err
				}
				media = ev.Playback.MediaURI
			}
			if err := ch.Stop(ctx); err != nil {
				return err
			}
			if _, err := destroyed.Next(ctx); err != nil {
				return err
			}
			beeped.Close() // An event may come more than once, as the watcher hears it by more than one way.
			destroyed.Close()
		}
		return nil
	})
	checkNoSecrets(t, file, "s3cret", inst.Password)
	replay(t, ctx, file, p, 2)
}

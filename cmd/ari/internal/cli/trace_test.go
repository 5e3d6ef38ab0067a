package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ari/aritrace"
	"github.com/stretchr/testify/require"
)

// traced is the trace of a program with two calls: one is answered, bridged with a telephone past Asterisk's core, and hung up by its
// caller, who was played something that isn't there; the other is neglected.
func traced(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	srv := aritest.NewServer(t, aritest.WithSpeed(10))
	file := filepath.Join(t.TempDir(), "calls.trace")
	rec, err := aritrace.Create(file)
	require.NoError(t, err)
	client := srv.Client(rec.Options()...)
	begun, over := make(chan struct{}), make(chan struct{})
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		if call.Channel.ID == "neglected" {
			close(begun)
			<-ctx.Done()
			close(over)
			return nil
		}
		return serve(ctx, call.Channel)
	})
	require.NoError(t, client.Connect(ctx))
	bob := srv.Endpoint("PJSIP/bob")
	call := srv.Call("1000", aritest.WithChannelID("ada"), aritest.From("Ada <100>"))
	_, err = bob.Next(ctx)
	require.NoError(t, err)
	require.NoError(t, call.WaitBridged(ctx, 2))
	call.Hangup()
	require.NoError(t, srv.WaitIdle(ctx))
	second := srv.Call("1000", aritest.WithChannelID("neglected"))
	<-begun
	second.Hangup()
	<-over
	require.NoError(t, client.Close(ctx))
	require.NoError(t, rec.Close())
	return file
}

func serve(ctx context.Context, ch *ari.Channel) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	playing, err := ch.Play(ctx, "sound:no-such-sound")
	if err != nil {
		return err
	}
	_ = playing.Wait(ctx) // It fails, and the call goes on.
	bridge, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{BridgeID: "the-bridge", Type: "mixing"})
	if err != nil {
		return err
	}
	defer bridge.Stop(ari.Cleanup(ctx))
	entered := ari.Subscribe[*ari.StasisStart](ch.Controller().Channel("bob"))
	bob, err := ch.Controller().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/bob", ChannelID: "bob"})
	if err != nil {
		return err
	}
	defer bob.Stop(ari.Cleanup(ctx))
	if _, err := entered.Next(ctx); err != nil {
		return err
	}
	if err := bridge.AddChannel(ctx, ch.ID, bob.ID); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func TestExplain(t *testing.T) {
	file := traced(t)
	code, out, errs := tool(t, "explain", "ada", "--trace", file)
	require.Zero(t, code, errs)
	for _, want := range []string{
		"Ada 100) enters the application hello",
		"The program asks to answer a channel, /channels/ada/answer (",
		"! Playing sound:no-such-sound to channel:ada ends: failed",
		"so no keys are reported: a bridge of the type mixing,dtmf_events would",
		"leaves the bridge the-bridge",
		"leaves the application",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "neglected")

	code, out, errs = tool(t, "explain", "--trace", file)
	require.Zero(t, code, errs)
	require.Contains(t, out, "leaves the application, and the program had done nothing with it for")
	code, _, errs = tool(t, "explain", "nobody", "--trace", file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "is about the channel nobody")
	code, _, errs = tool(t, "explain", "ada")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "Give --trace FILE")
	code, out, _ = tool(t, "explain", "ada", "--trace", file, "--json")
	require.Zero(t, code)
	require.Contains(t, out, `"warning":true`)
}

func TestTailOfATrace(t *testing.T) {
	file := traced(t)
	code, out, errs := tool(t, "tail", "--trace", file, "--call", "bob")
	require.Zero(t, code, errs)
	require.Contains(t, out, "channelsOriginateWithId")
	require.NotContains(t, out, "neglected")
	code, out, errs = tool(t, "tail", "--trace", file, "--type", "stasisstart,channelsAnswer")
	require.Zero(t, code, errs)
	require.Regexp(t, regexp.MustCompile(`(?s)^[0-9:.]+ StasisStart .*\n[0-9:.]+ channelsAnswer .*-> 1 POST /channels/ada/answer`), out)
	require.NotContains(t, out, "Bridge")
	code, _, errs = tool(t, "tail", "--follow")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--follow belongs to --trace")
}

// watched runs a command that ends with its context, until its output has a text.
func watched(t *testing.T, ready func() bool, act func(), until string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		done <- Run(ctx, args, strings.NewReader(""), w, &errs)
		_ = w.Close()
	}()
	go func() {
		for !ready() && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond) // Nothing tells that a tail has subscribed: Asterisk has to be asked.
		}
		act()
	}()
	var out strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(out.String(), until) {
		n, err := r.Read(buf)
		out.Write(buf[:n])
		require.NoError(t, err, "%s%s", out.String(), errs.String())
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, r) }()
	require.Zero(t, <-done, errs.String())
	return out.String()
}

func TestTailOfAnAsterisk(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	srv.Extension("200", "Answer()", "Wait(60)")
	hears := func() bool {
		apps, err := srv.Controller().Applications(context.Background())
		return err == nil && len(apps) == 1 && len(apps[0].EndpointIDs) > 0
	}
	out := watched(t, hears, func() { srv.Call("200", aritest.From("<script>\x1b[2J")) }, "is now Up", "tail")
	require.Contains(t, out, "ChannelCreated")
	require.NotContains(t, out, "\x1b")
}

// What can't be read is shown as it is, and what follows too.
func TestTailOfNonsense(t *testing.T) {
	var out bytes.Buffer
	tl := &tail{conn: &connection{}, out: &out}
	require.NoError(t, tl.show(&aritrace.Line{Kind: aritrace.KindEvent, Event: []byte("{nonsense")}))
	require.NoError(t, tl.show(&aritrace.Line{Kind: aritrace.KindEvent, Event: []byte(`{"type":"New\u001b[2J","more":1}`)}))
	require.Contains(t, out.String(), "{nonsense")
	require.NotContains(t, out.String(), "\x1b")
}

func TestRecordAndReplay(t *testing.T) {
	code, _, errs := tool(t, "record", filepath.Join(t.TempDir(), "x"), "--url", "http://127.0.0.1:1/ari")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "refused")

	file := traced(t)
	require.NoError(t, os.Chmod(file, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, w := io.Pipe()
	var out bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, []string{"replay", "--trace", file, "--addr", "127.0.0.1:0", "--call", "ada"}, strings.NewReader(""), &out, w)
		_ = w.Close()
	}()
	buf := make([]byte, 4096)
	n, err := r.Read(buf)
	require.NoError(t, err)
	url := regexp.MustCompile(`http://\S+/ari`).FindString(string(buf[:n]))
	go func() { _, _ = io.Copy(io.Discard, r) }()
	client, err := ari.NewClient(url, "hello", ari.WithBasicAuth("any", "one"))
	require.NoError(t, err)
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return serve(ctx, call.Channel) })
	require.NoError(t, client.Connect(ctx))
	require.Zero(t, <-done)
	require.Equal(t, "The program has done what it did then.\n", out.String())
	require.NoError(t, client.Close(ctx))
}

func TestSim(t *testing.T) {
	var out, errs bytes.Buffer
	code := Run(t.Context(), []string{"sim", "--addr", "127.0.0.1:0", "--app", "ivr"}, strings.NewReader("channels\nquit\n"), &out, &errs)
	require.Zero(t, code, errs.String())
	require.Contains(t, out.String(), "(simulated) at http://127.0.0.1:")
	require.Contains(t, out.String(), "application ivr")
	code, _, text := tool(t, "sim", "--nonsense")
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "flag provided but not defined: -nonsense")
}

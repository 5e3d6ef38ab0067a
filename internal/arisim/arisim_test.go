package arisim

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// terminal runs the program with a console that a test types at and reads from.
type terminal struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func open(t *testing.T, args ...string) *terminal {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	// Not the test's context, which ends before the clean-up.
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		err := Run(ctx, "arisim", append([]string{"-addr", "127.0.0.1:0"}, args...), inR, outW)
		done <- err
		_ = outW.Close()
	}()
	t.Cleanup(func() {
		defer cancel()
		go func() { _, _ = io.Copy(io.Discard, outR) }()
		_, err := io.WriteString(inW, "quit\n")
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.NoError(t, inW.Close())
	})
	return &terminal{t, inW, bufio.NewScanner(outR)}
}

func (c *terminal) types(command string) {
	c.t.Helper()
	_, err := io.WriteString(c.in, command+"\n")
	require.NoError(c.t, err)
}

// sees reads until a line contains the text, and returns it.
func (c *terminal) sees(text string) string {
	c.t.Helper()
	for c.out.Scan() {
		if strings.Contains(c.out.Text(), text) {
			return c.out.Text()
		}
	}
	require.Failf(c.t, "never seen", "%s", text)
	return ""
}

func TestConsole(t *testing.T) {
	c := open(t, "-app", "ivr", "-phone", "PJSIP/carol=refuse:603")
	url := regexp.MustCompile(`http://\S+/ari`).FindString(c.sees("user asterisk, password asterisk, application ivr"))
	client, err := ari.NewClient(url, "ivr", ari.WithBasicAuth("asterisk", "asterisk"))
	require.NoError(t, err)
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error { return ev.Channel.Answer(ctx) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, client.Connect(ctx))
	defer func() { require.NoError(t, client.Close(ctx)) }()
	digits := ari.Subscribe[*ari.ChannelDtmfReceived](client)

	c.types("call 1000 Alice <100>")
	c.sees("[1] calls 1000")
	c.sees("[1] is answered")
	c.types("keys 1 7")
	digit, err := digits.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "7", digit.Digit)
	require.Equal(t, "Alice", digit.Channel.Caller.Name)
	_, err = digit.Channel.Play(ctx, "sound:hello-world")
	require.NoError(t, err)
	c.sees("[1] hears sound:hello-world")
	c.types("channels")
	c.sees("PJSIP/caller-00000000")
	c.types("calls")
	c.sees("[1] 1000")
	for _, command := range []string{"say 1 1", "hold 1", "unhold 1", "bridges"} {
		c.types(command)
	}
	c.types("hangup 1 17")
	c.sees("[1] is over, cause 17")

	c.types("phone PJSIP/alice=ring")
	_, err = client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/alice"})
	require.NoError(t, err)
	c.sees("[2] is called: PJSIP/alice")
	c.types("answer 2")
	c.sees("[2] is answered")
	c.types("hangup 2")
	c.sees("[2] is over")
	_, err = client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/carol"})
	require.NoError(t, err)
	c.sees("[3] is over, cause 21")

	for command, answer := range map[string]string{
		"help": "quit", "nonsense": "unknown command", "keys 9 1": "there is no call 9", "call": "call whom", "phone x": "want a telephone",
		"phone PJSIP/x=y": "a telephone can", "say 1 x": "how many seconds", "refuse 1 x": "which SIP status", "hangup 1 x": "a cause is a number",
		"dance 1": "unknown command",
	} {
		c.types(command)
		c.sees(answer)
	}
	c.types("drop")
	c.types("down")
	c.types("up")
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-speed", "0"},
		{"-version", "x"},
		{"-dialplan", "/does/not/exist"},
		{"-phone", "x"},
		{"-phone", "PJSIP/x=answer:x"},
		{"-phone", "PJSIP/x=refuse:x"},
		{"-nonsense"},
	} {
		require.Error(t, Run(t.Context(), "arisim", append([]string{"-addr", "127.0.0.1:0"}, args...), strings.NewReader(""), io.Discard), "%v", args)
	}
	for _, how := range []string{"answer", "answer:1s", "ring", "busy", "refuse:603", "unreachable"} {
		_, err := behaviour(how)
		require.NoError(t, err)
	}
}

package ivr_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// TestMain fails when the package leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftOver(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

func leftOver() string {
	deadline := time.Now().Add(5 * time.Second)
	for {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for i, stack := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(stack, "pkg/ivr.") && !strings.Contains(stack, "testing.(*T).Run") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}

// A pbx is a simulated Asterisk in a bubble of package synctest, with a client.
type pbx struct {
	*testing.T

	*aritest.Server
	client *ari.Client
	ctx    context.Context
}

// bubble runs a test on a simulated Asterisk, where an hour takes a microsecond.
func bubble(t *testing.T, test func(p *pbx), opts ...ari.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithPatience(24*time.Hour))
		client := srv.Client(append([]ari.Option{ari.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
		require.NoError(t, client.Connect(t.Context()))
		test(&pbx{t, srv, client, t.Context()})
	})
}

// onCall runs a script for each call, and hangs up behind it. What it returns gets the scripts' ends.
func onCall(p *pbx, script func(ctx context.Context, caller *ari.Channel) error) (ended <-chan error) {
	ends := make(chan error, 1000)
	p.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		err := script(ctx, call.Channel)
		ends <- err
		return err
	})
	return ends
}

// served answers a call, runs a script for it, and returns what came of it when nothing is left.
func served[R any](p *pbx, behave func(caller *aritest.Call), script func(ctx context.Context, caller *ari.Channel) (R, error)) (res R, err error) {
	p.Helper()
	ended := onCall(p, func(ctx context.Context, caller *ari.Channel) error {
		if err := caller.Answer(ctx); err != nil {
			return err
		}
		var err error
		res, err = script(ctx, caller)
		return err
	})
	call := p.Call("1000", aritest.From("Ada <100>"))
	var behaving sync.WaitGroup
	defer behaving.Wait()
	if behave != nil {
		behaving.Go(func() { behave(call) })
	}
	err = <-ended
	require.NoError(p, p.WaitIdle(p.ctx))
	return res, err
}

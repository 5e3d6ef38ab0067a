package aritest_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// A handler that makes channels for each call would make more for these, and so on for ever.
func TestOwnChannelsAreNoCalls(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	client := srv.Client(quiet)
	var mu sync.Mutex
	var calls, all []string
	note := func(list *[]string, name string) int {
		mu.Lock()
		defer mu.Unlock()
		technology, _, _ := strings.Cut(name, "/")
		*list = append(*list, technology)
		return len(*list)
	}
	ready := make(chan struct{})
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		note(&calls, ev.Channel.Name)
		ctrl := ev.Controller()
		_, err := ctrl.CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"})
		if err == nil {
			_, err = ev.Channel.Snoop(ctx, ari.SnoopOptions{Spy: ari.SnoopDirectionBoth})
		}
		if err == nil {
			_, err = ctrl.Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/alice"})
		}
		<-ctx.Done()
		return err
	})
	client.OnStasisStart(func(_ context.Context, ev *ari.StasisStart) error {
		if note(&all, ev.Channel.Name) == 4 {
			close(ready)
		}
		return nil
	})
	srv.Endpoint("PJSIP/alice")
	require.NoError(t, client.Connect(t.Context()))
	call := srv.Call("1000")
	<-ready
	require.NoError(t, client.Close(t.Context()))
	call.Hangup()
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"PJSIP"}, calls)
	assert.ElementsMatch(t, []string{"PJSIP", "UnicastRTP", "Snoop", "PJSIP"}, all)
}

// Not even one that comes to be after its request's context has ended, until it is taken back.
func TestAbandonedExternalMediaIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := connected(t, srv, quiet)
		var calls atomic.Int32
		var failed error
		client.OnCall(func(ctx context.Context, _ *ari.StasisStart) error {
			calls.Add(1)
			_, failed = client.ARI().CreateExternalMedia(ctx, ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:10000", Format: "ulaw"})
			return nil
		})
		srv.Faults().DelayRequests("externalMedia", 1, time.Second)
		call := srv.Call("1000")
		synctest.Wait()
		call.Hangup()
		synctest.Wait()
		require.ErrorIs(t, failed, context.Canceled)
		time.Sleep(time.Minute)
		require.Empty(t, srv.Channels(), "it was taken back")
		assert.EqualValues(t, 1, calls.Load())
	})
}

package aritest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// External media that is made while the client connects is not hung up.
func TestExternalMediaWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client(quiet)
		srv.Faults().DelayRequests("POST /externalMedia", 1, time.Second)
		type result struct {
			ch  *ari.Channel
			err error
		}
		done := make(chan result, 1)
		go func() {
			ch, err := client.ARI().CreateExternalMedia(soon(t), ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
			done <- result{ch, err}
		}()
		synctest.Wait()
		require.NoError(t, client.Connect(soon(t)))
		r := <-done
		require.NoError(t, r.err)
		time.Sleep(time.Minute)
		_, err := r.ch.Refresh(soon(t))
		require.NoError(t, err)
	})
}

// A handler's clean-up doesn't hang on an Asterisk that stands still.
func TestCleanupOnAFrozenAsterisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		client := srv.Client(quiet, ari.WithKeepalive(2*time.Second, time.Second))
		cleaned := make(chan time.Duration, 1)
		client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
			b, err := ev.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{})
			if err != nil {
				return err
			}
			defer func() {
				began := time.Now()
				assert.ErrorIs(t, b.Stop(ari.Cleanup(ctx)), ari.ErrConnection)
				assert.ErrorIs(t, ev.Channel.Stop(ari.Cleanup(ctx)), ari.ErrConnection)
				cleaned <- time.Since(began)
			}()
			srv.Faults().Freeze()
			return ev.Channel.Answer(ctx)
		})
		require.NoError(t, client.Connect(soon(t)))
		call := srv.Call("1000")
		assert.Zero(t, <-cleaned, "the connection was given up by then")
		hurry, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, client.WaitConnected(hurry), context.DeadlineExceeded)
		srv.Faults().Thaw()
		require.NoError(t, client.WaitConnected(soon(t)))
		require.NoError(t, client.ARI().StopChannel(soon(t), call.ChannelID()))
		require.NoError(t, call.WaitEnded(soon(t)))
	})
}

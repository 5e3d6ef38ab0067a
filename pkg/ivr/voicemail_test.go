package ivr_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

func stores(t *testing.T) map[string]ivr.Store {
	return map[string]ivr.Store{"memory": &ivr.MemoryStore{}, "files": &ivr.FileStore{Dir: t.TempDir()}}
}

func TestStores(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			const box = "a/b ü"
			got, err := store.Messages(ctx, box)
			require.NoError(t, err)
			require.Empty(t, got)
			first, second := ivr.Message{ID: "1", Time: time.Unix(1, 0).UTC(), Duration: s}, ivr.Message{ID: "2", Time: time.Unix(2, 0).UTC()}
			require.NoError(t, store.Put(ctx, box, first))
			require.NoError(t, store.Put(ctx, box, second))
			first.Heard = true
			require.NoError(t, store.Put(ctx, box, first))
			require.NoError(t, store.SetGreeting(ctx, box, "hello"))
			got, err = store.Messages(ctx, box)
			require.NoError(t, err)
			require.Equal(t, []ivr.Message{first, second}, got)
			require.NoError(t, store.Delete(ctx, box, "1"))
			require.NoError(t, store.Delete(ctx, box, "1"))
			got, err = store.Messages(ctx, box)
			require.NoError(t, err)
			require.Equal(t, []ivr.Message{second}, got)
			greeting, err := store.Greeting(ctx, box)
			require.NoError(t, err)
			require.Equal(t, "hello", greeting)
			other, err := store.Greeting(ctx, "other")
			require.NoError(t, err)
			require.Empty(t, other)
		})
	}
}

// A caller leaves two messages, by a key and by hanging up, and one that is too short. Then the owner reads them, deletes the first and
// records a greeting, which the next caller hears.
func TestVoicemail(t *testing.T) {
	bubble(t, func(p *pbx) {
		store := &ivr.MemoryStore{}
		var lamp []int
		opts := ivr.VoicemailOptions{Mailbox: "alice", Store: store, PIN: "1234", Waiting: func(_ context.Context, unheard, heard int) error {
			lamp = append(lamp, unheard, heard)
			return nil
		}}
		leave := func(speak time.Duration, end func(c *aritest.Call)) (*ivr.VoicemailResult, *aritest.Call, error) {
			var call *aritest.Call
			var stop func()
			done := make(chan error, 1)
			var res *ivr.VoicemailResult
			stop = p.client.OnCall(func(ctx context.Context, start *ari.StasisStart) (err error) {
				stop()
				defer start.Channel.Stop(ari.Cleanup(ctx))
				defer func() { done <- err }()
				if err = start.Channel.Answer(ctx); err == nil {
					res, err = ivr.LeaveMessage(ctx, start.Channel, opts)
				}
				return err
			})
			call = p.Call("1000", aritest.From("Ada <100>"))
			require.NoError(t, call.WaitRecording(p.ctx))
			call.Speak(speak)
			time.Sleep(speak)
			end(call)
			err := <-done
			require.NoError(t, p.WaitIdle(p.ctx))
			return res, call, err
		}
		res, call, err := leave(5*s, func(c *aritest.Call) { c.SendDTMF("#") })
		require.NoError(t, err)
		require.Equal(t, ivr.Key, res.Outcome)
		require.Equal(t, "100", res.Message.Number)
		require.Contains(t, call.Heard(), "sound:vm-intro")
		res, _, err = leave(6*s, func(c *aritest.Call) { c.Hangup() })
		require.ErrorIs(t, err, ari.ErrEnded)
		require.Equal(t, ivr.HungUp, res.Outcome)
		require.NotNil(t, res.Message)
		res, _, err = leave(s, func(c *aritest.Call) { c.Hangup() })
		require.ErrorIs(t, err, ari.ErrEnded)
		require.Nil(t, res.Message)
		require.Equal(t, []int{1, 0, 2, 0}, lamp)

		var owner *aritest.Call
		read, err := served(p, func(caller *aritest.Call) {
			owner = caller
			time.Sleep(s)
			caller.SendDTMF("1111")
			time.Sleep(s)
			caller.SendDTMF("1234")
			time.Sleep(20 * s)
			caller.SendDTMF("7")
			time.Sleep(20 * s)
			caller.SendDTMF("0")
			require.NoError(p, caller.WaitRecording(p.ctx))
			caller.Speak(3 * s)
			time.Sleep(3 * s)
			caller.SendDTMF("#1")
			time.Sleep(20 * s)
			caller.SendDTMF("*")
		}, func(ctx context.Context, caller *ari.Channel) (*ivr.MailboxResult, error) {
			return ivr.ReadMailbox(ctx, caller, opts)
		})
		require.NoError(t, err)
		require.Equal(t, ivr.MailboxResult{Outcome: ivr.Done, Played: 3, Deleted: 1}, *read)
		require.Contains(t, owner.Heard(), "sound:vm-incorrect")
		require.Contains(t, owner.Heard(), "sound:vm-deleted")
		require.Equal(t, []int{1, 0, 2, 0, 0, 1}, lamp)
		kept, err := p.client.ARI().StoredRecordings(p.ctx)
		require.NoError(t, err)
		require.Len(t, kept, 2, "a message and the greeting")
		greeting, err := store.Greeting(p.ctx, "alice")
		require.NoError(t, err)
		_, call, _ = leave(3*s, func(c *aritest.Call) { c.SendDTMF("#") })
		require.Contains(t, call.Heard(), "recording:"+greeting)
	})
}

func TestVoicemailFails(t *testing.T) {
	bubble(t, func(p *pbx) {
		res, err := served(p, nil, func(ctx context.Context, caller *ari.Channel) (*ivr.VoicemailResult, error) {
			return ivr.LeaveMessage(ctx, caller, ivr.VoicemailOptions{})
		})
		require.ErrorIs(t, err, ari.ErrInvalid)
		require.Equal(t, ivr.Failed, res.Outcome)
	})
	bubble(t, func(p *pbx) {
		broken := &brokenStore{}
		_, err := served(p, func(c *aritest.Call) {
			require.NoError(p, c.WaitRecording(p.ctx))
			c.Speak(4 * s)
			time.Sleep(4 * s)
			c.SendDTMF("#")
		}, func(ctx context.Context, caller *ari.Channel) (*ivr.VoicemailResult, error) {
			return ivr.LeaveMessage(ctx, caller, ivr.VoicemailOptions{Mailbox: "a", Store: broken})
		})
		require.ErrorIs(t, err, errStore)
		kept, err := p.client.ARI().StoredRecordings(p.ctx)
		require.NoError(t, err)
		require.Empty(t, kept, "nobody would ever find it")
	})
	bubble(t, func(p *pbx) {
		res, err := served(p, func(c *aritest.Call) {
			time.Sleep(s)
			c.SendDTMF("111122223333")
		}, func(ctx context.Context, caller *ari.Channel) (*ivr.MailboxResult, error) {
			return ivr.ReadMailbox(ctx, caller, ivr.VoicemailOptions{Mailbox: "a", Store: &ivr.MemoryStore{}, PIN: "4444"})
		})
		require.NoError(t, err)
		require.Equal(t, ivr.Invalid, res.Outcome)
	})
}

var errStore = errors.New("the disk is full")

type brokenStore struct{ ivr.MemoryStore }

func (*brokenStore) Put(context.Context, string, ivr.Message) error { return errStore }

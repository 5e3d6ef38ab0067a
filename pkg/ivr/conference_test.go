package ivr_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ivr"
)

// A meeting is a conference, and how its members left, by their numbers.
type meeting struct {
	*pbx

	room *ivr.Conference
	left map[string]chan *ivr.ConferenceResult
}

func meet(p *pbx, opts ivr.ConferenceOptions) *meeting {
	m := &meeting{pbx: p, room: ivr.NewConference(opts), left: map[string]chan *ivr.ConferenceResult{}}
	for _, number := range []string{"1", "2", "3", "9"} {
		m.left[number] = make(chan *ivr.ConferenceResult, 1)
	}
	p.client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
		defer call.Channel.Stop(ari.Cleanup(ctx))
		if err := call.Channel.Answer(ctx); err != nil {
			return err
		}
		res, err := m.room.Join(ctx, call.Channel)
		m.left[call.Channel.Caller.Number] <- res
		return err
	})
	return m
}

// join lets somebody call and type a PIN.
func (m *meeting) join(number, pin string) *aritest.Call {
	call := m.Call("1000", aritest.From(number))
	time.Sleep(s)
	call.SendDTMF(pin)
	time.Sleep(s)
	return call
}

func TestConference(t *testing.T) {
	bubble(t, func(p *pbx) {
		var mu sync.Mutex
		var last ivr.Member
		m := meet(p, ivr.ConferenceOptions{
			PIN: "11", LeaderPIN: "99", EndWithLeader: true, WaitForLeader: true, MaxMembers: 3, Record: "meeting",
			Changed: func(member ivr.Member) { mu.Lock(); defer mu.Unlock(); last = member },
		})
		now := func() ivr.Member { mu.Lock(); defer mu.Unlock(); return last }
		one := m.join("1", "11")
		require.Contains(t, one.Heard(), "moh:default", "he waits for the leader")
		require.Empty(t, m.room.Members())
		leader := m.join("9", "99")
		require.NoError(t, one.WaitBridged(p.ctx, 2))
		two := m.join("2", "11")
		require.NoError(t, leader.WaitBridged(p.ctx, 3))
		require.Contains(t, one.Heard(), "sound:confbridge-join")
		require.Len(t, m.room.Members(), 3)

		full := m.join("3", "11")
		require.Equal(t, ivr.Full, (<-m.left["3"]).Outcome)
		require.NoError(t, full.WaitEnded(p.ctx))

		one.SendDTMF("*2")
		time.Sleep(s)
		require.True(t, now().Hand)
		one.SendDTMF("*1")
		time.Sleep(s)
		require.True(t, now().Muted)
		leader.SendDTMF("*5")
		time.Sleep(s)
		for _, member := range m.room.Members() {
			require.Equal(t, !member.Leader, member.Muted)
		}
		require.NoError(t, m.room.Mute(p.ctx, one.ChannelID(), false))
		one.Speak(s)
		time.Sleep(s / 2)
		require.True(t, now().Talking)
		leader.SendDTMF("*6")
		require.Equal(t, ivr.Kicked, (<-m.left["2"]).Outcome)
		require.NoError(t, two.WaitEnded(p.ctx))
		one.SendDTMF("*4") // is the leader's
		leader.SendDTMF("*4")
		time.Sleep(s)
		m.join("2", "11")
		require.Equal(t, ivr.Locked, (<-m.left["2"]).Outcome)
		leader.SendDTMF("*0")
		res := <-m.left["9"]
		require.Equal(t, ivr.ConferenceResult{Outcome: ivr.Key, Leader: true}, *res)
		require.Equal(t, ivr.LeaderLeft, (<-m.left["1"]).Outcome)
		require.NoError(t, p.WaitIdle(p.ctx))
		_, err := p.client.ARI().StoredRecording("meeting").Refresh(p.ctx)
		require.NoError(t, err)
	})
}

func TestConferenceEnds(t *testing.T) {
	bubble(t, func(p *pbx) {
		m := meet(p, ivr.ConferenceOptions{Names: true})
		one := p.Call("1000", aritest.From("1"))
		require.NoError(t, one.WaitRecording(p.ctx))
		one.Speak(s)
		require.NoError(t, one.WaitBridged(p.ctx, 1))
		two := p.Call("1000", aritest.From("2"))
		require.NoError(t, two.WaitBridged(p.ctx, 2)) // He says nothing.
		time.Sleep(5 * s)
		one.Hangup()
		require.Equal(t, ivr.HungUp, (<-m.left["1"]).Outcome)
		time.Sleep(5 * s)
		require.Contains(t, two.Heard(), "sound:confbridge-has-left")
		require.True(t, m.room.Kick(two.ChannelID()))
		require.Equal(t, ivr.Kicked, (<-m.left["2"]).Outcome)
		require.False(t, m.room.Kick(two.ChannelID()))
		require.ErrorIs(t, m.room.Mute(p.ctx, two.ChannelID(), true), ari.ErrNotFound)
		require.NoError(t, p.WaitIdle(p.ctx))
		kept, err := p.client.ARI().StoredRecordings(p.ctx)
		require.NoError(t, err)
		require.Empty(t, kept, "the names are deleted")
	})
}

func TestConferencePIN(t *testing.T) {
	bubble(t, func(p *pbx) {
		m := meet(p, ivr.ConferenceOptions{PIN: "11"})
		call := m.join("1", "12")
		for range 2 {
			time.Sleep(3 * s)
			call.SendDTMF("55")
		}
		require.Equal(t, ivr.Invalid, (<-m.left["1"]).Outcome)
		require.NoError(t, p.WaitIdle(p.ctx))
	})
}

// Who can't be muted as he comes is out again, and the room is as before.
func TestConferenceMuteFails(t *testing.T) {
	bubble(t, func(p *pbx) {
		m := meet(p, ivr.ConferenceOptions{PIN: "11", LeaderPIN: "99"})
		leader := m.join("9", "99")
		leader.SendDTMF("*5")
		time.Sleep(s)
		p.Faults().FailRequests("POST /mute", 1, 500)
		one := m.join("1", "11")
		require.Equal(t, ivr.Failed, (<-m.left["1"]).Outcome)
		require.NoError(t, one.WaitEnded(p.ctx))
		require.Len(t, m.room.Members(), 1)
		leader.Hangup()
		require.Equal(t, ivr.HungUp, (<-m.left["9"]).Outcome)
		require.NoError(t, p.WaitIdle(p.ctx))
		require.Empty(t, p.Bridges())
	})
}

// Of a caller who hangs up while he says his name, no recording is left.
func TestConferenceNameHangup(t *testing.T) {
	bubble(t, func(p *pbx) {
		m := meet(p, ivr.ConferenceOptions{Names: true})
		call := m.Call("1000", aritest.From("1"))
		require.NoError(t, call.WaitRecording(p.ctx))
		call.Speak(2 * s)
		time.Sleep(2 * s)
		call.Hangup()
		require.Equal(t, ivr.HungUp, (<-m.left["1"]).Outcome)
		stored, err := p.client.ARI().StoredRecordings(p.ctx)
		require.NoError(t, err)
		require.Empty(t, stored)
	})
}

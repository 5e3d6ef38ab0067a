package ari

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func transferFrame(source, peer string) string {
	return `{"type":"ChannelTransfer","refer_to":{"requested_destination":{"destination":"200"},"destination_channel":` + channelJSON("dest", "Up") +
		`,"bridge":` + bridgeJSON("b2") + `},"referred_by":{"bridge":` + bridgeJSON("b1") + `,"connected_channel":` + channelJSON(peer, "Up") +
		`,"source_channel":` + channelJSON(source, "Up") + `}` + frameTail
}

// The channels and bridges of a ChannelTransfer are nested one level deeper than those of any other event.
func TestTransferReachesWhomItConcerns(t *testing.T) {
	c := offline(t)
	ctrl := c.ARI()
	subs := make(map[string]*Subscription[*ChannelTransfer])
	for name, scope := range map[string]Scope{
		"source": ctrl.Channel("c1"), "peer": ctrl.Channel("c2"), "dest": ctrl.Channel("dest"),
		"bridge": ctrl.Bridge("b1"), "its bridge": ctrl.Bridge("b2"), "all": c,
	} {
		subs[name] = Subscribe[*ChannelTransfer](scope)
	}
	other := Subscribe[Event](ctrl.Channel("c3"))
	c.receive(transferFrame("c1", "c2"))
	for name, sub := range subs {
		ev, ok := sub.TryNext()
		require.True(t, ok, name)
		assert.Equal(t, "c1", ev.ReferredBy.SourceChannel.ID)
		assert.Equal(t, "200", ev.ReferTo.RequestedDestination.Destination)
		_, ok = sub.TryNext()
		assert.False(t, ok, "%s got it twice", name)
	}
	_, ok := other.TryNext()
	assert.False(t, ok)
}

func TestTransfersOfSeveralChannelsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := offline(t)
		release := make(chan struct{})
		var got bag[string]
		On(c, func(_ context.Context, ev *ChannelTransfer) error {
			got.add(ev.ReferredBy.SourceChannel.ID)
			<-release
			return nil
		})
		c.receive(transferFrame("c1", "c9"), transferFrame("c1", "c9"), transferFrame("c2", "c9"))
		synctest.Wait()
		assert.ElementsMatch(t, []string{"c1", "c2"}, got.all(), "the lane is the source channel's")
		close(release)
	})
}

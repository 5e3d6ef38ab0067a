package aritest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// What an earlier run has left is ended, and nothing that may be somebody else's.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Endpoint("PJSIP/alice", aritest.Answers(0))
		make1 := func(c *ari.Controller, id string) string {
			ch, err := c.Originate(soon(t), ari.OriginateOptions{Endpoint: "PJSIP/alice", App: srv.App, ChannelID: id})
			require.NoError(t, err)
			return ch.ID
		}
		bridge := func(c *ari.Controller) string {
			b, err := c.CreateBridge(soon(t), ari.CreateBridgeOptions{})
			require.NoError(t, err)
			return b.ID
		}
		killed := connected(t, srv, quiet)
		foreign := srv.ClientFor("foreign", quiet)
		require.NoError(t, foreign.Connect(soon(t)))
		alone := srv.Controller()
		swept := []string{make1(killed.ARI(), ""), bridge(killed.ARI())}
		media, err := killed.ARI().CreateExternalMedia(soon(t), ari.ExternalMediaOptions{ExternalHost: "127.0.0.1:9", Format: "ulaw"})
		require.NoError(t, err)
		snoop, err := killed.ARI().Channel(swept[0]).Snoop(soon(t), ari.SnoopOptions{Spy: ari.SnoopDirectionBoth})
		require.NoError(t, err)
		swept = append(swept, media.ID, snoop.ID)
		caller := srv.Call("1000", aritest.WithChannelID("caller"))
		kept := []string{
			make1(killed.ARI(), "named"), make1(foreign.ARI(), ""), make1(alone, ""), caller.ChannelID(), bridge(foreign.ARI()), bridge(alone),
		}
		synctest.Wait()
		require.NoError(t, killed.Close(soon(t)))
		there := func() (ids []string) {
			for _, ch := range srv.Channels() {
				ids = append(ids, ch.ID)
			}
			for _, b := range srv.Bridges() {
				ids = append(ids, b.ID)
			}
			return ids
		}
		assert.Subset(t, there(), append(swept, kept...))
		plain := connected(t, srv, quiet)
		assert.Subset(t, there(), swept, "nobody has asked for it")
		require.NoError(t, plain.Close(soon(t)))

		client := connected(t, srv, quiet, ari.WithSweep())
		synctest.Wait()
		for _, id := range swept {
			assert.NotContains(t, there(), id)
		}
		assert.Subset(t, there(), kept)

		// Not again after a gap: by then, what there is may be in use.
		mine := bridge(client.ARI())
		up := ari.Subscribe[*ari.Connected](client)
		srv.Faults().DropEvents()
		_, err = up.Next(soon(t))
		require.NoError(t, err)
		assert.Contains(t, there(), mine)
	})
}

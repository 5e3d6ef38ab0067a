package resources

import (
	"net/http"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// A snooping is what both operations that snoop are told.
type snooping struct{ spy, whisper, app, args, id string }

// ChannelsSnoopChannel listens to a channel.
func (o *operations) ChannelsSnoopChannel(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsSnoopChannelParams) {
	o.snoop(w, id, snooping{string(deref(q.Spy)), string(deref(q.Whisper)), q.App, deref(q.AppArgs), deref(q.SnoopID)})
}

// ChannelsSnoopChannelWithID listens to a channel, with an id for the new one.
func (o *operations) ChannelsSnoopChannelWithID(w http.ResponseWriter, _ *http.Request, id, snoopID string, q gen.ChannelsSnoopChannelWithIDParams) {
	o.snoop(w, id, snooping{string(deref(q.Spy)), string(deref(q.Whisper)), q.App, deref(q.AppArgs), snoopID})
}

func (o *operations) snoop(w http.ResponseWriter, id string, q snooping) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		for _, d := range []struct{ value, name string }{{q.spy, "spy"}, {q.whisper, "whisper"}} {
			switch d.value {
			case "", "none", "in", "out", "both":
			default:
				return nil, failed(http.StatusBadRequest, "Invalid direction specified for "+d.name)
			}
		}
		none := func(s string) bool { return s == "" || s == "none" }
		p := o.p
		ch := p.Find(id)
		switch {
		case none(q.spy) && none(q.whisper):
			return nil, failed(http.StatusBadRequest, "Direction must be specified for at least spy or whisper")
		case q.app == "":
			return nil, failed(http.StatusBadRequest, "Application name is required")
		case ch == nil:
			return nil, errNoSuchChannel
		case len(q.id) > maxID:
			return nil, errIDTooLong
		case q.id != "" && p.Channels[q.id] != nil:
			return nil, failed(http.StatusInternalServerError, "Snoop channel could not be created")
		}
		sn := p.NewChannel("Snoop", ch.ID, "Snoop/"+ch.ID+"-"+p.NextName("Snoop"), q.id)
		sn.State = pbx.StateUp
		sn.Snooped = ch
		ch.Snoops = append(ch.Snoops, sn)
		sn.Announce()
		answer := sn.JSON()
		sn.RunStasis(q.app, q.args)
		return answer, nil
	})
}

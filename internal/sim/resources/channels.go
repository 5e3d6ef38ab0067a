package resources

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

var (
	errNoChannel     = failed(http.StatusNotFound, "Channel not found")
	errNoSuchChannel = failed(http.StatusNotFound, "Provided channel was not found")
	errNotStasis     = failed(http.StatusConflict, "Channel not in Stasis application")
	errWrongState    = failed(http.StatusPreconditionFailed, "Channel in invalid state")
	errDuplicate     = failed(http.StatusConflict, "Channel with given unique ID already exists")
	errAllocation    = failed(http.StatusInternalServerError, "")
	errFormats       = failed(http.StatusBadRequest, "Originator and formats can't both be specified")
	errIDTooLong     = failed(http.StatusBadRequest, "Uniqueid length exceeds maximum of 149")
)

const maxID = 149

// controlled is a channel that is in an application.
func (o *operations) controlled(id string) (*pbx.Channel, *apiError) {
	ch := o.p.Channels[id]
	switch {
	case ch == nil:
		return nil, errNoChannel
	case ch.Stasis == nil:
		return nil, errNotStasis
	default:
		return ch, nil
	}
}

// ready is a channel that is in an application and has something like a voice: not one that is yet to be answered by its party.
func (o *operations) ready(id string) (*pbx.Channel, *apiError) {
	ch, err := o.controlled(id)
	if err == nil && (ch.State == pbx.StateDown || ch.State == pbx.StateRinging) {
		return nil, errWrongState
	}
	return ch, err
}

// command runs f on a channel behind what it is doing, and answers at once.
func (o *operations) command(w http.ResponseWriter, id string, f func(*pbx.Channel)) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		ch.Do(func() { f(ch) })
		return nil, nil
	})
}

// ChannelsList lists all channels.
func (o *operations) ChannelsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) { return list(o.p.ChannelOrder), nil })
}

// ChannelsGet shows a channel.
func (o *operations) ChannelsGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if ch := o.p.Channels[id]; ch != nil {
			return ch.JSON(), nil
		}
		return nil, errNoChannel
	})
}

// ChannelsHangup hangs up.
func (o *operations) ChannelsHangup(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsHangupParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch := o.p.Find(id)
		if ch == nil || ch.Stale {
			return nil, errNoChannel
		}
		reason, code := string(deref(q.Reason)), deref(q.ReasonCode)
		cause := 16
		switch {
		case reason != "" && code != "":
			return nil, failed(http.StatusBadRequest, "The reason and reason_code can't both be specified")
		case code != "":
			n, err := strconv.Atoi(code)
			if err != nil {
				return nil, failed(http.StatusBadRequest, "Invalid reason for hangup reason code provided")
			}
			cause = n
		case reason != "":
			n, ok := o.p.Reason(reason)
			if !ok {
				return nil, failed(http.StatusBadRequest, "Invalid reason for hangup reason provided")
			}
			cause = n
		}
		h := pbx.Hangup{Cause: cause, Soft: true}
		if ch.Tech == "PJSIP" && ch.State != pbx.StateUp {
			h.TechCause = pbx.SipStatuses[cause]
		}
		ch.Hangup(h)
		return nil, nil
	})
}

// ChannelsAnswer answers; it returns when that is done.
func (o *operations) ChannelsAnswer(w http.ResponseWriter, r *http.Request, id string) {
	o.p.Mu.Lock()
	ch, bad := o.ready(id)
	if bad != nil {
		o.p.Mu.Unlock()
		respond(w, 0, nil, bad)
		return
	}
	done := ch.DoWait(func() error {
		ch.Answer()
		return nil
	})
	o.p.Mu.Unlock()
	if await(r, done) != nil {
		fail(w, http.StatusInternalServerError, "Failed to answer channel")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ChannelsContinueInDialplan lets a channel leave its application for the dialplan.
func (o *operations) ChannelsContinueInDialplan(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsContinueInDialplanParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		context, exten, priority := deref(q.Context), deref(q.Extension), deref(q.Priority)
		if context == "" && exten == "" && priority == 0 && deref(q.Label) == "" {
			ch.Continue("", "", 0)
			return nil, nil
		}
		switch {
		case exten != "":
		case context != "":
			exten = "s" // A context alone means its start.
		default:
			exten = ch.Exten
		}
		if context == "" {
			context = ch.Context
		}
		if label := deref(q.Label); label != "" {
			n, ok := o.p.Dialplan.Priority(context, exten, label)
			if !ok {
				return nil, failed(http.StatusNotFound, "Requested label can not be found")
			}
			priority = n
		}
		ch.Continue(context, exten, max(priority, 1))
		return nil, nil
	})
}

// ChannelsMove gives a channel to another application.
func (o *operations) ChannelsMove(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsMoveParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.controlled(id)
		if err != nil {
			return nil, err
		}
		ch.Do(func() { ch.Move(q.App, pbx.SplitArgs(deref(q.AppArgs))) })
		return nil, nil
	})
}

// ChannelsRedirect sends the caller somewhere else.
func (o *operations) ChannelsRedirect(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsRedirectParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		tech, dest, ok := strings.Cut(q.Endpoint, "/")
		switch {
		case q.Endpoint == "":
			return nil, failed(http.StatusBadRequest, "Required parameter 'endpoint' not provided.")
		case !ok || tech == "":
			return nil, failed(http.StatusUnprocessableEntity, "Endpoint parameter '"+q.Endpoint+"' does not contain tech/resource")
		case dest == "":
			return nil, failed(http.StatusUnprocessableEntity, "No resource provided in endpoint parameter '"+q.Endpoint+"'")
		case tech != ch.Tech:
			return nil, failed(http.StatusUnprocessableEntity, "Endpoint technology '"+tech+"' does not match channel technology '"+ch.Tech+"'")
		}
		// Who is answered is asked to call somebody else, of which these telephones take no notice.
		if ch.Far != nil && ch.State != pbx.StateUp {
			ch.Do(func() {
				ch.Far.Redirected()
				cause := 16
				if o.p.Config.Version.Major >= 20 {
					cause = 23
				}
				ch.Hangup(pbx.Hangup{Cause: cause, TechCause: http.StatusFound})
			})
		}
		return nil, nil
	})
}

// ChannelsRing tells the caller that it rings.
func (o *operations) ChannelsRing(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(ch *pbx.Channel) { ch.Ringing() })
}

// ChannelsRingStop ends that.
func (o *operations) ChannelsRingStop(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*pbx.Channel) {})
}

// ChannelsProgress tells the caller that there is early media.
func (o *operations) ChannelsProgress(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, (*pbx.Channel).Progress)
}

// ChannelsTransferProgress tells how a transfer goes that the party asked for.
func (o *operations) ChannelsTransferProgress(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsTransferProgressParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.controlled(id)
		if err != nil {
			return nil, err
		}
		switch q.States {
		case "channel_progress", "channel_answered", "channel_unavailable", "channel_declined":
			ch.TellTransfer(q.States)
			return nil, nil
		default:
			return nil, failed(http.StatusBadRequest, "Invalid states value")
		}
	})
}

package resources

import (
	"net/http"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// An origination is what both operations that originate are told.
type origination struct {
	endpoint, extension, context, label string
	priority                            int64
	app, appArgs, callerID              string
	timeout                             *int
	id, otherID, originator, formats    string
}

// ChannelsOriginate calls somebody.
func (o *operations) ChannelsOriginate(w http.ResponseWriter, r *http.Request, q gen.ChannelsOriginateParams) {
	o.originate(w, r, origination{
		endpoint: q.Endpoint, extension: deref(q.Extension), context: deref(q.Context), priority: deref(q.Priority), label: deref(q.Label),
		app: deref(q.App), appArgs: deref(q.AppArgs), callerID: deref(q.CallerID), timeout: q.Timeout,
		id: deref(q.ChannelID), otherID: deref(q.OtherChannelID), originator: deref(q.Originator), formats: deref(q.Formats),
	})
}

// ChannelsOriginateWithID calls somebody, with an id for the channel.
func (o *operations) ChannelsOriginateWithID(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsOriginateWithIDParams) {
	o.originate(w, r, origination{
		endpoint: q.Endpoint, extension: deref(q.Extension), context: deref(q.Context), priority: deref(q.Priority), label: deref(q.Label),
		app: deref(q.App), appArgs: deref(q.AppArgs), callerID: deref(q.CallerID), timeout: q.Timeout,
		id: id, otherID: deref(q.OtherChannelID), originator: deref(q.Originator), formats: deref(q.Formats),
	})
}

// checkIDs looks at the ids that a new channel is to have.
func (o *operations) checkIDs(id, otherID string) *apiError {
	if len(id) > maxID || len(otherID) > maxID {
		return errIDTooLong
	}
	if o.p.Taken(id) || o.p.Taken(otherID) || id != "" && id == otherID {
		return errDuplicate
	}
	return nil
}

// conflicting keeps that a connection's request has failed for an id that was taken: Asterisk says the same then of whatever can't be
// made later, on the same connection.
func conflicting(r *http.Request, err *apiError) *apiError {
	c, ok := applications.ConnOf(r).(interface{ Conflicted(now bool) bool })
	if ok && c.Conflicted(err == errDuplicate) && err == errAllocation {
		return errDuplicate
	}
	return err
}

// checkFormats looks at a list of codecs.
func checkFormats(list string) *apiError {
	if list == "" {
		return nil
	}
	for format := range strings.SplitSeq(list, ",") {
		if !media.Codecs[format] {
			return failed(http.StatusBadRequest, "Provided format ("+format+") was not found")
		}
	}
	return nil
}

func (o *operations) originate(w http.ResponseWriter, r *http.Request, q origination) {
	vars, bad := argsOf(r).variables(false)
	if o.p.AwaitThaw(r.Context()) != nil {
		return // Whoever has asked has gone.
	}
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if bad != nil {
			return nil, bad
		}
		tech, dest, ok := strings.Cut(q.endpoint, "/")
		switch {
		case q.endpoint == "":
			return nil, failed(http.StatusBadRequest, "Endpoint must be specified")
		case q.app == "" && q.extension == "":
			return nil, failed(http.StatusBadRequest, "Application or extension must be specified")
		case !ok || dest == "":
			return nil, failed(http.StatusBadRequest, "Invalid endpoint specified")
		case q.originator != "" && q.formats != "":
			return nil, errFormats
		}
		if err := checkFormats(q.formats); err != nil {
			return nil, err
		}
		p := o.p
		var originator *pbx.Channel
		if q.originator != "" {
			if originator = p.Find(q.originator); originator == nil {
				return nil, failed(http.StatusBadRequest, "Provided originator channel was not found")
			}
		}
		context, priority := q.context, int(q.priority)
		if context == "" {
			context = "default"
		}
		if priority == 0 {
			priority = 1
		}
		if q.app == "" && q.label != "" {
			if priority, ok = p.Dialplan.Priority(context, q.extension, q.label); !ok {
				return nil, failed(http.StatusNotFound, "Requested label can not be found")
			}
		}
		if err := o.checkIDs(q.id, q.otherID); err != nil {
			return nil, conflicting(r, err)
		}
		ch := p.NewParty(pbx.Party{
			Tech: tech, Dest: dest, ID: q.id, OtherID: q.otherID, CallerID: q.callerID, Variables: vars, Originator: originator,
			App: q.app, OrigApp: true, Formats: q.formats,
		})
		if ch == nil {
			return nil, conflicting(r, errAllocation)
		}
		answer := ch.JSON()
		if half := ch.Other; half != nil && !p.Dialplan.Has(half.Context, half.Exten) {
			ch.Other, half.Other = nil, nil
			half.Hangup(pbx.Hangup{Silent: true})
			ch.Hangup(pbx.Hangup{Silent: true})
			return answer, nil
		}
		ch.CallParty(originateTimeout(q.timeout), func() {
			if q.app != "" {
				ch.EnterSoon(q.app, q.appArgs)
				return
			}
			ch.StartDialplan(context, q.extension, priority)
		})
		return answer, nil
	})
}

// originateTimeout is how long to wait for an answer: 30 s unless said otherwise, and for ever for -1.
func originateTimeout(seconds *int) time.Duration {
	switch n := deref(seconds); {
	case n == 0:
		return 30 * time.Second
	case n < 0:
		return 0
	default:
		return time.Duration(n) * time.Second
	}
}

// ChannelsCreate makes a channel that isn't called yet.
func (o *operations) ChannelsCreate(w http.ResponseWriter, r *http.Request, q gen.ChannelsCreateParams) {
	vars, bad := argsOf(r).variables(false)
	if o.p.AwaitThaw(r.Context()) != nil {
		return // Whoever has asked has gone.
	}
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if bad != nil {
			return nil, bad
		}
		tech, dest, ok := strings.Cut(q.Endpoint, "/")
		switch {
		case q.Endpoint == "":
			return nil, failed(http.StatusBadRequest, "Endpoint must be specified")
		case !ok || dest == "":
			return nil, failed(http.StatusBadRequest, "Invalid endpoint specified")
		case q.App == "":
			return nil, failed(http.StatusBadRequest, "Application must be specified")
		case q.Originator != nil && q.Formats != nil:
			return nil, errFormats
		}
		if err := checkFormats(deref(q.Formats)); err != nil {
			return nil, err
		}
		p := o.p
		if err := o.checkIDs(deref(q.ChannelID), deref(q.OtherChannelID)); err != nil {
			return nil, conflicting(r, err)
		}
		var originator *pbx.Channel
		if q.Originator != nil {
			originator = p.Find(*q.Originator) // This operation doesn't mind if there is none.
		}
		ch := p.NewParty(pbx.Party{
			Tech: tech, Dest: dest, ID: deref(q.ChannelID), OtherID: deref(q.OtherChannelID), Variables: vars, Originator: originator, App: q.App,
			Formats: deref(q.Formats),
		})
		if ch == nil {
			return nil, conflicting(r, errAllocation)
		}
		answer := ch.JSON()
		ch.RunStasis(q.App, deref(q.AppArgs))
		return answer, nil
	})
}

// ChannelsDial calls the party of a channel that create made.
func (o *operations) ChannelsDial(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsDialParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.controlled(id)
		if err != nil {
			return nil, err
		}
		if ch.State != pbx.StateDown && (ch.State != pbx.StateRing || ch.Other == nil) {
			return nil, failed(http.StatusConflict, "Channel is not in the 'Down' state")
		}
		ch.Do(func() {
			if ch.Dial != nil {
				return
			}
			if half := ch.Other; half != nil && !o.p.Dialplan.Has(half.Context, half.Exten) {
				ch.Hangup(pbx.Hangup{Cause: 16, Silent: true})
				return
			}
			ch.CallParty(time.Duration(deref(q.Timeout))*time.Second, nil)
		})
		return nil, nil
	})
}

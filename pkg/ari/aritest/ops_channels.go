package aritest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
)

var (
	errNoChannel  = failed(http.StatusNotFound, "Channel not found")
	errNotStasis  = failed(http.StatusConflict, "Channel not in Stasis application")
	errWrongState = failed(http.StatusPreconditionFailed, "Channel in invalid state")
	errDuplicate  = failed(http.StatusConflict, "Channel with given unique ID already exists")
	errAllocation = failed(http.StatusInternalServerError, "")
	errFormats    = failed(http.StatusBadRequest, "Originator and formats can't both be specified")
	errIDTooLong  = failed(http.StatusBadRequest, "Uniqueid length exceeds maximum of 149")
)

const maxID = 149

// controlled is a channel that is in an application.
func (p *pbx) controlled(id string) (*channel, *apiError) {
	ch := p.channels[id]
	switch {
	case ch == nil:
		return nil, errNoChannel
	case ch.stasis == nil:
		return nil, errNotStasis
	default:
		return ch, nil
	}
}

// ready is a channel that is in an application and has something like a voice: not one that is yet to be answered by its party.
func (p *pbx) ready(id string) (*channel, *apiError) {
	ch, err := p.controlled(id)
	if err == nil && (ch.state == stateDown || ch.state == stateRinging) {
		return nil, errWrongState
	}
	return ch, err
}

// command runs f on a channel behind what it is doing, and answers at once.
func (o *operations) command(w http.ResponseWriter, id string, f func(*channel)) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.ready(id)
		if err != nil {
			return nil, err
		}
		ch.do(func() { f(ch) })
		return nil, nil
	})
}

// await answers when the channel has done what it was told.
func await(r *http.Request, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// ChannelsList lists all channels.
func (o *operations) ChannelsList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) { return list(o.p.channelOrder), nil })
}

// ChannelsGet shows a channel.
func (o *operations) ChannelsGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if ch := o.p.channels[id]; ch != nil {
			return ch.json(), nil
		}
		return nil, errNoChannel
	})
}

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
func (p *pbx) checkIDs(id, otherID string) *apiError {
	if len(id) > maxID || len(otherID) > maxID {
		return errIDTooLong
	}
	if p.taken(id) || p.taken(otherID) || id != "" && id == otherID {
		return errDuplicate
	}
	return nil
}

// taken reports whether an id is in use. Asterisk compares the beginning only, so that "call-1" can't be had beside "call-10".
func (p *pbx) taken(id string) bool {
	if id == "" {
		return false
	}
	if p.channels[id] != nil {
		return true
	}
	if p.opts.version.Major < 20 {
		return false
	}
	for _, ch := range p.channelOrder {
		if len(ch.id) > len(id) && strings.EqualFold(ch.id[:len(id)], id) {
			return true
		}
	}
	return false
}

// conflicting keeps that a connection's request has failed for an id that was taken: Asterisk says the same then of whatever can't be
// made later, on the same connection.
func conflicting(r *http.Request, err *apiError) *apiError {
	c, ok := r.Context().Value(connKey{}).(*faultConn)
	if !ok {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == errDuplicate {
		c.conflicted = true
	}
	if err == errAllocation && c.conflicted {
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
		if !codecs[format] {
			return failed(http.StatusBadRequest, "Provided format ("+format+") was not found")
		}
	}
	return nil
}

func (o *operations) originate(w http.ResponseWriter, r *http.Request, q origination) {
	vars, bad := argsOf(r).variables(false)
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
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
		if err := p.checkIDs(q.id, q.otherID); err != nil {
			return nil, conflicting(r, err)
		}
		var originator *channel
		if q.originator != "" {
			if originator = p.find(q.originator); originator == nil {
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
			if priority, ok = p.dialplan.priority(context, q.extension, q.label); !ok {
				return nil, failed(http.StatusNotFound, "Requested label can not be found")
			}
		}
		ch := p.newParty(party{
			tech: tech, dest: dest, id: q.id, otherID: q.otherID, callerID: q.callerID, variables: vars, originator: originator,
			app: q.app, origApp: true, formats: q.formats,
		})
		if ch == nil {
			return nil, conflicting(r, errAllocation)
		}
		answer := ch.json()
		if half := ch.other; half != nil && !p.dialplan.has(half.context, half.exten) {
			ch.other, half.other = nil, nil
			half.hangup(hangup{silent: true})
			ch.hangup(hangup{silent: true})
			return answer, nil
		}
		ch.inherit(vars)
		ch.callParty(originateTimeout(q.timeout), func() {
			if q.app != "" {
				ch.runStasis(q.app, q.appArgs, false, func() { ch.hangup(hangup{cause: 16, silent: true}) })
				return
			}
			ch.startDialplan(context, q.extension, priority)
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
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
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
		if err := p.checkIDs(deref(q.ChannelID), deref(q.OtherChannelID)); err != nil {
			return nil, conflicting(r, err)
		}
		var originator *channel
		if q.Originator != nil {
			originator = p.find(*q.Originator) // This operation doesn't mind if there is none.
		}
		ch := p.newParty(party{
			tech: tech, dest: dest, id: deref(q.ChannelID), otherID: deref(q.OtherChannelID), variables: vars, originator: originator, app: q.App,
			formats: deref(q.Formats),
		})
		if ch == nil {
			return nil, conflicting(r, errAllocation)
		}
		answer := ch.json()
		ch.inherit(vars)
		ch.runStasis(q.App, deref(q.AppArgs), true, func() { ch.hangup(hangup{cause: 16, silent: true}) })
		return answer, nil
	})
}

// ChannelsDial calls the party of a channel that create made.
func (o *operations) ChannelsDial(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsDialParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.controlled(id)
		if err != nil {
			return nil, err
		}
		if ch.state != stateDown && ch.state != stateRing {
			return nil, failed(http.StatusConflict, "Channel is not in the 'Down' state")
		}
		ch.do(func() {
			if ch.dial != nil {
				return
			}
			if half := ch.other; half != nil && !o.p.dialplan.has(half.context, half.exten) {
				ch.hangup(hangup{cause: 3})
				return
			}
			ch.callParty(time.Duration(deref(q.Timeout))*time.Second, nil)
		})
		return nil, nil
	})
}

// ChannelsHangup hangs up.
func (o *operations) ChannelsHangup(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsHangupParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch := o.p.find(id)
		if ch == nil {
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
			n, ok := reasons[reason]
			if !ok {
				return nil, failed(http.StatusBadRequest, "Invalid reason for hangup reason provided")
			}
			cause = n
		}
		h := hangup{cause: cause, soft: true}
		if ch.tech == "PJSIP" && ch.state != stateUp {
			h.techCause = sipStatuses[cause]
		}
		ch.hangup(h)
		return nil, nil
	})
}

// ChannelsAnswer answers; it returns when that is done.
func (o *operations) ChannelsAnswer(w http.ResponseWriter, r *http.Request, id string) {
	o.p.mu.Lock()
	ch, bad := o.p.ready(id)
	if bad != nil {
		o.p.mu.Unlock()
		respond(w, 0, nil, bad)
		return
	}
	done := ch.doWait(func() error {
		ch.answer()
		return nil
	})
	o.p.mu.Unlock()
	if await(r, done) != nil {
		fail(w, http.StatusInternalServerError, "Failed to answer channel")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ChannelsContinueInDialplan lets a channel leave its application for the dialplan.
func (o *operations) ChannelsContinueInDialplan(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsContinueInDialplanParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.ready(id)
		if err != nil {
			return nil, err
		}
		context, exten, priority := deref(q.Context), deref(q.Extension), deref(q.Priority)
		somewhere := context != "" || exten != "" || priority != 0 || deref(q.Label) != ""
		if context == "" {
			context = ch.context
		}
		if exten == "" {
			exten = ch.exten
		}
		if label := deref(q.Label); label != "" {
			n, ok := o.p.dialplan.priority(context, exten, label)
			if !ok {
				return nil, failed(http.StatusNotFound, "Requested label can not be found")
			}
			priority = n
		}
		if priority == 0 && somewhere {
			priority = 1
		}
		// It doesn't wait until a playback has ended: that is ended instead.
		left := ch.stasis.left
		ch.stasis.left = nil
		ch.leaveStasis(false)
		switch {
		case !somewhere && ch.run != nil:
			left()
		case ch.run != nil:
			ch.run.goTo(context, exten, priority)
			ch.run.next()
		case o.p.dialplan.has(context, exten):
			ch.run = &run{ch: ch, noEnd: true}
			ch.run.goTo(context, exten, priority)
			ch.run.next()
		case o.p.dialplan.has(context, "s"):
			ch.run = &run{ch: ch, noEnd: true}
			ch.run.goTo(context, "s", 1)
			ch.run.next()
		default:
			ch.context, ch.exten, ch.priority = context, exten, max(priority, 1)
			ch.hangup(hangup{cause: 16, silent: true})
		}
		return nil, nil
	})
}

// ChannelsMove gives a channel to another application.
func (o *operations) ChannelsMove(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsMoveParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.controlled(id)
		if err != nil {
			return nil, err
		}
		ch.do(func() { ch.move(q.App, splitArgs(deref(q.AppArgs))) })
		return nil, nil
	})
}

func (ch *channel) move(name string, args []string) {
	p, old := ch.p, ch.stasis.app
	next := p.activeApp(name)
	if next == nil {
		if args == nil {
			args = []string{}
		}
		old.send(p.event("ApplicationMoveFailed", field{"channel", ch.json()}, field{"destination", name}, field{"args", args}))
		return
	}
	if b := ch.stasis.bridge; b != nil {
		drop(old.bridges, b.id)
		ch.stasis.bridge = nil
	}
	ch.stasisEnd(old)
	ch.stasis.app = next
	next.subscribeChannel(ch.id)
	ch.stasisStart(next, args)
	if ch.bridge != nil {
		next.subscribeBridge(ch.bridge.id)
		ch.stasis.bridge = ch.bridge
	}
}

// ChannelsRedirect sends the caller somewhere else.
func (o *operations) ChannelsRedirect(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsRedirectParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.controlled(id)
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
		case tech != ch.tech:
			return nil, failed(http.StatusUnprocessableEntity, "Endpoint technology '"+tech+"' does not match channel technology '"+ch.tech+"'")
		}
		if ch.call != nil {
			ch.do(func() {
				if ch.state != stateUp {
					ch.call.status = http.StatusFound // The caller is told to call somebody else.
				}
				ch.hangup(hangup{cause: 16})
			})
		}
		return nil, nil
	})
}

// ChannelsRing tells the caller that it rings.
func (o *operations) ChannelsRing(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(ch *channel) { ch.ringing() })
}

// ChannelsRingStop ends that.
func (o *operations) ChannelsRingStop(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*channel) {})
}

// ChannelsProgress tells the caller that there is early media.
func (o *operations) ChannelsProgress(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, (*channel).progress)
}

// ChannelsSendDTMF sends digits to the channel's party, which takes time.
func (o *operations) ChannelsSendDTMF(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsSendDTMFParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		ch, err := o.p.ready(id)
		if err != nil {
			return nil, err
		}
		if deref(q.Dtmf) == "" {
			return nil, failed(http.StatusBadRequest, "DTMF is required")
		}
		digits := keys(*q.Dtmf)
		between, duration := 100*time.Millisecond, 100*time.Millisecond
		if q.Between != nil {
			between = milliseconds(q.Between)
		}
		if q.Duration != nil && *q.Duration > 0 {
			duration = milliseconds(q.Duration)
		}
		var timer *time.Timer
		c := &command{end: func(bool) {
			if timer != nil {
				timer.Stop()
			}
		}}
		i := 0
		var next func()
		next = func() {
			if ch.hungup || ch.current != c {
				return
			}
			if i == len(digits) {
				timer = o.p.after(milliseconds(q.After), func() { ch.finish(c) })
				return
			}
			i++
			ch.sendDigits(digits[i-1 : i])
			timer = o.p.after(duration+between, next)
		}
		c.run = func() { timer = o.p.after(milliseconds(q.Before)+duration, next) }
		ch.enqueue(c, false)
		return nil, nil
	})
}

func milliseconds(n *int) time.Duration { return time.Duration(deref(n)) * time.Millisecond }

// ChannelsHold puts the party on hold.
func (o *operations) ChannelsHold(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(ch *channel) { hear(music(""), ch) })
}

// ChannelsUnhold ends that.
func (o *operations) ChannelsUnhold(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*channel) {})
}

// ChannelsStartMoh plays music to the party.
func (o *operations) ChannelsStartMoh(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsStartMohParams) {
	o.command(w, id, func(ch *channel) { hear(music(deref(q.MohClass)), ch) })
}

// ChannelsStopMoh ends that.
func (o *operations) ChannelsStopMoh(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*channel) {})
}

// ChannelsStartSilence plays silence to the party.
func (o *operations) ChannelsStartSilence(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*channel) {})
}

// ChannelsStopSilence ends that.
func (o *operations) ChannelsStopSilence(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*channel) {})
}

// ChannelsMute mutes one or both directions.
func (o *operations) ChannelsMute(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsMuteParams) {
	o.mute(w, r, id, string(q.Direction))
}

// ChannelsUnmute ends that.
func (o *operations) ChannelsUnmute(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsUnmuteParams) {
	o.mute(w, r, id, string(q.Direction))
}

func (o *operations) mute(w http.ResponseWriter, _ *http.Request, id, direction string) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		if _, err := o.p.ready(id); err != nil {
			return nil, err
		}
		switch direction {
		case "":
			return nil, failed(http.StatusBadRequest, "Direction is required")
		case "in", "out", "both":
			return nil, nil
		default:
			return nil, failed(http.StatusBadRequest, "Invalid direction specified")
		}
	})
}

// A playing is what the four operations that play are told.
type playing struct {
	lang         string
	offset, skip *int
	id, format   string
}

func (q playing) check(media []string) (*playback, *apiError) {
	switch {
	case len(media) == 0:
		return nil, failed(http.StatusInternalServerError, "Failed to queue media for playback")
	case deref(q.skip) < 0:
		return nil, failed(http.StatusBadRequest, "skipms cannot be negative")
	case deref(q.offset) < 0:
		return nil, failed(http.StatusBadRequest, "offsetms cannot be negative")
	}
	pb := &playback{id: q.id, media: media, language: q.lang, offset: milliseconds(q.offset), skip: 3 * time.Second}
	if deref(q.skip) > 0 {
		pb.skip = milliseconds(q.skip)
	}
	return pb, nil
}

// ChannelsPlay plays media to a channel.
func (o *operations) ChannelsPlay(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsPlayParams) {
	o.play(w, r, id, playing{deref(q.Lang), q.Offsetms, q.Skipms, deref(q.PlaybackID), ""})
}

// ChannelsPlayWithID plays media to a channel, with an id for the playback.
func (o *operations) ChannelsPlayWithID(w http.ResponseWriter, r *http.Request, id, playbackID string, q gen.ChannelsPlayWithIDParams) {
	o.play(w, r, id, playing{deref(q.Lang), q.Offsetms, q.Skipms, playbackID, ""})
}

func (o *operations) play(w http.ResponseWriter, r *http.Request, id string, q playing) {
	media := argsOf(r).lists["media"]
	o.locked(w, http.StatusCreated, func() (jsonText, *apiError) {
		ch, err := o.p.ready(id)
		if err != nil {
			return nil, err
		}
		pb, err := q.check(media)
		if err != nil {
			return nil, err
		}
		if pb.id == "" {
			pb.id = o.p.uuid()
		}
		if pb.language == "" {
			pb.language = ch.language
		}
		w.Header().Set("Location", "/ari/playbacks/"+pb.id)
		return o.p.playOnChannel(ch, pb), nil
	})
}

// formats are what recordings can be made in.
var formats = map[string]bool{
	"wav": true, "gsm": true, "ulaw": true, "alaw": true, "sln": true, "sln16": true, "g722": true, "WAV": true, "wav49": true, "slin": true,
	"wav16": true, "raw": true, "ul": true, "al": true, "pcm": true,
}

// ChannelsRecord records a channel.
func (o *operations) ChannelsRecord(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsRecordParams) {
	o.locked(w, http.StatusCreated, func() (jsonText, *apiError) {
		ch, err := o.p.controlled(id) // In whatever state.
		if err != nil {
			return nil, err
		}
		rec, err := o.p.checkRecording(q.Name, q.Format, q.MaxDurationSeconds, q.MaxSilenceSeconds, string(deref(q.IfExists)), string(deref(q.TerminateOn)))
		if err != nil {
			return nil, err
		}
		rec.ch, rec.beep = ch, deref(q.Beep)
		w.Header().Set("Location", "/ari/recordings/live/"+escape(q.Name))
		return o.p.record(rec), nil
	})
}

var errRecording = failed(http.StatusInternalServerError, "Error parsing request")

// checkRecording looks at what a recording is to be.
func (p *pbx) checkRecording(name, format string, duration, silence *int, ifExists, terminateOn string) (*recording, *apiError) {
	r := &recording{
		name: name, format: format, maxDuration: time.Duration(deref(duration)) * time.Second, maxSilence: time.Duration(deref(silence)) * time.Second,
		terminateOn: terminateOn, appendTo: ifExists == "append",
	}
	if terminateOn == "none" {
		r.terminateOn = ""
	}
	exists := failed(http.StatusConflict, "Recording '"+name+"' already exists and can not be overwritten")
	switch {
	case name == "":
		return nil, failed(http.StatusBadRequest, "Recording name is required")
	case deref(duration) < 0:
		return nil, failed(http.StatusBadRequest, "max_duration_seconds cannot be negative")
	case deref(silence) < 0:
		return nil, failed(http.StatusBadRequest, "max_silence_seconds cannot be negative")
	case terminateOn != "" && terminateOn != "none" && terminateOn != "any" && terminateOn != "*" && terminateOn != "#":
		return nil, failed(http.StatusBadRequest, "terminateOn invalid")
	case ifExists != "" && ifExists != "fail" && ifExists != "overwrite" && ifExists != "append":
		return nil, failed(http.StatusBadRequest, "ifExists invalid")
	case !formats[format]:
		return nil, failed(http.StatusUnprocessableEntity, "specified format is unknown on this system")
	case strings.Contains("/"+name+"/", "/../"):
		return nil, errRecording
	case p.live[name] != nil:
		return nil, exists
	case p.stored[name] != nil && (ifExists == "" || ifExists == "fail"):
		return nil, exists
	}
	return r, nil
}

// ChannelsGetChannelVar reads a variable or function.
func (o *operations) ChannelsGetChannelVar(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsGetChannelVarParams) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if q.Variable == "" {
			return nil, failed(http.StatusBadRequest, "Variable name is required")
		}
		ch := o.p.find(id)
		if ch == nil {
			return nil, failed(http.StatusNotFound, "Provided channel was not found")
		}
		value, err := ch.read(q.Variable)
		if err != nil {
			return nil, err
		}
		return object(field{"value", value}), nil
	})
}

func (ch *channel) read(name string) (string, *apiError) {
	value, ok := ch.lookup(name)
	switch {
	case ok:
		return value, nil
	case strings.HasSuffix(name, ")"):
		return "", failed(http.StatusInternalServerError, "Unable to read provided function")
	default:
		return "", failed(http.StatusNotFound, "Provided variable was not found")
	}
}

// ChannelsGetChannelVars reads several variables: all of them or none.
func (o *operations) ChannelsGetChannelVars(w http.ResponseWriter, r *http.Request, id string, _ gen.ChannelsGetChannelVarsParams) {
	names := argsOf(r).lists["variables"]
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if len(names) == 0 {
			return nil, failed(http.StatusBadRequest, "At least one variable name is required")
		}
		ch := o.p.find(id)
		if ch == nil {
			return nil, failed(http.StatusNotFound, "Provided channel was not found")
		}
		var values []field
		for _, name := range names {
			value, err := ch.read(name)
			if err != nil {
				return nil, err
			}
			values = append(values, field{name, value})
		}
		return object(field{"variables", variablesJSON(values)}), nil
	})
}

// ChannelsSetChannelVar sets a variable or function.
func (o *operations) ChannelsSetChannelVar(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsSetChannelVarParams) {
	if q.Variable == "" {
		fail(w, http.StatusBadRequest, "Variable name is required")
		return
	}
	o.setVariables(w, r, id, []variable{{q.Variable, deref(q.Value), deref(q.ReportEvents)}}, q.Value == nil)
}

// ChannelsSetChannelVars sets several variables.
func (o *operations) ChannelsSetChannelVars(w http.ResponseWriter, r *http.Request, id string) {
	vars, bad := argsOf(r).variables(true)
	if bad != nil {
		respond(w, 0, nil, bad)
		return
	}
	o.setVariables(w, r, id, vars, false)
}

// setVariables sets variables or, if it is said so, removes them.
func (o *operations) setVariables(w http.ResponseWriter, r *http.Request, id string, vars []variable, unset bool) {
	p := o.p
	p.mu.Lock()
	ch, bad := p.controlled(id)
	if bad != nil {
		p.mu.Unlock()
		respond(w, 0, nil, bad)
		return
	}
	done := ch.doWait(func() error {
		for _, v := range vars {
			if unset {
				ch.unsetVariable(v.name)
			} else {
				ch.setReported(v)
			}
		}
		return nil
	})
	wait := p.has.syncSetVar
	p.mu.Unlock()
	if wait && await(r, done) != nil {
		fail(w, http.StatusInternalServerError, "Failed to set variable")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

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
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		p := o.p
		ch := p.find(id)
		if ch == nil {
			return nil, failed(http.StatusNotFound, "Provided channel was not found")
		}
		for _, d := range []struct{ value, name string }{{q.spy, "spy"}, {q.whisper, "whisper"}} {
			switch d.value {
			case "", "none", "in", "out", "both":
			default:
				return nil, failed(http.StatusBadRequest, "Invalid direction specified for "+d.name)
			}
		}
		none := func(s string) bool { return s == "" || s == "none" }
		switch {
		case none(q.spy) && none(q.whisper):
			return nil, failed(http.StatusBadRequest, "Direction must be specified for at least spy or whisper")
		case q.app == "":
			return nil, failed(http.StatusBadRequest, "Application name is required")
		case len(q.id) > maxID:
			return nil, errIDTooLong
		case q.id != "" && p.channels[q.id] != nil:
			return nil, failed(http.StatusInternalServerError, "Snoop channel could not be created")
		}
		sn := p.newChannel("Snoop", ch.id, "Snoop/"+ch.id+"-"+p.nextName("Snoop"), q.id)
		sn.state = stateUp
		sn.snooped = ch
		ch.snoops = append(ch.snoops, sn)
		sn.announce()
		answer := sn.json()
		sn.runStasis(q.app, q.args, true, func() { sn.hangup(hangup{cause: 16, silent: true}) })
		if !sn.hungup {
			answer = sn.json()
		}
		return answer, nil
	})
}

// ChannelsRtpstatistics shows what went over the wire: nothing.
func (o *operations) ChannelsRtpstatistics(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		ch := o.p.find(id)
		switch {
		case ch == nil:
			return nil, errNoChannel
		case ch.tech == "UnicastRTP":
			return nil, failed(http.StatusNotFound, "RTP info not found")
		case ch.tech != "PJSIP":
			return nil, failed(http.StatusForbidden, "Unsupported channel type")
		}
		return rtpStatistics(ch.id), nil
	})
}

func rtpStatistics(id string) jsonText {
	fields := []field{
		{"txcount", 0},
		{"rxcount", 0},
		{"txploss", 0},
		{"rxploss", 0},
		{"local_ssrc", 1},
		{"remote_ssrc", 0},
		{"txoctetcount", 0},
		{"rxoctetcount", 0},
		{"channel_uniqueid", id},
		{"txjitter", jsonText("0.0")},
		{"rxjitter", jsonText("0.0")},
	}
	for _, what := range []string{"jitter", "rploss"} {
		for _, side := range []string{"remote", "local"} {
			for _, kind := range []string{"max", "min", "normdev", "stdev"} {
				fields = append(fields, field{side + "_" + kind + what, jsonText("0.0")})
			}
		}
	}
	for _, name := range []string{"rtt", "maxrtt", "minrtt", "normdevrtt", "stdevrtt"} {
		fields = append(fields, field{name, jsonText("0.0")})
	}
	return object(fields...)
}

// ChannelsTransferProgress tells how a transfer goes that the party asked for.
func (o *operations) ChannelsTransferProgress(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsTransferProgressParams) {
	o.locked(w, http.StatusNoContent, func() (jsonText, *apiError) {
		_, err := o.p.controlled(id)
		if err != nil {
			return nil, err
		}
		switch q.States {
		case "channel_progress", "channel_answered", "channel_unavailable", "channel_declined":
			return nil, nil
		default:
			return nil, failed(http.StatusBadRequest, "Invalid states value")
		}
	})
}

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

var errInternal = failed(http.StatusInternalServerError, "An internal error prevented this request from being handled")

// codecs are the formats of external media.
var codecs = map[string]bool{
	"ulaw": true, "alaw": true, "slin": true, "slin12": true, "slin16": true, "slin24": true, "slin32": true, "slin44": true, "slin48": true,
	"slin96": true, "slin192": true, "gsm": true, "g722": true, "g726": true, "g729": true, "opus": true, "ilbc": true, "speex": true, "adpcm": true,
}

// ChannelsExternalMedia makes a channel whose media go to and come from a program.
func (o *operations) ChannelsExternalMedia(w http.ResponseWriter, r *http.Request, q gen.ChannelsExternalMediaParams) {
	vars, bad := argsOf(r).variables(false)
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		m := mediaOf(q)
		if bad == nil {
			bad = m.check(o.p.opts.version.Major < 18)
		}
		if bad != nil {
			return nil, bad
		}
		p := o.p
		id := deref(q.ChannelID)
		if len(id) > maxID {
			return nil, errIDTooLong
		}
		if p.opts.version.Major < 20 && p.taken(id) {
			return nil, errDuplicate
		}
		if p.taken(id) || !codecs[m.format] || strings.HasPrefix(m.host, ":") || m.encapsulation == "audiosocket" && !isUUID.MatchString(m.data) {
			return nil, errInternal
		}
		request := party{id: id, variables: vars, app: q.App, origApp: true}
		own := m.party(p, &request)
		ch := p.newParty(request)
		maps.Copy(ch.vars, own)
		answer := ch.jsonWith(ch.vars)
		ch.callParty(30*time.Second, func() {
			ch.runStasis(q.App, m.data, false, func() { ch.hangup(hangup{cause: 16, silent: true}) })
		})
		return answer, nil
	})
}

// A media is how external media are to be carried.
type media struct {
	app, host, encapsulation, transport, connection, format, direction, data string
}

func mediaOf(q gen.ChannelsExternalMediaParams) media {
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	return media{
		app: q.App, host: deref(q.ExternalHost), encapsulation: or(string(deref(q.Encapsulation)), "rtp"), transport: or(string(deref(q.Transport)), "udp"),
		connection: or(string(deref(q.ConnectionType)), "client"), format: q.Format, direction: or(string(deref(q.Direction)), "both"),
		data: deref(q.Data),
	}
}

// check looks for what doesn't fit together. Old versions have RTP only.
func (m media) check(old bool) *apiError {
	bad := func(text string) *apiError { return failed(http.StatusBadRequest, text) }
	server := m.transport == "websocket" && m.connection == "server"
	_, _, hostErr := net.SplitHostPort(m.host)
	switch {
	case m.app == "":
		return bad("app cannot be empty")
	case m.format == "":
		return bad("format cannot be empty")
	case m.encapsulation != "rtp" && m.encapsulation != "audiosocket" && m.encapsulation != "none",
		m.encapsulation == "none" && m.transport != "websocket":
		return failed(http.StatusNotImplemented, "The encapsulation and/or transport is not supported")
	case !old && m.direction != "both" && m.direction != "in" && m.direction != "out":
		return bad("Invalid direction specified")
	case old && (m.encapsulation != "rtp" || m.transport != "udp" || m.connection != "client"):
		return failed(http.StatusNotImplemented, "The encapsulation and/or transport is not supported")
	case m.transport == "websocket" && m.encapsulation != "none":
		return bad("encapsulation must be 'none' for websocket transport")
	case m.encapsulation == "rtp" && m.transport != "udp":
		return bad("transport must be 'udp' for rtp encapsulation")
	case m.encapsulation == "audiosocket" && m.transport != "tcp":
		return bad("transport must be 'tcp' for audiosocket encapsulation")
	case m.connection == "server" && m.transport != "websocket":
		return bad("'server' connection_type can only be used with the websocket transport")
	case m.host == "" && !server:
		return bad("external_host is required for all but websocket server connections")
	case m.transport != "websocket" && hostErr != nil:
		return bad("external_host must be <host>:<port> for all transports other than websocket")
	case m.transport == "websocket" && !server: // No websocket clients are configured.
		return bad("external_host must be a valid websocket_client connection id.")
	case m.encapsulation == "audiosocket" && m.data == "":
		return bad("data can not be empty")
	}
	return nil
}

// party says how the channel is called, and returns the variables that it has.
func (m media) party(p *pbx, r *party) map[string]string {
	serial := p.serial
	p.serial++
	pointer := fmt.Sprintf("0x7f%010x", serial*0x140+0x10)
	switch {
	case m.transport == "websocket":
		host := m.host
		if host == "" {
			host = "INCOMING"
		}
		r.tech, r.dest, r.name = "WebSocket", host, "WebSocket/"+host+"/"+pointer
		return map[string]string{"MEDIA_WEBSOCKET_CONNECTION_ID": p.uuid(), "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": "160"}
	case m.encapsulation == "audiosocket":
		r.tech, r.dest, r.name = "AudioSocket", m.host+"/"+m.data+"/c("+m.format+")", "AudioSocket/"+m.host+"-"+m.data
		return map[string]string{"AUDIOSOCKET_UUID": m.data, "AUDIOSOCKET_SERVICE": m.host}
	default:
		r.tech, r.dest, r.name = "UnicastRTP", m.host+"/c("+m.format+")", "UnicastRTP/"+m.host+"-"+pointer
		return map[string]string{"UNICASTRTP_LOCAL_PORT": strconv.Itoa(10000 + serial*2%10000), "UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1"}
	}
}

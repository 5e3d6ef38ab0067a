package resources

import (
	"net/http"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

var errNoBridge = failed(http.StatusNotFound, "Bridge not found")

// onBridge runs f for a bridge.
func (o *operations) onBridge(w http.ResponseWriter, status int, id string, f func(*pbx.Bridge) (wire.JSON, *apiError)) {
	o.locked(w, status, func() (wire.JSON, *apiError) {
		b := o.p.Bridges[id]
		if b == nil {
			return nil, errNoBridge
		}
		return f(b)
	})
}

// BridgesList lists all bridges.
func (o *operations) BridgesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) { return list(o.p.BridgeOrder), nil })
}

// BridgesGet shows a bridge.
func (o *operations) BridgesGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusOK, id, func(b *pbx.Bridge) (wire.JSON, *apiError) { return b.JSON(), nil })
}

// BridgesCreate makes a bridge. As in Asterisk, each member of its body is taken for a variable, and one that can't be is an
// error although the bridge is there then.
func (o *operations) BridgesCreate(w http.ResponseWriter, r *http.Request, q gen.BridgesCreateParams) {
	body := argsOf(r).body
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		b, err := o.createBridge(deref(q.BridgeID), deref(q.Name), deref(q.Type))
		if err != nil && err.status == http.StatusInternalServerError && o.p.Has.DuplicateBridge {
			id := deref(q.BridgeID)
			if id == "" {
				id = "(null)"
			}
			return nil, failed(err.status, err.message+". Possible duplicate bridge id '"+id+"'")
		}
		if err != nil {
			return nil, err
		}
		if !o.p.Has.SyncSetVar { // the versions that have variables of bridges
			return b.JSON(), nil
		}
		vars, err := readVariables(body, true)
		if err != nil {
			return nil, err
		}
		for _, v := range vars {
			b.SetVariable(v)
		}
		return b.JSON(), nil
	})
}

// BridgesCreateWithID makes a bridge with an id.
func (o *operations) BridgesCreateWithID(w http.ResponseWriter, r *http.Request, id string, q gen.BridgesCreateWithIDParams) {
	vars, bad := argsOf(r).variables(false)
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if old := o.p.Bridges[id]; old != nil && !o.p.Has.DuplicateBridge {
			if q.Name != nil && *q.Name != old.Name || q.Type != nil {
				return nil, failed(http.StatusInternalServerError, "Changing bridge name is not implemented")
			}
			return wire.JSON{}, nil // Older versions answer with nothing.
		}
		b, err := o.createBridge(id, deref(q.Name), deref(q.Type))
		if err != nil {
			return nil, err
		}
		if bad != nil {
			return nil, bad // The bridge is there all the same.
		}
		for _, v := range vars {
			b.SetVariable(v)
		}
		return b.JSON(), nil
	})
}

// BridgesDestroy shuts a bridge down.
func (o *operations) BridgesDestroy(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		b.Destroy()
		return nil, nil
	})
}

// BridgesAddChannel puts channels into a bridge; it returns when they are there.
func (o *operations) BridgesAddChannel(w http.ResponseWriter, r *http.Request, id string, q gen.BridgesAddChannelParams) {
	how := &pbx.Role{
		Name: deref(q.Role), AbsorbDTMF: deref(q.AbsorbDTMF), Muted: deref(q.Mute), InhibitsConnectedID: deref(q.InhibitConnectedLineUpdates),
	}
	o.eachChannel(w, r, id, func(_ *pbx.Bridge, ch *pbx.Channel) *apiError {
		for _, rec := range o.p.Live {
			if rec.Ch == ch {
				return failed(http.StatusConflict, "Channel "+ch.ID+" currently recording")
			}
		}
		return nil
	}, func(b *pbx.Bridge, ch *pbx.Channel) {
		if o.p.Bridges[b.ID] == b {
			b.Enter(ch, how)
		}
	})
}

// BridgesRemoveChannel takes channels out of a bridge; it returns when they are out.
func (o *operations) BridgesRemoveChannel(w http.ResponseWriter, r *http.Request, id string, _ gen.BridgesRemoveChannelParams) {
	o.eachChannel(w, r, id, func(b *pbx.Bridge, ch *pbx.Channel) *apiError {
		if ch.Bridge != b {
			return failed(http.StatusUnprocessableEntity, "Channel not in this bridge")
		}
		return nil
	}, func(b *pbx.Bridge, ch *pbx.Channel) {
		if ch.Bridge == b {
			ch.LeaveForGood()
		}
	})
}

// BridgesStartMoh plays music.
func (o *operations) BridgesStartMoh(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesStartMohParams) {
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		b.StartMusic(deref(q.MohClass))
		return nil, nil
	})
}

// BridgesStopMoh ends that.
func (o *operations) BridgesStopMoh(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if !b.StopMusic() {
			return nil, failed(http.StatusConflict, "Bridge isn't playing music")
		}
		return nil, nil
	})
}

// BridgesPlay plays media to all channels of a bridge.
func (o *operations) BridgesPlay(w http.ResponseWriter, r *http.Request, id string, q gen.BridgesPlayParams) {
	o.playBridge(w, r, id, playing{deref(q.Lang), q.Offsetms, q.Skipms, deref(q.PlaybackID), deref(q.AnnouncerFormat)})
}

// BridgesPlayWithID plays media to all channels of a bridge, with an id for the playback.
func (o *operations) BridgesPlayWithID(w http.ResponseWriter, r *http.Request, id, playbackID string, q gen.BridgesPlayWithIDParams) {
	o.playBridge(w, r, id, playing{deref(q.Lang), q.Offsetms, q.Skipms, playbackID, deref(q.AnnouncerFormat)})
}

// BridgesRecord records what is heard in a bridge.
func (o *operations) BridgesRecord(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesRecordParams) {
	o.onBridge(w, http.StatusCreated, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if format := deref(q.RecorderFormat); format != "" && !media.Codecs[format] {
			return nil, failed(http.StatusUnprocessableEntity, "specified recorder_format is unknown on this system")
		}
		if !media.Formats[q.Format] { // That is looked at first, otherwise than for channels.
			return nil, errFormat
		}
		rec, err := o.checkRecording(q.Name, q.Format, q.MaxDurationSeconds, q.MaxSilenceSeconds, string(deref(q.IfExists)), string(deref(q.TerminateOn)))
		if err != nil {
			b.Listen() // Asterisk has made who would record.
			return nil, err
		}
		rec.Bridge, rec.Beep = b, deref(q.Beep)
		w.Header().Set("Location", "/ari/recordings/live/"+escape(q.Name))
		return o.p.Record(rec), nil
	})
}

// BridgesGetBridgeVar reads a variable.
func (o *operations) BridgesGetBridgeVar(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesGetBridgeVarParams) {
	if q.Variable == "" {
		fail(w, http.StatusBadRequest, "Variable name is required")
		return
	}
	o.onBridge(w, http.StatusOK, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		value, ok := b.Vars[q.Variable]
		if !ok {
			return nil, failed(http.StatusNotFound, "Provided variable was not found")
		}
		return wire.Object(wire.F("value", value)), nil
	})
}

// BridgesGetBridgeVars reads several variables: all of them or none.
func (o *operations) BridgesGetBridgeVars(w http.ResponseWriter, r *http.Request, id string, _ gen.BridgesGetBridgeVarsParams) {
	names := argsOf(r).lists["variables"]
	o.onBridge(w, http.StatusOK, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if len(names) == 0 {
			return nil, failed(http.StatusBadRequest, "At least one variable name is required")
		}
		var values []wire.Field
		for _, name := range names {
			value, ok := b.Vars[name]
			if !ok {
				return nil, failed(http.StatusNotFound, "Provided variable was not found")
			}
			values = append(values, wire.F(name, value))
		}
		return wire.Object(wire.F("variables", wire.Members(values))), nil
	})
}

// BridgesSetBridgeVar sets a variable.
func (o *operations) BridgesSetBridgeVar(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesSetBridgeVarParams) {
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if q.Variable == "" {
			return nil, failed(http.StatusBadRequest, "Variable name is required")
		}
		b.SetVariable(pbx.Variable{Name: q.Variable, Value: deref(q.Value), Report: deref(q.ReportEvents)})
		return nil, nil
	})
}

// BridgesSetBridgeVars sets several variables.
func (o *operations) BridgesSetBridgeVars(w http.ResponseWriter, r *http.Request, id string) {
	vars, bad := argsOf(r).variables(true)
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if bad != nil {
			return nil, bad
		}
		for _, v := range vars {
			b.SetVariable(v)
		}
		return nil, nil
	})
}

// BridgesSetVideoSource says whom everybody sees.
func (o *operations) BridgesSetVideoSource(w http.ResponseWriter, _ *http.Request, id, channelID string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		channels, err := o.members([]string{channelID})
		if err != nil {
			return nil, err
		}
		if channels[0].Bridge != b {
			return nil, failed(http.StatusUnprocessableEntity, "Channel not in this bridge")
		}
		b.SetVideoSource(channelID)
		return nil, nil
	})
}

// BridgesClearVideoSource ends that. As with Asterisk, neither an event nor the bridge itself shows it.
func (o *operations) BridgesClearVideoSource(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(*pbx.Bridge) (wire.JSON, *apiError) { return nil, nil })
}

func (o *operations) createBridge(id, name, types string) (*pbx.Bridge, *apiError) {
	if id != "" && o.p.Bridges[id] != nil {
		if !o.p.Has.DuplicateBridge {
			return o.p.Bridges[id], nil
		}
		return nil, failed(http.StatusConflict, "Bridge with id '"+id+"' already exists")
	}
	if types == "" {
		types = "mixing"
	}
	mixing, holding, media, video := false, false, false, ""
	for kind := range strings.SplitSeq(types, ",") {
		switch kind {
		case "mixing":
			mixing = true
		case "holding":
			holding = true
		case "video_sfu":
			mixing, video = true, "sfu"
		case "video_single":
			video = "single"
		case "dtmf_events", "proxy_media":
			media = true
		}
	}
	if mixing == holding {
		return nil, failed(http.StatusInternalServerError, "Unable to create bridge")
	}
	kind := "mixing"
	if holding {
		kind = "holding"
	}
	b := o.p.NewBridge(id, name, kind, video, media)
	b.Emit("BridgeCreated")
	return b, nil
}

// members finds the channels that a list names.
func (o *operations) members(ids []string) ([]*pbx.Channel, *apiError) {
	if len(ids) == 0 {
		return nil, failed(http.StatusBadRequest, "Missing parameter channel")
	}
	found := make([]*pbx.Channel, 0, len(ids))
	for _, id := range ids {
		ch, err := o.controlled(id)
		switch err {
		case nil:
			found = append(found, ch)
		case errNoChannel:
			return nil, failed(http.StatusBadRequest, "Channel not found")
		default:
			return nil, failed(http.StatusUnprocessableEntity, "Channel not in Stasis application")
		}
	}
	return found, nil
}

// eachChannel does something with the channels that a list names, one after another, each behind what it is doing.
func (o *operations) eachChannel(w http.ResponseWriter, r *http.Request, id string, check func(*pbx.Bridge, *pbx.Channel) *apiError, f func(*pbx.Bridge, *pbx.Channel)) {
	ids := argsOf(r).lists["channel"]
	p := o.p
	p.Mu.Lock()
	b := p.Bridges[id]
	if b == nil {
		p.Mu.Unlock()
		respond(w, 0, nil, errNoBridge)
		return
	}
	channels, err := o.members(ids)
	for i := 0; err == nil && i < len(channels); i++ {
		err = check(b, channels[i])
	}
	p.Mu.Unlock()
	if err != nil {
		respond(w, 0, nil, err)
		return
	}
	for _, ch := range channels {
		p.Mu.Lock()
		if ch.Hungup || ch.Stasis == nil {
			p.Mu.Unlock()
			failAllocation(w)
			return
		}
		done := ch.DoWait(func() error {
			f(b, ch)
			return nil
		})
		p.Mu.Unlock()
		if await(r, done) != nil {
			failAllocation(w)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (o *operations) playBridge(w http.ResponseWriter, r *http.Request, id string, q playing) {
	uris := argsOf(r).lists["media"]
	if o.p.Config.PlaysCollide {
		announced, ok := o.announce(r, id)
		if !ok {
			failAllocation(w)
			return
		}
		defer announced()
	}
	o.onBridge(w, http.StatusCreated, id, func(b *pbx.Bridge) (wire.JSON, *apiError) {
		if q.format != "" && !media.Codecs[q.format] {
			return nil, failed(http.StatusUnprocessableEntity, "specified announcer_format is unknown on this system")
		}
		pb, err := q.check(uris)
		if err != nil {
			b.Announce()              // Asterisk has made who would play.
			return nil, errAllocation // The other operations that play say what is wrong.
		}
		if pb.ID == "" {
			pb.ID = o.p.Uuid()
		}
		if pb.Language == "" {
			pb.Language = "en"
		}
		w.Header().Set("Location", "/ari/playbacks/"+pb.ID)
		return o.p.PlayOnBridge(b, pb), nil
	})
}

// announcerTime is how long it takes to make who plays to a bridge, where plays collide. A real one needs about one.
const announcerTime = 10 * time.Millisecond

// announce waits until who plays to a bridge has been made, if there is none. It fails if somebody else is just making it.
func (o *operations) announce(r *http.Request, id string) (announced func(), ok bool) {
	o.p.Mu.Lock()
	b := o.p.Bridges[id]
	if b == nil || b.Plays() {
		o.p.Mu.Unlock()
		return func() {}, true
	}
	ok = b.Announcing.CompareAndSwap(false, true)
	o.p.Mu.Unlock()
	if !ok {
		return nil, false
	}
	made := make(chan error)
	timer := time.AfterFunc(announcerTime, func() { close(made) })
	defer timer.Stop()
	_ = await(r, made) // Who has gone meanwhile is played to all the same.
	return func() { b.Announcing.Store(false) }, true
}

package aritest

import (
	"net/http"
	"strings"

	"github.com/ari-go/ari/gen"
)

var errNoBridge = failed(http.StatusNotFound, "Bridge not found")

// BridgesList lists all bridges.
func (o *operations) BridgesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) { return list(o.p.bridgeOrder), nil })
}

// onBridge runs f for a bridge.
func (o *operations) onBridge(w http.ResponseWriter, status int, id string, f func(*bridge) (jsonText, *apiError)) {
	o.locked(w, status, func() (jsonText, *apiError) {
		b := o.p.bridges[id]
		if b == nil {
			return nil, errNoBridge
		}
		return f(b)
	})
}

// BridgesGet shows a bridge.
func (o *operations) BridgesGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusOK, id, func(b *bridge) (jsonText, *apiError) { return b.json(), nil })
}

// BridgesCreate makes a bridge. As in Asterisk, each member of its body is taken for a variable, and one that can't be is an
// error although the bridge is there then.
func (o *operations) BridgesCreate(w http.ResponseWriter, r *http.Request, q gen.BridgesCreateParams) {
	body := argsOf(r).body
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		b, err := o.p.createBridge(deref(q.BridgeID), deref(q.Name), deref(q.Type))
		if err != nil {
			return nil, err
		}
		if !o.p.has.syncSetVar { // the versions that have variables of bridges
			return b.json(), nil
		}
		vars, err := readVariables(body, true)
		if err != nil {
			return nil, err
		}
		for _, v := range vars {
			b.setVariable(v)
		}
		return b.json(), nil
	})
}

// BridgesCreateWithID makes a bridge with an id.
func (o *operations) BridgesCreateWithID(w http.ResponseWriter, r *http.Request, id string, q gen.BridgesCreateWithIDParams) {
	vars, bad := argsOf(r).variables(false)
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		if old := o.p.bridges[id]; old != nil && !o.p.has.duplicateBridge {
			if q.Name != nil && *q.Name != old.name || q.Type != nil {
				return nil, failed(http.StatusInternalServerError, "Changing bridge name is not implemented")
			}
			return jsonText{}, nil // Older versions answer with nothing.
		}
		b, err := o.p.createBridge(id, deref(q.Name), deref(q.Type))
		if err != nil {
			return nil, err
		}
		if bad != nil {
			return nil, bad // The bridge is there all the same.
		}
		for _, v := range vars {
			b.setVariable(v)
		}
		return b.json(), nil
	})
}

func (p *pbx) createBridge(id, name, types string) (*bridge, *apiError) {
	if id != "" && p.bridges[id] != nil {
		if !p.has.duplicateBridge {
			return p.bridges[id], nil
		}
		return nil, failed(http.StatusConflict, "Bridge with id '"+id+"' already exists")
	}
	if types == "" {
		types = "mixing"
	}
	mixing, holding, video := false, false, ""
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
		}
	}
	switch {
	case mixing && holding:
		return nil, failed(http.StatusInternalServerError, "Unable to create bridge")
	case !mixing && !holding:
		if !p.has.duplicateBridge {
			return nil, failed(http.StatusInternalServerError, "Unable to create bridge")
		}
		if id == "" {
			id = "(null)"
		}
		return nil, failed(http.StatusInternalServerError, "Unable to create bridge. Possible duplicate bridge id '"+id+"'")
	}
	kind := "mixing"
	if holding {
		kind = "holding"
	}
	b := p.newBridge(id, name, kind, video)
	b.emit("BridgeCreated")
	return b, nil
}

// BridgesDestroy shuts a bridge down.
func (o *operations) BridgesDestroy(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		b.destroy()
		return nil, nil
	})
}

// members finds the channels that a list names.
func (p *pbx) members(ids []string) ([]*channel, *apiError) {
	if len(ids) == 0 {
		return nil, failed(http.StatusBadRequest, "Missing parameter channel")
	}
	found := make([]*channel, 0, len(ids))
	for _, id := range ids {
		ch, err := p.controlled(id)
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
func (o *operations) eachChannel(w http.ResponseWriter, r *http.Request, id string, check func(*bridge, *channel) *apiError, f func(*bridge, *channel)) {
	ids := argsOf(r).lists["channel"]
	p := o.p
	p.mu.Lock()
	b := p.bridges[id]
	if b == nil {
		p.mu.Unlock()
		respond(w, 0, nil, errNoBridge)
		return
	}
	channels, err := p.members(ids)
	for i := 0; err == nil && i < len(channels); i++ {
		err = check(b, channels[i])
	}
	p.mu.Unlock()
	if err != nil {
		respond(w, 0, nil, err)
		return
	}
	for _, ch := range channels {
		p.mu.Lock()
		if ch.hungup || ch.stasis == nil {
			p.mu.Unlock()
			failAllocation(w)
			return
		}
		done := ch.doWait(func() error {
			f(b, ch)
			return nil
		})
		p.mu.Unlock()
		if await(r, done) != nil {
			failAllocation(w)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// BridgesAddChannel puts channels into a bridge; it returns when they are there.
func (o *operations) BridgesAddChannel(w http.ResponseWriter, r *http.Request, id string, q gen.BridgesAddChannelParams) {
	how := &role{
		name: deref(q.Role), absorbDTMF: deref(q.AbsorbDTMF), muted: deref(q.Mute), inhibitsConnectedID: deref(q.InhibitConnectedLineUpdates),
	}
	o.eachChannel(w, r, id, func(_ *bridge, ch *channel) *apiError {
		for _, rec := range o.p.live {
			if rec.ch == ch && rec.state != "queued" {
				return failed(http.StatusConflict, "Channel "+ch.id+" is currently recording")
			}
		}
		return nil
	}, func(b *bridge, ch *channel) {
		if o.p.bridges[b.id] == b {
			b.enter(ch, how)
		}
	})
}

// BridgesRemoveChannel takes channels out of a bridge; it returns when they are out.
func (o *operations) BridgesRemoveChannel(w http.ResponseWriter, r *http.Request, id string, _ gen.BridgesRemoveChannelParams) {
	o.eachChannel(w, r, id, func(b *bridge, ch *channel) *apiError {
		if ch.bridge != b {
			return failed(http.StatusUnprocessableEntity, "Channel not in this bridge")
		}
		return nil
	}, func(b *bridge, ch *channel) {
		if ch.bridge == b {
			ch.leaveForGood()
		}
	})
}

// BridgesStartMoh plays music.
func (o *operations) BridgesStartMoh(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesStartMohParams) {
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		b.moh = music(deref(q.MohClass))
		hear(b.moh, b.channels...)
		return nil, nil
	})
}

// BridgesStopMoh ends that.
func (o *operations) BridgesStopMoh(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		if b.moh == "" {
			return nil, failed(http.StatusConflict, "Bridge isn't playing music")
		}
		b.moh = ""
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

func (o *operations) playBridge(w http.ResponseWriter, r *http.Request, id string, q playing) {
	media := argsOf(r).lists["media"]
	o.onBridge(w, http.StatusCreated, id, func(b *bridge) (jsonText, *apiError) {
		if q.format != "" && !codecs[q.format] {
			return nil, failed(http.StatusUnprocessableEntity, "specified announcer_format is unknown on this system")
		}
		pb, err := q.check(media)
		if err != nil {
			return nil, errAllocation // The other operations that play say what is wrong.
		}
		if pb.id == "" {
			pb.id = o.p.uuid()
		}
		if pb.language == "" {
			pb.language = "en"
		}
		w.Header().Set("Location", "/ari/playbacks/"+pb.id)
		return o.p.playOnBridge(b, pb), nil
	})
}

// BridgesRecord records what is heard in a bridge.
func (o *operations) BridgesRecord(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesRecordParams) {
	o.onBridge(w, http.StatusCreated, id, func(b *bridge) (jsonText, *apiError) {
		if format := deref(q.RecorderFormat); format != "" && !codecs[format] {
			return nil, failed(http.StatusUnprocessableEntity, "specified recorder_format is unknown on this system")
		}
		if deref(q.MaxDurationSeconds) < 0 || deref(q.MaxSilenceSeconds) < 0 {
			return nil, errRecording
		}
		rec, err := o.p.checkRecording(q.Name, q.Format, q.MaxDurationSeconds, q.MaxSilenceSeconds, string(deref(q.IfExists)), string(deref(q.TerminateOn)))
		if err != nil {
			return nil, err
		}
		rec.bridge, rec.beep = b, deref(q.Beep)
		w.Header().Set("Location", "/ari/recordings/live/"+escape(q.Name))
		return o.p.record(rec), nil
	})
}

// BridgesGetBridgeVar reads a variable.
func (o *operations) BridgesGetBridgeVar(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesGetBridgeVarParams) {
	o.onBridge(w, http.StatusOK, id, func(b *bridge) (jsonText, *apiError) {
		if q.Variable == "" {
			return nil, failed(http.StatusBadRequest, "Variable name is required")
		}
		value, ok := b.vars[q.Variable]
		if !ok {
			return nil, failed(http.StatusNotFound, "Provided variable was not found")
		}
		return object(field{"value", value}), nil
	})
}

// BridgesGetBridgeVars reads several variables: all of them or none.
func (o *operations) BridgesGetBridgeVars(w http.ResponseWriter, r *http.Request, id string, _ gen.BridgesGetBridgeVarsParams) {
	names := argsOf(r).lists["variables"]
	o.onBridge(w, http.StatusOK, id, func(b *bridge) (jsonText, *apiError) {
		if len(names) == 0 {
			return nil, failed(http.StatusBadRequest, "At least one variable name is required")
		}
		var values []field
		for _, name := range names {
			value, ok := b.vars[name]
			if !ok {
				return nil, failed(http.StatusNotFound, "Provided variable was not found")
			}
			values = append(values, field{name, value})
		}
		return object(field{"variables", variablesJSON(values)}), nil
	})
}

// BridgesSetBridgeVar sets a variable.
func (o *operations) BridgesSetBridgeVar(w http.ResponseWriter, _ *http.Request, id string, q gen.BridgesSetBridgeVarParams) {
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		if q.Variable == "" {
			return nil, failed(http.StatusBadRequest, "Variable name is required")
		}
		b.setVariable(variable{q.Variable, deref(q.Value), deref(q.ReportEvents)})
		return nil, nil
	})
}

// BridgesSetBridgeVars sets several variables.
func (o *operations) BridgesSetBridgeVars(w http.ResponseWriter, r *http.Request, id string) {
	vars, bad := argsOf(r).variables(true)
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		if bad != nil {
			return nil, bad
		}
		for _, v := range vars {
			b.setVariable(v)
		}
		return nil, nil
	})
}

// BridgesSetVideoSource says whom everybody sees.
func (o *operations) BridgesSetVideoSource(w http.ResponseWriter, _ *http.Request, id, channelID string) {
	o.onBridge(w, http.StatusNoContent, id, func(b *bridge) (jsonText, *apiError) {
		channels, err := o.p.members([]string{channelID})
		if err != nil {
			return nil, err
		}
		if channels[0].bridge != b {
			return nil, failed(http.StatusUnprocessableEntity, "Channel not in this bridge")
		}
		b.setVideoSource(channelID)
		return nil, nil
	})
}

// BridgesClearVideoSource ends that. As with Asterisk, neither an event nor the bridge itself shows it.
func (o *operations) BridgesClearVideoSource(w http.ResponseWriter, _ *http.Request, id string) {
	o.onBridge(w, http.StatusNoContent, id, func(*bridge) (jsonText, *apiError) { return nil, nil })
}

package resources

import (
	"net/http"
	"strings"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/text"
	"github.com/ari-go/ari/internal/sim/wire"
)

func milliseconds(n *int) time.Duration { return time.Duration(deref(n)) * time.Millisecond }

// ChannelsSendDTMF sends digits to the channel's party, which takes time.
func (o *operations) ChannelsSendDTMF(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsSendDTMFParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		if deref(q.Dtmf) == "" {
			return nil, failed(http.StatusBadRequest, "DTMF is required")
		}
		digits := text.Keys(*q.Dtmf)
		between, duration := 100*time.Millisecond, 100*time.Millisecond
		if q.Between != nil {
			between = milliseconds(q.Between)
		}
		if q.Duration != nil && *q.Duration > 0 {
			duration = milliseconds(q.Duration)
		}
		var timer *time.Timer
		c := &pbx.Command{End: func() {
			if timer != nil {
				timer.Stop()
			}
		}}
		i := 0
		var next func()
		next = func() {
			if ch.Hungup || ch.Current != c {
				return
			}
			if i == len(digits) {
				timer = o.p.After(milliseconds(q.After), func() { ch.Finish(c) })
				return
			}
			i++
			ch.SendDigits(digits[i-1 : i])
			timer = o.p.After(duration+between, next)
		}
		c.Run = func() { timer = o.p.After(milliseconds(q.Before)+duration, next) }
		ch.Enqueue(c, false)
		return nil, nil
	})
}

// ChannelsHold puts the party on hold. Only a channel that intercepts that tells of it.
func (o *operations) ChannelsHold(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(ch *pbx.Channel) {
		pbx.Hear(pbx.Music(""), ch)
		if ch.Has("HOLD_INTERCEPT(set)") {
			ch.Emit("ChannelHold", wire.F("musicclass", "N/A"))
		}
	})
}

// ChannelsUnhold ends that.
func (o *operations) ChannelsUnhold(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(ch *pbx.Channel) {
		if ch.Has("HOLD_INTERCEPT(set)") {
			ch.Emit("ChannelUnhold")
		}
	})
}

// ChannelsStartMoh plays music to the party.
func (o *operations) ChannelsStartMoh(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsStartMohParams) {
	o.command(w, id, func(ch *pbx.Channel) { pbx.Hear(pbx.Music(deref(q.MohClass)), ch) })
}

// ChannelsStopMoh ends that.
func (o *operations) ChannelsStopMoh(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*pbx.Channel) {})
}

// ChannelsStartSilence plays silence to the party.
func (o *operations) ChannelsStartSilence(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*pbx.Channel) {})
}

// ChannelsStopSilence ends that.
func (o *operations) ChannelsStopSilence(w http.ResponseWriter, _ *http.Request, id string) {
	o.command(w, id, func(*pbx.Channel) {})
}

// ChannelsMute mutes one or both directions.
func (o *operations) ChannelsMute(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsMuteParams) {
	o.mute(w, r, id, string(q.Direction), true)
}

// ChannelsUnmute ends that.
func (o *operations) ChannelsUnmute(w http.ResponseWriter, r *http.Request, id string, q gen.ChannelsUnmuteParams) {
	o.mute(w, r, id, string(q.Direction), false)
}

func (o *operations) mute(w http.ResponseWriter, _ *http.Request, id, direction string, on bool) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		switch direction {
		case "":
			return nil, failed(http.StatusBadRequest, "Direction is required")
		case "in", "out", "both":
			ch.Mute(direction, on)
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

func (q playing) check(media []string) (*pbx.Playback, *apiError) {
	switch {
	case deref(q.skip) < 0:
		return nil, failed(http.StatusBadRequest, "skipms cannot be negative")
	case deref(q.offset) < 0:
		return nil, failed(http.StatusBadRequest, "offsetms cannot be negative")
	case len(media) == 0:
		return nil, failed(http.StatusInternalServerError, "Failed to queue media for playback")
	}
	pb := &pbx.Playback{ID: q.id, Media: media, Language: q.lang, Offset: milliseconds(q.offset), Skip: 3 * time.Second}
	if deref(q.skip) > 0 {
		pb.Skip = milliseconds(q.skip)
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
	o.locked(w, http.StatusCreated, func() (wire.JSON, *apiError) {
		ch, err := o.ready(id)
		if err != nil {
			return nil, err
		}
		pb, err := q.check(media)
		if err != nil {
			return nil, err
		}
		if pb.ID == "" {
			pb.ID = o.p.Uuid()
		}
		if pb.Language == "" {
			pb.Language = ch.Language
		}
		w.Header().Set("Location", "/ari/playbacks/"+pb.ID)
		return o.p.PlayOnChannel(ch, pb), nil
	})
}

// ChannelsRecord records a channel.
func (o *operations) ChannelsRecord(w http.ResponseWriter, _ *http.Request, id string, q gen.ChannelsRecordParams) {
	o.locked(w, http.StatusCreated, func() (wire.JSON, *apiError) {
		switch {
		case deref(q.MaxDurationSeconds) < 0:
			return nil, failed(http.StatusBadRequest, "max_duration_seconds cannot be negative")
		case deref(q.MaxSilenceSeconds) < 0:
			return nil, failed(http.StatusBadRequest, "max_silence_seconds cannot be negative")
		}
		ch, err := o.controlled(id) // In whatever state.
		if err != nil {
			return nil, err
		}
		rec, err := o.checkRecording(q.Name, q.Format, q.MaxDurationSeconds, q.MaxSilenceSeconds, string(deref(q.IfExists)), string(deref(q.TerminateOn)))
		if err != nil {
			return nil, err
		}
		rec.Ch, rec.Beep = ch, deref(q.Beep)
		w.Header().Set("Location", "/ari/recordings/live/"+escape(q.Name))
		return o.p.Record(rec), nil
	})
}

var (
	errRecording = failed(http.StatusInternalServerError, "Error parsing request")
	errFormat    = failed(http.StatusUnprocessableEntity, "specified format is unknown on this system")
)

// checkRecording looks at what a recording is to be.
func (o *operations) checkRecording(name, format string, duration, silence *int, ifExists, terminateOn string) (*pbx.Recording, *apiError) {
	r := &pbx.Recording{
		Name: name, Format: format, MaxDuration: time.Duration(deref(duration)) * time.Second, MaxSilence: time.Duration(deref(silence)) * time.Second,
		TerminateOn: terminateOn, AppendTo: ifExists == "append",
	}
	if terminateOn == "none" {
		r.TerminateOn = ""
	}
	exists := failed(http.StatusConflict, "Recording '"+name+"' already exists and can not be overwritten")
	switch {
	case terminateOn != "" && terminateOn != "none" && terminateOn != "any" && terminateOn != "*" && terminateOn != "#":
		return nil, failed(http.StatusBadRequest, "terminateOn invalid")
	case ifExists != "" && ifExists != "fail" && ifExists != "overwrite" && ifExists != "append":
		return nil, failed(http.StatusBadRequest, "ifExists invalid")
	case !media.Formats[format]:
		return nil, errFormat
	case name == "", strings.Contains("/"+name+"/", "/../"), deref(duration) < 0, deref(silence) < 0:
		return nil, errRecording
	case o.p.Live[name] != nil:
		return nil, exists
	case o.p.Stored[name] != nil && (ifExists == "" || ifExists == "fail"):
		return nil, exists
	}
	return r, nil
}

// ChannelsRtpstatistics shows what went over the wire: as many packets as a clock says.
func (o *operations) ChannelsRtpstatistics(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		ch := o.p.Find(id)
		switch {
		case ch == nil:
			return nil, errNoChannel
		case ch.Tech == "UnicastRTP":
			return nil, failed(http.StatusNotFound, "RTP info not found")
		case ch.Tech != "PJSIP":
			return nil, failed(http.StatusForbidden, "Unsupported channel type")
		}
		counts, ok := ch.Packets()
		if !ok {
			return nil, failed(http.StatusNotFound, "RTP info not found")
		}
		return rtpStatistics(ch.ID, counts), nil
	})
}

func rtpStatistics(id string, counts pbx.Packets) wire.JSON {
	fields := []wire.Field{
		wire.F("txcount", counts.Sent),
		wire.F("rxcount", counts.Received),
		wire.F("txploss", 0),
		wire.F("rxploss", 0),
		wire.F("local_ssrc", pbx.OwnSource),
		wire.F("remote_ssrc", counts.Source),
		wire.F("txoctetcount", counts.Sent*pbx.PacketSize),
		wire.F("rxoctetcount", counts.Received*pbx.PacketSize),
		wire.F("channel_uniqueid", id),
		wire.F("txjitter", wire.JSON("0.0")),
		wire.F("rxjitter", wire.JSON("0.0")),
	}
	for _, what := range []string{"jitter", "rploss"} {
		for _, side := range []string{"remote", "local"} {
			for _, kind := range []string{"max", "min", "normdev", "stdev"} {
				fields = append(fields, wire.F(side+"_"+kind+what, wire.JSON("0.0")))
			}
		}
	}
	for _, name := range []string{"rtt", "maxrtt", "minrtt", "normdevrtt", "stdevrtt"} {
		fields = append(fields, wire.F(name, wire.JSON("0.0")))
	}
	return wire.Object(fields...)
}

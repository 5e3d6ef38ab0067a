package aritest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ari-go/ari/gen"
)

// escape encodes a name for a path.
func escape(name string) string { return url.PathEscape(name) }

// Playbacks.

func (o *operations) onPlayback(w http.ResponseWriter, status int, id string, f func(*playback) (jsonText, *apiError)) {
	o.locked(w, status, func() (jsonText, *apiError) {
		pb := o.p.playbacks[id]
		if pb == nil {
			return nil, failed(http.StatusNotFound, "Playback not found")
		}
		return f(pb)
	})
}

// PlaybacksGet shows a playback.
func (o *operations) PlaybacksGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.onPlayback(w, http.StatusOK, id, func(pb *playback) (jsonText, *apiError) { return pb.json(), nil })
}

// PlaybacksStop ends a playback.
func (o *operations) PlaybacksStop(w http.ResponseWriter, _ *http.Request, id string) {
	o.onPlayback(w, http.StatusNoContent, id, func(pb *playback) (jsonText, *apiError) {
		if pb.state != "queued" && !pb.controllable() {
			return nil, failed(http.StatusInternalServerError, "Could not stop playback")
		}
		pb.stop("done")
		return nil, nil
	})
}

// PlaybacksControl pauses, winds and so on.
func (o *operations) PlaybacksControl(w http.ResponseWriter, _ *http.Request, id string, q gen.PlaybacksControlParams) {
	if q.Operation == "" {
		fail(w, http.StatusBadRequest, "Missing operation")
		return
	}
	o.onPlayback(w, http.StatusNoContent, id, func(pb *playback) (jsonText, *apiError) {
		switch q.Operation {
		case "restart", "pause", "unpause", "reverse", "forward":
		default:
			return nil, failed(http.StatusBadRequest, "Invalid operation "+string(q.Operation))
		}
		switch {
		case pb.state == "queued" && q.Operation == "restart":
			return nil, nil
		case pb.state == "queued", pb.state == "paused" && q.Operation != "unpause" && q.Operation != "pause":
			return nil, failed(http.StatusConflict, "Can only "+string(q.Operation)+" while media is playing")
		case !pb.control(string(q.Operation)):
			return nil, failed(http.StatusInternalServerError, "Could not control playback")
		}
		return nil, nil
	})
}

// Recordings.

var errNoRecording = failed(http.StatusNotFound, "Recording not found")

func (o *operations) onLive(w http.ResponseWriter, status int, name string, f func(*recording) (jsonText, *apiError)) {
	o.locked(w, status, func() (jsonText, *apiError) {
		r := o.p.live[name]
		if r == nil {
			return nil, errNoRecording
		}
		return f(r)
	})
}

// RecordingsGetLive shows a recording that is being made.
func (o *operations) RecordingsGetLive(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusOK, name, func(r *recording) (jsonText, *apiError) { return r.json(), nil })
}

// RecordingsCancel ends a recording and throws it away.
func (o *operations) RecordingsCancel(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusNoContent, name, func(r *recording) (jsonText, *apiError) {
		r.cancel()
		return nil, nil
	})
}

// RecordingsStop ends a recording and keeps it.
func (o *operations) RecordingsStop(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusNoContent, name, func(r *recording) (jsonText, *apiError) {
		if r.state == "queued" {
			r.cancel()
		}
		r.finish()
		return nil, nil
	})
}

// started runs f on a recording that has begun.
func (o *operations) started(w http.ResponseWriter, name string, f func(*recording)) {
	o.onLive(w, http.StatusNoContent, name, func(r *recording) (jsonText, *apiError) {
		if r.state == "queued" {
			return nil, failed(http.StatusConflict, "Recording not in session")
		}
		f(r)
		return nil, nil
	})
}

// RecordingsPause pauses a recording.
func (o *operations) RecordingsPause(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, (*recording).pause)
}

// RecordingsUnpause ends that.
func (o *operations) RecordingsUnpause(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, (*recording).unpause)
}

// RecordingsMute records silence.
func (o *operations) RecordingsMute(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, func(*recording) {})
}

// RecordingsUnmute ends that.
func (o *operations) RecordingsUnmute(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, func(*recording) {})
}

// RecordingsListStored lists the recordings that are kept.
func (o *operations) RecordingsListStored(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		var all []*storedRecording
		for _, name := range slices.Sorted(maps.Keys(o.p.stored)) {
			all = append(all, o.p.stored[name])
		}
		return list(all), nil
	})
}

func (o *operations) onStored(w http.ResponseWriter, status int, name string, f func(*storedRecording) (jsonText, *apiError)) {
	o.locked(w, status, func() (jsonText, *apiError) {
		r := o.p.stored[name]
		if r == nil {
			return nil, errNoRecording
		}
		return f(r)
	})
}

// RecordingsGetStored shows a recording that is kept.
func (o *operations) RecordingsGetStored(w http.ResponseWriter, _ *http.Request, name string) {
	o.onStored(w, http.StatusOK, name, func(r *storedRecording) (jsonText, *apiError) { return r.json(), nil })
}

// RecordingsDeleteStored throws a recording away.
func (o *operations) RecordingsDeleteStored(w http.ResponseWriter, _ *http.Request, name string) {
	o.onStored(w, http.StatusNoContent, name, func(*storedRecording) (jsonText, *apiError) {
		delete(o.p.stored, name)
		return nil, nil
	})
}

// RecordingsCopyStored copies a recording.
func (o *operations) RecordingsCopyStored(w http.ResponseWriter, _ *http.Request, name string, q gen.RecordingsCopyStoredParams) {
	to := q.DestinationRecordingName
	o.onStored(w, http.StatusOK, name, func(r *storedRecording) (jsonText, *apiError) {
		switch {
		case to == "":
			return nil, failed(http.StatusBadRequest, "Missing destinationRecordingName")
		case strings.Contains("/"+to+"/", "/../"):
			return nil, failed(http.StatusForbidden, "Destination file path is forbidden")
		case o.p.stored[to] != nil:
			return nil, failed(http.StatusConflict, "A recording with the same name already exists on the system")
		}
		c := *r
		c.name = to
		o.p.stored[to] = &c
		return c.json(), nil
	})
}

// RecordingsGetStoredFile answers with a recording's content: a file in the WAV format, with silence.
func (o *operations) RecordingsGetStoredFile(w http.ResponseWriter, _ *http.Request, name string) {
	o.p.mu.Lock()
	r := o.p.stored[name]
	o.p.mu.Unlock()
	if r == nil {
		respond(w, 0, nil, errNoRecording)
		return
	}
	file := r.wav()
	w.Header().Set("Content-Type", "audio/"+r.format)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(file) // The client may have gone.
}

// Sounds.

func soundJSON(id string, s *sound, language, format string) jsonText {
	var formats []jsonText
	for _, l := range s.languages {
		if (language == "" || l == language) && (format == "" || format == "gsm") {
			formats = append(formats, object(field{"language", l}, field{"format", "gsm"}))
		}
	}
	if formats == nil {
		return nil
	}
	return object(field{"id", id}, field{"formats", formats})
}

// SoundsList lists the sounds that there are.
func (o *operations) SoundsList(w http.ResponseWriter, _ *http.Request, q gen.SoundsListParams) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		var all []jsonText
		for _, id := range slices.Sorted(maps.Keys(o.p.sounds)) {
			if s := soundJSON(id, o.p.sounds[id], deref(q.Lang), deref(q.Format)); s != nil {
				all = append(all, s)
			}
		}
		if all == nil {
			return nil, failed(http.StatusNotFound, "No sounds found that matched the query")
		}
		return appendValue(nil, all), nil
	})
}

// SoundsGet shows a sound.
func (o *operations) SoundsGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (jsonText, *apiError) {
		s := o.p.sounds[id]
		if s == nil {
			return nil, failed(http.StatusNotFound, "Sound not found")
		}
		return soundJSON(id, s, "", ""), nil
	})
}

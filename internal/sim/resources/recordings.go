package resources

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// escape encodes a name for a path.
func escape(name string) string { return url.PathEscape(name) }

var errNoRecording = failed(http.StatusNotFound, "Recording not found")

func (o *operations) onLive(w http.ResponseWriter, status int, name string, f func(*pbx.Recording) (wire.JSON, *apiError)) {
	o.locked(w, status, func() (wire.JSON, *apiError) {
		r := o.p.Live[name]
		if r == nil {
			return nil, errNoRecording
		}
		return f(r)
	})
}

// started runs f on a recording that has begun.
func (o *operations) started(w http.ResponseWriter, name string, f func(*pbx.Recording)) {
	o.onLive(w, http.StatusNoContent, name, func(r *pbx.Recording) (wire.JSON, *apiError) {
		if r.State == "queued" {
			return nil, failed(http.StatusConflict, "Recording not in session")
		}
		f(r)
		return nil, nil
	})
}

func (o *operations) onStored(w http.ResponseWriter, status int, name string, f func(*pbx.StoredRecording) (wire.JSON, *apiError)) {
	o.locked(w, status, func() (wire.JSON, *apiError) {
		r := o.p.Stored[name]
		if r == nil {
			return nil, errNoRecording
		}
		return f(r)
	})
}

// RecordingsGetLive shows a recording that is being made.
func (o *operations) RecordingsGetLive(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusOK, name, func(r *pbx.Recording) (wire.JSON, *apiError) { return r.JSON(), nil })
}

// RecordingsCancel ends a recording and throws it away.
func (o *operations) RecordingsCancel(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusNoContent, name, func(r *pbx.Recording) (wire.JSON, *apiError) {
		r.Cancel()
		return nil, nil
	})
}

// RecordingsStop ends a recording and keeps it.
func (o *operations) RecordingsStop(w http.ResponseWriter, _ *http.Request, name string) {
	o.onLive(w, http.StatusNoContent, name, func(r *pbx.Recording) (wire.JSON, *apiError) {
		if r.State == "queued" {
			r.Cancel()
		}
		r.Finish()
		return nil, nil
	})
}

// RecordingsPause pauses a recording.
func (o *operations) RecordingsPause(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, (*pbx.Recording).Pause)
}

// RecordingsUnpause ends that.
func (o *operations) RecordingsUnpause(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, (*pbx.Recording).Unpause)
}

// RecordingsMute records silence.
func (o *operations) RecordingsMute(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, func(*pbx.Recording) {})
}

// RecordingsUnmute ends that.
func (o *operations) RecordingsUnmute(w http.ResponseWriter, _ *http.Request, name string) {
	o.started(w, name, func(*pbx.Recording) {})
}

// RecordingsListStored lists the recordings that are kept.
func (o *operations) RecordingsListStored(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		var all []*pbx.StoredRecording
		for _, name := range slices.Sorted(maps.Keys(o.p.Stored)) {
			all = append(all, o.p.Stored[name])
		}
		return list(all), nil
	})
}

// RecordingsGetStored shows a recording that is kept.
func (o *operations) RecordingsGetStored(w http.ResponseWriter, _ *http.Request, name string) {
	o.onStored(w, http.StatusOK, name, func(r *pbx.StoredRecording) (wire.JSON, *apiError) { return r.JSON(), nil })
}

// RecordingsDeleteStored throws a recording away.
func (o *operations) RecordingsDeleteStored(w http.ResponseWriter, _ *http.Request, name string) {
	o.onStored(w, http.StatusNoContent, name, func(*pbx.StoredRecording) (wire.JSON, *apiError) {
		delete(o.p.Stored, name)
		return nil, nil
	})
}

// RecordingsCopyStored copies a recording.
func (o *operations) RecordingsCopyStored(w http.ResponseWriter, _ *http.Request, name string, q gen.RecordingsCopyStoredParams) {
	to := q.DestinationRecordingName
	o.onStored(w, http.StatusOK, name, func(r *pbx.StoredRecording) (wire.JSON, *apiError) {
		switch {
		case to == "":
			return nil, failed(http.StatusBadRequest, "Invalid destination recording name")
		case strings.Contains("/"+to+"/", "/../"):
			return nil, failed(http.StatusForbidden, "Destination file path is forbidden")
		case o.p.Stored[to] != nil:
			return nil, failed(http.StatusConflict, "A recording with the same name already exists on the system")
		}
		c := *r
		c.Name = to
		o.p.Stored[to] = &c
		return c.JSON(), nil
	})
}

// RecordingsGetStoredFile answers with a recording's content: a file in the WAV format, with silence.
func (o *operations) RecordingsGetStoredFile(w http.ResponseWriter, _ *http.Request, name string) {
	o.p.Mu.Lock()
	r := o.p.Stored[name]
	o.p.Mu.Unlock()
	if r == nil {
		respond(w, 0, nil, errNoRecording)
		return
	}
	file := r.Wav()
	w.Header().Set("Content-Type", "audio/"+r.Format)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(file) // The client may have gone.
}

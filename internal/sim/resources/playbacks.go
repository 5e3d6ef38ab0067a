package resources

import (
	"net/http"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

func (o *operations) onPlayback(w http.ResponseWriter, status int, id string, f func(*pbx.Playback) (wire.JSON, *apiError)) {
	o.locked(w, status, func() (wire.JSON, *apiError) {
		pb := o.p.Playbacks[id]
		if pb == nil {
			return nil, failed(http.StatusNotFound, "Playback not found")
		}
		return f(pb)
	})
}

// PlaybacksGet shows a playback.
func (o *operations) PlaybacksGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.onPlayback(w, http.StatusOK, id, func(pb *pbx.Playback) (wire.JSON, *apiError) { return pb.JSON(), nil })
}

// PlaybacksStop ends a playback.
func (o *operations) PlaybacksStop(w http.ResponseWriter, _ *http.Request, id string) {
	o.onPlayback(w, http.StatusNoContent, id, func(pb *pbx.Playback) (wire.JSON, *apiError) {
		if pb.State != "queued" && !pb.Controllable() {
			return nil, failed(http.StatusInternalServerError, "Could not stop playback")
		}
		pb.Stop("done")
		return nil, nil
	})
}

// PlaybacksControl pauses, winds and so on.
func (o *operations) PlaybacksControl(w http.ResponseWriter, r *http.Request, id string, q gen.PlaybacksControlParams) {
	if _, given := argsOf(r).values["operation"]; !given {
		fail(w, http.StatusBadRequest, "Missing operation")
		return
	}
	switch q.Operation {
	case "restart", "pause", "unpause", "reverse", "forward":
	default:
		fail(w, http.StatusBadRequest, "Invalid operation "+string(q.Operation))
		return
	}
	o.onPlayback(w, http.StatusNoContent, id, func(pb *pbx.Playback) (wire.JSON, *apiError) {
		switch {
		case pb.State == "queued" && q.Operation == "restart":
			return nil, nil
		case pb.State == "queued", pb.State == "paused" && q.Operation != "unpause" && q.Operation != "pause":
			return nil, failed(http.StatusConflict, "Can only "+string(q.Operation)+" while media is playing")
		case !pb.Control(string(q.Operation)):
			return nil, failed(http.StatusInternalServerError, "Could not "+string(q.Operation)+" playback")
		}
		return nil, nil
	})
}

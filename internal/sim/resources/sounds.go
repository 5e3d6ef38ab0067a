package resources

import (
	"maps"
	"net/http"
	"slices"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/wire"
)

func soundJSON(id string, s *media.Sound, language, format string) wire.JSON {
	var formats []wire.JSON
	for _, l := range s.Languages {
		if (language == "" || l == language) && (format == "" || format == "gsm") {
			formats = append(formats, wire.Object(wire.F("language", l), wire.F("format", "gsm")))
		}
	}
	if formats == nil {
		return nil
	}
	return wire.Object(wire.F("id", id), wire.F("formats", formats))
}

// SoundsList lists the sounds that there are.
func (o *operations) SoundsList(w http.ResponseWriter, _ *http.Request, q gen.SoundsListParams) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		var all []wire.JSON
		for _, id := range slices.Sorted(maps.Keys(o.p.Sounds)) {
			if s := soundJSON(id, o.p.Sounds[id], deref(q.Lang), deref(q.Format)); s != nil {
				all = append(all, s)
			}
		}
		if all == nil {
			return nil, failed(http.StatusNotFound, "No sounds found that matched the query")
		}
		return wire.AppendValue(nil, all), nil
	})
}

// SoundsGet shows a sound.
func (o *operations) SoundsGet(w http.ResponseWriter, _ *http.Request, id string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		s := o.p.Sounds[id]
		if s == nil {
			return nil, failed(http.StatusNotFound, "Sound not found")
		}
		return soundJSON(id, s, "", ""), nil
	})
}

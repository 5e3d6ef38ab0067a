package resources

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

func (o *operations) deviceJSON(name string) wire.JSON {
	state, ok := o.p.Devices[name]
	if !ok {
		state = o.p.DeviceState(name)
	}
	return wire.Object(wire.F("name", name), wire.F("state", state))
}

var (
	errNotOurDevice = failed(http.StatusConflict, "Uncontrolled device specified")
	errNoDeviceName = failed(http.StatusNotFound, "Device name is missing")
)

// DeviceStatesList lists the devices that ARI controls.
func (o *operations) DeviceStatesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		all := []wire.JSON{}
		for _, name := range slices.Sorted(maps.Keys(o.p.Devices)) {
			all = append(all, o.deviceJSON(name))
		}
		return wire.AppendValue(nil, all), nil
	})
}

// DeviceStatesGet shows a device.
func (o *operations) DeviceStatesGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) { return o.deviceJSON(name), nil })
}

// DeviceStatesUpdate sets a device's state.
func (o *operations) DeviceStatesUpdate(w http.ResponseWriter, _ *http.Request, name string, q gen.DeviceStatesUpdateParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if !strings.HasPrefix(name, pbx.StasisDevice) {
			return nil, errNotOurDevice
		}
		if name == pbx.StasisDevice {
			return nil, errNoDeviceName
		}
		state := gen.DeviceStateState(q.DeviceState)
		if !state.Valid() || state == "UNKNOWN" {
			return nil, failed(http.StatusInternalServerError, "Unknown device")
		}
		o.p.SetDevice(name, string(state))
		return nil, nil
	})
}

// DeviceStatesDelete forgets a device.
func (o *operations) DeviceStatesDelete(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if !strings.HasPrefix(name, pbx.StasisDevice) {
			return nil, errNotOurDevice
		}
		if name == pbx.StasisDevice {
			return nil, errNoDeviceName
		}
		if _, ok := o.p.Devices[name]; ok {
			if o.p.Config.Version.Major < 20 { // Newer versions don't tell.
				o.p.SetDevice(name, "UNKNOWN")
			}
			delete(o.p.Devices, name)
		}
		return nil, nil
	})
}

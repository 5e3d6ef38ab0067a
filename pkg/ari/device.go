package ari

import "github.com/ari-go/ari/gen"

// DeviceState is the state of a device: the snapshot of when it was read, and its controller.
type DeviceState struct {
	gen.DeviceState
	ctrl *Controller
}

// DeviceState returns a handle for a device by its name, such as Stasis:lamp or PJSIP/alice, without a
// request.
func (c *Controller) DeviceState(name string) *DeviceState {
	return &DeviceState{DeviceState: gen.DeviceState{Name: name}, ctrl: c}
}

func (o *DeviceState) scope() scope {
	if o == nil {
		return scope{}
	}
	return o.ctrl.scopeOf(places{own: o.ctrl.key(kindDeviceState, o.Name)})
}

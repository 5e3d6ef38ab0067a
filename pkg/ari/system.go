package ari

import "github.com/ari-go/ari/gen"

// Module is one of Asterisk's modules, and its controller.
type Module struct {
	gen.Module
	ctrl *Controller
}

// Module returns a handle for a module by its name, such as res_pjsip.so, without a request.
func (c *Controller) Module(name string) *Module {
	return &Module{Module: gen.Module{Name: name}, ctrl: c}
}

// LogChannel is one of Asterisk's log files or other places that it logs to, and its controller.
type LogChannel struct {
	gen.LogChannel
	ctrl *Controller
}

// LogChannel returns a handle for a log channel by its name, without a request.
func (c *Controller) LogChannel(name string) *LogChannel {
	return &LogChannel{LogChannel: gen.LogChannel{Channel: name}, ctrl: c}
}

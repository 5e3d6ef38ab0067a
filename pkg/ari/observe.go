package ari

import "errors"

// An Observation is something that has come to a client: a message of Asterisk's, or news of the connection.
type Observation struct {
	// Controller is that of the Asterisk that it comes from.
	Controller *Controller

	// Frame is an event's JSON as it came. It is overwritten when the observer has returned. It is nil for news of the
	// connection.
	Frame []byte

	// Event is a [*Connected] or a [*Disconnected]; nil for an event of Asterisk's.
	Event Event
}

// WithObserver sets a function that sees each event of the connection before anybody else does, in the order in which they
// come: those too that nobody listens to, or that can't be read. It doesn't see what answers commands. It is for recording: see
// package aritrace. If the option is given several times, each function is called.
//
// The function is called by the connection's reader, one call at a time for each Asterisk. It must return at once, and must not
// use the client: Asterisk cuts a connection off whose events aren't read.
func WithObserver(observe func(Observation)) SessionOption {
	return sessionOption(func(cfg *config) error {
		if observe == nil {
			return errors.New("the observer is nil")
		}
		cfg.observers = append(cfg.observers, observe)
		return nil
	})
}

package ari

import (
	"context"
	"errors"
)

// An Observer watches a client from within, for tracing, measuring and recording; packages ariotel and aritrace are made of it.
// Any of its functions may be nil. Unlike handlers they run at once, where the client reads its events: they must return soon,
// and neither block nor call the client. A panic of theirs is logged.
type Observer struct {
	// Start is called once, when the client has been made. ctx ends with the client; stats is [Client.Stats].
	Start func(ctx context.Context, stats func() Stats)

	// Call is called when a channel enters an application and handlers of [*StasisStart] are registered, before they are
	// called. ctx is the call's: it ends when the call does, with the reason as its cause. What it returns, ctx or one made
	// of it, is the context of the call's handlers.
	Call func(ctx context.Context, start *StasisStart) context.Context

	// Frame is called with each event's JSON as it came, before anything is made of it: also one that can't be read, or that
	// came twice. It doesn't see what answers commands. frame must not be kept: it is overwritten afterwards. ctrl is that of
	// the Asterisk that it comes from.
	Frame func(ctrl *Controller, frame []byte)

	// Event is called with each event that the client has taken in, before anybody gets it: also one that nobody listens to,
	// and those that are made here, such as [Connected].
	Event func(ev ObservedEvent)
}

// An ObservedEvent is an event as [Observer] sees it. It must not be kept: it is valid only while the function runs.
type ObservedEvent interface {
	// Type returns the event's type, such as "ChannelDtmfReceived"; "UnknownEvent" for one that this package doesn't know.
	Type() string

	// ID returns the id of the first entity of a kind that the event is about, "" if there is none. The kinds are those of
	// [Entity], such as "channel", "bridge" or "playback".
	ID(kind string) string

	// Event returns the event itself; nil if it can't be decoded. An event that nobody listens to is decoded only by this.
	Event() Event
}

// WithObserver adds an observer. Several are called in the order of the options.
func WithObserver(o Observer) Option {
	return clientOption(func(cfg *config) error {
		cfg.observers = append(cfg.observers, o)
		return nil
	})
}

// WithOptions makes one option of several, for packages that have need of more than one.
func WithOptions(opts ...Option) Option {
	return clientOption(func(cfg *config) error {
		for _, opt := range opts {
			if opt == nil {
				return errors.New("an option is nil")
			}
			if err := opt.apply(cfg); err != nil {
				return err
			}
		}
		return nil
	})
}

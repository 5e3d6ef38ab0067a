package ari

import (
	"context"
	"errors"
)

// A Source gives a session its connections with one Asterisk, one after the other: by dialling a websocket, which is what
// [NewClient] does, by accepting those that Asterisk opens, or from a message bus. See [WithSource].
type Source interface {
	// Next makes the next connection, or waits for it. Events flow on it already. Its errors carry no credentials. An
	// error that is [ErrSourceEnded] says that no other connection follows: the session ends. Any other is tried again.
	Next(ctx context.Context) (Connection, error)

	// String says, in logs and errors, where the connections lead; without credentials.
	String() string
}

// ErrSourceEnded is the error of a [Source] that has no other connection to give.
var ErrSourceEnded = errors.New("ari: no other connection follows")

// A Connection is one connection of a [Source]. Read is called by one goroutine; the other methods by any.
type Connection interface {
	// Read waits for the next frame. Its data belong to the caller until the next Read.
	Read() (Frame, error)

	// Ping returns nil when the other side has answered.
	Ping(ctx context.Context) error

	// Close takes leave of the other side, as far as ctx allows, and makes Read return.
	Close(ctx context.Context)

	// Abort makes Read return at once.
	Abort()
}

// A Frame is one message from Asterisk: an event as JSON.
type Frame struct {
	Data []byte

	// Handled is called when nobody has anything to do with the frame any more: each handler that got its event has
	// returned, each subscription's owner has fetched it, or it was thrown away. It is called from any goroutine, once,
	// and must not block. It may be nil.
	Handled func()
}

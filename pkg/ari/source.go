package ari

import "context"

// An eventSource is where frames come from: a websocket that this side dials, so
// far.
type eventSource interface {
	// dial makes a connection on which events flow already. Its errors carry no
	// credentials.
	dial(ctx context.Context) (eventConn, error)

	// name says, in logs and errors, where the connection goes.
	name() string
}

// An eventConn is one connection. read is called by one goroutine; the other
// methods by any.
type eventConn interface {
	// read waits for the next frame. It belongs to the caller until the next read.
	read() ([]byte, error)

	// write sends a frame.
	write(ctx context.Context, frame []byte) error

	// ping returns nil when the other side has answered.
	ping(ctx context.Context) error

	// close takes leave of the other side, as far as ctx allows, and makes read
	// return.
	close(ctx context.Context)

	// abort makes read return at once.
	abort()
}

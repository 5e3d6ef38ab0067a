package ari

// Stats are a client's figures at one moment. Counts are since the client was
// made.
type Stats struct {
	// Connected says whether events flow, from each Asterisk.
	Connected bool

	// Connections counts connections made, the first one included.
	Connections uint64

	// Frames and Bytes count the messages read from Asterisk.
	Frames, Bytes uint64

	// BadFrames counts those that could not be read. See [FrameError].
	BadFrames uint64

	// Decoded counts those that somebody listened to.
	Decoded uint64

	// Lost counts events thrown away because a listener fell behind, once for each
	// such listener. See [OverflowError].
	Lost uint64

	// Failed counts handlers' errors and panics.
	Failed uint64

	// Waiting is the number of events in the queues of handlers and
	// subscriptions.
	Waiting int

	// Running is the number of goroutines that run handlers.
	Running int

	// Calls is the number of channels known to be in the application.
	Calls int

	// Listeners is the number of live subscriptions and waits.
	Listeners int
}

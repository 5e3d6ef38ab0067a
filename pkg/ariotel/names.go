package ariotel

// Names of attributes. Those of metrics have fewer than 20 values each.
const (
	// AttrOperation is a command's operation id, such as "channelsAnswer". In metrics only the most frequent have their own
	// value, the others are "other".
	AttrOperation = "ari.operation"
	// AttrStatus is a command's status as text: "2xx", a status of failure such as "404", "none" without an answer, "other".
	AttrStatus = "ari.status"
	// AttrAttempts is how often a command has been sent. In spans.
	AttrAttempts = "ari.attempts"
	// AttrEventType is an event's type; in metrics only the most frequent have their own value.
	AttrEventType = "ari.event.type"
	// AttrHandler is a handler's event type, such as "*ari.StasisStart". In spans.
	AttrHandler = "ari.handler"
	// AttrWaited is how long an event has waited in the handler's lane, in seconds. In spans.
	AttrWaited = "ari.lane.wait"
	// AttrApplication is the Stasis application. In spans.
	AttrApplication = "ari.application"
	// AttrAsteriskID is Asterisk's entity id. In spans.
	AttrAsteriskID = "ari.asterisk.id"
	// AttrResync is what a resync has found: "entered" or "ended".
	AttrResync = "ari.resync.result"
	// AttrOutcome is how something ended: "ok", "error" or "panic" for handlers; for calls see the Outcome constants.
	AttrOutcome = "call.outcome"
	// AttrCallID is the call's channel id. In spans and logs.
	AttrCallID = "call.id"
	// AttrChannelName is the channel's name. In spans.
	AttrChannelName = "call.channel.name"
	// AttrCause is the hangup cause as a number. In spans.
	AttrCause = "call.cause"
	// AttrSynthetic says that the call's beginning was found out after a gap. In spans.
	AttrSynthetic = "call.synthetic"
	// AttrBridgeID, AttrPlaybackID and AttrRecording name what a span is about.
	AttrBridgeID   = "call.bridge.id"
	AttrPlaybackID = "call.playback.id"
	AttrRecording  = "call.recording.name"
	// AttrDialStatus is how a dial ended, such as "ANSWER". In spans.
	AttrDialStatus = "call.dial.status"
)

// How calls end: values of [AttrOutcome].
const (
	OutcomeLeft      = "left"      // left the application: a hangup, or it went on in the dialplan
	OutcomeDestroyed = "destroyed" // the channel was destroyed
	OutcomeGap       = "gap"       // ended while there was no connection
	OutcomeClosed    = "closed"    // the client ended first
	OutcomeOther     = "other"
)

// Names of metrics.
const (
	MetricCallsActive     = "ari.calls.active"
	MetricCallDuration    = "call.duration"
	MetricCommandDuration = "ari.command.duration"
	MetricEvents          = "ari.events"
	MetricEventsLost      = "ari.events.lost"
	MetricEventsBad       = "ari.events.bad"
	MetricLanesWaiting    = "ari.lanes.waiting"
	MetricLaneWait        = "ari.lane.wait"
	MetricHandlerDuration = "ari.handler.duration"
	MetricConnected       = "ari.connected"
	MetricConnections     = "ari.connections"
	MetricGap             = "ari.connection.gap"
	MetricResync          = "ari.resync.calls"
)

// Names of spans. A command's is its operation.
const (
	SpanCall      = "call"
	SpanDial      = "dial"
	SpanPlayback  = "playback"
	SpanRecording = "recording"
	SpanHandler   = "handler"
	// SpanEnter is from the request for a channel that needs no answer (created, external media, snoop) to its entry.
	SpanEnter = "enter"
)

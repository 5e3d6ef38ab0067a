// Package aritest is a simulated Asterisk to test applications on: an HTTP server and event websocket like those of
// Asterisk's REST interface, with channels, bridges, playbacks, recordings and the events that they cause, in memory.
//
// A test plays both sides. The application talks to the server as to a real Asterisk, and the test makes the calls:
//
//	srv := aritest.NewServer(t)
//	client := srv.Client()                // an *ari.Client for the application srv.App
//	go client.Run(ctx)
//	call := srv.Call("1000")              // a caller dials 1000
//	call.WaitAnswered(ctx)
//	call.WaitHeard(ctx, "sound:hello-world") // or "moh:default", or "beep"
//	call.SendDTMF("12#")
//	call.WaitRecording(ctx)
//	call.Speak(3 * time.Second)
//	call.Hangup()
//	srv.WaitIdle(ctx)                     // nothing is left over
//
// The server keeps time by package time alone and starts no goroutine that spins, so with [InMemory] it works within
// a bubble of package testing/synctest, where a call of an hour takes a microsecond.
//
// # What is simulated
//
// All operations of the interface, with the checks, statuses and messages of Asterisk 22; what they do to channels
// (also Local pairs, snooping, external media), bridges, playbacks, recordings, device states, mailboxes, and the events
// that follow, in Asterisk's order; a small dialplan; REST over the websocket. There is no media: sounds last as long as
// Asterisk's do, or as [Server.Sound] says, and [Call.Heard] names what would be heard.
//
// # What is different
//
// The differences from an Asterisk that are known, and why:
//
//   - Things happen at once where Asterisk takes some milliseconds: an application is told of a call before the request that made the
//     call is answered. Asterisk promises no order between the two, and mostly answers first.
//   - Answering costs no time; Asterisk's dialplan application Answer waits up to 500 ms for media.
//   - Bridges are simple_bridge, softmix or holding_bridge, never native_rtp, since there is no media.
//   - The variables BRIDGEPEER and BRIDGEPVTCALLID are set once when a bridge changes; Asterisk sets them up to three times. Channels that
//     Asterisk makes for itself, to play to bridges say, aren't named in them.
//   - Device states of endpoints are told for PJSIP only, and at once.
//   - SIP transfers, registrations, video and RTP statistics are not simulated, nor are websocket servers that Asterisk connects to. External
//     media over a websocket never connects, and ends after 30 seconds.
//   - A request that lacks a parameter which the description requires is refused with 400.
package aritest

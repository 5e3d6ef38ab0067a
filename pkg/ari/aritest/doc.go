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
// that follow, in Asterisk's order; a small dialplan; REST over the websocket. Sounds last as long as Asterisk's do, or as
// [Server.Sound] says, and [Call.Heard] names what would be heard. External media are connected by websocket, in both directions, by AudioSocket
// and by RTP, and bridges pass on or mix what is said: [Call.Say] says something, and [Call.Listen] keeps what is heard, sample by sample. Two telephones in a bridge of the type "mixing" are
// connected past it, so that no digit is reported: see the type "mixing,dtmf_events".
//
// # What is different
//
// What passes here passes on an Asterisk: a suite of scenarios runs on both, and random sequences of commands are compared. These are the
// differences that are known, and why they are there:
//
//   - Things happen at once where Asterisk takes some milliseconds: an application is told of a call before the request that made the
//     call is answered. Asterisk promises no order between the two, and mostly answers first. Where its threads leave the order of two events to
//     chance, it is always the same here. Only an originated channel enters the application a little after its answer, as it may with Asterisk.
//   - What is played is not heard: the simulator knows only how long sounds are, and recordings are silence. Only external media, and what Call.Say
//     says, have samples. Sound has real time, whatever [WithSpeed] says. Where rates differ it is resampled by package media's own filter, and
//     a Local channel passes on any rate. Snooping hears nothing. Telephones send media from the answer on, Local channels pass on what they are given, and recordings are silence. How
//     long a recording lasts that nobody speaks in counts from what would come.
//   - The dialplan's Answer waits half a second for media on Local channels only.
//   - The variables BRIDGEPEER and BRIDGEPVTCALLID are set once when a bridge changes; Asterisk sets them up to three times.
//   - Device states of endpoints are told for PJSIP only, and at once.
//   - Video is not simulated, RTP statistics count by the clock and nothing is lost, and no websocket is opened to an application.
//   - An endpoint that can be reached counts as one that has registered; nobody is at the addresses that are configured through ARI. An attended
//     transfer needs a bridge of an application: the dialplan doesn't connect calls.
//   - External media are sent to, and connected with, programs on this machine, or in memory with [InMemory]; only hosts of the domain "invalid" are
//     unknown. To the port 9, discard, no RTP is sent. Digits aren't played into RTP. Opus and other codecs pass as they are, and are heard only by
//     external media of the same format.
//   - A telephone that is redirected after it has answered takes no notice, and one that is redirected before is refused with 302.
//   - Dialplan functions that aren't known can be set, and nothing comes of it, as with those that Asterisk doesn't know.
//   - Of modules, log channels and configuration objects, few are there, with their most important attributes.
//   - Of two requests at once, one is done before the other begins. On a real one each may find what the other has half done: the second of two that
//     destroy a bridge is answered with 409 as often as with 404, two that remove or hang up one channel may both succeed, and of two that play to
//     a bridge where nothing plays one may fail, for which see [FailPlaysAtOnce].
//   - The requests that crash some versions are answered, unless [WithKnownFaults] says otherwise.
package aritest

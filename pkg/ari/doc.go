// Package ari controls Asterisk calls from Go, by the Asterisk REST Interface (ARI): commands by HTTP, events by
// websocket.
//
// # The model
//
// A call's leg is a [Channel]. The dialplan hands a channel over to a program with Stasis(NAME); NAME is the program's
// application, and from then on the program owns the channel. Channels that shall hear each other go into a [Bridge].
//
// A [Client] connects as one application and hands out its events. A [Controller] sends commands: what makes, lists or
// finds something is a method of the controller, what acts on something is a method of that thing. The objects in events
// can be commanded at once, and know their controller:
//
//	client, err := ari.NewClientFromEnv() // ARI_URL, ARI_APPLICATION, ARI_USERNAME, ARI_PASSWORD
//	...
//	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
//		ch := call.Channel
//		defer ch.Stop(ari.Cleanup(ctx)) // also after an error
//		if err := ch.Answer(ctx); err != nil {
//			return err
//		}
//		bridge, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{Type: "mixing"})
//		if err != nil {
//			return err
//		}
//		defer bridge.Stop(ari.Cleanup(ctx))
//		...
//	})
//	err = client.Run(ctx)
//
// An object is a snapshot of the moment when it was read or sent, with its controller. It never changes under its reader;
// Refresh reads a new one. [Controller.Channel], [Controller.Bridge] and their like make an object from an id without a
// request. [Client.ARI] is the controller where there is no object at hand. A client can hold several Asterisks:
// [Client.Add].
//
// # Handlers
//
// [On] registers a handler for one event type, or for all of them with the type [Event]. Handlers run on lanes: one for
// each handler and each channel (or bridge, playback, recording, endpoint, device). In a lane events run one at a time, in
// the order in which they came; lanes run side by side. So a call's events stay in order, calls run in parallel, and a
// handler may take as long as it needs: a StasisStart handler can live as long as its call, while other handlers of that
// call run.
//
// [Client.OnCall] is for calls from outside: it leaves out the channels that the client makes itself.
//
// The context of a StasisStart handler ends when its channel leaves the application; [context.Cause] says why, as an
// [*EndError]. [Channel.Context] does the same for any other channel. Contexts of other handlers end with the client. A
// handler's error or panic is logged, and given to [WithErrorHandler], unless it only comes of the call's end; it harms
// nobody else, and it doesn't end the call. Clean up with [Cleanup].
//
// # Waiting
//
// [Subscribe] is for waiting in line: it collects the events of a channel, a bridge or everything from that moment on, for
// Next or a range over All. What a command makes gets its id here, and is followed from before its request leaves; so
// [Playback.Wait], [LiveRecording.Wait], [Channel.WaitAnswered] and the like can't miss anything, however late they are
// called, and return an error when the call or the connection ends first.
//
// [Controller.Call] calls somebody, and returns when that party has answered, or says why not.
//
// [Channel.Keypad] asks a caller: its Prompt plays media and returns the digits that are typed, those included that were
// typed ahead.
//
// # Errors
//
// A command that fails returns an [*Error] with the operation, the path and Asterisk's own text. [errors.Is] tells the
// reasons apart: [ErrNotFound], [ErrNotInStasis] and so on. A call can end at any moment, so ErrNotFound is an everyday
// result for a program that commands channels. A command that this Asterisk is too old for fails with [ErrUnsupported]; the
// documentation of each method says since when it exists, and [Controller.Supports] asks.
//
// No time limit of this package cuts a command short, since some take their time by nature: the context decides.
//
// # The connection
//
// The first attempt's failure is returned by [Client.Run] or [Client.Connect]. After that the client keeps the connection:
// it notices a dead one by ping, connects again with backoff, restores subscriptions and the event filter, and ends here
// what has ended meanwhile, so that nobody waits for ever. [Connected] and [Disconnected] are events like others. A command
// that gets no answer fails with [ErrConnection]; [Client.WaitConnected] returns when all is well again. When another
// program takes the application over, Run returns [ErrReplaced].
//
// [WithAdoption] and [WithSweep] say what a program does with what an earlier run of it has left, [WithDrain] what becomes of
// calls at its end.
//
// Queues are bounded. When a handler falls so far behind that events are lost, an [*OverflowError] says so; events that
// start or end something are never lost.
//
// # Compatibility
//
// A method X(ctx, required...) keeps its signature; options are in XWith, and option structs and events may get new fields.
// The promise doesn't cover package gen, which [Controller.API] hands out, nor the fields that objects embed from it: they
// follow Asterisk's own description. docs/compatibility.md says more.
package ari

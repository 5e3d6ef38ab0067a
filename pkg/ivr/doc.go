// Package ivr has what the script of a call says, each thing one function: dial somebody, ask a question, say a number,
// transfer, take a message, wait in a queue. It stands on package ari alone, and works with every session of it.
//
//	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
//		caller := call.Channel
//		defer caller.Stop(ari.Cleanup(ctx))
//		dialed, err := ivr.Dial(ctx, caller, ivr.DialOptions{Targets: ivr.Endpoints("PJSIP/alice", "PJSIP/bob")})
//		if err != nil {
//			return err // The caller is gone, or Asterisk is.
//		}
//		if dialed.Outcome == ivr.Busy {
//			_, err = ivr.Say(ctx, caller, ivr.SayOptions{}, ivr.Sound("vm-isonphone"))
//		}
//		return err
//	})
//
// # Results and errors
//
// A function returns a result that says why it ended, an [Outcome], and an error. The error is nil as long as the caller
// is there and the script can go on: that nobody answered, or that the caller typed nothing, is an outcome and no error.
// With an error comes a result all the same. An error is an [*ari.EndError] when the caller has hung up or left the
// application (the outcome is [HungUp]); the context's error when the context has ended ([Canceled]); and otherwise what
// Asterisk refused, or ari.ErrConnection ([Failed]). A handler of [ari.Client.OnCall] can return each of them.
//
// # What is left behind
//
// Nothing: what a function has begun, it has undone when it returns, whether it succeeded or not. It hangs up whom it has called,
// destroys its bridges, ends music and ringing. When the connection to Asterisk is down at that moment, it waits for it,
// for half a minute at most. The caller's channel is never hung up: that is the script's own.
//
// Each function that plays something works on a channel that is answered. [Dial] answers the caller when somebody has answered him.
package ivr

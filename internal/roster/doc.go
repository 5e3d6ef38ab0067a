// Package roster keeps account of which channels are in which Stasis applications, as far as one session can tell: it
// sees one Asterisk's events, on one connection after the other with gaps between them, and a snapshot of what
// Asterisk has after each gap. It has no lock, no goroutine and no clock, and calls nobody: it is told what was read,
// and answers what follows.
//
// # What Asterisk does
//
// Seen on 22.10.1 and 16.28.0, in 3,600 moves and returns of 120 channels, under load:
//
//   - A channel that is moved to the application where it is already, or that the dialplan brings back there, has
//     its StasisEnd first, and its new StasisStart after that, mostly with the same timestamp. So a StasisStart for
//     an application where the channel is, with no StasisEnd between, is no move: it is the same event again, or
//     the one that was made up for.
//   - A move from one application to another comes in either order; in about one of three, StasisStart is first. So
//     the roster can't tell at each StasisEnd that the channel goes on in another of our applications.
//   - A move changes nothing in what the channel shows of the dialplan: neither the application that it names nor
//     the position.
//   - A channel that goes on in the dialplan is told of by ChannelDialplan (and ChannelVarset of STASISSTATUS) to
//     those who hear of it; one that is moved is not. These events keep no order with StasisStart and StasisEnd:
//     when the channel is in the application already, those about its way there may still come, and with two
//     applications often do.
//   - ChannelDestroyed comes before StasisEnd for one channel in six when an application is subscribed to all
//     channels.
//   - Asterisk 16 shows in StasisEnd the place where an explicit continue sends the channel, 22 the one where it
//     was.
//
// An application hears of each channel in it, either because it is subscribed to all of them or because it is to this
// one. The latter ends with the stay, unless the channel was originated for the application or somebody has asked for
// it: without these, a subscription to a channel proves that the channel is there. See [Subscription].
//
// # What follows
//
// A stay is a channel's being in one application. Each begins once, by [Started], [Again], [Missed] or [Entered], and
// ends once, by [Ended], [Elsewhere], [Roster.Destroy], [Again], [Missed], [GoneInGap] or [Roster.Superseded]. A
// StasisEnd that was made up for is awaited until the connection ends, or the channel enters that application again,
// and is then [Known]; a StasisStart that was made up for is awaited as long as the stay lasts, and is then a
// [Duplicate].
//
// After a gap, a stay from before it goes on if the channel is in Stasis, at the same place in the dialplan as when
// the stay began, if its application hears of it, and if no other one's subscription proves that it is there. It
// follows that a channel that has left and come back to the same place unheard is taken for one that has stayed, and
// so is one that was moved to a foreign application while ours hears of it anyhow. Its handler goes on for longer
// than it should, but nobody is left alone.
//
// A channel of which nothing is known has entered an application if a subscription proves it; or if the dialplan
// names the application, that hears of it, and no foreign one is known to have the channel. Before, it may have left
// our applications while they went on hearing of it, perhaps by a move to a foreign one, perhaps for the dialplan,
// from where it may have come back. Then these tell, best first:
//
//  1. it was seen in the dialplan since, or we have sent it there: it has come back;
//  2. it is at another place in the dialplan: it has come back;
//  3. a subscription of our application that proves: it has come back;
//  4. a foreign application is known to have it, or none is.
//
// With none of these, it is taken for moved. A caller who is left in silence for ever is bad; but what is missing is
// rare: the connection must have been cut in the millisecond between the StasisEnd and the ChannelDialplan, and the
// dialplan must have come back to the very same place, or a foreign application must have moved the channel back, all
// in the gap. That a channel goes on being where it was moved to, is the rule; and to take it over means that two
// programs talk to one caller and that ours hangs up at the end, after each gap and for each of these channels.
//
// What was read on this connection outweighs the snapshot: a channel that was seen to leave on it can't have come
// back unheard.
//
// # What is kept
//
// What is known of a channel is forgotten with the event that ends it: its ChannelDestroyed, or its StasisEnd if no
// more will be heard of it. When these are lost, the next snapshot shows that it is gone. The ends that are still
// awaited after that, and what was read while settling, are forgotten with the connection or the settling. Besides,
// there are the last 256 stays that ended and the last 256 channels that were destroyed, to know events that come
// twice or late. So nothing stays for ever.
package roster

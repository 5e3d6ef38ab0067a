// Package conformance is one suite of call scenarios, written once against pkg/ari, that runs on whatever ARI endpoint it is given: on real Asterisks, and
// on the simulator that imitates them. A scenario that passes on one and fails on the other shows a fault of the simulator.
//
// [Run] runs the scenarios on an [Env]. Each has a Stasis application of its own, asserts results, errors and the order of each entity's events, and
// cleans up behind itself. What was sent and received is counted in a [Coverage], and recorded when ARI_RECORD is 1: the recordings under testdata are
// the corpus that decoders are tested with.
package conformance

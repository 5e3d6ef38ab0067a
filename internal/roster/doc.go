// Package roster keeps account of which channels are in which Stasis applications, as far as one session can tell: it sees
// the events of one Asterisk on one connection after the other, with gaps between them, and, after a gap, a snapshot of
// what Asterisk has. It has no lock, no goroutine and no clock, and calls nobody: it is told what was read, and answers
// what follows from that.
//
// TODO: rules.
package roster

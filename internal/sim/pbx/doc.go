// Package pbx is what goes on in Asterisk: channels, bridges, playbacks, recordings and the dialplan, and the events that they cause.
// Everything in it is guarded by the lock of its [PBX].
package pbx

// Package sim is a simulated Asterisk: an HTTP server and event websockets like those of Asterisk's REST interface, and behind them calls in
// memory. It has Asterisk's own rooms, each of which knows only those above it:
//
//	release       versions, and what came with them
//	text          reading what is written in dialplans and queries
//	wire          JSON and events as Asterisk writes them
//	media         sound: formats and codecs, what the transports of media look like, and sounds that can be played
//	applications  Stasis applications: sockets, subscriptions, filters
//	pbx           channels, bridges, playbacks, recordings, the dialplan, causes
//	phones        telephones: who is at the other end of channels
//	external      programs at the other end of external media
//	resources     the operations of the REST interface, a file for each resource
//	sim           the server, and what can go wrong with it
//
// Package aritest is what tests see of it.
package sim

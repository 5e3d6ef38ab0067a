// Package external has the far ends of external media: programs that exchange sound with Asterisk by websocket, AudioSocket or RTP.
package external

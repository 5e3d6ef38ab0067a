// Package quickack makes the kernel acknowledge at once what comes on a TCP connection, where it can. Asterisk doesn't send
// a second small message on a websocket that it has opened before the first one has been acknowledged, which takes 40 ms
// otherwise.
package quickack

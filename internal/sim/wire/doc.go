// Package wire writes JSON objects and events as Asterisk does: members stand in its order.
package wire

// Package text reads what is written in dialplans, queries and requests, as Asterisk does.
package text

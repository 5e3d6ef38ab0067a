// Package applications has the Stasis applications: their websockets, subscriptions and event filters, and the way of an event to
// those who are subscribed to what it is about.
package applications

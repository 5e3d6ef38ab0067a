package ari

import (
	"context"
	"slices"
)

// A KnownIssue is a fault of releases of Asterisk that a program may meet.
type KnownIssue struct {
	// ID names it, such as "lock-up-after-all-devices". It stays the same.
	ID string

	// Since has the first release that has it, of each branch for which that is known, oldest first; older branches don't have
	// it. Empty: all releases have it.
	Since []Version

	// Fixed has the first release without it, of each branch that has been mended, oldest first. Branches after the last of
	// these don't have it either.
	Fixed []Version

	// Effect says what happens, Remedy what to do about it, and Handled what this package does by itself; "" if nothing.
	Effect, Remedy, Handled string
}

// In reports whether a release has the issue, as far as is known.
func (i *KnownIssue) In(v Version) bool {
	return (len(i.Since) == 0 || reached(i.Since, v)) && !reached(i.Fixed, v)
}

// reached reports whether v is at or behind the first release of its branch, or of a branch after the last.
func reached(firsts []Version, v Version) bool {
	for _, first := range firsts {
		if first.Major == v.Major {
			return v.Compare(first) >= 0
		}
	}
	return len(firsts) > 0 && v.Major > firsts[len(firsts)-1].Major
}

// KnownIssues returns the known faults that the connected Asterisk's release has. It fails if the version can't be had.
func (c *Controller) KnownIssues(ctx context.Context) ([]KnownIssue, error) {
	v, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(AllKnownIssues(), func(i KnownIssue) bool { return !i.In(v) }), nil
}

// AllKnownIssues returns the known faults of all releases. All were seen on real ones: 22.10.1 or 16.28.0, unless Since or
// Fixed say more.
func AllKnownIssues() []KnownIssue {
	list := slices.Clone(knownIssues)
	for i := range list {
		list[i].Since, list[i].Fixed = slices.Clone(list[i].Since), slices.Clone(list[i].Fixed)
	}
	return list
}

// Each is told in docs/asterisk-behaviour.md, with what was measured.
var knownIssues = []KnownIssue{
	{
		ID:      "lock-up-after-all-devices",
		Since:   []Version{{20, 16, 0}},
		Effect:  "an application that hears of all device states can be locked up for good when its connection ends",
		Remedy:  "subscribe to channels, bridges and endpoints (WithSubscriptions) instead of WithSubscribeAll, or don't load res_stasis_device_state",
		Handled: "unsubscribes from device states before it closes a connection in good order; ErrLockedUp when it has happened",
	},
	{
		ID:      "crash-filter-while-reading",
		Effect:  "it can crash when an application's event filter is set while applications are read or subscribed",
		Remedy:  "let one program set the filter, once",
		Handled: "a controller never sends such requests at the same time",
	},
	{
		ID:     "lock-up-unsubscribing-device",
		Effect: "it can lock up when a device is unsubscribed from while a connection with all events is being made",
		Remedy: "avoid WithSubscribeAll beside subscriptions to devices",
	},
	{
		ID:      "zombie-registration",
		Effect:  "a connection made within a millisecond of the end of the one before is open, but hears nothing",
		Remedy:  "connect once more",
		Handled: "waits before it connects again, looks whether the application is there, and connects once more",
	},
	{
		ID:      "crash-bridge-variable-without-name",
		Since:   []Version{{22, 10, 1}},
		Effect:  "it crashes when a variable of a bridge is set without a name",
		Remedy:  "never send that",
		Handled: "the request is refused",
	},
	{
		ID:      "crash-function-without-value",
		Since:   []Version{{22, 10, 1}},
		Effect:  "it crashes when the dialplan function CHANNEL of a channel is set without a value",
		Remedy:  "never send that",
		Handled: "the request is refused",
	},
	{
		ID:      "crash-move-without-application",
		Since:   []Version{{22, 10, 1}},
		Effect:  "it crashes when a channel is moved and no application is named",
		Remedy:  "never send that",
		Handled: "the request is refused",
	},
	{
		ID:      "id-begins-another",
		Since:   []Version{{22, 10, 1}},
		Effect:  "an id is taken for one that exists if a living channel's id begins with it, and the request fails with 409",
		Remedy:  "give ids of one length",
		Handled: "ids made by the client have one length",
	},
	{
		ID:     "native-bridge-hides-digits",
		Effect: "two SIP channels in a bridge of the type mixing are connected past it, and no key is reported",
		Remedy: "make bridges of the type mixing,dtmf_events",
	},
	{
		ID:      "spoken-media-cannot-be-stopped",
		Effect:  "number:, digits: and characters: can't be stopped once they have begun",
		Remedy:  "play sound files where a caller may interrupt",
		Handled: "Prompt collects keys, and lets such media play to their end",
	},
	{
		ID:     "bridge-id-taken",
		Fixed:  []Version{{20, 13, 0}, {21, 8, 0}, {22, 3, 0}},
		Effect: "making a bridge whose id is taken is an empty answer or status 500 instead of 409",
		Remedy: "leave the id to the client",
	},
}

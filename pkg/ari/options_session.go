package ari

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Options about the connection to one Asterisk.

// WithSubscribeAll subscribes the application to all events of Asterisk, not only
// to those of channels that are in it.
//
// Device states are among them, and with these comes a risk: Asterisk 20.16 to 22.10
// at least, where nothing is known of newer ones, can lock up when the connection
// ends just while a device, any channel's for example, changes its state. Whoever
// doesn't need device states is better off with [WithSubscriptions].
func WithSubscribeAll() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.subscribeAll = true
		return nil
	})
}

// WithSubscriptions subscribes the application, the first one if there are several, to
// more events than those of the channels in it, on each connection: "channel:ID",
// "bridge:ID", "endpoint:TECH/RESOURCE", "deviceState:NAME"; without an id, as in
// "channel:", all of that kind. What doesn't exist is left out, and logged. See
// [Application.Subscribe] for subscriptions at run time.
func WithSubscriptions(sources ...string) SessionOption {
	return sessionOption(func(cfg *config) error {
		for _, source := range sources {
			kind, _, ok := strings.Cut(source, ":")
			if !ok || !slices.Contains(allSources, kind+":") {
				return fmt.Errorf("%q is no event source: it must begin with %s", source, strings.Join(allSources, ", "))
			}
		}
		cfg.subscriptions = append(cfg.subscriptions, sources...)
		return nil
	})
}

// WithAdoption makes channels that are in the client's applications already when it connects for the first time enter
// them anew: each gets a synthetic [StasisStart], and [Connected] lists them. Asterisk keeps such channels when a program
// ends, and tells its successor nothing of them.
func WithAdoption() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.adopt = true
		return nil
	})
}

// WithChannels makes a session one about these channels only, where others in its application are other programs' business: those
// that list returns, by id, whenever the session asks Asterisk what there is. With [WithAdoption], these enter anew. The
// events that come are the source's business: see [WithSource].
func WithChannels(list func() []string) SessionOption {
	return sessionOption(func(cfg *config) error {
		if list == nil {
			return errors.New("the list of channels is nil")
		}
		cfg.channels = list
		return nil
	})
}

// WithApplications adds further Stasis applications to the connection. An event
// that several of them are subscribed to comes once for each; the header's
// Application tells which.
func WithApplications(more ...string) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.applications = append(cfg.applications, more...)
		return nil
	})
}

// WithReconnect says how a lost connection is tried again. Fields that are zero
// have their defaults.
func WithReconnect(o ReconnectOptions) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.reconnect = o.withDefaults()
		return nil
	})
}

// WithKeepalive says how often the connection is tested with a ping, and how long
// Asterisk may take to answer; both are 10 s by default. A connection that has
// died without a word is noticed within the sum of both. An interval of 0 turns
// this off.
func WithKeepalive(interval, timeout time.Duration) SessionOption {
	return sessionOption(func(cfg *config) error {
		if interval < 0 || interval > 0 && timeout <= 0 {
			return fmt.Errorf("a keepalive of %s with time-out %s makes no sense", interval, timeout)
		}
		cfg.keepalive = interval
		if timeout > 0 {
			cfg.keepaliveTimeout = timeout // It also bounds the look at a connection that is in doubt.
		}
		return nil
	})
}

// WithSource makes the client get its connections from a source of its own instead of dialling Asterisk's websocket. The
// base URL is still where commands go, unless [WithTransport] says otherwise.
func WithSource(src Source) SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.source = src
		return nil
	})
}

// WithCommands says by which transport commands go to Asterisk. The default is [CommandsAuto], which is HTTP for a client
// that dials Asterisk: where Asterisk takes the websocket's handshake, it takes commands too, and the websocket is no faster.
//
// With [CommandsWebsocket] they go over the websocket that events come by. Asterisk carries out what comes by one websocket
// one after the other, so what may wait for what plays on a channel goes over others, each with an application of its own,
// which are opened when they are needed: to answer a channel, to set its variables, to put it into a bridge or take it out.
// What doesn't fit into a message of 8 KB, and the file of a stored recording, goes by HTTP nevertheless. A command whose
// websocket ends before the answer fails with [ErrConnection]; it isn't sent again, since it may have been carried out.
//
// Asterisk takes commands over the websocket since 20.14, 21.9, 22.4. With an older one, CommandsWebsocket makes Connect and
// every command fail with [ErrUnsupported].
func WithCommands(by Commands) SessionOption {
	return sessionOption(func(cfg *config) error {
		if by > CommandsWebsocket {
			return fmt.Errorf("there is no transport %d", by)
		}
		cfg.commands = by
		return nil
	})
}

// WithSweep ends, when the client connects for the first time, what an earlier run of the program has made on Asterisk and
// left there, having been killed: its bridges, the channels that it originated or created, its external media and snoops.
// Their ids tell whose they are, by the name of the application and the run; ids of your own are never touched, nor is
// anything of another application. Callers from outside are not swept: see [WithAdoption].
func WithSweep() SessionOption {
	return sessionOption(func(cfg *config) error {
		cfg.sweep = true
		return nil
	})
}

// ReconnectOptions say how a lost connection is tried again. The wait before attempt n is a random time up to Min *
// Factor^n, or up to Max if that is less: many clients that lose a server together don't come back together. It is at
// least 100 ms, since Asterisk must have noticed the loss before. The waits begin anew when the session has been in step.
type ReconnectOptions struct {
	Min    time.Duration // default 250 ms
	Max    time.Duration // default 1 s
	Factor float64       // default 2
}

// leastDelay is how long Asterisk is given to notice the end of a connection before the next one comes: within a
// millisecond or two, it takes the new one down with the old one.
const leastDelay = 100 * time.Millisecond

func (o ReconnectOptions) withDefaults() ReconnectOptions {
	if o.Min <= 0 {
		o.Min = 250 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = time.Second
	}
	o.Max = max(o.Max, o.Min)
	if o.Factor < 1 {
		o.Factor = 2
	}
	return o
}

// delays returns a function that returns one wait after the other.
func (o ReconnectOptions) delays() func() time.Duration {
	n := 0.0
	return func() time.Duration {
		limit := int64(min(float64(o.Min)*math.Pow(o.Factor, n), float64(o.Max)))
		n++
		return max(leastDelay, time.Duration(rand.Int64N(limit+1))) //nolint:gosec // Any randomness will do.
	}
}

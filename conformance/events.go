package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
)

// eventLog is all that an application has heard, in order.
type eventLog struct {
	mu      sync.Mutex
	all     []*heard
	changed chan struct{} // Closed, and made anew, when something has been added.
}

// heard is one event.
type heard struct {
	event ari.Event
	facts facts
	taken bool // await has returned it
}

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

func (l *eventLog) add(ev ari.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, &heard{event: ev, facts: factsOf(ev)})
	close(l.changed)
	l.changed = make(chan struct{})
}

// String is the whole log, a line for each event.
func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, h := range l.all {
		fmt.Fprintf(&b, "%s %s\n", h.facts.label, strings.Join(h.facts.keys, " "))
	}
	return b.String()
}

// entered are the ids of the channels that came in.
func (l *eventLog) entered() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, h := range l.all {
		if start, ok := h.event.(*ari.StasisStart); ok && start.Channel != nil {
			out = append(out, start.Channel.ID)
		}
	}
	return out
}

// wait waits until the condition, called under the lock, holds.
func (l *eventLog) wait(ctx context.Context, condition func() bool) error {
	for {
		l.mu.Lock()
		changed, ok := l.changed, condition()
		l.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// facts is what scenarios look at in any event.
type facts struct {
	typ string
	// label is the type and what makes a difference: "ChannelStateChange Up".
	label string
	// keys are the entities that it is about: "channel:1".
	keys []string
}

// frame is what facts are taken from.
type frame struct {
	Channel        *frameObject `json:"channel"`
	Peer           *frameObject `json:"peer"`
	Caller         *frameObject `json:"caller"`
	Forwarded      *frameObject `json:"forwarded"`
	ReplaceChannel *frameObject `json:"replace_channel"`
	Bridge         *frameObject `json:"bridge"`
	BridgeFrom     *frameObject `json:"bridge_from"`
	Playback       *frameObject `json:"playback"`
	Recording      *frameObject `json:"recording"`
	Endpoint       *frameObject `json:"endpoint"`
	DeviceState    *frameObject `json:"device_state"`
	ContactInfo    *frameObject `json:"contact_info"`
	DialStatus     string       `json:"dialstatus"`
	Digit          string       `json:"digit"`
	Variable       string       `json:"variable"`
	Value          string       `json:"value"`
	EventName      string       `json:"eventname"`
	Result         string       `json:"result"`
	Cause          int          `json:"cause"`
}

// frameObject is any object of an event.
type frameObject struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	State         string `json:"state"`
	Technology    string `json:"technology"`
	Resource      string `json:"resource"`
	MediaURI      string `json:"media_uri"`
	TargetURI     string `json:"target_uri"`
	PeerStatus    string `json:"peer_status"`
	ContactStatus string `json:"contact_status"`
}

// maxDetail is how long a variable's value is shown.
const maxDetail = 100

func factsOf(ev ari.Event) facts {
	if raw := ev.Header().Raw(); raw != nil {
		return factsOfFrame(ev.Header().Type, raw)
	}
	// What the client has made up for what it has missed.
	f := facts{typ: ev.Header().Type, label: ev.Header().Type}
	switch ev := ev.(type) {
	case *ari.StasisStart:
		f.keys = append(f.keys, key(ev.Channel))
	case *ari.StasisEnd:
		f.keys = append(f.keys, key(ev.Channel))
	}
	return f
}

func factsOfFrame(typ string, raw []byte) facts {
	f := facts{typ: typ, label: typ}
	var e frame
	if err := json.Unmarshal(raw, &e); err != nil {
		f.label += " (" + err.Error() + ")"
		return f
	}
	add := func(kind string, o *frameObject) {
		if o == nil {
			return
		}
		id := o.ID
		switch kind {
		case "recording", "deviceState":
			id = o.Name
		case "endpoint":
			id = o.Technology + "/" + o.Resource
		}
		if id != "" {
			f.keys = append(f.keys, kind+":"+id)
		}
		if o.TargetURI != "" {
			f.keys = append(f.keys, o.TargetURI)
		}
	}
	for _, o := range []*frameObject{e.Channel, e.Peer, e.Caller, e.Forwarded, e.ReplaceChannel} {
		add("channel", o)
	}
	add("bridge", e.Bridge)
	add("bridge", e.BridgeFrom)
	add("playback", e.Playback)
	add("recording", e.Recording)
	add("endpoint", e.Endpoint)
	add("deviceState", e.DeviceState)

	detail := ""
	switch f.typ {
	case "ChannelStateChange":
		detail = e.Channel.State
	case "Dial":
		detail = e.DialStatus
	case "ChannelDestroyed":
		detail = fmt.Sprint(e.Cause)
	case "ChannelDtmfReceived":
		detail = e.Digit
	case "ChannelVarset":
		detail = e.Variable + "=" + e.Value
		if len(detail) > maxDetail {
			detail = detail[:maxDetail]
		}
	case "ChannelUserevent":
		detail = e.EventName
	case "PlaybackFinished":
		detail = e.Playback.State
	case "PlaybackContinuing":
		detail = e.Playback.MediaURI
	case "RecordingFinished":
		detail = e.Recording.State
	case "DeviceStateChanged":
		detail = e.DeviceState.State
	case "EndpointStateChange":
		detail = e.Endpoint.State
	case "ContactStatusChange":
		detail = e.ContactInfo.ContactStatus
	case "PeerStatusChange":
		detail = e.Peer.PeerStatus
	case "BridgeBlindTransfer", "BridgeAttendedTransfer":
		detail = e.Result
	}
	if detail != "" {
		f.label += " " + detail
	}
	return f
}

// listener is a scenario, or one of its further applications.
type listener interface {
	app() *App
}

// key names the entity that something is: an object of pkg/ari, or a key itself; "" is anything.
func key(entity any) string {
	switch o := entity.(type) {
	case nil:
		return ""
	case string:
		return o
	case *ari.Channel:
		return "channel:" + o.ID
	case *ari.Bridge:
		return "bridge:" + o.ID
	case *ari.Playback:
		return "playback:" + o.ID
	case *ari.LiveRecording:
		return "recording:" + o.Name
	case *ari.Endpoint:
		return "endpoint:" + o.Technology + "/" + o.Resource
	case *ari.DeviceState:
		return "deviceState:" + o.Name
	default:
		panic(fmt.Sprintf("%T is no entity", entity))
	}
}

// await waits for the next event of a type, about an entity, that satisfies all conditions, and hasn't been returned before. It may have come already.
func await[E ari.Event](l listener, entity any, conditions ...func(E) bool) E {
	p := l.app()
	p.s.Helper()
	ctx, cancel := context.WithTimeout(p.s.Ctx, awaitTime)
	defer cancel()
	want := key(entity)
	var found E
	err := p.log.wait(ctx, func() bool {
		for _, h := range p.log.all {
			ev, ok := h.event.(E)
			if !ok || h.taken || want != "" && !slices.Contains(h.facts.keys, want) {
				continue
			}
			if slices.ContainsFunc(conditions, func(c func(E) bool) bool { return !c(ev) }) {
				continue
			}
			h.taken = true
			found = ev
			return true
		}
		return false
	})
	if err != nil {
		require.Failf(p.s, "no event", "%s hasn't heard of %s %s", p.AppName, reflect.TypeFor[E](), want)
	}
	return found
}

// sequence waits until the events about an entity, of the types that are named, are exactly these, in this order. A name alone stands for any event of
// the type, with a detail for that one; a label with a "!" before it stands for events that don't matter.
func (p *App) sequence(entity any, want ...string) {
	p.s.Helper()
	ctx, cancel := context.WithTimeout(p.s.Ctx, awaitTime)
	defer cancel()
	types, ignored := make(map[string]bool), make(map[string]bool)
	want = slices.DeleteFunc(slices.Clone(want), func(w string) bool {
		label, isIgnored := strings.CutPrefix(w, "!")
		ignored[label] = isIgnored
		typ, _, _ := strings.Cut(label, " ")
		types[typ] = true
		return isIgnored
	})
	var have []string
	err := p.log.wait(ctx, func() bool {
		have = slices.DeleteFunc(p.log.labels(key(entity), types), func(label string) bool { return ignored[label] })
		// What has gone wrong doesn't come right by waiting.
		return len(have) >= len(want) || !sameLabels(want[:len(have)], have)
	})
	if err != nil || !sameLabels(want, have) {
		require.Equal(p.s, want, have, "what %s has heard about %s", p.AppName, key(entity))
	}
}

// labels are those of the events of some types about an entity. It is called under the lock.
func (l *eventLog) labels(want string, types map[string]bool) []string {
	var out []string
	for _, h := range l.all {
		if types[h.facts.typ] && (want == "" || slices.Contains(h.facts.keys, want)) {
			out = append(out, h.facts.label)
		}
	}
	return out
}

func sameLabels(want, have []string) bool {
	return slices.EqualFunc(want, have, func(w, h string) bool {
		typ, _, _ := strings.Cut(h, " ")
		return w == h || w == typ
	})
}

// never asserts that no event of these labels has come up to now. It is called after something that would have come later.
func (p *App) never(entity any, labels ...string) {
	p.s.Helper()
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	for _, h := range p.log.all {
		if entity != nil && !slices.Contains(h.facts.keys, key(entity)) {
			continue
		}
		for _, label := range labels {
			if label == h.facts.label || label == h.facts.typ {
				require.Failf(p.s, "unexpected event", "%s has heard of %s %v", p.AppName, h.facts.label, h.facts.keys)
			}
		}
	}
}

func asError(err error, target **ari.Error) bool { return errors.As(err, target) }

// refused asserts that an operation was refused by the endpoint: with this status, the sentinel that stands for it, and a message.
func (s *S) refused(err error, status int, sentinel error) {
	s.Helper()
	require.Error(s, err)
	var e *ari.Error
	require.ErrorAs(s, err, &e)
	require.Equal(s, status, e.StatusCode, "%v", err)
	require.ErrorIs(s, err, sentinel)
	require.NotEmpty(s, e.Operation, "%v", err)
	require.NotEmpty(s, e.Message, "%v", err)
}

// unsent asserts that an operation was refused without being sent.
func (s *S) unsent(err, sentinel error) {
	s.Helper()
	var e *ari.Error
	require.ErrorAs(s, err, &e)
	require.Zero(s, e.StatusCode, "%v", err)
	require.ErrorIs(s, err, sentinel)
}

// ok asserts that there was no error.
func (s *S) ok(err error) {
	s.Helper()
	require.NoError(s, err)
}

// sorted ranges over a map in the order of its keys, so that each run of a scenario is the same.
func sorted[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// got returns a function that returns a result, and fails the scenario if it came with an error.
func got[T any](v T, err error) func(s *S) T {
	return func(s *S) T {
		s.Helper()
		require.NoError(s, err)
		return v
	}
}

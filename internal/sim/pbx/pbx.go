package pbx

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/release"
)

// A PBX is all that the simulated Asterisk knows. Its lock is held in all methods, but where they say otherwise; what it does
// is done by whoever holds the lock: a request, a test, or a timer. What happens in it is told to the applications that it embeds.
type PBX struct {
	*applications.Registry
	Config Config
	Has    features

	Mu      sync.Mutex
	Closed  bool
	Epoch   int // counts restarts, so that old timers do nothing
	Started time.Time

	Channels     map[string]*Channel
	ChannelOrder []*Channel
	Bridges      map[string]*Bridge
	BridgeOrder  []*Bridge
	Playbacks    map[string]*Playback
	Live         map[string]*Recording // live recordings
	Stored       map[string]*StoredRecording
	Devices      map[string]string // Stasis: devices
	told         map[string]string // the states of other devices that were told last
	Mailboxes    map[string]*gen.Mailbox
	Globals      map[string]string
	Modules      map[string]*Module
	Logs         map[string]string // log channels: levels
	Objects      map[string]map[string]string
	Messages     []Message

	// What a test has set up. It outlives a restart.
	Phonebook   map[string]*Endpoint // by technology and resource
	Dialplan    *dialplan
	Sounds      map[string]*media.Sound
	CallDialers []CallDialer

	sounding   int            // those who want to hear something
	frozen     int            // those because of whom no channel can be made
	thawed     chan struct{}  // closed when there are none any more
	passed     int            // Local channels that a frame has gone through
	Serial     int            // of unique ids
	techSerial map[string]int // of channel names
	Changed    chan struct{}  // closed when something has changed that tests may wait for
}

// A Config is what an Asterisk's configuration says.
type Config struct {
	Version     release.Version
	Speed       float64 // of time
	ChannelVars []string
	EntityID    string
	Name        string
	CallPoll    time.Duration // how often is looked whether a call's connection is there; 0 is Asterisk's 500 ms

	PlaysCollide bool // of two plays at once to a bridge where nothing plays, the second fails
}

// features are what the version has, as far as it isn't about whole operations.
type features struct {
	asteriskID, RestOverWebsocket, MediaWebsocket, protocolID, techCause, DuplicateBridge, failedPlayback, SyncSetVar, rdnis bool
}

// New makes an Asterisk that has just started.
func New(o Config) *PBX {
	v := o.Version
	p := &PBX{
		Config: o,
		Has: features{
			asteriskID:        v.AtLeast("13.13", "14.2", "15.0"),
			MediaWebsocket:    v.AtLeast("20.16", "21.11", "22.6", "23.0"),
			RestOverWebsocket: v.AtLeast("20.14", "21.9", "22.4", "23.0"),
			protocolID:        v.AtLeast("16.27", "18.13", "19.5", "20.0"),
			techCause:         v.AtLeast("20.17", "22.7", "23.1"),
			DuplicateBridge:   v.AtLeast("20.13", "21.8", "22.3", "23.0"),
			failedPlayback:    v.AtLeast("16.20", "18.6", "19.0"),
			SyncSetVar:        v.AtLeast("20.20", "22.10", "23.4"),
			rdnis:             v.AtLeast("20.6", "21.1", "22.0"),
		},
		Phonebook: map[string]*Endpoint{},
		Dialplan:  newDialplan(),
		Sounds:    maps.Clone(media.CoreSounds()),
		Changed:   make(chan struct{}),
	}
	how := applications.About{Now: p.Now, ForgetsAll: p.Has.RestOverWebsocket}
	if p.Has.asteriskID {
		how.AsteriskID = o.EntityID
	}
	p.Registry = applications.NewRegistry(how)
	p.Reset()
	return p
}

// Reset makes the state that Asterisk starts with.
func (p *PBX) Reset() {
	p.Epoch++
	p.Started = p.Now()
	p.Registry.Reset()
	p.Channels, p.ChannelOrder = map[string]*Channel{}, nil
	p.Bridges, p.BridgeOrder = map[string]*Bridge{}, nil
	p.Playbacks = map[string]*Playback{}
	p.Live = map[string]*Recording{}
	if p.Stored == nil { // Files stay.
		p.Stored = map[string]*StoredRecording{}
	}
	p.Devices, p.told = map[string]string{}, map[string]string{}
	p.Mailboxes = map[string]*gen.Mailbox{}
	p.Globals = maps.Clone(p.Dialplan.globals)
	p.Modules = defaultModules()
	p.Logs = DefaultLogs()
	p.Objects = map[string]map[string]string{}
	p.techSerial = map[string]int{}
	p.Signal()
}

// Restart ends Asterisk without a word to anybody, and starts it anew.
func (p *PBX) Restart() {
	var ends []farEnd
	var legs []Leg
	for _, ch := range p.ChannelOrder {
		ch.Hungup = true
		ch.flushSilently()
		if ch.Far != nil {
			ends = append(ends, ch.Far)
		}
		if ch.Leg != nil {
			legs = append(legs, ch.Leg)
		}
	}
	p.Reset()
	for _, far := range ends {
		far.Over(0, 0)
	}
	for _, leg := range legs {
		leg.Over(0)
	}
}

// Close stops all timers for ever.
func (p *PBX) Close() {
	p.Closed = true
	for _, ch := range p.ChannelOrder {
		if ch.Leg != nil {
			ch.Leg.Over(0)
		}
	}
	p.Signal()
}

// Signal wakes those who wait for a change.
func (p *PBX) Signal() {
	close(p.Changed)
	p.Changed = make(chan struct{})
}

// Exists reports whether there is something that an application can subscribe to.
func (p *PBX) Exists(s applications.Source) bool {
	if s.Everything() {
		return true
	}
	switch s.Scheme {
	case "channel":
		return p.Channels[s.Name] != nil
	case "bridge":
		return p.Bridges[s.Name] != nil
	case "endpoint":
		if tech, resource, ok := strings.Cut(s.Name, "/"); ok {
			return p.Endpoint(tech, resource) != nil
		}
		return p.HasTech(s.Name)
	default:
		return true
	}
}

// uniqueID makes an id as Asterisk does.
func (p *PBX) uniqueID() string {
	id := p.Config.Name + "-" + strconv.FormatInt(p.Now().Unix(), 10) + "." + strconv.Itoa(p.Serial)
	p.Serial++
	return id
}

// NextName makes the end of a channel's name, which counts each technology's channels.
func (p *PBX) NextName(tech string) string {
	n := p.techSerial[tech]
	p.techSerial[tech]++
	return fmt.Sprintf("%08x", n)
}

// Uuid makes an id that looks like those of bridges and playbacks.
func (p *PBX) Uuid() string {
	p.Serial++
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", p.Serial*2654435761&0xffffffff, p.Serial&0xffff, p.Epoch&0xfff, p.Serial&0xfff, p.Now().UnixNano()&0xffffffffffff)
}

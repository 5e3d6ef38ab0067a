package aritest

import (
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/ari-go/ari/gen"
)

// A pbx is all that the simulated Asterisk knows. Its lock is held in all methods, but where they say otherwise; what it does
// is done by whoever holds the lock: a request, a test, or a timer.
type pbx struct {
	opts options
	has  features

	mu     sync.Mutex
	closed bool
	epoch  int // counts restarts, so that old timers do nothing

	started time.Time

	apps     map[string]*app
	appOrder []*app

	channels     map[string]*channel
	channelOrder []*channel
	bridges      map[string]*bridge
	bridgeOrder  []*bridge
	playbacks    map[string]*playback
	live         map[string]*recording // live recordings
	stored       map[string]*storedRecording
	devices      map[string]string // Stasis: devices
	told         map[string]string // the states of other devices that were told last
	mailboxes    map[string]*gen.Mailbox
	globals      map[string]string
	modules      map[string]*module
	logs         map[string]string // log channels: levels
	objects      map[string]map[string]string
	messages     []Message

	// What a test has set up. It outlives a restart.
	endpoints map[string]*Endpoint
	dialplan  *dialplan
	sounds    map[string]*sound

	serial     int            // of unique ids
	techSerial map[string]int // of channel names
	changed    chan struct{}  // closed when something has changed that tests may wait for

	conns  map[*wsConn]struct{}
	faults []*requestFault
	alter  func([]byte) [][]byte
}

// features are what the version has, as far as it isn't about whole operations.
type features struct {
	asteriskID, restOverWebsocket, protocolID, techCause, duplicateBridge, failedPlayback, syncSetVar, rdnis bool
}

func newPBX(o options) *pbx {
	p := &pbx{
		opts: o,
		has: features{
			asteriskID:        o.atLeast("13.13", "14.2", "15.0"),
			restOverWebsocket: o.atLeast("20.14", "21.9", "22.4", "23.0"),
			protocolID:        o.atLeast("16.27", "18.13", "19.5", "20.0"),
			techCause:         o.atLeast("20.17", "22.7", "23.1"),
			duplicateBridge:   o.atLeast("20.13", "21.8", "22.3", "23.0"),
			failedPlayback:    o.atLeast("16.20", "18.6", "19.0"),
			syncSetVar:        o.atLeast("20.20", "22.10", "23.4"),
			rdnis:             o.atLeast("20.6", "21.1", "22.0"),
		},
		endpoints: map[string]*Endpoint{},
		dialplan:  newDialplan(),
		sounds:    maps.Clone(defaultSounds()),
		changed:   make(chan struct{}),
	}
	p.reset()
	return p
}

// reset makes the state that Asterisk starts with.
func (p *pbx) reset() {
	p.epoch++
	p.started = p.now()
	p.apps, p.appOrder = map[string]*app{}, nil
	p.channels, p.channelOrder = map[string]*channel{}, nil
	p.bridges, p.bridgeOrder = map[string]*bridge{}, nil
	p.playbacks = map[string]*playback{}
	p.live = map[string]*recording{}
	if p.stored == nil { // Files stay.
		p.stored = map[string]*storedRecording{}
	}
	p.devices, p.told = map[string]string{}, map[string]string{}
	p.mailboxes = map[string]*gen.Mailbox{}
	p.globals = maps.Clone(p.dialplan.globals)
	p.modules = defaultModules()
	p.logs = defaultLogs()
	p.objects = map[string]map[string]string{}
	p.techSerial = map[string]int{}
	p.conns = map[*wsConn]struct{}{}
	p.signal()
}

// signal wakes those who wait for a change.
func (p *pbx) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// uniqueID makes an id as Asterisk does.
func (p *pbx) uniqueID() string {
	id := p.opts.name + "-" + strconv.FormatInt(p.now().Unix(), 10) + "." + strconv.Itoa(p.serial)
	p.serial++
	return id
}

// nextName makes the end of a channel's name, which counts each technology's channels.
func (p *pbx) nextName(tech string) string {
	n := p.techSerial[tech]
	p.techSerial[tech]++
	return fmt.Sprintf("%08x", n)
}

// uuid makes an id that looks like those of bridges and playbacks.
func (p *pbx) uuid() string {
	p.serial++
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", p.serial*2654435761&0xffffffff, p.serial&0xffff, p.epoch&0xfff, p.serial&0xfff, p.now().UnixNano()&0xffffffffffff)
}

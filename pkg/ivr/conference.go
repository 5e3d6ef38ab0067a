package ivr

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ari-go/ari/pkg/ari"
)

// How a conference may end for a member, beside [Key], [HungUp] and [Invalid], which is a wrong PIN.
const (
	// Locked: nobody else may come in.
	Locked Outcome = "locked"
	// Kicked: the leader, or the program, has taken the member out.
	Kicked Outcome = "kicked"
	// LeaderLeft: the conference has ended with its leader.
	LeaderLeft Outcome = "leader left"
)

// ConferenceOptions say how a conference works. The zero value lets everybody in, and everybody hears everybody.
type ConferenceOptions struct {
	// PIN is what members type, LeaderPIN what the leader types; "" is nothing.
	PIN, LeaderPIN string

	// MaxMembers is how many may be in at most; 0 is no limit.
	MaxMembers int

	// WaitForLeader has members hear music until the leader is there; EndWithLeader ends the conference when he leaves.
	WaitForLeader, EndWithLeader bool

	// Names has each member say his name, which is played when he comes and goes. Quiet plays nothing then, not even the sounds
	// confbridge-join and confbridge-leave.
	Names, Quiet bool

	// Record is the name of a recording of all of it; "" is none.
	Record string

	// Changed, if set, is told of members who come, go, are muted, raise their hand, or talk.
	Changed func(m Member)

	// Waiting is what members hear who wait for the leader: music by default.
	Waiting Waiting
}

// A Member is somebody in a conference.
type Member struct {
	// Channel is his own.
	Channel *ari.Channel

	// Leader may lock, mute all and kick by keys.
	Leader bool

	// Muted isn't heard, Hand is raised, Talking is heard just now, Left is gone.
	Muted, Hand, Talking, Left bool
}

// The keys in a conference.
const (
	keyMute    = "*1" // one's own microphone
	keyHand    = "*2" // raise one's hand, or take it down
	keyLock    = "*4" // the leader's: nobody else comes in
	keyMuteAll = "*5" // the leader's: everybody else
	keyKick    = "*6" // the leader's: who came last
	keyLeave   = "*0"
)

// A Conference is a room in which several callers hear each other. It has the members of one process. [NewConference] makes one, and
// it is empty until somebody joins.
type Conference struct {
	opts ConferenceOptions

	mu       sync.Mutex
	bridge   *ari.Bridge
	members  []*member
	locked   bool
	allMuted bool
	led      chan struct{} // closed while the leader is there
}

type member struct {
	Member

	out  chan Outcome // takes him out
	name string       // of the recording of his name
}

// NewConference makes a conference.
func NewConference(opts ConferenceOptions) *Conference {
	return &Conference{opts: opts, led: make(chan struct{})}
}

// A ConferenceResult is how a member left.
type ConferenceResult struct {
	// Outcome is Key, HungUp, Kicked, LeaderLeft; Invalid, Locked or Full, if he wasn't let in; Canceled or Failed.
	Outcome Outcome

	// Leader says that he had the leader's PIN.
	Leader bool
}

// Join lets a caller, who must be answered, take part until he leaves. While he is in, *1 mutes him, *2 raises his hand and *0 leaves; the
// leader has *4 to lock the conference, *5 to mute all others and *6 to take out who came last. It fails as the package's documentation says.
// Since Asterisk 12.
func (c *Conference) Join(ctx context.Context, caller *ari.Channel) (*ConferenceResult, error) {
	ctx, release := caller.Context(ctx)
	defer release()
	keypad := caller.Keypad()
	defer keypad.Close()
	m := &member{Member: Member{Channel: caller}, out: make(chan Outcome, 1)}
	out, err := c.admit(ctx, m, keypad)
	if out == "" && err == nil {
		out, err = c.takePart(ctx, m, keypad)
	}
	if err != nil {
		err = leaving(ctx, err, caller)
		out = outcomeOf(ctx, err)
	}
	if m.name != "" {
		err = errors.Join(err, undo(ctx, caller.Controller(), caller.Controller().StoredRecording(m.name).Delete))
	}
	return &ConferenceResult{Outcome: out, Leader: m.Leader}, err
}

// Members are those who are in.
func (c *Conference) Members() (all []Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		all = append(all, m.Member)
	}
	return all
}

// Lock keeps others from coming in, or lets them again.
func (c *Conference) Lock(locked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locked = locked
}

// Kick takes a member out, by his channel's id, and reports whether he was in.
func (c *Conference) Kick(channel string) bool {
	m := c.find(channel)
	return m != nil && m.send(Kicked)
}

// Mute mutes a member, by his channel's id, or lets him be heard again. It fails with ari.ErrNotFound if he isn't in.
func (c *Conference) Mute(ctx context.Context, channel string, muted bool) error {
	m := c.find(channel)
	if m == nil {
		return ari.ErrNotFound
	}
	return c.mute(ctx, m, muted)
}

func (c *Conference) find(channel string) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.members, func(m *member) bool { return m.Channel.ID == channel }); i >= 0 {
		return c.members[i]
	}
	return nil
}

// send takes a member out, unless he is being taken out.
func (m *member) send(out Outcome) bool {
	select {
	case m.out <- out:
		return true
	default:
		return false
	}
}

// admit asks for the PIN and the name.
func (c *Conference) admit(ctx context.Context, m *member, keypad *ari.Keypad) (Outcome, error) {
	if c.opts.PIN != "" || c.opts.LeaderPIN != "" {
		res, err := Ask(ctx, m.Channel, AskOptions{Prompt: Sounds("conf-getpin"), Invalid: Sounds("conf-invalidpin"), Keypad: keypad, Match: c.pin})
		if err != nil || res.Outcome != Done && (c.opts.PIN != "" || res.Outcome != Silence) {
			return Invalid, err
		}
		m.Leader = c.opts.LeaderPIN != "" && res.Digits == c.opts.LeaderPIN
	}
	if c.opts.Names && !c.opts.Quiet {
		res, err := Record(ctx, m.Channel, RecordOptions{Prompt: Sounds("vm-rec-name"), MaxDuration: 5 * defaultMaxSilence / 2, MaxSilence: defaultMaxSilence / 2, Keypad: keypad})
		if res.Recording != nil {
			m.name = res.Recording.Name
		}
		return "", err
	}
	return "", nil
}

// pin judges what is typed.
func (c *Conference) pin(typed string, ended bool) Verdict {
	longest := max(len(c.opts.PIN), len(c.opts.LeaderPIN))
	switch {
	case typed == "" || !ended && len(typed) < longest && typed != c.opts.LeaderPIN && typed != c.opts.PIN:
		return More
	case typed == c.opts.PIN, typed == c.opts.LeaderPIN:
		return Valid
	}
	return Wrong
}

// takePart puts a member into the bridge, until something takes him out.
func (c *Conference) takePart(ctx context.Context, m *member, keypad *ari.Keypad) (out Outcome, err error) {
	if out, err := c.await(ctx, m); out != "" || err != nil {
		return out, err
	}
	if out, err := c.enter(ctx, m); out != "" || err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.leave(ctx, m)) }()
	if m.Muted {
		if err := m.Channel.Mute(ctx, ari.MuteDirectionIn); err != nil {
			return "", err
		}
	}
	c.announce(ctx, m, "confbridge-join", "confbridge-has-joined")
	stop := c.watch(ctx, m, keypad)
	defer stop()
	select {
	case out = <-m.out:
		return out, nil
	case <-ctx.Done():
		return "", reasonOf(ctx)
	}
}

// await lets a member wait for the leader.
func (c *Conference) await(ctx context.Context, m *member) (Outcome, error) {
	c.mu.Lock()
	led := c.led
	c.mu.Unlock()
	if !c.opts.WaitForLeader || m.Leader {
		return "", nil
	}
	select {
	case <-led:
		return "", nil
	default:
	}
	held, err := Hold(ctx, m.Channel, HoldOptions{Waiting: c.opts.Waiting, Until: led})
	if held.Outcome == Done {
		return "", nil
	}
	return held.Outcome, err
}

// enter puts a member into the bridge, which the first one makes.
func (c *Conference) enter(ctx context.Context, m *member) (Outcome, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.locked && !m.Leader:
		return Locked, nil
	case c.opts.MaxMembers > 0 && len(c.members) >= c.opts.MaxMembers:
		return Full, nil
	}
	if c.bridge == nil {
		if err := c.open(ctx, m.Channel.Controller()); err != nil {
			return "", err
		}
	}
	err := c.bridge.AddChannel(ctx, m.Channel.ID)
	if err != nil {
		return "", errors.Join(err, c.closeIfEmpty(ctx))
	}
	c.members = append(c.members, m)
	if m.Leader {
		select {
		case <-c.led:
		default:
			close(c.led)
		}
	}
	m.Muted = c.allMuted && !m.Leader // takePart does it, for a member must leave if it fails.
	return "", nil
}

// open makes the bridge, with the lock held.
func (c *Conference) open(ctx context.Context, ctrl *ari.Controller) error {
	var clean cleaner
	bridge, err := createBridge(ctx, ctrl, "mixing,dtmf_events", &clean)
	if err == nil && c.opts.Record != "" {
		_, err = bridge.RecordWith(ctx, c.opts.Record, "wav", ari.BridgeRecordOptions{IfExists: ari.IfExistsAppend})
	}
	if err != nil {
		clean.run(&err)
		return err
	}
	c.bridge = bridge
	return nil
}

// leave takes a member out of the bridge, and ends the conference if it is over.
func (c *Conference) leave(ctx context.Context, m *member) error {
	c.mu.Lock()
	c.members = slices.DeleteFunc(c.members, func(o *member) bool { return o == m })
	m.Left = true
	err := undo(ctx, c.bridge.Controller(), func(ctx context.Context) error {
		err := c.bridge.RemoveChannel(ctx, m.Channel.ID)
		if errors.Is(err, ari.ErrUnprocessable) || errors.Is(err, ari.ErrInvalid) { // He isn't in any more.
			return nil
		}
		return err
	})
	err = errors.Join(err, c.closeIfEmpty(ctx))
	if m.Leader && !slices.ContainsFunc(c.members, func(o *member) bool { return o.Leader }) {
		c.led, c.allMuted = make(chan struct{}), false
		if c.opts.EndWithLeader {
			for _, o := range c.members {
				o.send(LeaderLeft)
			}
		}
	}
	c.mu.Unlock()
	if ctx.Err() == nil && m.Muted {
		err = errors.Join(err, m.Channel.Unmute(ctx, ari.MuteDirectionIn))
	}
	c.changed(m)
	c.announce(ari.Cleanup(ctx), m, "confbridge-leave", "confbridge-has-left")
	return err
}

// closeIfEmpty destroys the bridge when nobody is in it, with the lock held.
func (c *Conference) closeIfEmpty(ctx context.Context) error {
	if len(c.members) > 0 || c.bridge == nil {
		return nil
	}
	bridge := c.bridge
	c.bridge = nil
	return destroy(ctx, bridge)
}

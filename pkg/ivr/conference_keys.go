package ivr

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ari-go/ari/pkg/ari"
)

// changed tells of a member.
func (c *Conference) changed(m *member) {
	if c.opts.Changed == nil {
		return
	}
	c.mu.Lock()
	now := m.Member
	c.mu.Unlock()
	c.opts.Changed(now)
}

// announce lets the conference hear that somebody comes or goes.
func (c *Conference) announce(ctx context.Context, m *member, sound, named string) {
	c.mu.Lock()
	bridge := c.bridge
	c.mu.Unlock()
	if c.opts.Quiet || bridge == nil {
		return
	}
	media := []string{"sound:" + sound}
	if m.name != "" {
		media = []string{"recording:" + m.name, "sound:" + named}
	}
	if playback, err := bridge.Play(ctx, media...); err == nil && m.name != "" {
		_ = playback.Wait(ctx) // The name is deleted when its owner has gone.
	}
}

// mute mutes a member, or lets him be heard again.
func (c *Conference) mute(ctx context.Context, m *member, muted bool) error {
	change := m.Channel.Unmute
	if muted {
		change = m.Channel.Mute
	}
	if err := change(ctx, ari.MuteDirectionIn); err != nil {
		return err
	}
	c.mu.Lock()
	m.Muted = muted
	c.mu.Unlock()
	c.changed(m)
	return nil
}

// watch waits for a member's keys, and for his talking, until stop is called.
func (c *Conference) watch(ctx context.Context, m *member, keypad *ari.Keypad) (stop func()) {
	c.changed(m)
	ctx, cancel := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	watchers.Go(func() {
		for c.command(ctx, m, keypad) {
		}
	})
	if c.opts.Changed != nil {
		begun := ari.Subscribe[*ari.ChannelTalkingStarted](m.Channel)
		ended := ari.Subscribe[*ari.ChannelTalkingFinished](m.Channel)
		watchers.Go(func() { follow(ctx, begun, func() { c.talks(m, true) }) })
		watchers.Go(func() { follow(ctx, ended, func() { c.talks(m, false) }) })
		_ = m.Channel.DetectTalk(ctx) // Without the module, nobody is told who talks.
	}
	return func() {
		cancel()
		watchers.Wait()
	}
}

// follow runs a function for each event of a subscription.
func follow[E ari.Event](ctx context.Context, sub *ari.Subscription[E], do func()) {
	defer sub.Close()
	for _, err := range sub.All(ctx) {
		if err != nil {
			return
		}
		do()
	}
}

func (c *Conference) talks(m *member, talking bool) {
	c.mu.Lock()
	m.Talking = talking
	c.mu.Unlock()
	c.changed(m)
}

// command does what a member asks for by keys, and reports whether to go on.
func (c *Conference) command(ctx context.Context, m *member, keypad *ari.Keypad) bool {
	keys := []string{keyMute, keyHand, keyLeave}
	if m.Leader {
		keys = append(keys, keyLock, keyMuteAll, keyKick)
	}
	pressed, err := keypad.Match(ctx, keys...)
	if err != nil {
		return false
	}
	switch pressed {
	case keyMute:
		err = c.mute(ctx, m, !m.Muted)
	case keyHand:
		c.mu.Lock()
		m.Hand = !m.Hand
		c.mu.Unlock()
		c.changed(m)
	case keyLock:
		c.mu.Lock()
		c.locked = !c.locked
		c.mu.Unlock()
	case keyMuteAll:
		err = c.muteAll(ctx)
	case keyKick:
		c.kickLast()
	default:
		m.send(Key)
		return false
	}
	return err == nil || ctx.Err() == nil
}

// muteAll mutes all but leaders, or lets them be heard again.
func (c *Conference) muteAll(ctx context.Context) (err error) {
	c.mu.Lock()
	c.allMuted = !c.allMuted
	muted := c.allMuted
	var others []*member
	for _, m := range c.members {
		if !m.Leader {
			others = append(others, m)
		}
	}
	c.mu.Unlock()
	for _, m := range others {
		err = errors.Join(err, c.mute(ctx, m, muted))
	}
	return err
}

// kickLast takes out who came last and is no leader.
func (c *Conference) kickLast() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range slices.Backward(c.members) {
		if !m.Leader {
			m.send(Kicked)
			return
		}
	}
}

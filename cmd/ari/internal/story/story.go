// Package story tells in sentences what a trace has.
package story

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritrace"

	"github.com/ari-go/ari/cmd/ari/internal/operations"
)

// A Sentence tells one thing.
type Sentence struct {
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
	Warning bool      `json:"warning,omitempty"` // Something is wrong, or will be.
}

// Tell tells a trace.
func Tell(t *aritrace.Trace) []Sentence {
	s := &teller{commands: make(map[int]*aritrace.Line), up: make(map[string]time.Time), plain: make(map[string]bool), phones: make(map[string][]string), answered: make(map[string]bool)}
	for i := range t.Lines {
		s.line(&t.Lines[i])
	}
	s.end(t)
	slices.SortStableFunc(s.said, func(a, b Sentence) int { return a.At.Compare(b.At) }) // A command is told when its answer is known.
	return s.said
}

type teller struct {
	said     []Sentence
	commands map[int]*aritrace.Line // that have no answer yet
	up       map[string]time.Time   // channels in the application, since when
	plain    map[string]bool        // bridges whose type is mixing alone
	phones   map[string][]string    // SIP channels that have been in a bridge
	answered map[string]bool        // channels that the program has done something with
}

func (s *teller) say(at time.Time, format string, args ...any) {
	s.said = append(s.said, Sentence{At: at, Text: fmt.Sprintf(format, args...)})
}

func (s *teller) warn(at time.Time, format string, args ...any) {
	s.said = append(s.said, Sentence{At: at, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (s *teller) line(l *aritrace.Line) {
	switch l.Kind {
	case aritrace.KindCommand:
		s.commands[l.Command.ID] = l
		s.created(l.Command)
		for id := range s.up {
			if strings.Contains(l.Command.Path+l.Command.Query, id) {
				s.answered[id] = true
			}
		}
	case aritrace.KindAnswer:
		s.answer(l)
	case aritrace.KindEvent:
		s.event(l)
	case aritrace.KindConnected:
		s.say(l.At, "The program is connected.")
	case aritrace.KindDisconnected:
		s.warn(l.At, "The connection is lost: %s. What happened until the next one is not in the trace.", l.Error)
	case aritrace.KindLost:
		s.warn(l.At, "%d lines are missing here: the recorder fell behind.", l.Count)
	default:
	}
}

// answer tells a command together with what came of it.
func (s *teller) answer(l *aritrace.Line) {
	c := s.commands[l.Answer.ID]
	if c == nil {
		return // The trace begins behind it.
	}
	delete(s.commands, l.Answer.ID)
	took := l.At.Sub(c.At).Round(time.Millisecond)
	text := "The program " + Command(c.Command)
	switch a := l.Answer; {
	case a.Status == 0:
		s.warn(c.At, "%s, and got no answer in %s: %s.", text, took, a.Error)
	case a.Failed():
		s.warn(c.At, "%s, and Asterisk refused it after %s: %d %s.%s", text, took, a.Status, a.Message, hint(c.Command, a))
	case took >= time.Second:
		s.warn(c.At, "%s, which took %s.", text, took)
	default:
		s.say(c.At, "%s (%s).", text, took)
	}
}

// hint says what is mostly behind a refusal.
func hint(c *aritrace.Command, a *aritrace.Answer) string {
	switch {
	case a.Status == 404 && strings.HasPrefix(c.Path, "/channels/"):
		return " The channel had ended before."
	case a.Status == 401:
		return " User or password is wrong."
	case a.Status == 403:
		return " The user may only read."
	case (a.Status == 409 || a.Status == 422) && strings.Contains(a.Message, "not in Stasis"):
		return " The channel had left the application, or not entered it yet."
	default:
		return ""
	}
}

func (s *teller) event(l *aritrace.Line) {
	ev, err := ari.DecodeEvent(l.Event)
	if err != nil {
		s.warn(l.At, "An event can't be read: %v.", err)
		return
	}
	switch ev := ev.(type) {
	case *ari.StasisStart:
		s.up[ev.Channel.ID] = l.At
	case *ari.StasisEnd:
		if !s.answered[ev.Channel.ID] && !s.up[ev.Channel.ID].IsZero() {
			s.warn(l.At, "%s leaves the application, and the program had done nothing with it for %s.", channel(ev.Channel), l.At.Sub(s.up[ev.Channel.ID]).Round(time.Millisecond))
			delete(s.up, ev.Channel.ID)
			return
		}
		delete(s.up, ev.Channel.ID)
	default:
	}
	s.bridged(l, ev)
	if varset, ok := ev.(*ari.ChannelVarset); ok && tedious(varset.Variable) {
		return
	}
	text, warning := Event(ev)
	s.said = append(s.said, Sentence{At: l.At, Text: text + ".", Warning: warning})
}

// bridged warns of a bridge in which Asterisk connects two telephones past itself: their keys aren't reported. It does so where two
// SIP channels are in a bridge whose type is mixing alone; the event of their entering is often too early to say so.
func (s *teller) bridged(l *aritrace.Line, ev ari.Event) {
	entered, ok := ev.(*ari.ChannelEnteredBridge)
	if !ok || entered.Bridge == nil || entered.Channel == nil {
		return
	}
	id := entered.Bridge.ID
	if strings.HasPrefix(entered.Channel.Name, "PJSIP/") {
		s.phones[id] = append(s.phones[id], entered.Channel.ID)
	}
	both := len(entered.Bridge.Channels) == 2 && !slices.ContainsFunc(entered.Bridge.Channels, func(ch string) bool { return !slices.Contains(s.phones[id], ch) })
	if s.plain[id] && both {
		s.plain[id] = false // Once is enough.
		s.warn(l.At, "In the bridge %s, which is of the type mixing, Asterisk connects the two telephones past itself, so no keys are reported: "+
			"a bridge of the type mixing,dtmf_events would report them.", id)
	}
}

// created notes a bridge that may hide keys.
func (s *teller) created(c *aritrace.Command) {
	if id, ok := strings.CutPrefix(c.Path, "/bridges/"); ok && c.Operation == "bridgesCreateWithId" {
		query, err := url.ParseQuery(c.Query)
		s.plain[unescaped(id)] = err == nil && (query.Get("type") == "mixing" || query.Get("type") == "")
	}
}

// tedious reports whether a variable is one that Asterisk sets by itself.
func tedious(variable string) bool {
	return strings.HasPrefix(variable, "RTPAUDIOQOS") || variable == "BRIDGEPEER" || variable == "BRIDGEPVTCALLID" || variable == "STASISSTATUS"
}

// end tells what was left open.
func (s *teller) end(t *aritrace.Trace) {
	if len(t.Lines) == 0 {
		return
	}
	last := t.Lines[len(t.Lines)-1].At
	for i := range t.Lines { // in the order in which they were sent
		if c := t.Lines[i].Command; c != nil && s.commands[c.ID] != nil {
			s.warn(last, "The program %s at %s, and there is no answer until the trace's end.", Command(c), t.Lines[i].At.Format("15:04:05.000"))
		}
	}
	if t.Cut {
		s.warn(last, "The trace breaks off within a line: the program was killed.")
	}
}

// Command tells a command, behind the name of who sent it.
func Command(c *aritrace.Command) string {
	text := "sends " + c.Method + " " + unescaped(c.Path)
	if op, ok := operations.Find(c.Operation); ok {
		text = "asks to " + strings.ToLower(op.Summary[:1]) + op.Summary[1:] + ", " + unescaped(c.Path)
	}
	if c.Query != "" {
		text += " with " + strings.ReplaceAll(unescaped(c.Query), "&", ", ")
	}
	if len(c.Body) > 0 {
		text += " and " + string(c.Body)
	}
	return text
}

// Event tells an event, and whether it is a sign of something wrong.
func Event(ev ari.Event) (text string, warning bool) {
	switch ev := ev.(type) {
	case *ari.StasisStart:
		args := ""
		if len(ev.Args) > 0 {
			args = ", with " + strings.Join(ev.Args, ", ")
		}
		return fmt.Sprintf("%s enters the application %s%s", channel(ev.Channel), ev.Application, args), false
	case *ari.StasisEnd:
		return channel(ev.Channel) + " leaves the application", false
	case *ari.ChannelStateChange:
		return fmt.Sprintf("%s is now %s", channel(ev.Channel), ev.Channel.State), false
	case *ari.ChannelDtmfReceived:
		return fmt.Sprintf("The key %s is pressed on %s, for %d ms", ev.Digit, channel(ev.Channel), ev.DurationMs), false
	case *ari.ChannelHangupRequest:
		return fmt.Sprintf("%s is asked to hang up, cause %d", channel(ev.Channel), ev.Cause), false
	case *ari.ChannelDestroyed:
		return fmt.Sprintf("%s ends, cause %d (%s)", channel(ev.Channel), ev.Cause, ev.CauseTxt), ev.Cause != 16 && ev.Cause != 0
	case *ari.ChannelEnteredBridge:
		return fmt.Sprintf("%s enters the bridge %s, which has %d", channel(ev.Channel), ev.Bridge.ID, len(ev.Bridge.Channels)), false
	case *ari.ChannelLeftBridge:
		return fmt.Sprintf("%s leaves the bridge %s", channel(ev.Channel), ev.Bridge.ID), false
	case *ari.PlaybackFinished:
		return fmt.Sprintf("Playing %s to %s ends: %s", ev.Playback.MediaURI, ev.Playback.TargetURI, ev.Playback.State), ev.Playback.State == ari.PlaybackStateFailed
	case *ari.PlaybackStarted:
		return fmt.Sprintf("%s begins to play to %s", ev.Playback.MediaURI, ev.Playback.TargetURI), false
	case *ari.RecordingFailed:
		return fmt.Sprintf("The recording %s fails: %s", ev.Recording.Name, ev.Recording.Cause), true
	case *ari.ApplicationReplaced:
		return fmt.Sprintf("Another program takes the application %s over: this one gets no more events", ev.Application), true
	case *ari.Dial:
		return fmt.Sprintf("Calling %s: %s", channel(ev.Peer), orText(ev.DialStatus, "begins")), false
	default:
		return plainly(ev), false
	}
}

// plainly tells an event by its type and what it is about.
func plainly(ev ari.Event) string {
	var about struct {
		Channel  *ari.Channel `json:"channel"`
		Bridge   *ari.Bridge  `json:"bridge"`
		Variable string       `json:"variable"`
		Value    string       `json:"value"`
	}
	text := ev.Header().Type
	if json.Unmarshal(ev.Header().Raw(), &about) != nil {
		return text
	}
	if about.Channel != nil {
		text += " of " + channel(about.Channel)
	}
	if about.Bridge != nil {
		text += " of the bridge " + about.Bridge.ID
	}
	if about.Variable != "" {
		text += ": " + about.Variable + "=" + about.Value
	}
	return text
}

// channel names a channel, and who is at its end.
func channel(ch *ari.Channel) string {
	if ch == nil {
		return "a channel"
	}
	if ch.Caller.Number != "" {
		return ch.Name + " (" + strings.TrimSpace(ch.Caller.Name+" "+ch.Caller.Number) + ")"
	}
	return ch.Name
}

// unescaped is a path or a query as people read it.
func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

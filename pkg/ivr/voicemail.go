package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// A Message is one that a caller has left. What was said is a stored recording of the Asterisk that took the call.
type Message struct {
	// ID is the message's own.
	ID string `json:"id"`

	// Recording is the name of the stored recording.
	Recording string `json:"recording"`

	// Number and Name are those of who called.
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`

	// Time is when it was left.
	Time time.Time `json:"time"`

	// Duration is how long it lasts.
	Duration time.Duration `json:"duration"`

	// Heard says that it isn't new any more.
	Heard bool `json:"heard,omitempty"`
}

// A Store keeps the messages of mailboxes: see [MemoryStore] and [FileStore]. Its methods may be called by any goroutine. A
// mailbox that nothing has been put into is empty.
type Store interface {
	// Messages are a mailbox's messages, oldest first.
	Messages(ctx context.Context, mailbox string) ([]Message, error)

	// Put adds a message, or replaces the one with its ID.
	Put(ctx context.Context, mailbox string, m Message) error

	// Delete takes a message away. That there is none is no error.
	Delete(ctx context.Context, mailbox, id string) error

	// Greeting is the name of the stored recording that greets callers; "" if there is none. SetGreeting changes it.
	Greeting(ctx context.Context, mailbox string) (string, error)
	SetGreeting(ctx context.Context, mailbox, recording string) error
}

// VoicemailOptions say how a mailbox works. Mailbox and Store are required.
type VoicemailOptions struct {
	// Mailbox is its name, such as "alice"; Store keeps its messages.
	Mailbox string
	Store   Store

	// Greeting is what callers hear who leave a message: the mailbox's own greeting by default, or the sound vm-intro
	// where there is none.
	Greeting Phrase

	// Record says how messages are recorded. What it doesn't say is as usual, but messages of less than two seconds aren't
	// kept.
	Record RecordOptions

	// Waiting, if set, is told how many messages there are whenever that changes, to light a lamp, say. By default, the mailbox
	// of that name is updated in Asterisk, where the module res_mwi_external is loaded.
	Waiting func(ctx context.Context, unheard, heard int) error

	// PIN is what who reads the mailbox must type; "" is nothing.
	PIN string

	// Lang is the language of prompts; by default the channel's.
	Lang string
}

// defaultMinMessage is how long a message must be.
const defaultMinMessage = 2 * time.Second

// A VoicemailResult is what came of [LeaveMessage].
type VoicemailResult struct {
	// Outcome is as in [RecordResult]; HungUp is how most messages end.
	Outcome Outcome

	// Message is what was left; nil if nothing was.
	Message *Message
}

// LeaveMessage greets a caller and records his message for a mailbox. A message that he ends by hanging up is kept too; then
// the error is his end, as always. It fails as [Record] does, and with the store's error. Since Asterisk 12.
func LeaveMessage(ctx context.Context, caller *ari.Channel, opts VoicemailOptions) (*VoicemailResult, error) {
	res := &VoicemailResult{Outcome: Failed}
	if err := opts.check(); err != nil {
		return res, err
	}
	record := opts.Record
	record.Lang = cmp.Or(record.Lang, opts.Lang)
	record.MinDuration = cmp.Or(record.MinDuration, defaultMinMessage)
	if record.Prompt == nil {
		greeting, err := opts.greeting(ctx)
		if err != nil {
			return res, err
		}
		record.Prompt = greeting
	}
	recorded, err := Record(ctx, caller, record)
	res.Outcome = recorded.Outcome
	if recorded.Recording == nil {
		return res, err
	}
	m := Message{
		ID: recorded.Recording.Name, Recording: recorded.Recording.Name, Number: caller.Caller.Number, Name: caller.Caller.Name,
		Time: time.Now(), Duration: recorded.Duration,
	}
	storing := ari.Cleanup(ctx) // The caller may have hung up.
	if e := opts.Store.Put(storing, opts.Mailbox, m); e != nil {
		return res, errors.Join(err, e, undo(ctx, caller.Controller(), recorded.Recording.Delete))
	}
	res.Message = &m
	return res, errors.Join(err, opts.tell(storing, caller.Controller()))
}

// check returns an error that is ErrInvalid if the options make no sense.
func (o *VoicemailOptions) check() error {
	if o.Mailbox == "" || o.Store == nil {
		return fmt.Errorf("ivr: voicemail: %w: a mailbox and a store are needed", ari.ErrInvalid)
	}
	return nil
}

// greeting is what a caller hears.
func (o *VoicemailOptions) greeting(ctx context.Context) (Phrase, error) {
	if o.Greeting != nil {
		return o.Greeting, nil
	}
	own, err := o.Store.Greeting(ctx, o.Mailbox)
	if own == "" {
		return Sounds("vm-intro"), err
	}
	return Phrase{StoredRecording(own)}, err
}

// tell tells how many messages there are.
func (o *VoicemailOptions) tell(ctx context.Context, ctrl *ari.Controller) error {
	messages, err := o.Store.Messages(ctx, o.Mailbox)
	if err != nil {
		return err
	}
	heard := 0
	for _, m := range messages {
		if m.Heard {
			heard++
		}
	}
	if o.Waiting != nil {
		return o.Waiting(ctx, len(messages)-heard, heard)
	}
	err = ctrl.Mailbox(o.Mailbox).Update(ctx, ari.MessageCounts{OldMessages: heard, NewMessages: len(messages) - heard})
	if errors.Is(err, ari.ErrNotFound) || errors.Is(err, ari.ErrNoARI) { // Without the module, there are no mailboxes.
		return nil
	}
	return err
}

// A MailboxResult is what came of [ReadMailbox].
type MailboxResult struct {
	// Outcome is Done; Invalid if the PIN was wrong; HungUp, Canceled, Failed.
	Outcome Outcome

	// Played and Deleted are how many messages were.
	Played, Deleted int
}

// ReadMailbox plays a mailbox's messages to its owner, the new ones first: 4 is the one before, 5 once more, 6 the next, 7 deletes it (or
// takes that back), 0 records the greeting, and * or # ends it. What was deleted is gone at the end. It fails as [Ask] does, and with the
// store's error. Since Asterisk 12.
func ReadMailbox(ctx context.Context, caller *ari.Channel, opts VoicemailOptions) (*MailboxResult, error) {
	r := &reader{VoicemailOptions: opts, ch: caller, keypad: caller.Keypad(), res: &MailboxResult{Outcome: Failed}, gone: map[string]bool{}}
	defer r.keypad.Close()
	err := opts.check()
	if err == nil {
		err = r.read(ctx)
	}
	if err != nil {
		err = leaving(ctx, err, caller)
		r.res.Outcome = outcomeOf(ctx, err)
	}
	return r.res, errors.Join(err, r.purge(ari.Cleanup(ctx)))
}

// A reader plays a mailbox.
type reader struct {
	VoicemailOptions

	ch       *ari.Channel
	keypad   *ari.Keypad
	res      *MailboxResult
	messages []Message
	gone     map[string]bool // those that are to be deleted
}

func (r *reader) say(ctx context.Context, parts ...Part) error {
	_, err := Say(ctx, r.ch, SayOptions{Lang: r.Lang, Keypad: r.keypad}, parts...)
	return err
}

// read lets the owner in, and plays the messages.
func (r *reader) read(ctx context.Context) error {
	if r.PIN != "" {
		res, err := Ask(ctx, r.ch, AskOptions{Prompt: Sounds("vm-password"), Invalid: Sounds("vm-incorrect"), Lang: r.Lang, Keypad: r.keypad, Match: r.pin})
		if err != nil || res.Outcome != Done {
			r.res.Outcome = Invalid
			return err
		}
	}
	all, err := r.Store.Messages(ctx, r.Mailbox)
	if err != nil {
		return err
	}
	for _, heard := range []bool{false, true} {
		for _, m := range all {
			if m.Heard == heard {
				r.messages = append(r.messages, m)
			}
		}
	}
	unheard := 0
	for unheard < len(r.messages) && !r.messages[unheard].Heard {
		unheard++
	}
	r.res.Outcome = Done
	if err := r.say(ctx, Sound("vm-youhave"), Number(unheard), Sound("vm-INBOX"), Sound("vm-messages")); err != nil {
		return err
	}
	for i := 0; i >= 0 && i < len(r.messages); {
		if i, err = r.play(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// pin judges what the owner types.
func (r *reader) pin(typed string, ended bool) Verdict {
	switch {
	case typed == r.PIN:
		return Valid
	case ended || len(typed) >= len(r.PIN):
		return Wrong
	}
	return More
}

// play plays one message, and returns which is the next; a negative one ends it.
func (r *reader) play(ctx context.Context, i int) (int, error) {
	m := &r.messages[i]
	if err := r.say(ctx, Sound("vm-message"), Number(i+1), Sound("vm-received"), Date(m.Time), TimeOfDay(m.Time)); err != nil {
		return -1, err
	}
	choice, err := Menu(ctx, r.ch, MenuOptions{
		Prompt: Phrase{StoredRecording(m.Recording)}, Keys: []string{"4", "5", "6", "7", "0", "*", "#"}, Attempts: 1, Lang: r.Lang, Keypad: r.keypad,
	})
	if err != nil {
		return -1, err
	}
	r.res.Played++
	if !m.Heard {
		m.Heard = true
		if err := r.Store.Put(ctx, r.Mailbox, *m); err != nil {
			return -1, err
		}
	}
	switch choice.Digits {
	case "4":
		return max(i-1, 0), nil
	case "5":
		return i, nil
	case "7":
		r.gone[m.ID] = !r.gone[m.ID]
		sound := "vm-undeleted"
		if r.gone[m.ID] {
			sound = "vm-deleted"
		}
		return i + 1, r.say(ctx, Sound(sound))
	case "0":
		return i, r.greet(ctx)
	case "*", "#":
		return -1, nil
	}
	return i + 1, nil
}

// greet records a new greeting.
func (r *reader) greet(ctx context.Context) error {
	old, err := r.Store.Greeting(ctx, r.Mailbox)
	if err != nil {
		return err
	}
	res, err := Record(ctx, r.ch, RecordOptions{Prompt: Sounds("vm-rec-unv"), Review: true, Lang: r.Lang, Keypad: r.keypad})
	if err != nil || res.Recording == nil {
		return err
	}
	if err := r.Store.SetGreeting(ctx, r.Mailbox, res.Recording.Name); err != nil || old == "" {
		return err
	}
	return undo(ctx, r.ch.Controller(), r.ch.Controller().StoredRecording(old).Delete)
}

// purge deletes what was to be deleted.
func (r *reader) purge(ctx context.Context) (err error) {
	for _, m := range r.messages {
		if !r.gone[m.ID] {
			continue
		}
		if e := r.Store.Delete(ctx, r.Mailbox, m.ID); e != nil {
			err = errors.Join(err, e)
			continue
		}
		r.res.Deleted++
		err = errors.Join(err, undo(ctx, r.ch.Controller(), r.ch.Controller().StoredRecording(m.Recording).Delete))
	}
	if r.res.Played > 0 {
		err = errors.Join(err, r.tell(ctx, r.ch.Controller()))
	}
	return err
}

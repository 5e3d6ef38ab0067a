// Package bot lets callers speak with a speech-to-speech service.
package bot

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/media"
)

// A Bot answers calls.
type Bot struct {
	Service      Service
	Instructions string        // what the service shall be like
	Human        string        // the endpoint that callers are transferred to, such as PJSIP/1001; nobody if it is empty
	Recordings   string        // the folder for a recording of each call; none if it is empty
	Media        media.Options // the rate is the service's
}

// Call serves one call.
func (b *Bot) Call(ctx context.Context, ch *ari.Channel) (err error) {
	defer ch.Stop(ari.Cleanup(ctx))
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	opts := b.Media
	opts.Rate = Rate
	stream, err := media.Open(ctx, ch, opts)
	if err != nil {
		return err
	}
	defer stream.Close()
	if b.Recordings != "" {
		file, err := os.Create(filepath.Join(b.Recordings, ch.ID+".wav"))
		if err != nil {
			return err
		}
		defer file.Close()
		tap, err := stream.Tap(file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, tap.Close()) }()
	}
	service, err := b.Service.dial(ctx)
	if err != nil {
		return err
	}
	defer service.conn.CloseNow()
	c := &conversation{bot: b, call: ch, stream: stream, service: service, done: make(chan struct{})}
	return c.run(ctx)
}

// A conversation is one call's with the service.
type conversation struct {
	bot     *Bot
	call    *ari.Channel
	stream  *media.Stream
	service *link
	done    chan struct{} // closed when the bot has nothing more to do with the call

	mu     sync.Mutex
	answer answer
	cut    string // the response that was interrupted: what still comes of it isn't said
}

// An answer is what the service is saying.
type answer struct {
	response, item string
	speech         *media.Buffer
	utterance      *media.Utterance
}

func (c *conversation) run(ctx context.Context) error {
	if err := c.service.send(ctx, message{Type: "session.update", Session: newSession(c.bot.Instructions)}); err != nil {
		return err
	}
	if err := c.service.send(ctx, message{Type: "response.create"}); err != nil { // It greets.
		return err
	}
	c.stream.BargeIn(media.BargeInOptions{}, nil, func(i media.Interruption) { c.interrupted(ctx, i) })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { cancel(c.listen(ctx)) })
	wg.Go(func() { cancel(c.speak(ctx)) })
	select {
	case <-c.done:
		cancel(nil)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// listen brings what the caller says to the service.
func (c *conversation) listen(ctx context.Context) error {
	raw := make([]byte, 0, 2*Rate/50)
	for frame, err := range c.stream.Frames(ctx) {
		if err != nil {
			return err
		}
		raw = raw[:0]
		for _, x := range frame.PCM {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(x)) //nolint:gosec // The same 16 bits.
		}
		if err := c.service.send(ctx, message{Type: "input_audio_buffer.append", Audio: raw}); err != nil {
			return err
		}
	}
	return nil
}

// speak does what the service says.
func (c *conversation) speak(ctx context.Context) error {
	for {
		m, err := c.service.receive(ctx)
		if err != nil {
			return fmt.Errorf("the speech service: %w", err)
		}
		switch m.Type {
		case "response.output_audio.delta", "response.audio.delta":
			if err := c.say(ctx, m); err != nil {
				return err
			}
		case "response.output_audio.done", "response.audio.done":
			c.mu.Lock()
			if c.answer.response == m.ResponseID && c.answer.speech != nil {
				_ = c.answer.speech.Close()
			}
			c.mu.Unlock()
		case "response.function_call_arguments.done":
			c.use(ctx, m)
		case "error":
			if m.Error != nil {
				log.Print("the speech service: ", m.Error.Message)
			}
		}
	}
}

// say adds audio to the answer, and begins to say it when it is the first.
func (c *conversation) say(ctx context.Context, m message) error {
	var audio []byte
	if err := json.Unmarshal(m.Delta, &audio); err != nil {
		return fmt.Errorf("the speech service: audio: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.ResponseID == c.cut {
		return nil
	}
	if c.answer.response != m.ResponseID || c.answer.speech == nil {
		speech := media.NewBuffer(Rate)
		u, err := c.stream.Say(ctx, speech)
		if err != nil {
			return err
		}
		c.answer = answer{m.ResponseID, m.ItemID, speech, u}
	}
	_, _ = c.answer.speech.Write(audio) // It fails only when the utterance is over.
	return nil
}

// interrupted tells the service how much of its answer was heard, so that it knows what the caller doesn't know.
func (c *conversation) interrupted(ctx context.Context, i media.Interruption) {
	c.mu.Lock()
	a := c.answer
	if a.utterance != i.Utterance {
		c.mu.Unlock()
		return
	}
	c.cut = a.response
	c.mu.Unlock()
	index, end := 0, i.Heard.Duration.Milliseconds()
	_ = c.service.send(ctx, message{Type: "response.cancel"}) // If it is gone, speak tells.
	_ = c.service.send(ctx, message{Type: "conversation.item.truncate", ItemID: a.item, ContentIndex: &index, AudioEndMS: &end})
}

// use lets the service use a tool, when what it was saying has been heard.
func (c *conversation) use(ctx context.Context, m message) {
	c.mu.Lock()
	u := c.answer.utterance
	c.mu.Unlock()
	go func() {
		if u != nil {
			_ = u.Wait(ctx) // Interrupted or not.
		}
		switch m.Name {
		case toolHangUp:
			close(c.done)
		case toolTransfer:
			if err := c.transfer(ctx); err != nil {
				log.Print(c.call.Name, ": transfer: ", err)
				_ = c.service.send(ctx, message{
					Type: "conversation.item.create",
					Item: &item{Type: "function_call_output", CallID: m.CallID, Output: "nobody is there"},
				})
				_ = c.service.send(ctx, message{Type: "response.create"})
				return
			}
			close(c.done)
		}
	}()
}

// transfer calls a human, and lets the two talk until one of them hangs up. If nobody answers the caller stays with the
// bot, which has been waiting.
func (c *conversation) transfer(ctx context.Context) error {
	if c.bot.Human == "" {
		return errors.New("no human is configured")
	}
	human, err := c.call.Controller().Originate(ctx, ari.OriginateOptions{Endpoint: c.bot.Human, Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	defer human.Stop(ari.Cleanup(ctx))
	if err := human.WaitStasis(ctx); err != nil {
		return err
	}
	if err := c.stream.Bridge().AddChannel(ctx, human.ID); err != nil {
		return err
	}
	_, err = human.WaitEnd(ctx)
	return err
}

package aritrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

// mostPending is how many bytes may wait to be written. When a disk stands still, a program should not grow.
const (
	mostPending  = 16 << 20
	lineOverhead = 256 // what a line takes beside an event or a body
)

// A Recorder writes what a program sees and does with one Asterisk; with several, each needs its own. Its methods may be called by several goroutines.
type Recorder struct {
	hide redactor

	mu       sync.Mutex
	wake     *sync.Cond
	pending  []entry
	size     int // of what is pending, in bytes
	lost     int
	commands int
	server   string // what the last answer called itself
	closed   bool
	err      error // the first that writing has met

	file io.Closer // nil: it isn't ours
	done chan struct{}
}

// An entry is a line that is still to be made: what came, as it came.
type entry struct {
	Line
	text []byte // an event, or a command's or an answer's body
	hide bool   // the answer is a secret
}

// An Option changes what is recorded.
type Option func(*Recorder)

// HideDigits leaves out which keys are pressed and sent: numbers of cards, for example. What hangs on them can't be replayed.
func HideDigits() Option { return func(r *Recorder) { r.hide.digits = true } }

// HideNames leaves out the values of these too: names of variables, attributes and parameters, of which a part is enough; case
// doesn't matter.
func HideNames(names ...string) Option {
	return func(r *Recorder) {
		for _, name := range names {
			if name != "" {
				r.hide.names = append(r.hide.names, strings.ToLower(name))
			}
		}
	}
}

// Create records into a new file, which only its owner can read. One that is there already is an error.
func Create(name string, opts ...Option) (*Recorder, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("aritrace: %w", err)
	}
	r := NewRecorder(f, opts...)
	r.file = f
	return r, nil
}

// NewRecorder records to w, which it doesn't close. It must be closed itself.
func NewRecorder(w io.Writer, opts ...Option) *Recorder {
	r := &Recorder{hide: newRedactor(), done: make(chan struct{})}
	r.wake = sync.NewCond(&r.mu)
	for _, opt := range opts {
		opt(r)
	}
	go r.write(w, Header{Format: format, Version: Version, Begun: time.Now()})
	return r
}

// Options are what a client needs to be recorded: [Recorder.Observer] and [Recorder.Intercept].
func (r *Recorder) Options() []ari.Option {
	return []ari.Option{ari.WithObserver(r.Observer()), ari.WithInterceptor(r.Intercept)}
}

// Observer records what comes: for [ari.WithObserver].
func (r *Recorder) Observer() ari.Observer { return ari.Observer{Frame: r.frame, Event: r.news} }

func (r *Recorder) frame(_ *ari.Controller, frame []byte) {
	r.came(entry{Line: Line{At: time.Now(), Kind: KindEvent}, text: bytes.Clone(frame)})
}

// news records what has become of the connection.
func (r *Recorder) news(observed ari.ObservedEvent) {
	switch observed.Type() {
	case "Connected":
		r.came(entry{Line: Line{At: time.Now(), Kind: KindConnected}})
	case "Disconnected":
		e := entry{Line: Line{At: time.Now(), Kind: KindDisconnected}}
		if ev, ok := observed.Event().(*ari.Disconnected); ok {
			e.Error = ev.Err.Error()
		}
		r.came(e)
	}
}

func (r *Recorder) came(e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(e)
}

// Intercept records commands: for [ari.WithInterceptor].
func (r *Recorder) Intercept(next ari.Doer) ari.Doer {
	return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
		cmd, body, err := commandOf(req)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		r.commands++
		cmd.ID = r.commands
		r.add(entry{Line: Line{At: time.Now(), Kind: KindCommand, Command: cmd}, text: body})
		r.mu.Unlock()
		resp, err := next.Do(req)
		answer, body, resp, err := answerOf(cmd, resp, err)
		secret := r.hide.asksForSecret(req.URL.RawQuery)
		r.mu.Lock()
		defer r.mu.Unlock()
		if resp != nil && resp.Header.Get("Server") != r.server {
			r.server = resp.Header.Get("Server")
			answer.Server = r.server
		}
		r.add(entry{Line: Line{At: time.Now(), Kind: KindAnswer, Answer: answer}, text: body, hide: secret})
		return resp, err
	})
}

// commandOf reads a request, and leaves it as it was.
func commandOf(req *http.Request) (*Command, []byte, error) {
	info := ari.RequestInfoOf(req)
	cmd := &Command{Operation: info.Operation, Method: req.Method, Path: pathBelow(req.URL.EscapedPath(), info.Path), Query: req.URL.RawQuery}
	if req.Body == nil || req.Body == http.NoBody {
		return cmd, nil, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return cmd, body, nil
}

// pathBelow is what a path has behind the base URL's, whose length the operation's template tells.
func pathBelow(path, template string) string {
	if template == "" {
		return path
	}
	parts := strings.Split(path, "/")
	return "/" + strings.Join(parts[max(0, len(parts)-strings.Count(template, "/")):], "/")
}

// answerOf tells what came of a command, and returns that as it was.
func answerOf(cmd *Command, resp *http.Response, err error) (*Answer, []byte, *http.Response, error) {
	a := &Answer{ID: cmd.ID}
	if err != nil {
		if refused, ok := errors.AsType[*ari.Error](err); ok && refused.StatusCode != 0 {
			a.Status, a.Message = refused.StatusCode, refused.Message
		} else {
			a.Error = err.Error()
		}
		return a, nil, resp, err
	}
	a.Status = resp.StatusCode
	if cmd.Operation == "recordingsGetStoredFile" {
		a.Media = true
		return a, nil, resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		a.Error = err.Error()
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		return a, nil, resp, nil //nolint:nilerr // Who reads the body gets the error.
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return a, body, resp, nil
}

// failing is the rest of a body that broke off.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// add keeps a line for the writer. Call it with mu held.
func (r *Recorder) add(e entry) {
	if r.closed {
		return
	}
	if r.size > mostPending {
		r.lost++
		return
	}
	if r.lost > 0 {
		r.pending = append(r.pending, entry{Line: Line{At: e.At, Kind: KindLost, Count: r.lost}})
		r.lost = 0
	}
	r.size += len(e.text) + lineOverhead
	r.pending = append(r.pending, e)
	r.wake.Signal()
}

// write writes what is pending until the recorder is closed.
func (r *Recorder) write(w io.Writer, header Header) {
	defer close(r.done)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(header)
	for {
		r.mu.Lock()
		for len(r.pending) == 0 && !r.closed {
			r.wake.Wait()
		}
		batch, over := r.pending, r.closed
		if over && r.lost > 0 {
			batch = append(batch, entry{Line: Line{At: time.Now(), Kind: KindLost, Count: r.lost}})
			r.lost = 0
		}
		r.pending = nil
		r.mu.Unlock()
		size := 0
		for i := range batch {
			size += len(batch[i].text) + lineOverhead
			r.finish(&batch[i])
			err = errors.Join(err, enc.Encode(&batch[i].Line))
		}
		if err == nil {
			_, err = w.Write(out.Bytes())
		}
		out.Reset()
		r.mu.Lock()
		r.size = max(0, r.size-size)
		r.err = err
		r.mu.Unlock()
		if over {
			return
		}
	}
}

// finish makes a line of what was kept for it, without what is to be hidden.
func (r *Recorder) finish(e *entry) {
	body := r.hide.json(e.text)
	switch {
	case e.Command != nil:
		e.Command.Query = r.hide.query(e.Command.Query)
		e.Command.Body = body
	case e.Answer != nil:
		if e.hide && body != nil {
			body = json.RawMessage(`{"value":"` + Hidden + `"}`)
		}
		e.Answer.Body = body
		e.Answer.Message, e.Answer.Error = r.hide.text(e.Answer.Message), r.hide.text(e.Answer.Error)
	case e.Kind == KindEvent && body == nil:
		e.Raw = r.hide.text(string(e.text))
	case e.Kind == KindEvent:
		e.Event = body
	}
	e.Error = r.hide.text(e.Error)
}

// Err is the first error that writing has met; what came after it isn't recorded.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close writes what is pending, and ends the recording. What comes later isn't recorded. It returns what Err does.
func (r *Recorder) Close() error {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.wake.Broadcast()
	r.mu.Unlock()
	<-r.done
	err := r.Err()
	if r.file != nil && !again {
		err = errors.Join(err, r.file.Close())
	}
	return err
}

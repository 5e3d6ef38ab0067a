package aritrace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Version is the version of the files that this package writes.
const Version = 1

// format is what a file's first line calls itself.
const format = "ari-trace"

// A Header is a file's first line.
type Header struct {
	Format  string    `json:"format"` // "ari-trace"
	Version int       `json:"version"`
	Begun   time.Time `json:"begun"`
}

// A Kind says what a line is about.
type Kind string

// The kinds. More may come: a reader passes over those that it doesn't know.
const (
	KindEvent        Kind = "event"        // an event of Asterisk's: Event
	KindCommand      Kind = "command"      // The program sends a command: Command.
	KindAnswer       Kind = "answer"       // and gets its answer: Answer
	KindConnected    Kind = "connected"    // The client is connected, and in step with Asterisk.
	KindDisconnected Kind = "disconnected" // The connection is lost: Error.
	KindLost         Kind = "lost"         // The recorder fell behind, and has left out Count lines here.
)

// A Line is one thing that a program has seen or done.
type Line struct {
	At   time.Time `json:"at"` // by the program's clock
	Kind Kind      `json:"kind"`

	Event   json.RawMessage `json:"event,omitempty"` // as it came, but for what is hidden
	Raw     string          `json:"raw,omitempty"`   // instead of Event, where that is no JSON
	Command *Command        `json:"command,omitempty"`
	Answer  *Answer         `json:"answer,omitempty"`
	Error   string          `json:"error,omitempty"`
	Count   int             `json:"count,omitempty"`
}

// A Command is a request, before it was encoded for Asterisk.
type Command struct {
	ID        int             `json:"id"`                  // of this file; the answer has the same
	Operation string          `json:"operation,omitempty"` // such as channelsAnswer
	Method    string          `json:"method"`
	Path      string          `json:"path"` // below /ari, encoded
	Query     string          `json:"query,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
}

// An Answer is what came of a command.
type Answer struct {
	ID      int             `json:"id"`
	Status  int             `json:"status,omitempty"` // 0: there was no answer
	Body    json.RawMessage `json:"body,omitempty"`
	Server  string          `json:"server,omitempty"`  // what answers, where that has changed: Asterisk/22.10.1
	Media   bool            `json:"media,omitempty"`   // The answer is a file, which is left out.
	Message string          `json:"message,omitempty"` // Asterisk's text, where it has refused
	Error   string          `json:"error,omitempty"`   // where there was no answer
}

// Failed reports whether the command had no success.
func (a *Answer) Failed() bool { return a.Status == 0 || a.Status >= 400 }

// A Trace is what a file holds.
type Trace struct {
	Header Header
	Lines  []Line

	// Cut is set where the file ends within a line, as that of a program that was killed may.
	Cut bool
}

// Open reads a file.
func Open(name string) (*Trace, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("aritrace: %w", err)
	}
	defer f.Close()
	t, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%w, in %s", err, name)
	}
	return t, nil
}

// Read reads a whole trace.
func Read(r io.Reader) (*Trace, error) {
	t := &Trace{}
	for line, err := range NewReader(r).All(&t.Header) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			t.Cut = true
			break
		}
		if err != nil {
			return nil, err
		}
		t.Lines = append(t.Lines, *line)
	}
	return t, nil
}

// A Reader reads a trace line by line.
type Reader struct {
	r      *bufio.Reader
	number int
	begun  bool
	header Header
}

// NewReader makes one.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 1<<16)} }

// All are the lines that there are. Header, if it isn't nil, gets the first one. The error io.ErrUnexpectedEOF says that the last
// line isn't complete; after any error nothing follows.
func (r *Reader) All(header *Header) func(yield func(*Line, error) bool) {
	return func(yield func(*Line, error) bool) {
		if err := r.begin(header); err != nil {
			yield(nil, err)
			return
		}
		for {
			line, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

func (r *Reader) begin(header *Header) error {
	if r.begun {
		return nil
	}
	text, err := r.line()
	if err != nil && len(text) == 0 {
		return errors.New("aritrace: the file is empty")
	}
	if json.Unmarshal(text, &r.header) != nil || r.header.Format != format {
		return errors.New("aritrace: line 1 isn't that of a trace")
	}
	if r.header.Version > Version || r.header.Version < 1 {
		return fmt.Errorf("aritrace: the trace has version %d; this program reads up to %d", r.header.Version, Version)
	}
	r.begun = true
	if header != nil {
		*header = r.header
	}
	return nil
}

// Next returns the next line. At the end it is io.EOF, or io.ErrUnexpectedEOF where the last line isn't complete: if something is
// written there later, Next can be called again.
func (r *Reader) Next() (*Line, error) {
	if err := r.begin(nil); err != nil {
		return nil, err
	}
	text, err := r.line()
	if err != nil {
		return nil, err
	}
	l := &Line{}
	if err := json.Unmarshal(text, l); err != nil {
		return nil, fmt.Errorf("aritrace: line %d: %w", r.number, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("aritrace: line %d: %w", r.number, err)
	}
	return l, nil
}

// line reads a line, which must have its end.
func (r *Reader) line() ([]byte, error) {
	text, err := r.r.ReadBytes('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(text)) > 0 {
			return text, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	r.number++
	return text, nil
}

// check makes sure that a line has what its kind promises.
func (l *Line) check() error {
	switch {
	case l.Kind == "":
		return errors.New("it has no kind")
	case l.Kind == KindEvent && l.Event == nil && l.Raw == "":
		return errors.New("the event is missing")
	case l.Kind == KindCommand && l.Command == nil:
		return errors.New("the command is missing")
	case l.Kind == KindAnswer && l.Answer == nil:
		return errors.New("the answer is missing")
	default:
		return nil
	}
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritrace"
	"github.com/spf13/cobra"

	"github.com/ari-go/ari/cmd/ari/internal/story"
)

// A tail shows what comes, as far as its filters let it pass.
type tail struct {
	conn   *connection
	call   string
	types  []string
	file   string
	follow bool
	colour bool
	watch  watch
	out    io.Writer
}

func newTail(conn *connection) *cobra.Command {
	t := &tail{conn: conn}
	cmd := &cobra.Command{
		Use:     "tail",
		GroupID: "see",
		Short:   "Show events as they come; from a program's trace its commands too",
		Long: `Shows what happens on an Asterisk, by an application of its own that is subscribed to everything. The commands of other
programs can't be seen there: with --trace they are read from the file that a program writes with package aritrace.
It ends with Ctrl-C.`,
		Example: `  ari tail --type ChannelDtmfReceived,Dial
  ari tail --call 1700000000.1
  ari tail --trace calls.trace --follow`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t.out = cmd.OutOrStdout()
			f, ok := t.out.(*os.File)
			t.colour = ok && isTerminal(f) && os.Getenv("NO_COLOR") == ""
			if t.file != "" {
				return t.fromFile(cmd.Context())
			}
			if t.follow {
				return usagef("--follow belongs to --trace")
			}
			return t.fromAsterisk(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.call, "call", "", "only what names this `ID` of a channel, bridge or playback")
	f.StringSliceVar(&t.types, "type", nil, "only these `types` of events and ids of operations")
	f.StringVar(&t.file, "trace", "", "read the trace in `FILE` instead")
	f.BoolVar(&t.follow, "follow", false, "wait for what is added to the trace")
	t.watch.flags(cmd)
	return cmd
}

func (t *tail) fromAsterisk(cmd *cobra.Command) error {
	lines := make(chan aritrace.Line, 10000)
	client, err := t.watch.client(t.conn, cmd.ErrOrStderr(), ari.WithObserver(feeding(lines)))
	if err != nil {
		return err
	}
	if err := await(cmd.Context(), client); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- client.Run(cmd.Context()) }()
	for {
		select {
		case line := <-lines:
			if err := t.show(&line); err != nil {
				return err
			}
		case err := <-done:
			return err
		}
	}
}

// feeding passes on what comes. A terminal that stands still must not hold the connection up, so what it has no time for is left out.
func feeding(lines chan<- aritrace.Line) ari.Observer {
	pass := func(line aritrace.Line) {
		line.At = time.Now()
		select {
		case lines <- line:
		default:
		}
	}
	return ari.Observer{
		Frame: func(_ *ari.Controller, frame []byte) {
			pass(aritrace.Line{Kind: aritrace.KindEvent, Event: slices.Clone(frame)})
		},
		Event: func(observed ari.ObservedEvent) {
			switch observed.Type() {
			case "Connected":
				pass(aritrace.Line{Kind: aritrace.KindConnected})
			case "Disconnected":
				line := aritrace.Line{Kind: aritrace.KindDisconnected}
				if ev, ok := observed.Event().(*ari.Disconnected); ok {
					line.Error = ev.Err.Error()
				}
				pass(line)
			}
		},
	}
}

func (t *tail) fromFile(ctx context.Context) error {
	f, err := os.Open(t.file)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	var r io.Reader = f
	if t.follow {
		r = &following{ctx, f}
	}
	for line, err := range aritrace.NewReader(r).All(nil) {
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
		if err := t.show(line); err != nil {
			return err
		}
	}
	return nil
}

// following reads a file, and waits at its end for more, until its context ends.
type following struct {
	ctx context.Context //nolint:containedctx // A reader has no other way to get it.
	f   *os.File
}

func (r *following) Read(p []byte) (int, error) {
	for {
		n, err := r.f.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		select {
		case <-r.ctx.Done():
			return 0, io.EOF
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// show prints a line that the filters let pass.
func (t *tail) show(l *aritrace.Line) error {
	if l.Event != nil && !json.Valid(l.Event) {
		l.Event, l.Raw = nil, string(l.Event)
	}
	text, kind, warning := describe(l)
	if len(t.types) > 0 && !slices.ContainsFunc(t.types, func(typ string) bool { return strings.EqualFold(typ, kind) }) {
		return nil
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if t.call != "" && !strings.Contains(string(encoded), t.call) && (l.Command == nil || !strings.Contains(unescape(l.Command.Path+l.Command.Query), t.call)) {
		return nil
	}
	if t.conn.json {
		fmt.Fprintln(t.out, printable(string(encoded)))
		return nil
	}
	begin, end := "", ""
	if t.colour {
		begin, end = colourOf(l, warning), "\x1b[0m"
	}
	fmt.Fprintf(t.out, "%s %s%-24s%s %s\n", l.At.Format("15:04:05.000"), begin, word(kind), end, word(text))
	return nil
}

func colourOf(l *aritrace.Line, warning bool) string {
	switch {
	case warning:
		return "\x1b[31m"
	case l.Kind == aritrace.KindCommand || l.Kind == aritrace.KindAnswer:
		return "\x1b[36m"
	default:
		return "\x1b[32m"
	}
}

// describe says what a line is about: in a sentence, and by the type of the event or the operation.
func describe(l *aritrace.Line) (text, kind string, warning bool) {
	switch {
	case l.Command != nil:
		return fmt.Sprintf("-> %d %s %s %s", l.Command.ID, l.Command.Method, unescape(l.Command.Path), unescape(l.Command.Query)), l.Command.Operation, false
	case l.Answer != nil:
		return fmt.Sprintf("<- %d %d %s%s", l.Answer.ID, l.Answer.Status, l.Answer.Message, l.Answer.Error), string(l.Kind), l.Answer.Failed()
	case l.Event != nil:
		ev, err := ari.DecodeEvent(l.Event)
		if err != nil {
			return err.Error(), "unreadable", true
		}
		text, warning := story.Event(ev)
		return text, ev.Header().Type, warning
	default:
		return l.Error + l.Raw, string(l.Kind), l.Kind != aritrace.KindConnected
	}
}

// unescape is a path or a query as people read it.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

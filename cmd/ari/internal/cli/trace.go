package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ari/aritrace"
	"github.com/spf13/cobra"

	"github.com/ari-go/ari/cmd/ari/internal/story"
)

func newExplain(conn *connection) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "explain [CHANNEL]",
		GroupID: "see",
		Short:   "Tell in sentences what happened to a call, from a trace",
		Long: `Tells what a trace has of one call, by the id of one of its channels, or of all. Traces are written by programs with package
aritrace, and by 'ari record'. What looks wrong is marked with !.`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			trace, err := openTrace(file, args)
			if err != nil {
				return err
			}
			for _, s := range story.Tell(trace) {
				if err := printSentence(cmd.OutOrStdout(), s, conn.json); err != nil {
					return err
				}
			}
			return nil
		},
	}
	traceFlag(cmd, &file)
	return cmd
}

func traceFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "trace", "", "(required) `file` with the trace")
	_ = cmd.MarkFlagFilename("trace") // The flag is there.
}

// openTrace reads a trace, or the part of it that is about a call.
func openTrace(file string, call []string) (*aritrace.Trace, error) {
	if file == "" {
		return nil, usagef("which trace? Give --trace FILE")
	}
	trace, err := aritrace.Open(file)
	if err != nil {
		return nil, err
	}
	if len(call) == 0 {
		return trace, nil
	}
	if trace = trace.Call(call[0]); trace == nil {
		return nil, fmt.Errorf("nothing in %s is about the channel %s", file, call[0])
	}
	return trace, nil
}

func printSentence(out io.Writer, s story.Sentence, asJSON bool) error {
	if asJSON {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, printable(string(text)))
		return nil
	}
	mark := " "
	if s.Warning {
		mark = "!"
	}
	fmt.Fprintln(out, s.At.Format("15:04:05.000"), mark, word(s.Text))
	return nil
}

func newReplay() *cobra.Command {
	var file, addr, call string
	var patience, gaps time.Duration
	cmd := &cobra.Command{
		Use:     "replay",
		GroupID: "do",
		Short:   "Be the Asterisk of a trace, to a program that connects",
		Long: `Plays a trace to the program that connects to it: it gets the same events in the same order, and its commands get the answers
of that time. What the program does otherwise than then is told, and makes the status 1. Any user and password will do.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var calls []string
			if call != "" {
				calls = []string{call}
			}
			trace, err := openTrace(file, calls)
			if err != nil {
				return err
			}
			replay, err := aritest.StartReplay(addr, trace, aritest.ReplayPatience(patience), aritest.ReplayGaps(gaps))
			if err != nil {
				return err
			}
			defer replay.Close()
			fmt.Fprintf(cmd.ErrOrStderr(), "For the program: ARI_URL=%s ARI_APPLICATION=%s\n", replay.URL, word(replay.App))
			if err := replay.Wait(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The program has done what it did then.")
			return nil
		},
	}
	traceFlag(cmd, &file)
	f := cmd.Flags()
	f.StringVar(&addr, "addr", "127.0.0.1:8088", "address to listen on")
	f.StringVar(&call, "call", "", "play only the call with the channel `ID`")
	f.DurationVar(&patience, "patience", 5*time.Second, "how long a command of the trace is waited for")
	f.DurationVar(&gaps, "gaps", 50*time.Millisecond, "the longest pause between two events; shorter ones are kept")
	return cmd
}

func newRecord(conn *connection) *cobra.Command {
	var w watch
	var hideDigits bool
	cmd := &cobra.Command{
		Use:     "record FILE",
		GroupID: "see",
		Short:   "Record an Asterisk's events into a trace, until Ctrl-C",
		Long: `Records what happens on an Asterisk into a new file, which only you can read. It sees events only: what a program sends is
recorded by the program itself, with package aritrace. Nothing is changed but the subscriptions of an application of its own.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var opts []aritrace.Option
			if hideDigits {
				opts = append(opts, aritrace.HideDigits())
			}
			rec, err := aritrace.Create(args[0], opts...)
			if err != nil {
				return err
			}
			client, err := w.client(conn, cmd.ErrOrStderr(), ari.WithObserver(rec.Observer()))
			if err != nil {
				_ = rec.Close()
				return errors.Join(err, os.Remove(args[0]))
			}
			if err := await(cmd.Context(), client); err != nil {
				_ = rec.Close()
				return errors.Join(err, os.Remove(args[0]))
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Recording; Ctrl-C ends it.")
			err = client.Run(cmd.Context())
			return errors.Join(err, rec.Close())
		},
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&hideDigits, "hide-digits", false, "leave out which keys are pressed")
	return cmd
}

// A watch is an application of the tool's own that hears what happens.
type watch struct{ devices bool }

func (w *watch) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.devices, "devices", false, "device states too")
}

// client makes a client that hears everything. It subscribes its own application, and can do nothing else.
func (w *watch) client(conn *connection, errs io.Writer, more ...ari.Option) (*ari.Client, error) {
	base, err := conn.baseURL()
	if err != nil {
		return nil, err
	}
	requests, err := conn.options(errs)
	if err != nil {
		return nil, err
	}
	sources := []string{"channel:", "bridge:", "endpoint:"}
	if w.devices {
		sources = append(sources, "deviceState:")
	}
	opts := []ari.Option{ari.WithSubscriptions(sources...), readOnly("applicationsSubscribe", "applicationsUnsubscribe", "eventsUserEvent")}
	for _, o := range requests {
		opts = append(opts, o)
	}
	client, err := ari.NewClient(base, fmt.Sprintf("ari-tool-%d", os.Getpid()), append(opts, more...)...)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// await waits for a client's connection.
func await(ctx context.Context, client *ari.Client) error {
	err := client.Connect(ctx)
	if errors.Is(err, ari.ErrForbidden) {
		return fmt.Errorf("%w; to hear of everything the user must not be read_only in ari.conf", err)
	}
	return err
}

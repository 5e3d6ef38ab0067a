// Package cli has the commands of the tool.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The statuses that the tool exits with.
const (
	exitFailed = 1 // what was to be done couldn't be done, or something is wrong with Asterisk
	exitUsage  = 2 // what was typed makes no sense
)

// A usageError is about what was typed.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errFailed ends the tool with a status alone: all has been said.
var errFailed = errors.New("failed")

// Run carries out one command and returns the status to exit with.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot() //nolint:contextcheck // Commands get their context when they run.
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return exitFailed
	}
	fmt.Fprintln(errs, "ari:", printable(strings.TrimPrefix(err.Error(), "ari: ")))
	if isUsage(err) {
		fmt.Fprintf(errs, "Try '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// isUsage reports whether an error is about what was typed. Cobra's own have no type.
func isUsage(err error) bool {
	if _, ok := errors.AsType[usageError](err); ok {
		return true
	}
	return strings.HasPrefix(err.Error(), "unknown command ")
}

func newRoot() *cobra.Command {
	conn := &connection{}
	root := &cobra.Command{
		Use:   "ari",
		Short: "Command Asterisk, watch it, and find out what is wrong",
		Long: `ari is the tool for Asterisk's REST interface.

Where Asterisk is, and who you are, is taken from the environment: ARI_URL, ARI_USERNAME and ARI_PASSWORD, as programs
take them, and ARI_APPLICATION where an application is needed. Flags win. A password is never given as a flag, since
everybody on the machine could read it: use ARI_PASSWORD or --password-file.`,
		Example: `  export ARI_URL=http://127.0.0.1:8088/ari ARI_USERNAME=asterisk ARI_PASSWORD=secret
  ari channels
  ari bridges
  ari api channelsHangup 1700000000.1 --reason busy`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	conn.flags(root.PersistentFlags())
	root.AddGroup(&cobra.Group{ID: "do", Title: "Commanding Asterisk:"}, &cobra.Group{ID: "see", Title: "Seeing what happens:"})
	root.AddCommand(
		newAPI(conn), newCall(conn),
		newChannels(conn), newBridges(conn),
	)
	return root
}

// arguments makes a command's check of its arguments a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// printable makes a text that comes from outside harmless for a terminal, which obeys control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' {
			return '\ufffd'
		}
		return r
	}, s)
}

// word is a text from outside as a part of a line.
func word(s string) string { return strings.Join(strings.Fields(printable(s)), " ") }

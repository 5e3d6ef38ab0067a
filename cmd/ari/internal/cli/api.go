package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ari-go/ari/cmd/ari/internal/operations"
)

func newAPI(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "api OPERATION",
		GroupID: "do",
		Short:   "Make any request: each of ARI's operations is a command",
		Long: `Makes one request to Asterisk and prints the answer's JSON.

Each operation is a command that is named by its id, such as channelsAnswer. The ids in the path are arguments; all else that
an operation takes are flags with the names of Asterisk's own documentation. A list can be given by repeating its flag.
Variables are NAME=VALUE. What flags can't say goes into --request-body, as JSON, @FILE or - for standard input.`,
		Example: `  ari api channelsList
  ari api channelsPlay 1700000000.1 --media sound:hello-world
  ari api channelsOriginate --endpoint PJSIP/alice --app hello --variables COLOUR=blue
  ari api bridgesAddChannel BRIDGE --channel A --channel B`,
		Args: arguments(func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no operation %q; '%s --help' lists them", args[0], cmd.CommandPath())
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, g := range operations.Groups {
		cmd.AddGroup(&cobra.Group{ID: g.Name, Title: g.Description})
	}
	for i := range operations.All {
		cmd.AddCommand(newOperation(conn, &operations.All[i]))
	}
	return cmd
}

func newOperation(conn *connection, op *operations.Operation) *cobra.Command {
	use := []string{op.ID}
	long := []string{op.Description}
	path := op.Of(operations.InPath)
	for _, in := range path {
		use = append(use, argumentName(in.Name))
		long = append(long, argumentName(in.Name)+": "+in.Description)
	}
	r := &request{op: op, conn: conn}
	cmd := &cobra.Command{
		Use:     strings.Join(use, " "),
		GroupID: op.Group,
		Short:   op.Summary,
		Long:    wrap(strings.Join(long, "\n\n"), 110) + "\n\n" + op.Method + " " + op.Path,
		Aliases: []string{strings.ToLower(op.ID)},
		Args:    arguments(exactly(path)),
		RunE:    r.run,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(path) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return existing(cmd.Context(), conn, path[len(args)].Name), cobra.ShellCompDirectiveNoFileComp
		},
	}
	r.flags(cmd)
	return cmd
}

// exactly wants one argument for each input.
func exactly(inputs []operations.Input) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(inputs) {
			in := inputs[len(args)]
			return fmt.Errorf("%s needs %s: %s", cmd.Name(), argumentName(in.Name), in.Description)
		}
		if len(args) > len(inputs) {
			return fmt.Errorf("%s: %q is one argument too many", cmd.Name(), args[len(inputs)])
		}
		return nil
	}
}

// argumentName is how an argument is named in help: CHANNEL_ID for channelId.
func argumentName(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// wrap breaks the lines of a text.
func wrap(text string, width int) string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for w := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+1+len(w) > width {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += w
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// existing are the ids that an argument can have just now, for the shell's completion: none if Asterisk doesn't tell quickly.
func existing(ctx context.Context, conn *connection, argument string) []string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ctrl, err := conn.controller(io.Discard, readOnly())
	if err != nil {
		return nil
	}
	var ids []string
	switch argument {
	case "channelId":
		channels, _ := ctrl.Channels(ctx) // None is as good as unknown.
		for _, ch := range channels {
			ids = append(ids, word(ch.ID)+"\t"+word(ch.Name))
		}
	case "bridgeId":
		bridges, _ := ctrl.Bridges(ctx)
		for _, b := range bridges {
			ids = append(ids, word(b.ID)+"\t"+word(b.Name))
		}
	case "applicationName":
		apps, _ := ctrl.Applications(ctx)
		for _, a := range apps {
			ids = append(ids, word(a.Name))
		}
	}
	return ids
}

func (r *request) run(cmd *cobra.Command, args []string) error {
	ctrl, err := r.conn.controller(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	req, err := r.build(cmd, args)
	if err != nil {
		return err
	}
	resp, err := send(cmd.Context(), ctrl, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if r.op.Binary {
		return r.save(cmd.OutOrStdout(), resp.Body)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return printJSON(cmd.OutOrStdout(), body, r.conn.json)
}

// save writes a file that came as the answer.
func (r *request) save(out io.Writer, body io.Reader) error {
	if r.output == "" || r.output == "-" {
		if f, ok := out.(*os.File); ok && r.output == "" && isTerminal(f) {
			return usagef("the answer is a file: say where to by --output FILE, or --output - for the terminal")
		}
		_, err := io.Copy(out, body)
		return err
	}
	f, err := os.Create(r.output)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printJSON prints an answer: for people indented, for programs on one line.
func printJSON(out io.Writer, body []byte, compact bool) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil
	}
	var b bytes.Buffer
	var err error
	if compact {
		err = json.Compact(&b, body)
	} else {
		err = json.Indent(&b, body, "", "  ")
	}
	if err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	fmt.Fprintln(out, printable(b.String()))
	return nil
}

// required are the inputs that an operation can't do without, other than those in the path.
func required(op *operations.Operation) []operations.Input {
	return slices.DeleteFunc(slices.Clone(op.Inputs), func(in operations.Input) bool {
		return !in.Required || in.In == operations.InPath
	})
}

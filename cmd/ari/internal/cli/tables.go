package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/spf13/cobra"
)

func newChannels(conn *connection) *cobra.Command {
	var app string
	cmd := &cobra.Command{
		Use:     "channels",
		GroupID: "see",
		Short:   "List the channels, each of which is one leg of a call",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctrl, err := conn.controller(cmd.ErrOrStderr(), readOnly())
			if err != nil {
				return err
			}
			if conn.json {
				return printAnswer(cmd.Context(), ctrl, cmd.OutOrStdout(), "/channels")
			}
			channels, err := ctrl.Channels(cmd.Context())
			if err != nil {
				return err
			}
			t := newTable(cmd.OutOrStdout(), "ID", "NAME", "STATE", "CALLER", "CONNECTED", "WHERE", "AGE")
			for _, ch := range channels {
				if where := whereIs(ch); app == "" || where == "Stasis("+app+")" {
					t.row(ch.ID, ch.Name, string(ch.State), party(ch.Caller), party(ch.Connected), where, age(ch.CreationTime.Time))
				}
			}
			return t.flush()
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "only those that are in the Stasis application `NAME`")
	return cmd
}

func newBridges(conn *connection) *cobra.Command {
	return &cobra.Command{
		Use:     "bridges",
		GroupID: "see",
		Short:   "List the bridges, in which channels hear each other",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctrl, err := conn.controller(cmd.ErrOrStderr(), readOnly())
			if err != nil {
				return err
			}
			if conn.json {
				return printAnswer(cmd.Context(), ctrl, cmd.OutOrStdout(), "/bridges")
			}
			bridges, err := ctrl.Bridges(cmd.Context())
			if err != nil {
				return err
			}
			t := newTable(cmd.OutOrStdout(), "ID", "NAME", "TYPE", "TECHNOLOGY", "MADE BY", "CHANNELS")
			for _, b := range bridges {
				t.row(b.ID, b.Name, string(b.BridgeType), b.Technology, b.Creator, strings.Join(b.Channels, " "))
			}
			return t.flush()
		},
	}
}

func newCall(conn *connection) *cobra.Command {
	var opts ari.OriginateOptions
	var priority int64
	cmd := &cobra.Command{
		Use:     "call ENDPOINT",
		GroupID: "do",
		Short:   "Call a telephone and connect it with an extension or an application",
		Long: `Calls an endpoint, such as PJSIP/alice. When it answers, it goes on at an extension of the dialplan, or into a Stasis
application that is connected.`,
		Example: `  ari call PJSIP/alice --extension 1000
  ari call PJSIP/alice --app hello --args menu,en --caller-id 'Support <100>'`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Endpoint = args[0]
			if opts.App = strings.TrimSpace(opts.App); (opts.App == "") == (opts.Extension == "") {
				return usagef("where does the call lead? Give either --extension or --app")
			}
			if opts.AppArgs != "" && opts.App == "" {
				return usagef("--args are arguments of an application: give --app too")
			}
			if opts.Extension != "" {
				opts.Priority = priority
			} else if cmd.Flags().Changed("context") {
				return usagef("--context belongs to --extension")
			} else {
				opts.Context = ""
			}
			return originate(cmd, conn, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Extension, "extension", "", "`extension` of the dialplan")
	f.StringVar(&opts.Context, "context", "default", "`context` of the extension")
	f.Int64Var(&priority, "priority", 1, "priority of the extension")
	f.StringVar(&opts.App, "app", "", "Stasis application `NAME`")
	f.StringVar(&opts.AppArgs, "args", "", "`arguments` of the application, joined by commas")
	f.StringVar(&opts.CallerID, "caller-id", "", "who calls, `NUMBER` or NAME <NUMBER>")
	f.DurationVar(&opts.Timeout, "timeout", 30*time.Second, "how long it may ring")
	return cmd
}

func originate(cmd *cobra.Command, conn *connection, opts ari.OriginateOptions) error {
	ctrl, err := conn.controller(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ch, err := ctrl.Originate(cmd.Context(), opts)
	if err != nil {
		return err
	}
	if conn.json {
		return printAnswer(cmd.Context(), ctrl, cmd.OutOrStdout(), "/channels/"+ch.ID)
	}
	t := newTable(cmd.OutOrStdout(), "ID", "NAME", "STATE")
	t.row(ch.ID, ch.Name, string(ch.State))
	return t.flush()
}

// printAnswer prints what Asterisk says, for programs.
func printAnswer(ctx context.Context, ctrl *ari.Controller, out io.Writer, path string) error {
	resp, err := send(ctx, ctrl, &built{method: "GET", path: path})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return printJSON(out, body, true)
}

// party names one end of a channel.
func party(id ari.CallerID) string {
	switch {
	case id.Name == "":
		return id.Number
	case id.Number == "":
		return id.Name
	default:
		return id.Name + " <" + id.Number + ">"
	}
}

// whereIs says what executes a channel: an application, or an extension.
func whereIs(ch *ari.Channel) string {
	if ch.Dialplan.AppName == "Stasis" {
		name, _, _ := strings.Cut(ch.Dialplan.AppData, ",")
		return "Stasis(" + name + ")"
	}
	return fmt.Sprintf("%s@%s:%d %s", ch.Dialplan.Exten, ch.Dialplan.Context, ch.Dialplan.Priority, ch.Dialplan.AppName)
}

// age is how long ago something was, by the clocks of two machines.
func age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return max(0, time.Since(t)).Round(time.Second).String()
}

// A table has its columns aligned.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, heads ...string) *table {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(heads...)
	return t
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = word(cell)
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t *table) flush() error { return t.w.Flush() }

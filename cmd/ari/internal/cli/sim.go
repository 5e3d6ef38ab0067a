package cli

import (
	"errors"
	"flag"

	"github.com/ari-go/ari/internal/arisim"
	"github.com/spf13/cobra"
)

func newSim() *cobra.Command {
	return &cobra.Command{
		Use:     "sim",
		GroupID: "do",
		Short:   "Run a simulated Asterisk with a console at which you are the telephones",
		Long: `Runs a simulated Asterisk: the REST interface, the event websocket, and a console. Type help there. It is what cmd/arisim runs,
and takes its flags: see 'ari sim --help'.`,
		Example:            "  ari sim --addr 127.0.0.1:8088 --app hello --phone PJSIP/carol=ring",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := arisim.Run(cmd.Context(), "ari sim", args, cmd.InOrStdin(), cmd.OutOrStdout())
			if errors.Is(err, flag.ErrHelp) {
				return nil
			}
			return err
		},
	}
}

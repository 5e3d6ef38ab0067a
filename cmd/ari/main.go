// Ari is the tool for Asterisk's REST interface: it commands Asterisk, shows what happens there, and finds out what is wrong.
//
//	ari --help
//
// See docs/tool.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ari-go/ari/cmd/ari/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

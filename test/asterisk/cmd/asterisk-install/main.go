// Command asterisk-install gets real Asterisks for the tests into a cache folder: those of the versions given, or all that are known.
//
//	go run ./test/asterisk/cmd/asterisk-install 22 16
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ari-go/ari/test/asterisk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	versions := os.Args[1:]
	if len(versions) == 0 {
		versions = asterisk.Versions()
	}
	for _, version := range versions {
		root, err := asterisk.Install(ctx, version, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:gocritic // Nothing is left to be undone.
		}
		fmt.Printf("Asterisk %s: %s\n", root.Version, root.Dir)
	}
}

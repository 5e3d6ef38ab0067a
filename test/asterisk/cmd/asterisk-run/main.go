// Command asterisk-run runs one of the Asterisks that asterisk-install has got, to try programs on, until Ctrl-C.
//
//	go run ./test/asterisk/cmd/asterisk-run 22
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ari-go/ari/test/asterisk"
)

const help = `Asterisk %[1]s runs; Ctrl-C ends it. For the program:

export ARI_URL=%[2]s ARI_USERNAME=%[3]s ARI_PASSWORD=%[4]s ARI_APPLICATION=%[5]s

To call it, dial sip:1000@%[6]s with a telephone on this machine, which needs no password; or let Asterisk's echo test call:

curl -X POST -u %[3]s:%[4]s "%[2]s/channels?endpoint=Local/1000@default&context=default&extension=1010"

docs/testing.md lists the other extensions. Logs and configuration: %[7]s
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var opts asterisk.Options
	if len(os.Args) > 1 {
		opts.Version = os.Args[1]
	}
	if err := run(ctx, opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // Nothing is left to be undone.
	}
}

func run(ctx context.Context, opts asterisk.Options) error {
	inst, err := asterisk.Run(ctx, opts)
	if err != nil {
		return err
	}
	fmt.Printf(help, inst.Version, inst.URL, inst.Username, inst.Password, inst.AppName, inst.SIPAddr, inst.Dir)
	<-ctx.Done()
	return inst.Close()
}

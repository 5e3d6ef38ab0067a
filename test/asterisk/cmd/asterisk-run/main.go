// Command asterisk-run runs one of the Asterisks that asterisk-install has got, to try programs on, until Ctrl-C.
//
//	go run ./test/asterisk/cmd/asterisk-run 22
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ari-go/ari/test/asterisk"
)

const help = `Asterisk %[1]s runs; Ctrl-C ends it. For the program:

export ARI_URL=%[2]s ARI_USERNAME=%[3]s ARI_PASSWORD=%[4]s ARI_APPLICATION=%[5]s

To call it by SIP, for 10 seconds (or another extension, for another time):

sh %[8]s 1000 10

or dial sip:1000@%[6]s with a telephone on this machine, which needs no password; or let Asterisk's echo test call, without SIP:

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
	script, err := callScript(inst)
	if err != nil {
		return errors.Join(err, inst.Close())
	}
	fmt.Printf(help, inst.Version, inst.URL, inst.Username, inst.Password, inst.AppName, inst.SIPAddr, inst.Dir, script)
	<-ctx.Done()
	return inst.Close()
}

//go:embed call.xml
var scenario string

// script calls EXTENSION by SIP, and hangs up SECONDS after the answer. sipp takes its time-out from the scenario only.
const script = `extension=${1:-1000} seconds=${2:-10} dir=$(dirname "$0")
sed "s/\\[stay\\]/${seconds}000/" "$dir/call.xml" >"$dir/call-now.xml"
echo "calling $extension"
exec 3>&1
%s -sf "$dir/call-now.xml" -s "$extension" -m 1 -i 127.0.0.1 -nostdin %s >/dev/null 2>&1 || echo "the call has failed"
`

// callScript writes a shell script that makes a call. Its command is too long to be typed: sipp runs by the loader that came along with it.
func callScript(inst *asterisk.Instance) (path string, err error) {
	sipp, err := inst.SIPpCommand()
	if err != nil {
		return "", err
	}
	for i, arg := range sipp {
		sipp[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	path = filepath.Join(inst.Dir, "call.sh")
	return path, errors.Join(
		os.WriteFile(filepath.Join(inst.Dir, "call.xml"), []byte(scenario), 0o600),
		os.WriteFile(path, fmt.Appendf(nil, script, strings.Join(sipp, " "), inst.SIPAddr), 0o600),
	)
}

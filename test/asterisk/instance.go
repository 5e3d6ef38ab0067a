package asterisk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/test/asterisk/internal/guard"
	"github.com/ari-go/ari/test/asterisk/internal/ports"
)

// loopback is the address that everything listens on.
const loopback = "127.0.0.1"

// Instance is a running Asterisk.
type Instance struct {
	// Version is its version: "22.10.1".
	Version string
	// URL is the base URL of its REST interface, TLSURL the same over TLS, which CAPool trusts.
	URL, TLSURL string
	// CAPool holds the instance's certificate.
	CAPool *x509.CertPool
	// Username and Password may read and write.
	Username, Password string
	// ReadOnlyUsername and ReadOnlyPassword may only read.
	ReadOnlyUsername, ReadOnlyPassword string
	// AppName is the Stasis application that extension 1000 leads to.
	AppName string
	// SIPAddr is the UDP address that takes SIP.
	SIPAddr string
	// Phones are the ports that the endpoints of these names are called at.
	Phones map[string]int
	// RegisterUser and RegisterPassword are those of the one endpoint that registers.
	RegisterUser, RegisterPassword string
	// EntityID is the asterisk_id of its events.
	EntityID string
	// Dir is its folder: etc, log, spool, and more. It is empty for an Asterisk that isn't ours.
	Dir string
	// External marks an Asterisk that isn't ours: it can't be stopped, and its dialplan is unknown.
	External bool

	opts  Options
	root  Root
	ports *ports.Block

	mu      sync.Mutex // Guards process, against a Stop while Restart runs.
	process *guard.Process
}

// Run starts an Asterisk and returns when its REST interface answers. [Start] is the same for tests. Whoever calls it must call Close.
func Run(ctx context.Context, opts Options) (*Instance, error) {
	if opts.Version == "" {
		opts.Version = Versions()[0]
	}
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 30 * time.Second
	}
	root, err := Lookup(opts.Version)
	if err != nil {
		return nil, err
	}
	inst := &Instance{
		Username: username, Password: password, ReadOnlyUsername: readOnlyUsername, ReadOnlyPassword: readOnlyPassword,
		RegisterUser: registerUser, RegisterPassword: registerPassword,
		AppName: "hello", Phones: make(map[string]int),
		opts: opts, root: root,
	}
	if err := inst.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("asterisk: %w", err), inst.Close())
	}
	if err := inst.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("asterisk: %w\n%s", err, inst.LogTail(50)), inst.Close())
	}
	return inst, nil
}

// prepare takes ports and writes the configuration.
func (i *Instance) prepare() error {
	var err error
	// The name stays short, since Asterisk's control socket lies in there, and the path of a socket must be below 108 bytes.
	if i.Dir, err = os.MkdirTemp("", "ari-"+i.opts.Version+"-"); err != nil {
		return err
	}
	if i.ports, err = ports.Claim(); err != nil {
		return err
	}
	s := settings{
		Options: i.opts, Dir: i.Dir, Address: loopback, SystemName: filepath.Base(i.Dir),
		Username: username, Password: password, ReadOnlyUsername: readOnlyUsername, ReadOnlyPassword: readOnlyPassword,
		RegisterUser: registerUser, RegisterPassword: registerPassword, Phones: i.Phones,
	}
	if s.ModulesDir, err = i.root.modulesDir(); err != nil {
		return err
	}
	if s.EntityID, err = entityID(); err != nil {
		return err
	}
	i.EntityID = s.EntityID
	for _, port := range []*int{&s.HTTPPort, &s.TLSPort, &s.SIPPort} {
		if *port, err = i.ports.Take(); err != nil {
			return err
		}
	}
	for _, name := range phoneNames {
		if i.Phones[name], err = i.ports.Take(); err != nil {
			return err
		}
	}
	s.RTPFrom, s.RTPTo = i.ports.Media()
	if i.CAPool, err = s.layOut(i.root); err != nil {
		return err
	}
	i.URL = "http://" + net.JoinHostPort(loopback, strconv.Itoa(s.HTTPPort)) + "/ari"
	i.TLSURL = "https://" + net.JoinHostPort(loopback, strconv.Itoa(s.TLSPort)) + "/ari"
	i.SIPAddr = net.JoinHostPort(loopback, strconv.Itoa(s.SIPPort))
	return nil
}

// start runs the program and waits until it serves.
func (i *Instance) start(ctx context.Context) error {
	args, err := i.root.command("usr/sbin/asterisk", "-f", "-C", filepath.Join(i.Dir, "etc/asterisk.conf"))
	if err != nil {
		return err
	}
	console, err := os.OpenFile(filepath.Join(i.Dir, "log/console"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	process, err := guard.Start(guard.Command{Args: args, Dir: i.Dir, Env: environment(), Output: console})
	if err != nil {
		return err
	}
	i.mu.Lock()
	i.process = process
	i.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(ctx, i.opts.StartTimeout, errors.New("ARI doesn't answer"))
	defer cancel()
	for {
		version, err := i.ping(ctx)
		if err == nil {
			err = i.booted(ctx)
		}
		if err == nil {
			i.Version = version
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-process.Done():
			return fmt.Errorf("it ended at once: %w", process.Err())
		case <-ctx.Done():
			process.KillGroup()
			return fmt.Errorf("not ready: %w (%w)", context.Cause(ctx), err)
		}
	}
}

// environment is the same for all programs of an installation, whatever the host's is.
func environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TERM=dumb", "TZ=UTC", "HOME=/nonexistent",
		// The host's configuration may be for another version of OpenSSL.
		"OPENSSL_CONF=/dev/null",
	}
}

// ping tells Asterisk's version once it is fully up: before that, ARI answers 404 or 503.
func (i *Instance) ping(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/asterisk/info?only=system", nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(i.Username, i.Password)
	// A connection that stays would count against the instance's limit.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", resp.Status)
	}
	version, ok := strings.CutPrefix(resp.Header.Get("Server"), "Asterisk/")
	if !ok {
		return "", fmt.Errorf("it is no Asterisk but %q", resp.Header.Get("Server"))
	}
	return plainVersion(version), nil
}

// booted tells by its error whether Asterisk is still starting: older versions serve ARI before they have loaded everything.
func (i *Instance) booted(ctx context.Context) error {
	out, err := i.CLI(ctx, "core waitfullybooted")
	if err == nil && !strings.Contains(out, "fully booted") {
		err = errors.New("it is still starting")
	}
	return err
}

// running returns the process, if there is one.
func (i *Instance) running() (*guard.Process, error) {
	if i.External {
		return nil, fmt.Errorf("asterisk: %s isn't ours: %w", i.URL, errors.ErrUnsupported)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process == nil {
		return nil, fmt.Errorf("asterisk: %w", guard.ErrExited)
	}
	return i.process, nil
}

// PID is the process id of Asterisk.
func (i *Instance) PID() int {
	process, err := i.running()
	if err != nil {
		return 0
	}
	return process.PID()
}

// Stop ends Asterisk as an administrator would, by SIGTERM: calls are hung up, websockets closed. It returns when Asterisk is gone.
func (i *Instance) Stop() error {
	process, err := i.running()
	if err != nil {
		return err
	}
	// A frozen process wouldn't see the request.
	_ = process.Thaw()
	if err := process.Terminate(); errors.Is(err, guard.ErrExited) {
		return nil
	}
	select {
	case <-process.Done():
		return nil
	case <-time.After(10 * time.Second):
		process.KillGroup()
		return errors.New("asterisk: it had to be killed, since it didn't stop within 10s")
	}
}

// Kill ends Asterisk at once, by SIGKILL: nobody is told. It returns when Asterisk is gone.
func (i *Instance) Kill() error {
	process, err := i.running()
	if err != nil {
		return err
	}
	process.KillGroup()
	return nil
}

// Freeze stops Asterisk's time: connections stay, but nothing moves any more. Thaw lets it go on.
func (i *Instance) Freeze() error {
	process, err := i.running()
	if err != nil {
		return err
	}
	return process.Freeze()
}

// Thaw ends what Freeze has begun.
func (i *Instance) Thaw() error {
	process, err := i.running()
	if err != nil {
		return err
	}
	return process.Thaw()
}

// Restart starts Asterisk again, with the same configuration and ports, whether it was stopped, killed, or still runs. It returns when ARI answers.
func (i *Instance) Restart(ctx context.Context) error {
	if err := i.Stop(); err != nil {
		return err
	}
	if err := i.start(ctx); err != nil {
		return fmt.Errorf("asterisk: restart: %w", err)
	}
	return nil
}

// Close ends Asterisk, if it still runs, and removes its folder.
func (i *Instance) Close() error {
	if i.External {
		return nil
	}
	i.end()
	if i.Dir == "" {
		return nil
	}
	return os.RemoveAll(i.Dir)
}

// end leaves nothing behind but the folder.
func (i *Instance) end() {
	if process, err := i.running(); err == nil {
		process.KillGroup()
	}
	if i.ports != nil {
		i.ports.Release()
	}
}

// CLI runs a command of Asterisk's console and returns what it prints.
func (i *Instance) CLI(ctx context.Context, command string) (string, error) {
	if i.External {
		return "", fmt.Errorf("asterisk: %s isn't ours: %w", i.URL, errors.ErrUnsupported)
	}
	args, err := i.root.command("usr/sbin/asterisk", "-C", filepath.Join(i.Dir, "etc/asterisk.conf"), "-rx", command)
	if err != nil {
		return "", fmt.Errorf("asterisk: %w", err)
	}
	out, err := runner{env: environment()}.run(ctx, args...)
	if err != nil {
		return "", fmt.Errorf("asterisk: %q: %w", command, err)
	}
	return out, nil
}

// SIPpCommand is the command line that runs the sipp that came with this Asterisk.
func (i *Instance) SIPpCommand(args ...string) ([]string, error) {
	if i.External {
		return nil, fmt.Errorf("asterisk: %s isn't ours: %w", i.URL, errors.ErrUnsupported)
	}
	return i.root.SIPpCommand(args...)
}

// TakePort hands out an even port on the loopback address which nobody else uses, and what gives it back. The odd one after it belongs to it.
func (i *Instance) TakePort() (port int, giveBack func(), err error) {
	if i.External {
		return 0, nil, fmt.Errorf("asterisk: %s isn't ours: %w", i.URL, errors.ErrUnsupported)
	}
	port, err = i.ports.Take()
	if err != nil {
		return 0, nil, fmt.Errorf("asterisk: %w", err)
	}
	return port, sync.OnceFunc(func() { i.ports.Return(port) }), nil
}

// Tone is the media URI of a sound that lasts ten seconds.
func (i *Instance) Tone() string { return "sound:" + filepath.Join(i.Dir, "data/tone") }

// Log is the path of Asterisk's log.
func (i *Instance) Log() string { return filepath.Join(i.Dir, "log/full") }

// LogTail returns the last lines of what Asterisk logged, and of what it printed before it could log.
func (i *Instance) LogTail(lines int) string {
	if i.External {
		return ""
	}
	var b strings.Builder
	for _, path := range []string{filepath.Join(i.Dir, "log/console"), i.Log()} {
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			continue
		}
		all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
		fmt.Fprintf(&b, "--- %s\n%s\n", path, strings.Join(all[max(0, len(all)-lines):], "\n"))
	}
	return b.String()
}

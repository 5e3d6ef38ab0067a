package asterisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ari-go/ari/test/asterisk/internal/guard"
)

// CacheEnv names the folder that installed Asterisks are kept in; without it they are in ari-go below the user's cache folder.
const CacheEnv = "ARI_ASTERISK_CACHE"

// ErrNotInstalled is returned for a version that [Install] hasn't put into the cache.
var ErrNotInstalled = errors.New("not installed")

// suites says which Debian suite carries which version of Asterisk.
var suites = map[string]string{
	"22": "sid",
	"16": "bullseye",
}

// packages is what an installation consists of, besides what these packages depend on.
var packages = []string{"asterisk", "asterisk-modules", "asterisk-core-sounds-en-gsm", "sip-tester"}

// Versions lists the versions that [Install] knows, the newest first.
func Versions() []string { return []string{"22", "16"} }

// Root is an installed Asterisk.
type Root struct {
	// Major is the version's first number, as given to Install: "22".
	Major string `json:"major"`
	// Version is the full version: "22.10.1".
	Version string `json:"version"`
	// Package is the version of the Debian package.
	Package string `json:"package"`
	// Dir is the folder that holds usr, etc and var.
	Dir string `json:"-"`
}

// marker is written last: a folder that has it is complete.
const marker = "ari-asterisk.json"

func cacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder, set %s: %w", CacheEnv, err)
	}
	return filepath.Join(dir, "ari-go"), nil
}

// Lookup finds an installed Asterisk by its version's first number. Its error is [ErrNotInstalled] when there is none.
func Lookup(version string) (Root, error) {
	if _, ok := suites[version]; !ok {
		return Root{}, fmt.Errorf("asterisk: version %q is none of %s", version, strings.Join(Versions(), ", "))
	}
	cache, err := cacheDir()
	if err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	root := Root{Dir: filepath.Join(cache, "asterisk-"+version)}
	data, err := os.ReadFile(filepath.Join(root.Dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return Root{}, fmt.Errorf("asterisk: Asterisk %s in %s: %w", version, cache, ErrNotInstalled)
	}
	if err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	if err := json.Unmarshal(data, &root); err != nil {
		return Root{}, fmt.Errorf("asterisk: %s: %w", marker, err)
	}
	return root, nil
}

// Install gets an Asterisk from Debian's archive into the cache, unless it is there already, and tells log what it does. It needs Debian's apt, but neither
// root rights nor a chroot: the packages and what they depend on are fetched and checked by apt in folders of its own, and unpacked, not installed.
//
// It may be called by several programs at once, and again after it was interrupted.
func Install(ctx context.Context, version string, log io.Writer) (Root, error) {
	if root, err := Lookup(version); err == nil || !errors.Is(err, ErrNotInstalled) {
		return root, err
	}
	if runtime.GOOS != "linux" {
		return Root{}, fmt.Errorf("asterisk: only Linux can run Debian's Asterisk, this is %s: use compose.yaml and %s", runtime.GOOS, ExternalEnv)
	}
	cache, err := cacheDir()
	if err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	final := filepath.Join(cache, "asterisk-"+version)
	logf(log, "Asterisk %s: getting it into %s (another run that does so is waited for)", version, final)
	lock, err := guard.Lock(final + ".lock")
	if err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	defer lock.Close()
	if root, err := Lookup(version); err == nil {
		return root, nil
	}

	// Under the lock, whatever lies here is what an interrupted run has left.
	work := final + ".new"
	for _, dir := range []string{work, final} {
		if err := os.RemoveAll(dir); err != nil {
			return Root{}, fmt.Errorf("asterisk: %w", err)
		}
	}
	begin := time.Now()
	root, err := install(ctx, runner{hold: lock}, version, work, log)
	if err != nil {
		return Root{}, errors.Join(fmt.Errorf("asterisk: install %s: %w", version, err), os.RemoveAll(work))
	}
	if err := os.Rename(root.Dir, final); err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	root.Dir = final
	if err := os.RemoveAll(work); err != nil {
		return Root{}, fmt.Errorf("asterisk: %w", err)
	}
	logf(log, "Asterisk %s: version %s is ready in %s (%s)", version, root.Version, final, time.Since(begin).Round(time.Second/10))
	return root, nil
}

// install does its work below the folder work, and leaves a complete root, with its marker, somewhere in it.
func install(ctx context.Context, r runner, version, work string, log io.Writer) (Root, error) {
	apt, err := newApt(ctx, r, filepath.Join(work, "apt"), suites[version])
	if err != nil {
		return Root{}, err
	}
	logf(log, "Asterisk %s: reading the package lists of %s from %s", version, apt.suite, apt.mirror)
	if err := apt.update(ctx); err != nil {
		return Root{}, err
	}
	logf(log, "Asterisk %s: fetching %s and what they depend on", version, strings.Join(packages, ", "))
	debs, err := apt.download(ctx, packages)
	if err != nil {
		return Root{}, err
	}
	root := Root{Major: version, Dir: filepath.Join(work, "root")}
	logf(log, "Asterisk %s: unpacking %d packages", version, len(debs))
	if err := unpack(ctx, r, debs, root.Dir); err != nil {
		return Root{}, err
	}
	if root.Package, err = apt.version(ctx, "asterisk"); err != nil {
		return Root{}, err
	}

	// Running it once proves that the loader finds every library, and that the suite still carries the version that is wanted.
	args, err := root.command("usr/sbin/asterisk", "-V")
	if err != nil {
		return Root{}, err
	}
	out, err := r.run(ctx, args...)
	if err != nil {
		return Root{}, err
	}
	root.Version = plainVersion(strings.TrimPrefix(strings.TrimSpace(out), "Asterisk "))
	if !strings.HasPrefix(root.Version, version+".") {
		return Root{}, fmt.Errorf("the suite %s now has Asterisk %s", apt.suite, root.Version)
	}
	data, err := json.MarshalIndent(root, "", "\t")
	if err != nil {
		return Root{}, err
	}
	return root, os.WriteFile(filepath.Join(root.Dir, marker), data, 0o644)
}

// unpack extracts packages, and drops what tests have no use for.
func unpack(ctx context.Context, r runner, debs []string, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, deb := range debs {
		if _, err := r.run(ctx, "dpkg-deb", "--extract", deb, dir); err != nil {
			return err
		}
	}
	for _, unused := range []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/lib/python3*"} {
		paths, err := filepath.Glob(filepath.Join(dir, unused))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// loaders names, for a Go architecture, Debian's name of it and its dynamic loader.
var loaders = map[string]struct{ triplet, loader string }{
	"amd64": {"x86_64-linux-gnu", "ld-linux-x86-64.so.2"},
	"arm64": {"aarch64-linux-gnu", "ld-linux-aarch64.so.1"},
}

// command is the command line that runs one of the root's programs with the root's own loader and libraries.
func (r Root) command(program string, args ...string) ([]string, error) {
	arch, ok := loaders[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no loader is known for %s", runtime.GOARCH)
	}
	// Debian's older suites have libraries both in /lib and /usr/lib.
	dirs := []string{
		filepath.Join(r.Dir, "usr/lib", arch.triplet),
		filepath.Join(r.Dir, "lib", arch.triplet),
		filepath.Join(r.Dir, "usr/lib"),
	}
	for _, dir := range dirs {
		loader := filepath.Join(dir, arch.loader)
		if _, err := os.Stat(loader); err != nil {
			continue
		}
		// Without --inhibit-cache the loader would fall back to libraries of the host.
		return append([]string{
			loader, "--inhibit-cache", "--library-path", strings.Join(dirs, ":"),
			filepath.Join(r.Dir, program),
		}, args...), nil
	}
	return nil, fmt.Errorf("%s has no %s", r.Dir, arch.loader)
}

// SIPpCommand is the command line that runs the sipp of this installation.
func (r Root) SIPpCommand(args ...string) ([]string, error) {
	return r.command("usr/bin/sipp", args...)
}

// modulesDir is where the installation's modules are.
func (r Root) modulesDir() (string, error) {
	for _, pattern := range []string{"usr/lib/asterisk/modules", "usr/lib/*/asterisk/modules"} {
		dirs, err := filepath.Glob(filepath.Join(r.Dir, pattern))
		if err != nil {
			return "", err
		}
		if len(dirs) > 0 {
			return dirs[0], nil
		}
	}
	return "", fmt.Errorf("%s has no modules", r.Dir)
}

// plainVersion cuts a distribution's additions off a version: "16.28.0~dfsg-0+deb11u4" is "16.28.0".
func plainVersion(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, ".")
}

// runner runs commands.
type runner struct {
	// env is added to our own environment.
	env []string
	// hold is a lock that the commands keep, so that nobody else gets it while one of them still works, even if we are killed.
	hold *os.File
}

// run runs a command to its end and returns its output; when it fails, the error holds what it said.
func (r runner) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = slices.Concat(os.Environ(), r.env, []string{"LC_ALL=C"})
	if r.hold != nil {
		cmd.ExtraFiles = []*os.File{r.hold}
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("%s: %w\n%s%s", filepath.Base(args[0]), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

func logf(log io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(log, format+"\n", args...)
}

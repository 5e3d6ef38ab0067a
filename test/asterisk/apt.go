package asterisk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// MirrorEnv names the Debian mirror to use, for hosts whose own apt isn't set up for Debian.
const MirrorEnv = "ARI_DEBIAN_MIRROR"

// keyring holds the keys that Debian's archive is signed with.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt is a private set-up of the host's apt: its own package lists, its own cache, and an empty list of installed packages, so that asking it for a package
// brings everything that the package depends on.
type apt struct {
	runner

	dir, suite, mirror string
}

func newApt(ctx context.Context, r runner, dir, suite string) (*apt, error) {
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("this needs Debian's %s: %w; elsewhere use compose.yaml and %s", program, err, ExternalEnv)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return nil, fmt.Errorf("this needs the keys of Debian's archive (package debian-archive-keyring): %w", err)
	}
	mirror, err := debianMirror(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"etc/preferences.d", "etc/sources.list.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	arch, err := r.run(ctx, "dpkg", "--print-architecture")
	if err != nil {
		return nil, err
	}
	// How the network is to be used (proxies, time limits) is the host's business.
	network, err := r.run(ctx, "apt-config", "dump", "Acquire")
	if err != nil {
		return nil, err
	}
	r.env = []string{"APT_CONFIG=" + filepath.Join(dir, "apt.conf")}
	a := &apt{runner: r, dir: dir, suite: suite, mirror: mirror}
	files := map[string]string{
		"status":           "",
		"etc/sources.list": fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", strings.TrimSpace(arch), keyring, mirror, suite),
		"apt.conf":         withoutTargets(network) + strings.NewReplacer("@DIR@", dir).Replace(aptConf),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// withoutTargets leaves out the lists that the host wants besides packages, and apt's built-in definition of them.
func withoutTargets(config string) string {
	var b strings.Builder
	for line := range strings.Lines(config) {
		if !strings.HasPrefix(line, "Acquire::IndexTargets") {
			b.WriteString(line)
		}
	}
	return b.String()
}

const aptConf = `
Dir "@DIR@";
Dir::Bin::methods "/usr/lib/apt/methods";
Dir::Etc "@DIR@/etc";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::State "@DIR@/state";
Dir::State::status "@DIR@/status";
Dir::Cache "@DIR@/cache";
Dir::Log "@DIR@";
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
#clear Acquire::Languages;
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
`

// debianMirror asks the host's apt for the mirror that it uses.
func debianMirror(ctx context.Context, r runner) (string, error) {
	if mirror := os.Getenv(MirrorEnv); mirror != "" {
		return mirror, nil
	}
	out, err := r.run(ctx, "apt-get", "indextargets", "--format", "$(IDENTIFIER)\t$(ORIGIN)\t$(SITE)\t$(REPO_URI)", "Identifier: Packages")
	if err != nil {
		return "", err
	}
	var byName string
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 4 || strings.Contains(line, "security") {
			continue
		}
		origin, site := fields[1], strings.TrimRight(fields[2], "/")
		if origin == "Debian" {
			return site, nil
		}
		// Before the host's first "apt-get update" apt knows no origins.
		if byName == "" && strings.HasSuffix(site, "/debian") {
			byName = site
		}
	}
	if byName == "" {
		return "", fmt.Errorf("the host's apt has no Debian mirror: set %s to one", MirrorEnv)
	}
	return byName, nil
}

func (a *apt) update(ctx context.Context) error {
	_, err := a.run(ctx, "apt-get", "update", "--quiet=2", "--error-on=any")
	return err
}

// download fetches packages and their dependencies, and returns the files.
func (a *apt) download(ctx context.Context, names []string) ([]string, error) {
	args := append([]string{"apt-get", "install", "--quiet=2", "--download-only"}, names...)
	if _, err := a.run(ctx, args...); err != nil {
		return nil, err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, "cache/archives/*.deb"))
	if err == nil && len(debs) == 0 {
		err = errors.New("apt-get fetched nothing")
	}
	slices.Sort(debs)
	return debs, err
}

// version is the version of a package in the suite.
func (a *apt) version(ctx context.Context, name string) (string, error) {
	out, err := a.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(line, "Version: "); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("package %s: %w", name, fs.ErrNotExist)
}

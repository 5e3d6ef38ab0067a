package asterisk

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	// ExternalEnv names an Asterisk that runs already, as http://user:password@host:8088/ari or url=...;user=...;password=...
	ExternalEnv = "ARI_TEST_ASTERISK"
	// RequireEnv set to 1 makes tests run on the Asterisks of the cache, and fail when there is none. Without it they are
	// skipped, so that go test ./... is quick and the same everywhere.
	RequireEnv = "ARI_TEST_REQUIRE"
	// KeepEnv set to 1 keeps all folders of all instances, not only the logs of failed tests.
	KeepEnv = "ARI_TEST_KEEP"
)

// Require skips the test unless it shall run on a real Asterisk: one named by [ExternalEnv], or, with [RequireEnv] set, the one of this version that
// [Install] has put into the cache. If that is missing the test fails.
func Require(tb testing.TB, version string) {
	tb.Helper()
	if os.Getenv(ExternalEnv) != "" {
		return // Its version is seen by Start.
	}
	if os.Getenv(RequireEnv) != "1" {
		tb.Skipf("needs a real Asterisk: run \"make test-asterisk\", or set %s=1 or %s", RequireEnv, ExternalEnv)
	}
	if _, err := Lookup(version); err != nil {
		tb.Fatalf("%v: run \"make asterisk\", or name a running one by %s", err, ExternalEnv)
	}
}

// Start starts an Asterisk that ends with the test. The test is skipped, or fails, as by [Require]. When the test fails, the end of Asterisk's log is
// printed and its folder is kept.
//
// With [ExternalEnv] set, that Asterisk is used instead, and tests that need their own, or another version, are skipped.
func Start(tb testing.TB, opts Options) *Instance {
	tb.Helper()
	if opts.Version == "" {
		opts.Version = Versions()[0]
	}
	Require(tb, opts.Version)
	if setting := os.Getenv(ExternalEnv); setting != "" {
		return external(tb, setting, opts)
	}
	inst, err := Run(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { inst.finish(tb) })
	return inst
}

// finish ends an instance together with its test.
func (i *Instance) finish(tb testing.TB) {
	i.end()
	switch {
	case os.Getenv(KeepEnv) == "1":
		tb.Logf("Asterisk's folder: %s", i.Dir)
		return
	case tb.Failed() || panicking():
		tb.Logf("Asterisk's last words, all of them in %s/log:\n%s", i.Dir, i.LogTail(100))
		// The configuration and the logs tell what happened; the rest is only large.
		for _, dir := range []string{"data", "moh", "cache", "run", "lib", "agi"} {
			_ = os.RemoveAll(filepath.Join(i.Dir, dir))
		}
		return
	}
	if err := i.Close(); err != nil {
		tb.Error(err)
	}
}

// panicking tells whether this is run because of a panic: then a test hasn't failed yet, by its own account, when it cleans up.
func panicking() bool {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		frame, more := frames.Next()
		if frame.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// external is the Asterisk that a setting names.
func external(tb testing.TB, setting string, opts Options) *Instance {
	tb.Helper()
	if opts.own() {
		tb.Skipf("this test needs an Asterisk of its own, not that of %s", ExternalEnv)
	}
	inst, err := parseExternal(setting)
	if err != nil {
		tb.Fatalf("%s: %v", ExternalEnv, err)
	}
	if inst.Version, err = inst.ping(tb.Context()); err != nil {
		tb.Fatalf("%s: %v", ExternalEnv, err)
	}
	if !strings.HasPrefix(inst.Version, opts.Version+".") {
		tb.Skipf("this test is for Asterisk %s, that of %s is %s", opts.Version, ExternalEnv, inst.Version)
	}
	return inst
}

// parseExternal reads the setting that names an Asterisk. Its errors don't repeat it, since it holds a password.
func parseExternal(setting string) (*Instance, error) {
	inst := &Instance{External: true, AppName: "hello", Username: username, Password: password}
	raw := setting
	if strings.HasPrefix(setting, "url=") {
		for field := range strings.SplitSeq(setting, ";") {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "url":
				raw = value
			case "user":
				inst.Username = value
			case "password":
				inst.Password = value
			default:
				return nil, fmt.Errorf("unknown field %q", key)
			}
		}
	}
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("it holds no URL")
	}
	if u.User != nil {
		inst.Username = u.User.Username()
		inst.Password, _ = u.User.Password()
		u.User = nil
	}
	if u.Port() == "" && u.Scheme == "http" {
		u.Host += ":8088"
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/ari"
	}
	inst.URL = strings.TrimRight(u.String(), "/")
	return inst, nil
}

// Each runs a test once for each version, in parallel, each as a subtest.
func Each(t *testing.T, test func(t *testing.T, version string)) {
	t.Helper()
	for _, version := range Versions() {
		t.Run("asterisk-"+version, func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

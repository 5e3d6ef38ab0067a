package cli

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/spf13/pflag"
)

// A connection says where Asterisk is, and who uses it: by flags, and by the environment where they say nothing.
type connection struct {
	url          string
	username     string
	passwordFile string
	caFile       string
	cleartext    bool
	readOnly     bool
	json         bool
	verbose      bool
}

func (c *connection) flags(f *pflag.FlagSet) {
	f.StringVar(&c.url, "url", "", "base `URL`, such as http://127.0.0.1:8088/ari (default $ARI_URL)")
	f.StringVar(&c.username, "username", "", "`name` of the user in ari.conf (default $ARI_USERNAME)")
	f.StringVar(&c.passwordFile, "password-file", "", "`file` with the user's password on its first line (default $ARI_PASSWORD)")
	f.StringVar(&c.caFile, "ca-file", "", "`file` with the certificates of authorities to trust, for https")
	f.BoolVar(&c.cleartext, "cleartext-credentials", false, "send user and password without TLS beyond the own network")
	f.BoolVar(&c.readOnly, "read-only", false, "refuse every command that changes something")
	f.BoolVar(&c.json, "json", false, "print JSON, for programs")
	f.BoolVar(&c.verbose, "verbose", false, "log what the connection does, too")
}

// baseURL is where ARI is.
func (c *connection) baseURL() (string, error) {
	if u, err := url.Parse(c.url); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			return "", usagef("--url has a password, which everybody on this machine can read: use ARI_PASSWORD or --password-file")
		}
	}
	base := cmp.Or(c.url, os.Getenv("ARI_URL"))
	if base == "" {
		return "", usagef("where is Asterisk? Set ARI_URL, or give --url, such as http://127.0.0.1:8088/ari")
	}
	return base, nil
}

// options are what the flags and the environment say of requests.
func (c *connection) options(errs io.Writer) ([]ari.ControllerOption, error) {
	level := slog.LevelError
	if c.verbose {
		level = slog.LevelInfo
	}
	opts := []ari.ControllerOption{ari.WithLogger(slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level})))}
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	if user := cmp.Or(c.username, os.Getenv("ARI_USERNAME")); user != "" {
		opts = append(opts, ari.WithBasicAuth(user, password))
	}
	if c.caFile != "" {
		pool, err := c.authorities()
		if err != nil {
			return nil, err
		}
		opts = append(opts, ari.WithTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	if c.cleartext {
		opts = append(opts, ari.WithCleartextCredentials())
	}
	if c.readOnly {
		opts = append(opts, readOnly())
	}
	return opts, nil
}

func (c *connection) password() (string, error) {
	if c.passwordFile == "" {
		return os.Getenv("ARI_PASSWORD"), nil
	}
	text, err := os.ReadFile(c.passwordFile)
	if err != nil {
		return "", usageError{err}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// authorities are those of --ca-file; nil stands for the system's.
func (c *connection) authorities() (*x509.CertPool, error) {
	if c.caFile == "" {
		return nil, nil //nolint:nilnil // That is what crypto/tls takes for the system's.
	}
	text, err := os.ReadFile(c.caFile)
	if err != nil {
		return nil, usageError{err}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, usagef("%s has no certificate in it", c.caFile)
	}
	return pool, nil
}

// controller makes one that sends commands.
func (c *connection) controller(errs io.Writer, more ...ari.ControllerOption) (*ari.Controller, error) {
	base, err := c.baseURL()
	if err != nil {
		return nil, err
	}
	opts, err := c.options(errs)
	if err != nil {
		return nil, err
	}
	ctrl, err := ari.NewController(base, append(opts, more...)...)
	if err != nil {
		return nil, usageError{err}
	}
	return ctrl, nil
}

// errReadOnly refuses what would change something.
var errReadOnly = errors.New("refused, since it would change something")

// readOnly refuses all commands but those that read, and the operations that are named.
func readOnly(except ...string) ari.ControllerOption {
	allowed := make(map[string]bool)
	for _, id := range except {
		allowed[id] = true
	}
	return ari.WithInterceptor(func(next ari.Doer) ari.Doer {
		return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
			if id := ari.RequestInfoOf(req).Operation; req.Method != http.MethodGet && !allowed[id] {
				return nil, fmt.Errorf("%s: %w", id, errReadOnly)
			}
			return next.Do(req)
		})
	})
}

package ari

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// A requestConfig says where requests go, and how.
type requestConfig struct {
	base *url.URL // without user, query and trailing slash
	user *url.Userinfo
	tls  *tls.Config
	http *http.Client
	log  *slog.Logger

	cleartext    bool // User and password may go anywhere without TLS.
	interceptors []chainLink
	transports   []chainLink

	ownTransport bool   // http is made here, so we close its connections
	conns        *conns // those of our own transport

	commands Commands
	noHTTP   bool        // base is nobody's address
	gate     *filterGate // nil: this controller has it alone
	limits   *limits     // likewise
}

// sharedGate and sharedLimits are what several controllers of one Asterisk have in common.
func (cfg *requestConfig) sharedGate() *filterGate {
	if cfg.gate == nil {
		return newFilterGate()
	}
	return cfg.gate
}

func (cfg *requestConfig) sharedLimits() *limits {
	if cfg.limits == nil {
		return newLimits()
	}
	return cfg.limits
}

// closeIdle closes the connections that are not in use, if they are ours.
func (cfg *requestConfig) closeIdle() {
	if cfg.ownTransport {
		cfg.http.CloseIdleConnections()
	}
}

// furtherClient makes a client for other connections than those of requests, whose number is limited and which end when
// Asterisk has been found dead.
func (cfg *requestConfig) furtherClient() *http.Client {
	own, ok := cfg.http.Transport.(*http.Transport)
	if !ok || !cfg.ownTransport {
		return cfg.http
	}
	further := own.Clone()
	further.MaxConnsPerHost, further.DialContext = 0, nil
	return &http.Client{Transport: further}
}

// parseBase reads a base URL. No error shows a password.
func parseBase(raw string) (*url.URL, *url.Userinfo, error) {
	if raw == "" {
		return nil, nil, errors.New("ari: the base URL is empty")
	}
	bad := func(why string) error {
		return fmt.Errorf("ari: base URL %q: %s", withoutUser(raw), why)
	}
	u, err := url.Parse(raw)
	if err != nil {
		why := "it is malformed"
		var parseErr *url.Error
		if !strings.Contains(raw, "://") {
			why = "it must begin with http:// or https://"
		} else if errors.As(err, &parseErr) && !strings.Contains(raw, "@") {
			why = parseErr.Err.Error()
		}
		return nil, nil, bad(why)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, nil, bad("it must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, nil, bad("it has no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, nil, bad("it must end with the path, as in http://host:8088/ari")
	}
	user := u.User
	u.User = nil
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, user, nil
}

// withoutUser strips what may be credentials from a URL that may be malformed.
func withoutUser(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	scheme := ""
	if i := strings.Index(raw, "://"); i >= 0 && i < at {
		scheme = raw[:i+3]
	}
	return scheme + "***" + raw[at:]
}

// authorize sets a request's credentials.
func (cfg *requestConfig) authorize(h http.Header) {
	if cfg.user == nil {
		return
	}
	password, _ := cfg.user.Password()
	r := http.Request{Header: h}
	r.SetBasicAuth(cfg.user.Username(), password)
}

// authorization is the Authorization header of requests, or "".
func (cfg *requestConfig) authorization() string {
	header := make(http.Header)
	cfg.authorize(header)
	return header.Get("Authorization")
}

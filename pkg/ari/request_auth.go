package ari

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// authorize gives a request its Authorization header. It stands below the users' interceptors, so that none can log what
// is in it.
func authorize(header string) func(*http.Request) error {
	return func(req *http.Request) error {
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		return nil
	}
}

// checkCredentials makes sure that user and password don't go over a network of strangers in clear text.
func (cfg *requestConfig) checkCredentials() error {
	if cfg.user == nil || cfg.base.Scheme != "http" || cfg.cleartext {
		return nil
	}
	switch host := cfg.base.Hostname(); reachOf(host) {
	case reachLoopback:
		return nil
	case reachPrivate:
		cfg.log.Warn("user and password go over the network in clear text; https would protect them", "host", host)
		return nil
	default:
		return fmt.Errorf("ari: base URL %q: user and password would go over the network in clear text: use https, or allow it by WithCleartextCredentials", cfg.base)
	}
}

// A reach is how far away a host may be.
type reach uint8

const (
	reachAnywhere reach = iota
	reachPrivate
	reachLoopback
)

// sharedSpace is a provider's own, behind which nobody from outside can be reached (RFC 6598); many overlay networks use it.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// reachOf tells from a URL's host how far away it is. A name of one word, or under one of the domains that are reserved
// for it, can only be found in a network of one's own: a container's, for example.
func reachOf(host string) reach {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		switch {
		case ip.IsLoopback():
			return reachLoopback
		case ip.IsPrivate(), ip.IsLinkLocalUnicast(), sharedSpace.Contains(ip):
			return reachPrivate
		}
		return reachAnywhere
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return reachLoopback
	}
	if !strings.Contains(name, ".") {
		return reachPrivate
	}
	for _, domain := range []string{".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(name, domain) {
			return reachPrivate
		}
	}
	return reachAnywhere
}

package ari

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
)

// Who may open a websocket to a server.

// refusal says why a handshake is refused; 0 if it isn't.
func (s *Server) refusal(r *http.Request) (status int, why string) {
	switch {
	case s.Err() != nil:
		return http.StatusServiceUnavailable, "the server is closed"
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, "a websocket begins with GET"
	}
	if check := s.cfg.certificate; check != nil && !hasCertificate(r.TLS, check) {
		return http.StatusUnauthorized, "it shows no certificate that is trusted"
	}
	if check := s.cfg.authenticate; check != nil {
		user, password, ok := r.BasicAuth()
		if !ok || !check(r, user, password) {
			return http.StatusUnauthorized, "user or password is wrong"
		}
	}
	if offered := r.Header.Values("Sec-Websocket-Protocol"); len(offered) > 0 && !offersARI(offered) {
		return http.StatusBadRequest, "it doesn't speak the protocol " + subprotocol
	}
	return 0, ""
}

func offersARI(offered []string) bool {
	for _, list := range offered {
		for name := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(name) == subprotocol {
				return true
			}
		}
	}
	return false
}

// hasCertificate reports whether a connection has shown a certificate that was verified, and is accepted.
func hasCertificate(state *tls.ConnectionState, check func(*x509.Certificate) bool) bool {
	return state != nil && len(state.VerifiedChains) > 0 && check(state.PeerCertificates[0])
}

package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A sender sends requests to Asterisk.
type sender struct {
	base, user, password string

	// What ends something has connections of its own, so that what waits for such an end doesn't keep it waiting.
	usual, ending *http.Client
}

// Asterisk takes 100 connections at once, and closes idle ones after 15 s.
const (
	usualConns  = 56
	endingConns = 16
	idleConns   = 10 * time.Second
)

func newSender(cfg GatewayConfig) *sender {
	s := &sender{
		base: strings.TrimRight(cfg.URL, "/"), user: cfg.Username, password: cfg.Password,
		usual: cfg.HTTPClient, ending: cfg.HTTPClient,
	}
	if cfg.HTTPClient == nil {
		s.usual, s.ending = newHTTPClient(usualConns), newHTTPClient(endingConns)
	}
	return s
}

func newHTTPClient(conns int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns, IdleConnTimeout: idleConns, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// do sends a worker's request, and returns the answer as a message.
func (s *sender) do(ctx context.Context, method, path string, m *nats.Msg, most int64) (*nats.Msg, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(m.Data))
	if err != nil {
		return nil, err
	}
	if typ := m.Header.Get(headerType); typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	if s.user != "" {
		req.SetBasicAuth(s.user, s.password)
	}
	client := s.usual
	if method == http.MethodDelete {
		client = s.ending
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	const headers = 4096
	data, err := io.ReadAll(io.LimitReader(res.Body, most-headers+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most-headers {
		return nil, fmt.Errorf("%s %s: %w", method, path, errTooBig)
	}
	reply := nats.NewMsg("")
	reply.Header.Set(headerStatus, strconv.Itoa(res.StatusCode))
	reply.Header.Set(headerType, res.Header.Get("Content-Type"))
	reply.Header.Set(headerServer, res.Header.Get("Server"))
	reply.Data = data
	return reply, nil
}

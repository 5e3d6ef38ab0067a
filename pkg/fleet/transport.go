package fleet

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/nats-io/nats.go"
)

// message makes a command of the call's worker.
func (k *Call) message(kind string) *nats.Msg {
	m := nats.NewMsg(commandSubject(k.offer.Node))
	m.Header.Set(headerKind, kind)
	m.Header.Set(headerCall, k.offer.Call)
	m.Header.Set(headerToken, strconv.FormatUint(k.token, 10))
	m.Header.Set(headerID, rand.Text())
	return m
}

// askAgain is how long an answer is waited for before the command is sent again, under the same id: the gateway carries it out once.
const askAgain = 2 * time.Second

// ask sends a command to the gateway until that has answered, or ctx ends.
func (k *Call) ask(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-k.gone:
			stop(ErrLost)
		case <-ctx.Done():
		}
	}()
	for {
		reply, err := k.askOnce(ctx, m)
		switch {
		case err == nil:
			return k.judge(reply)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, nats.ErrNoResponders):
			return nil, fmt.Errorf("%w: %s", ErrNoGateway, k.offer.Node)
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		default:
			return nil, fmt.Errorf("fleet: %w", err)
		}
	}
}

func (k *Call) askOnce(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	return k.c.nc.RequestMsgWithContext(ctx, m)
}

// judge makes an error of a refusal.
func (k *Call) judge(reply *nats.Msg) (*nats.Msg, error) {
	switch reply.Header.Get(headerRefused) {
	case "":
		return reply, nil
	case refusedToken:
		k.c.refused.Add(1)
		k.lose("a command was refused")
		return nil, ErrLost
	case refusedCall:
		return nil, errOver
	}
	return nil, fmt.Errorf("fleet: the gateway of %s: %s", k.offer.Node, reply.Data)
}

// transport sends the session's requests to the gateway.
func (k *Call) transport(ari.Doer) ari.Doer {
	return ari.DoerFunc(func(req *http.Request) (*http.Response, error) {
		select {
		case <-k.joined:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		m := k.message(kindRequest)
		m.Header.Set(headerMethod, req.Method)
		path := strings.TrimPrefix(req.URL.EscapedPath(), "/ari")
		if req.URL.RawQuery != "" {
			path += "?" + req.URL.RawQuery
		}
		m.Header.Set(headerPath, path)
		if req.Body != nil {
			data, err := io.ReadAll(req.Body)
			_ = req.Body.Close()
			if err != nil {
				return nil, err
			}
			m.Data = data
			m.Header.Set(headerType, req.Header.Get("Content-Type"))
		}
		reply, err := k.ask(req.Context(), m)
		if err != nil {
			return nil, err
		}
		return response(req, reply)
	})
}

// response makes of the gateway's answer what Asterisk's was.
func response(req *http.Request, reply *nats.Msg) (*http.Response, error) {
	status, err := strconv.Atoi(reply.Header.Get(headerStatus))
	if err != nil {
		return nil, fmt.Errorf("fleet: an answer without a status: %w", err)
	}
	header := make(http.Header)
	for name, from := range map[string]string{"Content-Type": headerType, "Server": headerServer} {
		if v := reply.Header.Get(from); v != "" {
			header.Set(name, v)
		}
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(reply.Data)), ContentLength: int64(len(reply.Data)), Request: req,
	}, nil
}

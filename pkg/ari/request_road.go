package ari

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Commands says by which transport commands go to Asterisk: see [WithCommands].
type Commands uint8

const (
	// CommandsAuto is HTTP where Asterisk can be reached by it, and else the websocket.
	CommandsAuto Commands = iota

	// CommandsHTTP is HTTP.
	CommandsHTTP

	// CommandsWebsocket is the websocket that events come by, together with others for commands that may wait. Since
	// Asterisk 20.14, 21.9, 22.4.
	CommandsWebsocket
)

// restOverWebsocket are the first versions that take commands over a websocket.
var restOverWebsocket = versions{{20, 14, 0}, {21, 9, 0}, {22, 4, 0}, {23, 0, 0}}

// httpClosedFor is how long HTTP isn't tried again where nobody has answered it.
const httpClosedFor = 30 * time.Second

// A commandPool gives websockets to commands that may wait.
type commandPool interface {
	// take waits for a websocket; giveBack must be called when its answer has come.
	take(ctx context.Context) (sock *commandSocket, giveBack func(), err error)

	// end ends all requests under way; close does so for good, and takes leave of Asterisk.
	end(reason error)
	close(ctx context.Context, reason error)
}

// roads are the ways that a session's requests can go. They stand at the end of the chain, as one transport.
type roads struct {
	policy   Commands
	http     Doer // nil: there is no HTTP
	base     *url.URL
	basePath string
	server   *server
	log      *slog.Logger

	events atomic.Pointer[commandSocket] // the websocket that events come by; nil while there is none
	pool   commandPool                   // nil: the events' websocket is the only one

	released chan struct{} // closed when nobody has commands any more
	release  func()

	over        atomic.Bool  // the session has ended: no websocket follows
	closedUntil atomic.Int64 // in Unix nanoseconds: HTTP isn't tried before
	asking      sync.Mutex   // held while Asterisk is asked for its version
	untold      atomic.Bool  // It was asked, and didn't tell.
}

func newRoads(cfg *requestConfig, c *chain) *roads {
	r := &roads{policy: cfg.commands, base: cfg.base, basePath: c.basePath, server: &c.server, log: cfg.log, released: make(chan struct{})}
	r.release = sync.OnceFunc(func() { close(r.released) })
	if !cfg.noHTTP {
		r.http = cfg.transport()
	}
	return r
}

// transport is the roads' end of the chain: plain HTTP as long as nothing else is possible.
func (r *roads) transport() Doer {
	if r.policy == CommandsHTTP {
		return r.http
	}
	return r
}

// attach makes requests go over a websocket.
func (r *roads) attach(sock *commandSocket) { r.events.Store(sock) }

// detach ends that, and all requests that are under way there.
func (r *roads) detach(sock *commandSocket, reason error) {
	r.events.CompareAndSwap(sock, nil)
	sock.end(reason)
}

// sever ends all requests under way, of an Asterisk that has been found dead.
func (r *roads) sever(reason error) {
	if sock := r.events.Load(); sock != nil {
		sock.end(reason)
	}
	if r.pool != nil {
		r.pool.end(reason)
	}
}

// bySocket reports whether commands may go over the websocket, so that it is needed as long as there are any.
func (r *roads) bySocket() bool {
	return r.policy == CommandsWebsocket || r.policy == CommandsAuto && (r.http == nil || r.closed())
}

// awaitRelease waits, where commands go over the websocket, until nobody has any to give.
func (r *roads) awaitRelease() {
	if r.bySocket() {
		<-r.released
	}
}

func (r *roads) closed() bool { return time.Now().UnixNano() < r.closedUntil.Load() }

// Do implements [Doer].
func (r *roads) Do(req *http.Request) (*http.Response, error) {
	if r.policy == CommandsAuto && r.http != nil && (r.events.Load() == nil || !r.closed()) {
		resp, err := r.http.Do(req)
		if err == nil || !unreachable(err) || r.events.Load() == nil || req.Context().Err() != nil || !r.mayTake() {
			return resp, err
		}
		r.closedUntil.Store(time.Now().Add(httpClosedFor).UnixNano())
		r.log.Info("Asterisk can't be reached by HTTP: commands go over the websocket", "error", err)
	}
	return r.overSocket(req)
}

// unreachable reports whether a request was never sent, since nobody was there.
func unreachable(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// mayTake reports whether this Asterisk is known to take commands over the websocket.
func (r *roads) mayTake() bool {
	if r.pool == nil {
		return false
	}
	v := r.server.version.Load()
	return v == nil || restOverWebsocket.have(*v)
}

// overSocket sends a request over a websocket: the one that events come by, or, if it may wait, one that nobody waits for.
func (r *roads) overSocket(req *http.Request) (*http.Response, error) {
	op := requestOf(req.Context()).op
	if err := r.check(req.Context(), req.Header.Get("Authorization")); err != nil {
		return nil, err
	}
	m, err := messageOf(req, r.basePath)
	if err != nil {
		return nil, err
	}
	if r.http != nil && (len(m.Body)+len(m.URI) > maxMessage/2 || op == opRecordingsGetStoredFile) {
		// What it can't carry: too much, or what isn't text.
		if text, err := m.encode(); err != nil || len(text)+len("18446744073709551615") > maxMessage || op == opRecordingsGetStoredFile {
			return r.http.Do(req)
		}
	}
	if !op.blocks() {
		sock := r.events.Load()
		if sock == nil {
			return nil, errNoSocket
		}
		return sock.do(req, m)
	}
	if r.pool == nil {
		return nil, ErrNoCommandSocket
	}
	sock, giveBack, err := r.pool.take(req.Context())
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return sock.do(req, m)
}

// blocks reports whether an operation may take its time, so that it mustn't share a websocket.
func (op *operation) blocks() bool { return op.waits() || op == opChannelsExternalMedia }

// check makes sure that Asterisk takes commands over a websocket. An older one would never answer.
func (r *roads) check(ctx context.Context, authorization string) error {
	v, known := r.version(ctx, authorization)
	if known && !restOverWebsocket.have(v) {
		return unsupported("a command over the websocket", restOverWebsocket, v)
	}
	return nil
}

// version is Asterisk's. Where it isn't known yet, it is asked for by HTTP; an Asterisk that opens the websocket itself is
// new enough in any case.
func (r *roads) version(ctx context.Context, authorization string) (Version, bool) {
	if v := r.server.version.Load(); v != nil {
		return *v, true
	}
	if r.http == nil || r.untold.Load() {
		return Version{}, false
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	if v := r.server.version.Load(); v != nil {
		return *v, true
	}
	if err := r.askVersion(ctx, authorization); err != nil {
		return Version{}, false
	}
	v := r.server.version.Load()
	if v == nil {
		r.untold.Store(true)
		return Version{}, false
	}
	return *v, true
}

// askVersion asks for nothing in particular: each answer names the version.
func (r *roads) askVersion(ctx context.Context, authorization string) error {
	req, err := http.NewRequestWithContext(&request{Context: ctx, op: opAsteriskPing}, http.MethodGet, r.base.JoinPath("asterisk", "ping").String(), http.NoBody) //nolint:gosec,contextcheck // The base URL is the user's, and the context is made of ctx.
	if err != nil {
		return err
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("ari: ask for the version: %w", err)
	}
	drain(resp)
	r.server.note(resp.Header)
	return nil
}

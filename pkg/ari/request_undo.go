package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

const (
	// undoTimeout bounds how long an abandoned request, and then each attempt to take it back, may take.
	undoTimeout = 10 * time.Second

	// lateTime is how long an Asterisk that stood still may take until it has dealt with the commands of that time, in no
	// particular order.
	lateTime = 4 * time.Second
)

// undoAbandoned takes back what a request has made and nobody will ever know of. Asterisk carries out a request even if
// its context ends meanwhile, and a telephone would ring for nobody. So a request that makes something is sent on a
// context of its own, and what it makes after its own has ended is taken back. So is what an answer tells of that can't
// be read, and what a request that got no answer may have made, as soon as Asterisk answers again: but the latter only
// with an id of ours, since nobody sends another request with that.
func (c *chain) undoAbandoned(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		path := undoPath(req, requestOf(req.Context()).op, c.basePath)
		if path == "" {
			return next.Do(req)
		}
		return c.undoable(next, req, path)
	})
}

func (c *chain) undoable(next Doer, req *http.Request, path string) (*http.Response, error) {
	resp, err := c.detached(next, req, path)
	if err != nil || !madeSomething(resp) {
		return resp, err
	}
	undo := func() {
		c.life.background(func(ctx context.Context) { c.takeBack(ctx, next, req, path, true) })
	}
	if body, err := readWhole(resp); err != nil || !json.Valid(body) {
		undo()
	} else {
		requestOf(req.Context()).undo = undo // if it turns out that it isn't the JSON that it should be
	}
	return resp, nil
}

// An answer is what came of a request on another goroutine.
type answer struct {
	resp     *http.Response
	err      error
	panicked *PanicError
}

// detached sends a request on a context and a goroutine of its own, and takes back what it makes after its own context
// has ended.
func (c *chain) detached(next Doer, req *http.Request, undo string) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Done() == nil {
		resp, err := next.Do(req)
		c.undoUnknown(next, req, undo, err)
		return resp, err
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	free, cancel := context.WithCancel(context.WithoutCancel(ctx))
	answered := make(chan answer, 1)
	go func() { answered <- send(next, req.WithContext(free)) }()
	select {
	case a := <-answered:
		cancel()
		if a.panicked != nil {
			panic(a.panicked) // where it would have been without us
		}
		c.undoUnknown(next, req, undo, a.err)
		return a.resp, a.err
	case <-ctx.Done():
	}
	c.life.background(func(ctx context.Context) {
		defer cancel()
		stop := time.AfterFunc(undoTimeout, cancel)
		defer stop.Stop()
		a := <-answered
		switch {
		case a.panicked != nil:
			c.log.Error("a transport panicked in a request that nobody waited for any more", "panic", a.panicked.Value, "stack", string(a.panicked.Stack))
		case a.err == nil && madeSomething(a.resp):
			c.takeBack(ctx, next, req, undo, true)
		case c.isUnknown(req, undo, a.err):
			c.takeBack(ctx, next, req, undo, false)
		}
	})
	return nil, ctxError(ctx)
}

// undoUnknown takes back, behind, what a request that has failed may have made.
func (c *chain) undoUnknown(next Doer, req *http.Request, undo string, err error) {
	if c.isUnknown(req, undo, err) {
		c.life.background(func(ctx context.Context) { c.takeBack(ctx, next, req, undo, false) })
	}
}

// isUnknown reports whether nobody knows what has become of a request that has failed with err, and nobody but us would
// use its id.
func (c *chain) isUnknown(req *http.Request, undo string, err error) bool {
	if err == nil || isUnsent(err) || requestOf(req.Context()).attempts.Load() == 0 {
		return false
	}
	return c.mine != nil && c.mine(undo[strings.LastIndexByte(undo, '/')+1:])
}

// isUnsent reports whether a request has failed before there was a connection to send it on.
func isUnsent(err error) bool {
	return unreachable(err) || errors.Is(err, errNoSocket)
}

// send sends a request and reads its answer.
func send(next Doer, req *http.Request) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a.panicked = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	a.resp, a.err = next.Do(req)
	if a.err == nil {
		_, _ = readWhole(a.resp) // What breaks off breaks off again for the next reader.
	}
	return a
}

// madeSomething reports whether an answer tells that something new has been made: an older Asterisk answers with nothing
// where a bridge with the id exists, and a page is somebody else's.
func madeSomething(resp *http.Response) bool {
	if resp.StatusCode/100 != 2 || isPage(resp.Header.Get("Content-Type")) {
		return false
	}
	body, err := readWhole(resp)
	return err != nil || len(bytes.TrimSpace(body)) > 0
}

// A wholeBody is an answer's body that needs no connection any more. It ends with the error that reading it has ended with.
type wholeBody struct {
	unread bytes.Reader
	data   []byte
	err    error
}

func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.unread.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

func (*wholeBody) Close() error { return nil }

// readWhole reads an answer's body, and leaves it for others to read.
func readWhole(resp *http.Response) ([]byte, error) {
	if resp.Body == http.NoBody {
		return nil, nil
	}
	if whole, ok := resp.Body.(*wholeBody); ok {
		return whole.data, whole.err
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	whole := &wholeBody{data: data, err: err}
	whole.unread.Reset(data)
	resp.Body = whole
	return data, err
}

// takeBack deletes what a request has made. Where the request got no answer, what isn't there may still come.
func (c *chain) takeBack(ctx context.Context, next Doer, made *http.Request, path string, answered bool) {
	remove := func(ctx context.Context) (status int, err error) {
		req, err := deletion(ctx, made, c.basePath, path)
		if err != nil {
			return 0, err
		}
		return deleteAtLast(ctx, next, req)
	}
	status, err := c.atLast(ctx, remove)
	if err == nil && status == http.StatusNotFound && !answered && sleep(ctx, lateTime) {
		status, err = c.atLast(ctx, remove)
	}
	if err == nil && status/100 != 2 && status != http.StatusNotFound {
		err = fmt.Errorf("%d %s", status, http.StatusText(status))
	}
	if err != nil {
		c.log.Warn("what an abandoned request has made may be left over", "path", path, "error", err)
	}
}

// atLast does something again and again until Asterisk answers, or until nobody can know when it will.
func (c *chain) atLast(ctx context.Context, do func(ctx context.Context) (status int, err error)) (int, error) {
	const longest = 5 * time.Second
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, longest) {
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		status, err := do(attempt)
		cancel()
		if err == nil || !sleep(ctx, pause) || c.life.revived(ctx) != nil {
			return status, err
		}
	}
}

// deletion makes the request that takes back what another one has made.
func deletion(ctx context.Context, made *http.Request, basePath, path string) (*http.Request, error) {
	target := *made.URL
	plain, err := url.PathUnescape(basePath + path)
	if err != nil {
		return nil, err
	}
	target.Path, target.RawPath, target.RawQuery = plain, basePath+path, ""
	header := make(http.Header)
	if auth := made.Header["Authorization"]; auth != nil {
		header["Authorization"] = auth
	}
	r := &request{Context: ctx, op: operationFor(http.MethodDelete, path)}
	return (&http.Request{Method: http.MethodDelete, URL: &target, Host: made.Host, Header: header}).WithContext(r), nil
}

// deleteAtLast sends a DELETE, and returns the answer's status. For a moment after it has begun, no playback can be stopped.
func deleteAtLast(ctx context.Context, next Doer, req *http.Request) (status int, err error) {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		resp, err := next.Do(req)
		if err != nil {
			return 0, err
		}
		drain(resp)
		if resp.StatusCode != http.StatusInternalServerError || !sleep(ctx, pause) {
			return resp.StatusCode, nil
		}
	}
}

// undoPath returns the path, below the base path, whose DELETE takes back what the request makes, or "" if there is none.
func undoPath(req *http.Request, op *operation, basePath string) string {
	switch op {
	case opChannelsOriginateWithId, opBridgesCreateWithId:
		return strings.TrimPrefix(req.URL.EscapedPath(), basePath)
	case opChannelsSnoopChannelWithId:
		return "/channels/" + lastID(req)
	case opChannelsPlayWithId, opBridgesPlayWithId:
		return "/playbacks/" + lastID(req)
	case opChannelsOriginate, opChannelsCreate, opChannelsExternalMedia:
		return below("/channels/", req, "channelId")
	case opChannelsSnoopChannel:
		return below("/channels/", req, "snoopId")
	case opChannelsPlay, opBridgesPlay:
		return below("/playbacks/", req, "playbackId")
	case opBridgesCreate:
		return below("/bridges/", req, "bridgeId")
	case opChannelsRecord, opBridgesRecord:
		return below("/recordings/live/", req, "name")
	default:
		return ""
	}
}

// lastID returns what stands last in the path, still encoded.
func lastID(req *http.Request) string {
	path := req.URL.EscapedPath()
	return path[strings.LastIndexByte(path, '/')+1:]
}

// below returns the path of an object whose id is a parameter, or "" without an id.
func below(path string, req *http.Request, param string) string {
	id, _ := paramText(req, param)
	if id == "" {
		return ""
	}
	return path + plusEscaped(url.PathEscape(id))
}

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

// undoTimeout bounds how long an abandoned request, and then what takes it back, may take.
const undoTimeout = 10 * time.Second

// undoAbandoned takes back what a request has made and nobody will ever know of. Asterisk carries out a request even if
// its context ends meanwhile, and a telephone would ring for nobody. So a request that makes something is sent on a
// context of its own, and what it makes after its own has ended is taken back. So is what an answer tells of that can't
// be read.
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
	undo := func() { c.life.background(func() { c.takeBack(next, req, path) }) }
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
		return next.Do(req)
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
		return a.resp, a.err
	case <-ctx.Done():
	}
	c.life.background(func() {
		defer cancel()
		stop := time.AfterFunc(undoTimeout, cancel)
		defer stop.Stop()
		a := <-answered
		switch {
		case a.panicked != nil:
			c.log.Error("a transport panicked in a request that nobody waited for any more", "panic", a.panicked.Value, "stack", string(a.panicked.Stack))
		case a.err == nil && madeSomething(a.resp):
			c.takeBack(next, req, undo)
		}
	})
	return nil, ctxError(ctx)
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

// takeBack deletes what a request has made.
func (c *chain) takeBack(next Doer, made *http.Request, path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(made.Context()), undoTimeout)
	defer cancel()
	req, err := deletion(ctx, made, c.basePath, path)
	if err == nil {
		err = deleteAtLast(ctx, next, req)
	}
	if err != nil {
		c.log.Warn("what an abandoned request has made may be left over", "path", path, "error", err)
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

// deleteAtLast sends a DELETE. For a moment after it has begun, no playback can be stopped.
func deleteAtLast(ctx context.Context, next Doer, req *http.Request) error {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		resp, err := next.Do(req)
		if err != nil {
			return err
		}
		drain(resp)
		switch {
		case resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusNotFound:
			return nil
		case resp.StatusCode != http.StatusInternalServerError || !sleep(ctx, pause):
			return fmt.Errorf("%s", resp.Status)
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

package ari

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A request that makes something is carried out by Asterisk even if its context ends meanwhile. Nobody would know of
// the call, bridge or playback then, and a telephone would ring for nobody. So such a request is sent on a context of
// its own, and what it makes after its own has ended is taken back.

// undoTimeout bounds how long an abandoned request, and then what takes it back, may take.
const undoTimeout = 10 * time.Second

// undoPath returns the path, below the base path, whose DELETE takes back what the request makes, or "" if there is none.
func undoPath(req *http.Request, op *operation, basePath string) string {
	switch op {
	case opChannelsOriginateWithId, opBridgesCreateWithId:
		return strings.TrimPrefix(req.URL.EscapedPath(), basePath)
	case opChannelsSnoopChannelWithId:
		return "/channels/" + lastID(req)
	case opChannelsPlayWithId, opBridgesPlayWithId:
		return "/playbacks/" + lastID(req)
	case opChannelsCreate, opChannelsExternalMedia:
		return belowPath("/channels/", req.URL.Query().Get("channelId"))
	case opChannelsRecord, opBridgesRecord:
		return belowPath("/recordings/live/", req.URL.Query().Get("name"))
	default:
		return ""
	}
}

// lastID returns what stands last in the path, still encoded.
func lastID(req *http.Request) string {
	path := req.URL.EscapedPath()
	return path[strings.LastIndexByte(path, '/')+1:]
}

// belowPath returns the path of an object, or "" without an id.
func belowPath(path, id string) string {
	if id == "" {
		return ""
	}
	return path + url.PathEscape(id)
}

// sendDetached is send for a request that makes something.
func (d *doer) sendDetached(req *http.Request, undo string) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Done() == nil {
		return d.send(req)
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	free, cancel := context.WithCancel(context.WithoutCancel(ctx))
	type answer struct {
		resp *http.Response
		made bool // something new: an older Asterisk answers with nothing where a bridge with the id exists
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := d.send(req.WithContext(free))
		made := false
		if err == nil {
			made, err = readWhole(resp)
		}
		answered <- answer{resp, made, err}
	}()
	select {
	case a := <-answered:
		cancel()
		return a.resp, a.err
	case <-ctx.Done():
	}
	d.background(func() {
		defer cancel()
		stop := time.AfterFunc(undoTimeout, cancel)
		defer stop.Stop()
		if a := <-answered; a.err == nil && a.made && a.resp.StatusCode/100 == 2 {
			d.takeBack(req, undo)
		}
	})
	return nil, ctxError(ctx)
}

// readWhole replaces the answer's body by a copy that needs no connection.
func readWhole(resp *http.Response) (something bool, err error) {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return len(bytes.TrimSpace(body)) > 0, err
}

func (d *doer) takeBack(made *http.Request, undo string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(made.Context()), undoTimeout)
	defer cancel()
	target := *made.URL
	path, err := url.PathUnescape(d.basePath + undo)
	if err != nil {
		return
	}
	target.Path, target.RawPath, target.RawQuery = path, d.basePath+undo, ""
	req := (&http.Request{Method: http.MethodDelete, URL: &target, Host: made.Host, Header: make(http.Header)}).WithContext(ctx)
	if err := d.prepare(req, nil); err != nil {
		return
	}
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		resp, err := d.send(req)
		if err != nil {
			return
		}
		drain(resp)
		// For a moment after it has begun, no playback can be stopped.
		if resp.StatusCode != http.StatusInternalServerError || !sleep(ctx, pause) {
			return
		}
	}
}

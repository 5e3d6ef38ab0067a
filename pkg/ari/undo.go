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

// undoPath returns the path whose DELETE takes back what the request makes, below the base path, or "" if there is none.
func undoPath(req *http.Request, op *operation, basePath string) string {
	own := strings.TrimPrefix(req.URL.EscapedPath(), basePath) // such as /channels/{id}
	last := own[strings.LastIndexByte(own, '/')+1:]
	query := func(path, name string) string {
		if id := req.URL.Query().Get(name); id != "" {
			return path + url.PathEscape(id)
		}
		return ""
	}
	switch op {
	case opChannelsOriginateWithId, opBridgesCreateWithId:
		return own
	case opChannelsCreate, opChannelsExternalMedia:
		return query("/channels/", "channelId")
	case opChannelsSnoopChannelWithId:
		return "/channels/" + last
	case opChannelsPlayWithId, opBridgesPlayWithId:
		return "/playbacks/" + last
	case opChannelsRecord, opBridgesRecord:
		return query("/recordings/live/", "name")
	default:
		return ""
	}
}

// sendDetached is send for a request that makes something.
func (d *doer) sendDetached(req *http.Request, undo string) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Done() == nil {
		return d.send(req)
	}
	free, cancel := context.WithCancel(context.WithoutCancel(ctx))
	type answer struct {
		resp *http.Response
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := d.send(req.WithContext(free))
		if err == nil {
			err = readWhole(resp)
		}
		answered <- answer{resp, err}
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
		if a := <-answered; a.err == nil && a.resp.StatusCode/100 == 2 {
			d.takeBack(req, undo)
		}
	})
	return nil, ctxError(ctx)
}

// readWhole replaces the answer's body by a copy that needs no connection.
func readWhole(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err
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
	if resp, err := d.send(req); err == nil {
		drain(resp)
	}
}

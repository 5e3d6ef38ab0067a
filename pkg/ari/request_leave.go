package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// leaveTimeout bounds how long a command that makes a channel leave may take once the channel has left.
const leaveTimeout = 10 * time.Second

// errNoAnswerAfterLeaving ends such a command.
var errNoAnswerAfterLeaving = fmt.Errorf("%w: the channel has left, but the command was not answered", ErrConnection)

// finishLeaving lets a command that makes a channel leave the application come to its end. A handler's context ends when
// its channel leaves: if it is this very command that the handler has given, the end comes before the answer as often as
// not, and what has been carried out is no error. So when the context ends with the end of the command's own channel, the
// request goes on, and its answer counts. For any other reason it ends with the context.
func finishLeaving(basePath string) chainLink {
	return func(next Doer) Doer {
		return DoerFunc(func(req *http.Request) (*http.Response, error) {
			ctx := req.Context()
			if !requestOf(ctx).op.leaves() || ctx.Done() == nil {
				return next.Do(req)
			}
			if ctx.Err() != nil {
				return nil, ctxError(ctx)
			}
			return finish(next, req, channelOf(req, basePath))
		})
	}
}

func finish(next Doer, req *http.Request, channel string) (*http.Response, error) {
	ctx := req.Context()
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		if !endedWith(ctx, channel) {
			cancel(ctxError(ctx))
			return
		}
		late := time.AfterFunc(leaveTimeout, func() { cancel(errNoAnswerAfterLeaving) })
		context.AfterFunc(own, func() { late.Stop() })
	})
	defer stop()
	resp, err := next.Do(req.WithContext(own))
	switch {
	case err == nil:
		_, _ = readWhole(resp) // There is next to nothing in it, but its context ends here.
	case own.Err() != nil && !isAnswer(err):
		err = context.Cause(own)
	}
	return resp, err
}

// isAnswer reports whether an error is Asterisk's answer.
func isAnswer(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.StatusCode != 0
}

// leaves reports whether an operation makes its channel leave the application, or end.
func (op *operation) leaves() bool {
	switch op {
	case opChannelsHangup, opChannelsContinueInDialplan, opChannelsMove, opChannelsRedirect:
		return true
	default:
		return false
	}
}

// channelOf returns the id of the channel that a request's path names: /channels/ID/...
func channelOf(req *http.Request, basePath string) string {
	path := strings.TrimPrefix(req.URL.EscapedPath(), basePath+"/channels/")
	id, _, _ := strings.Cut(path, "/")
	id, _ = url.PathUnescape(id)
	return id
}

// endedWith reports whether ctx has ended since the channel has.
func endedWith(ctx context.Context, channel string) bool {
	end, ok := errors.AsType[*EndError](context.Cause(ctx))
	return ok && end.isOf(channel)
}

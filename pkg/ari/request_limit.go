package ari

import (
	"context"
	"net/http"
)

// How many requests are under way at once, of the connections that there are (see maxConns). Some operations wait by
// nature: to answer a channel, to set its variables, to put it into a bridge or take it out waits behind what plays on
// it, however long that is. They must never take all connections, or nothing could be sent any more that ends their
// waiting: to stop what plays, to hang up. What may end something has a reserve that others can't take either, since
// Asterisk may leave a request that makes something without an answer.
const (
	maxWaiting  = 48
	maxOrdinary = 56 // those that wait included
)

// limits hold a token for each request under way.
type limits struct {
	waiting  chan struct{}
	ordinary chan struct{}
}

func newLimits() *limits {
	return &limits{waiting: make(chan struct{}, maxWaiting), ordinary: make(chan struct{}, maxOrdinary)}
}

func (l *limits) link(next Doer) Doer {
	return DoerFunc(func(req *http.Request) (*http.Response, error) {
		op := requestOf(req.Context()).op
		if op.ends(req.Method) {
			return next.Do(req)
		}
		if err := l.enter(req.Context(), op.waits()); err != nil {
			return nil, err
		}
		defer l.leave(op.waits()) // also when a transport panics
		return next.Do(req)
	})
}

func (l *limits) enter(ctx context.Context, waits bool) error {
	if waits {
		if err := take(ctx, l.waiting); err != nil {
			return err
		}
	}
	err := take(ctx, l.ordinary)
	if err != nil && waits {
		<-l.waiting
	}
	return err
}

func (l *limits) leave(waits bool) {
	<-l.ordinary
	if waits {
		<-l.waiting
	}
}

// take puts a token into a channel when there is room.
func take(ctx context.Context, tokens chan struct{}) error {
	select {
	case tokens <- struct{}{}: // The common case, without a look at ctx.
		return nil
	default:
	}
	select {
	case tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctxError(ctx)
	}
}

// waits reports whether an operation waits for what plays on a channel.
func (op *operation) waits() bool {
	switch op {
	case opChannelsAnswer, opChannelsSetChannelVar, opChannelsSetChannelVars, opBridgesAddChannel, opBridgesRemoveChannel:
		return true
	default:
		return false
	}
}

// ends reports whether an operation ends something that others may wait for.
func (op *operation) ends(method string) bool {
	if method == http.MethodDelete {
		return true
	}
	switch op {
	case opPlaybacksControl, opRecordingsStop, opChannelsContinueInDialplan, opChannelsMove, opChannelsRedirect:
		return true
	default:
		return false
	}
}

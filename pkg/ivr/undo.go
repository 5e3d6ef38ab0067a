package ivr

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ari-go/ari/pkg/ari"
)

const (
	// undoTime bounds how long something is tried to be undone: long enough for a connection to come back.
	undoTime = 30 * time.Second
	// doubtTime is when a thing is looked for again that a command without an answer may have made: one that stands in
	// a connection's way may be carried out after what takes it back.
	doubtTime = time.Second
	// retryPause is how long to wait before something is tried again that had no answer.
	retryPause = 100 * time.Millisecond
)

// undo runs a command that takes something back, whether or not ctx has ended, and again after an outage. That the thing
// is gone is success.
func undo(ctx context.Context, ctrl *ari.Controller, command func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	for {
		err := command(ctx)
		switch {
		case err == nil, isGone(err):
			return nil
		case !errors.Is(err, ari.ErrConnection), !pause(ctx, retryPause), ctrl.WaitConnected(ctx) != nil:
			return err
		}
	}
}

// hangUp hangs a channel up that the script has made, and reports an error only if it may still be there. If it is in
// doubt whether it has come to be, it is looked for once more.
func hangUp(ctx context.Context, ch *ari.Channel, reason ari.HangupReason, doubt bool) error {
	command := func(ctx context.Context) error { return ch.Hangup(ctx, reason) }
	err := undo(ctx, ch.Controller(), command)
	if err != nil || !doubt {
		return err
	}
	pause(context.WithoutCancel(ctx), doubtTime)
	return undo(ctx, ch.Controller(), command)
}

// destroy destroys a bridge that the script has made.
func destroy(ctx context.Context, bridge *ari.Bridge) error {
	return undo(ctx, bridge.Controller(), bridge.Stop)
}

// pause waits, and reports whether ctx was still alive after that.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A cleaner collects what must be undone, last first.
type cleaner struct {
	mu    sync.Mutex
	undos []func() error
}

func (c *cleaner) add(f func() error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.undos = append(c.undos, f)
}

// run undoes everything, and joins what could not be undone to an error.
func (c *cleaner) run(err *error) {
	c.mu.Lock()
	undos := c.undos
	c.undos = nil
	c.mu.Unlock()
	for _, f := range slices.Backward(undos) {
		if e := f(); e != nil {
			*err = errors.Join(*err, e)
		}
	}
}

// createBridge makes a bridge, and destroys it in the end. Without an answer it may have been made all the same.
func createBridge(ctx context.Context, ctrl *ari.Controller, typ string, clean *cleaner) (*ari.Bridge, error) {
	bridge := ctrl.Bridge(ctrl.NewID())
	made, err := ctrl.CreateBridge(ctx, ari.CreateBridgeOptions{BridgeID: bridge.ID, Type: typ})
	switch {
	case err == nil:
		bridge = made
	case !errors.Is(err, ari.ErrConnection) || ctx.Err() != nil:
		return nil, err
	default:
		pause(ctx, doubtTime)
	}
	clean.add(func() error { return destroy(ctx, bridge) })
	return bridge, err
}

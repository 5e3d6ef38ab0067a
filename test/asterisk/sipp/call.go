package sipp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/ari-go/ari/test/asterisk/rtp"
)

// Await waits until something has happened to the call, now or earlier: invited (called telephones only), trying
// (callers only: Asterisk has taken the call), ringing, progress, answered, refused, cancelled,
// held, unheld, digit (sent), info (a digit got in SIP INFO), referred, reinvited (by Asterisk), bye (by Asterisk), hungup (by us).
func (c *Call) Await(ctx context.Context, event string) error { return c.awaitNth(ctx, event, 1) }

func (c *Call) awaitNth(ctx context.Context, event string, n int) error {
	return c.run.await(ctx, event, func() bool { return c.events[event] >= n })
}

// Hangup ends an answered call, and returns when Asterisk has agreed.
func (c *Call) Hangup(ctx context.Context) error { return c.command(ctx, "HANGUP", "", "hungup") }

// Cancel gives up a call that isn't answered yet, and returns when Asterisk has agreed.
func (c *Call) Cancel(ctx context.Context) error { return c.command(ctx, "CANCELIT", "", "cancelled") }

// Answer answers a call that rings.
func (c *Call) Answer(ctx context.Context) error { return c.command(ctx, "ANSWER", "", "answered") }

// Refuse refuses a call that rings, with one of Statuses.
func (c *Call) Refuse(ctx context.Context, status int) error {
	return c.command(ctx, "REFUSE"+strconv.Itoa(status), "", "refused")
}

// Hold puts the other side on hold, by a re-INVITE.
func (c *Call) Hold(ctx context.Context) error { return c.command(ctx, "HOLD", "", "held") }

// Unhold takes the other side back.
func (c *Call) Unhold(ctx context.Context) error { return c.command(ctx, "UNHOLD", "", "unheld") }

// Info sends one digit in SIP INFO. By RTP, digits are sent through Media.
func (c *Call) Info(ctx context.Context, digit rune) error {
	return c.command(ctx, "DIGIT", string(digit), "digit")
}

// Refer asks Asterisk to transfer the call to a SIP address (RFC 3515), and returns when Asterisk has agreed to try.
func (c *Call) Refer(ctx context.Context, target string) error {
	return c.command(ctx, "TRANSFER", target, "referred")
}

// Replacing is the address of an extension for Refer, with which that call replaces this one: an attended transfer.
func (c *Call) Replacing(extension, sipAddr string) string {
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	replaces := c.ID + ";to-tag=" + c.remoteTag + ";from-tag=" + c.localTag
	return "sip:" + extension + "@" + sipAddr + "?Replaces=" + url.QueryEscape(replaces)
}

// Digit is the digit that came last by SIP INFO, after Await of info.
func (c *Call) Digit() string {
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	return c.data["info"]
}

// Media waits until it is known where Asterisk takes the call's media, and returns it.
func (c *Call) Media(ctx context.Context) (*rtp.Stream, error) {
	if err := c.run.await(ctx, "media", func() bool { return c.stream != nil }); err != nil {
		return nil, err
	}
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	return c.stream, nil
}

// command tells the scenario to do something within this call, and waits until it tells that it was done.
func (c *Call) command(ctx context.Context, method, value, event string) error {
	c.run.mu.Lock()
	seen := c.events[event]
	c.run.mu.Unlock()
	request := method + " sip:phone@127.0.0.1 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP " + c.run.control.LocalAddr().String() + ";branch=z9hG4bK-command\r\n" +
		"From: <sip:test@127.0.0.1>\r\nTo: <sip:phone@127.0.0.1>\r\n" +
		"Call-ID: " + c.ID + "\r\nCSeq: 1 " + method + "\r\nX-Value: " + value + "\r\nContent-Length: 0\r\n\r\n"
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.run.port}
	for {
		if _, err := c.run.control.WriteToUDP([]byte(request), to); err != nil {
			return fmt.Errorf("sipp: %w", err)
		}
		// Like any request, this one gets lost when it comes at the wrong moment.
		again, cancel := context.WithTimeout(ctx, time.Second)
		err := c.awaitNth(again, event, seen+1)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

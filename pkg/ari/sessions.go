package ari

import "context"

// NewEmptyClient makes a client that has no Asterisk yet: for programs whose sessions come and go, such as one for each call
// that a message bus brings. [Client.Join] brings them, [Client.Remove] or their source's end takes them away. Until then
// [Client.ARI] is nil, and it stays so. Connect and Run have nothing to wait for.
func NewEmptyClient(opts ...Option) (*Client, error) {
	cfg, err := newConfig(noAddress, opts)
	if err != nil {
		return nil, err
	}
	return newBareClient(cfg), nil
}

// noAddress is the base URL of a client that has no Asterisk. No request goes there.
const noAddress = "http://nowhere.invalid/ari"

// Join is [Client.Add] for a client that runs: the session is started at once, and alone. Join returns when events flow, or
// with the error of the first attempt, and then the client is as it was before. ctx bounds only the attempt.
func (c *Client) Join(ctx context.Context, baseURL, application string, opts ...SessionOption) (*Controller, error) {
	ctrl, err := c.Add(baseURL, application, opts...)
	if err != nil {
		return nil, err
	}
	ctx, stop := c.whileAlive(ctx)
	defer stop()
	s, _ := ctrl.session()
	if err := s.start(ctx); err != nil {
		c.sessionEnded(s)
		s.cancel(ErrClosed)
		return nil, c.attemptError(err)
	}
	return ctrl, nil
}

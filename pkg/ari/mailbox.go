package ari

import "github.com/ari-go/ari/gen"

// Mailbox is a mailbox with its message counts, and its controller.
type Mailbox struct {
	gen.Mailbox
	ctrl *Controller
}

// Mailbox returns a handle for a mailbox by its name, without a request.
func (c *Controller) Mailbox(name string) *Mailbox {
	return &Mailbox{Mailbox: gen.Mailbox{Name: name}, ctrl: c}
}

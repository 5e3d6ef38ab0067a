package resources

import (
	"maps"
	"net/http"
	"slices"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim/wire"
)

var errNoMailbox = failed(http.StatusNotFound, "Mailbox not found")

func mailboxJSON(m *gen.Mailbox) wire.JSON {
	return wire.Object(wire.F("name", m.Name), wire.F("old_messages", m.OldMessages), wire.F("new_messages", m.NewMessages))
}

// MailboxesList lists the mailboxes.
func (o *operations) MailboxesList(w http.ResponseWriter, _ *http.Request) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		all := []wire.JSON{}
		for _, name := range slices.Sorted(maps.Keys(o.p.Mailboxes)) {
			all = append(all, mailboxJSON(o.p.Mailboxes[name]))
		}
		return wire.AppendValue(nil, all), nil
	})
}

// MailboxesGet shows a mailbox.
func (o *operations) MailboxesGet(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusOK, func() (wire.JSON, *apiError) {
		if m := o.p.Mailboxes[name]; m != nil {
			return mailboxJSON(m), nil
		}
		return nil, errNoMailbox
	})
}

// MailboxesUpdate makes a mailbox or sets its counts.
func (o *operations) MailboxesUpdate(w http.ResponseWriter, _ *http.Request, name string, q gen.MailboxesUpdateParams) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		o.p.Mailboxes[name] = &gen.Mailbox{Name: name, OldMessages: q.OldMessages, NewMessages: q.NewMessages}
		return nil, nil
	})
}

// MailboxesDelete forgets a mailbox.
func (o *operations) MailboxesDelete(w http.ResponseWriter, _ *http.Request, name string) {
	o.locked(w, http.StatusNoContent, func() (wire.JSON, *apiError) {
		if o.p.Mailboxes[name] == nil {
			return nil, errNoMailbox
		}
		delete(o.p.Mailboxes, name)
		return nil, nil
	})
}

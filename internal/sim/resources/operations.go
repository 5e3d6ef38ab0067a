package resources

import (
	"net/http"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
)

// operations are the handlers of all operations. One that is new to the description answers 501 until it is here; a test
// sees to it that none stays so.
type operations struct {
	ariserver.Unimplemented
	p       *pbx.PBX
	sockets *applications.Sockets
	legs    *external.Legs
}

var _ ariserver.ServerInterface = (*operations)(nil)

// locked runs f with the lock held and answers with what it returns.
func (o *operations) locked(w http.ResponseWriter, status int, f func() (wire.JSON, *apiError)) {
	o.p.Mu.Lock()
	body, err := f()
	o.p.Mu.Unlock()
	respond(w, status, body, err)
}

// await answers when the channel has done what it was told.
func await(r *http.Request, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

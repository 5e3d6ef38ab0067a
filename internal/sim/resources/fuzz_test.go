package resources

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/ari-go/ari/internal/ariserver"
	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/external"
	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/release"
)

// Whatever a request says, it is answered.
func FuzzRequest(f *testing.F) {
	for _, op := range ariserver.Operations {
		f.Add(op.Method, op.Path, "a=b", `{"variables":{"a":"b"}}`)
	}
	f.Add("POST", "/channels/c/play/p", "media=sound:hello-world,number:1&offsetms=x", "")
	f.Add("POST", "/bridges/b/addChannel", "channel=c,\"d,e\"", `{"channel":["c",1]}`)
	f.Add("POST", "/channels", "endpoint=Local/1@default&app=a&variables=%", `[1]`)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		p := pbx.New(pbx.Config{Version: release.Version{Major: 22, Minor: 10, Patch: 1}, Speed: 1})
		defer func() {
			p.Mu.Lock()
			p.Close()
			p.Mu.Unlock()
		}()
		p.Dialplan.Parse("[default]\nexten = _X.,1,Stasis(a)\n")
		sockets := applications.NewSockets(p.Registry, &p.Mu, applications.SocketOptions{}, p.Signal)
		r := NewRouter(p, sockets, external.New(p, media.NewMemory()), Users{Name: "asterisk", Password: "asterisk"})
		p.Mu.Lock()
		p.Connect("a", nobody{}, false)
		ch := p.NewChannel("PJSIP", "x", "PJSIP/x-1", "c")
		ch.Answer()
		ch.RunStasis("a", "")
		p.NewBridge("b", "", "mixing", "", false)
		p.Mu.Unlock()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Method = method
		req.SetBasicAuth("asterisk", "asterisk")
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		w := applications.NewMemoryResponse()
		r.serve(w, req, path, values, []byte(body), "application/json")
		if w.Status == 0 {
			t.Fatalf("%s %s: no answer", method, path)
		}
	})
}

// nobody is an application's connection that nobody reads.
type nobody struct{}

func (nobody) Deliver([]byte) {}
func (nobody) Enqueue([]byte) {}

package aritest

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/ari-go/ari/internal/ariserver"
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
		p := newPBX(defaultOptions())
		defer func() {
			p.mu.Lock()
			p.closed = true
			p.mu.Unlock()
		}()
		p.dialplan.parse("[default]\nexten = _X.,1,Stasis(a)\n")
		r := newRouter(p, &operations{p: p})
		p.mu.Lock()
		ch := p.newChannel("PJSIP", "x", "PJSIP/x-1", "c")
		ch.state = stateUp
		a := newApp("a")
		p.apps["a"], p.appOrder = a, append(p.appOrder, a)
		ch.stasis = &stasis{app: a}
		p.newBridge("b", "", "mixing", "")
		p.mu.Unlock()
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
		w := &memoryResponse{header: http.Header{}}
		r.serve(w, req, path, values, []byte(body), "application/json")
		if w.status == 0 {
			t.Fatalf("%s %s: no answer", method, path)
		}
	})
}

// Whatever a dialplan says, a call comes to an end or to a rest.
func FuzzDialplan(f *testing.F) {
	f.Add("[default]\nexten = 1,1,Set(A=${EXTEN:0:1}${CUT(A,-,2)})\n same = n(l),Goto(l)\n", "1")
	f.Add("[default]\nexten = _[1-5]X!,1,Answer()\n same = n,Goto(other,s,1)\n[other]\nexten = s,1,Hangup(${MATH(1+${EXTEN},int)})\n", "12")
	f.Add("[default]\nexten => _.,1,Read(D,,3)\n same => n,Busy()\nexten = h,1,UserEvent(x,a: b)", "z")
	f.Fuzz(func(_ *testing.T, text, exten string) {
		p := newPBX(defaultOptions())
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dialplan.parse(text)
		p.globals["A"] = "a-b"
		ch := p.newChannel("PJSIP", "x", "PJSIP/x-1", "c")
		ch.startDialplan("default", exten, 1)
		ch.digit("1")
		ch.hangup(hangup{cause: 16})
		p.closed = true
	})
}

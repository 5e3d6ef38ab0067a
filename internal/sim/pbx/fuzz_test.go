package pbx

import (
	"testing"

	"github.com/ari-go/ari/internal/sim/release"
)

// Whatever a dialplan says, a call comes to an end or to a rest.
func FuzzDialplan(f *testing.F) {
	f.Add("[default]\nexten = 1,1,Set(A=${EXTEN:0:1}${CUT(A,-,2)})\n same = n(l),Goto(l)\n", "1")
	f.Add("[default]\nexten = _[1-5]X!,1,Answer()\n same = n,Goto(other,s,1)\n[other]\nexten = s,1,Hangup(${MATH(1+${EXTEN},int)})\n", "12")
	f.Add("[default]\nexten => _.,1,Read(D,,3)\n same => n,Busy()\nexten = h,1,UserEvent(x,a: b)", "z")
	f.Fuzz(func(_ *testing.T, text, exten string) {
		p := New(Config{Version: release.Version{Major: 22, Minor: 10, Patch: 1}, Speed: 1})
		p.Mu.Lock()
		defer p.Mu.Unlock()
		p.Dialplan.Parse(text)
		p.Globals["A"] = "a-b"
		ch := p.NewChannel("PJSIP", "x", "PJSIP/x-1", "c")
		ch.StartDialplan("default", exten, 1)
		ch.Digit("1")
		ch.Hangup(Hangup{Cause: 16})
		p.Close()
	})
}

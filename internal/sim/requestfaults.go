package sim

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ari-go/ari/internal/sim/applications"
	"github.com/ari-go/ari/internal/sim/resources"
)

// A RequestFault is what happens to requests.
type RequestFault struct {
	Match  string // method and a part of the path: "POST /answer"; "" is all requests
	Times  int    // how many requests are left; negative for ever
	Delay  time.Duration
	Status int  // 0: the request is carried out
	Drop   bool // after it was carried out the connection is closed without an answer
}

func (f *RequestFault) matches(r *http.Request) bool {
	method, part, ok := strings.Cut(f.Match, " ")
	if !ok {
		method, part = "", f.Match
	}
	return r.URL.Path != "/ari/events" && (method == "" || r.Method == method) && strings.Contains(r.URL.Path, part)
}

// requestFaults are the faults that are to come.
type requestFaults struct {
	mu     sync.Mutex
	faults []*RequestFault
}

func newRequestFaults() *requestFaults { return &requestFaults{} }

// add adds a fault; clear takes all of them away.
func (fs *requestFaults) add(f RequestFault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.faults = append(fs.faults, &f)
}

// clear takes all faults away.
func (fs *requestFaults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.faults = nil
}

// take finds the fault that a request meets.
func (fs *requestFaults) take(r *http.Request) *RequestFault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.faults {
		if f.Times == 0 || !f.matches(r) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		if f.Times == 0 {
			fs.faults = slices.Delete(slices.Clone(fs.faults), i, i+1)
		}
		return f
	}
	return nil
}

// before carries faults out before, or instead of, what the router does.
func (fs *requestFaults) before(next *resources.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := fs.take(r)
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		if f.Delay > 0 && !sleep(r.Context(), f.Delay) {
			return
		}
		switch {
		case f.Status != 0:
			next.Refuse(w, f.Status, "A fault that was asked for")
		case f.Drop:
			next.ServeHTTP(applications.NewMemoryResponse(), r)
			panic(http.ErrAbortHandler)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package aritest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/sim"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/wire"
	"github.com/ari-go/ari/pkg/ari"
)

// A Server is a simulated Asterisk. All methods may be called by any goroutine.
type Server struct {
	// URL is the base URL of its REST interface, such as "http://127.0.0.1:41234/ari".
	URL string
	// App is the Stasis application of Client, and of calls that nothing else is said of.
	App string
	// Username and Password may do everything, ReadOnlyUsername and ReadOnlyPassword may only read.
	Username, Password, ReadOnlyUsername, ReadOnlyPassword string
	// TLSURL is the base URL over TLS, and CAPool trusts its certificate. They are there with the option WithTLS.
	TLSURL string
	CAPool *x509.CertPool

	sim      *sim.Server
	inMemory bool
	patience patience

	// For a test's clean-up.
	mu      sync.Mutex
	clients []*ari.Client
}

// NewServer starts a simulated Asterisk that ends with the test, and the clients that it made with it.
func NewServer(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	s, err := Start(opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a simulated Asterisk without a test. It must be closed.
func Start(opts ...Option) (*Server, error) {
	o := defaultOptions()
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, fmt.Errorf("aritest: %w", err)
		}
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 100 * time.Millisecond
		if o.InMemory {
			o.WriteTimeout = 5 * time.Second
		}
	}
	started, err := sim.Start(o.Options)
	if err != nil {
		return nil, fmt.Errorf("aritest: %w", err)
	}
	return &Server{
		URL: started.URL, TLSURL: started.TLSURL, CAPool: started.CAPool, App: o.app,
		Username: o.Users.Name, Password: o.Users.Password, ReadOnlyUsername: o.Users.Reader, ReadOnlyPassword: o.Users.ReaderPassword,
		sim: started, inMemory: o.InMemory, patience: patience(o.patience),
	}, nil
}

// HTTPClient is an HTTP client that reaches the server, also one that is [InMemory].
func (s *Server) HTTPClient() *http.Client { return s.sim.Client }

// options are what a client or controller of the server needs.
func (s *Server) options() []ari.ControllerOption {
	own := []ari.ControllerOption{ari.WithBasicAuth(s.Username, s.Password)}
	if s.inMemory {
		own = append(own, ari.WithHTTPClient(s.sim.Client), ari.WithCleartextCredentials())
	}
	return own
}

// Client makes a client for the application [Server.App]. It isn't connected; it is closed with the server.
func (s *Server) Client(opts ...ari.Option) *ari.Client {
	return s.ClientFor(s.App, opts...)
}

// ClientFor is like Client for another application.
func (s *Server) ClientFor(app string, opts ...ari.Option) *ari.Client {
	var all []ari.Option
	for _, own := range s.options() {
		all = append(all, own)
	}
	c, err := ari.NewClient(s.URL, app, append(all, opts...)...)
	if err != nil {
		panic(err) // an option that makes no sense
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
	return c
}

// AddTo adds the server to a client of another one, for the application app: see [ari.Client.Add]. Options come after those
// that reach the server.
func (s *Server) AddTo(client *ari.Client, app string, opts ...ari.SessionOption) (*ari.Controller, error) {
	var all []ari.SessionOption
	for _, own := range s.options() {
		all = append(all, own)
	}
	return client.Add(s.URL, app, append(all, opts...)...)
}

// Controller makes a controller, which needs no application.
func (s *Server) Controller(opts ...ari.ControllerOption) *ari.Controller {
	c, err := ari.NewController(s.URL, append(s.options(), opts...)...)
	if err != nil {
		panic(err) // an option that makes no sense
	}
	return c
}

// closeGrace is how long a client may take to be closed in good order.
const closeGrace = time.Second

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.mu.Lock()
	clients := s.clients
	s.clients = nil
	s.mu.Unlock()
	for _, c := range clients {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		_ = c.Close(ctx) // Handlers that don't return are the test's own fault.
		cancel()
	}
	s.sim.Close()
}

// Channels are all channels, in the order in which they came.
func (s *Server) Channels() []gen.Channel {
	var all []gen.Channel
	s.sim.Do(func(p *pbx.PBX) {
		for _, ch := range p.ChannelOrder {
			all = append(all, decode[gen.Channel](ch.JSON()))
		}
	})
	return all
}

// Bridges are all bridges, in the order in which they came.
func (s *Server) Bridges() []gen.Bridge {
	var all []gen.Bridge
	s.sim.Do(func(p *pbx.PBX) {
		for _, b := range p.BridgeOrder {
			all = append(all, decode[gen.Bridge](b.JSON()))
		}
	})
	return all
}

func decode[T any](body wire.JSON) T {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		panic(err) // our own JSON
	}
	return v
}

// Wait waits until a condition holds. It is looked at whenever something has changed in the server.
func (s *Server) Wait(ctx context.Context, condition func() bool) error {
	ctx, cancel := s.patience.limit(ctx)
	defer cancel()
	err := s.sim.Wait(ctx, condition)
	switch {
	case errors.Is(err, sim.ErrClosed):
		return errors.New("aritest: the server is closed")
	case err != nil:
		return fmt.Errorf("aritest: what was waited for has not come: %w", err)
	}
	return nil
}

// WaitIdle waits until there is no channel and no bridge.
func (s *Server) WaitIdle(ctx context.Context) error {
	err := s.Wait(ctx, func() bool { return s.count() == [2]int{} })
	if err != nil {
		n := s.count()
		return fmt.Errorf("aritest: %d channels and %d bridges are left over: %w", n[0], n[1], err)
	}
	return nil
}

func (s *Server) count() (n [2]int) {
	s.sim.Do(func(p *pbx.PBX) { n = [2]int{len(p.ChannelOrder), len(p.BridgeOrder)} })
	return n
}

// AwaitApp waits until an application is connected.
func (s *Server) AwaitApp(ctx context.Context, app string) error {
	return s.Wait(ctx, func() bool {
		connected := false
		s.sim.Do(func(p *pbx.PBX) { connected = p.Active(app) != nil })
		return connected
	})
}

// Extension sets what an extension of the dialplan does, such as
//
//	srv.Extension("200@default", "Answer()", "Wait(1)", "Stasis(hello,a)", "Hangup()")
//
// Without a context it is one of the context "default". A name that begins with _ is a pattern. Known applications are Answer,
// Ringing, Progress, Wait, Stasis, StasisBroadcast, Busy, Congestion, Hangup, Playback, PlayTones, Set, Goto, UserEvent, SendDTMF, Read, Echo (of
// digits), and Milliwatt and MusicOnHold, which only take time; others do nothing. ${...} stands for variables.
func (s *Server) Extension(name string, apps ...string) {
	exten, context, ok := strings.Cut(name, "@")
	if !ok {
		context = "default"
	}
	s.sim.Do(func(p *pbx.PBX) { p.SetExtension(context, exten, apps) })
}

// Sound adds a sound that can be played, "sound:NAME", or changes how long it lasts. Asterisk's core sounds are there already, as long
// as they are in English; playing one that isn't there fails, as it does with Asterisk.
func (s *Server) Sound(name string, duration time.Duration) {
	s.sim.Do(func(p *pbx.PBX) { p.SetSound(name, duration) })
}

// A Message is a text that was sent through Asterisk.
type Message struct {
	To, From, Body string
	Variables      map[string]string
}

// Messages are the texts that applications have sent.
func (s *Server) Messages() []Message {
	var all []Message
	s.sim.Do(func(p *pbx.PBX) {
		for _, m := range p.Messages {
			all = append(all, Message(m))
		}
	})
	return all
}

// SendMessage sends a text from an endpoint to Asterisk, which passes it on to applications that are subscribed to the endpoint.
func (s *Server) SendMessage(from, to, body string) {
	tech, resource, _ := strings.Cut(from, "/")
	s.sim.Do(func(p *pbx.PBX) {
		if e := p.Endpoint(tech, resource); e != nil {
			p.Receive(e, to, body)
		}
	})
}

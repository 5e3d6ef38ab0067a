package conformance_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/test/asterisk"
)

// A program is an application's server that is started and killed at one address.
type program struct {
	t     *testing.T
	addr  string
	opts  []ari.ServerOption
	stop  func()
	mu    sync.Mutex
	calls map[string]int // handlers that serve a call now, by its channel
	ended int
	most  int // handlers of one call at the same time
	back  int // resumed calls
}

func newProgram(t *testing.T, opts ...ari.ServerOption) *program {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &program{t: t, addr: l.Addr().String(), opts: opts, calls: make(map[string]int), stop: func() {}}
	require.NoError(t, l.Close())
	t.Cleanup(func() { p.stop() })
	return p
}

// start runs the program until stop.
func (p *program) start() {
	server, err := ari.NewServer("calls", append([]ari.ServerOption{
		ari.WithLogger(slog.New(slog.DiscardHandler)),
		ari.WithAuthenticator(func(_ *http.Request, user, password string) bool { return user == "pbx" && password == "secret" }),
	}, p.opts...)...)
	require.NoError(p.t, err)
	server.OnCall(p.serve)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(p.t, server.ListenAndServe(ctx, p.addr)) })
	running.Go(func() { assert.NoError(p.t, server.Run(ctx)) })
	p.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
}

func (p *program) serve(ctx context.Context, call *ari.StasisStart) error {
	if err := call.Channel.Answer(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	p.calls[call.Channel.ID]++
	p.most = max(p.most, p.calls[call.Channel.ID])
	if call.Resumed() {
		p.back++
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[call.Channel.ID]--; p.calls[call.Channel.ID] == 0 {
		delete(p.calls, call.Channel.ID)
	}
	p.ended++
	return nil
}

// serving is how many calls have a handler.
func (p *program) serving() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

func (p *program) await(n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.serving() == n }, 30*time.Second, 10*time.Millisecond, "%d calls have a handler", p.serving())
}

// outbound are the websockets that Asterisk opens to the program.
func (p *program) outbound(perCall bool, ca, cert, key string) []asterisk.Outbound {
	scheme := "ws://"
	if ca != "" {
		scheme = "wss://"
	}
	client := asterisk.WebsocketClient{
		Name: "calls", URI: scheme + p.addr + "/", Username: "pbx", Password: "secret", PerCall: perCall,
		CAFile: ca, CertFile: cert, KeyFile: key, Interval: 300 * time.Millisecond,
	}
	all := []asterisk.Outbound{{WebsocketClient: client, Apps: []string{"calls"}}}
	for n := range 4 {
		command := client
		command.Name, command.PerCall = fmt.Sprintf("calls-commands-%d", n+1), false
		all = append(all, asterisk.Outbound{WebsocketClient: command, Apps: []string{command.Name}})
	}
	return all
}

// place makes calls to the program, and returns what hangs them up.
func place(t *testing.T, ctrl *ari.Controller, from, n int) (hangup func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			_, err := ctrl.Originate(t.Context(), ari.OriginateOptions{
				ChannelID: fmt.Sprintf("call-%06d", from+i), Endpoint: "Local/app-calls@default", Extension: "1011", Context: "default",
			})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	return func(i int) { assert.NoError(t, ctrl.StopChannel(t.Context(), fmt.Sprintf("call-%06d", i))) }
}

func commander(t *testing.T, inst *asterisk.Instance) *ari.Controller {
	t.Helper()
	ctrl, err := ari.NewController(inst.URL, ari.WithBasicAuth(inst.Username, inst.Password), ari.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	return ctrl
}

func nothingIsLeft(t *testing.T, ctrl *ari.Controller) {
	t.Helper()
	require.Eventually(t, func() bool {
		channels, err := ctrl.Channels(t.Context())
		require.NoError(t, err)
		return len(channels) == 0
	}, 15*time.Second, 50*time.Millisecond)
}

// A hundred calls at once, each with a websocket of its own, are served; those that are there when the program is killed and
// started again get their handlers back.
func TestAHundredCallsWithWebsocketsOfTheirOwn(t *testing.T) {
	p := newProgram(t)
	p.start()
	inst := asterisk.Start(t, asterisk.Options{Own: true, Outbound: p.outbound(true, "", "", "")})
	ctrl := commander(t, inst)
	hangup := place(t, ctrl, 0, 100)
	p.await(100)

	p.stop()
	p.await(0)
	p.start() // within Asterisk's attempts: ten, 300 ms apart
	p.await(100)
	for i := range 100 {
		hangup(i)
	}
	p.await(0)
	assert.Equal(t, 100, p.back)
	assert.Equal(t, 1, p.most)
	nothingIsLeft(t, ctrl)
}

// A program that is stopped for ten seconds during fifty calls finds all of them again that are still there, and none that has ended.
func TestProgramIsStoppedForTenSeconds(t *testing.T) {
	p := newProgram(t)
	p.start()
	inst := asterisk.Start(t, asterisk.Options{Own: true, Outbound: p.outbound(false, "", "", "")})
	ctrl := commander(t, inst)
	hangup := place(t, ctrl, 0, 50)
	p.await(50)

	p.stop()
	p.await(0)
	for i := range 25 {
		hangup(i)
	}
	hangup = place(t, ctrl, 50, 10) // They come and go, or stay, while nobody is there.
	for i := 50; i < 55; i++ {
		hangup(i)
	}
	time.Sleep(10 * time.Second) // That long Asterisk must keep what happens; nothing comes meanwhile that could be waited for.
	p.start()
	p.await(25 + 5)
	time.Sleep(time.Second) // for what must not come
	p.await(25 + 5)
	assert.Equal(t, 25, p.back, "the others' StasisStart was kept")
	assert.Equal(t, 1, p.most)
	for i := 25; i < 60; i++ {
		if i < 50 || i >= 55 {
			hangup(i)
		}
	}
	p.await(0)
	nothingIsLeft(t, ctrl)
}

// TLS in both directions with a private authority.
func TestTLSInBothDirections(t *testing.T) {
	dir := t.TempDir()
	ca, caKey := authority(t)
	caFile := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}), 0o600))
	_, certFile, keyFile := issue(t, dir, "pbx", ca, caKey)
	serverCert, _, _ := issue(t, dir, "127.0.0.1", ca, caKey) // Asterisk compares an address with the name, not with the addresses.
	pool := x509.NewCertPool()
	pool.AddCert(ca)

	var seen sync.Map
	p := newProgram(t,
		ari.WithServerTLS(&tls.Config{Certificates: []tls.Certificate{serverCert}, ClientCAs: pool, MinVersion: tls.VersionTLS12}),
		ari.WithClientCertificates(func(cert *x509.Certificate) bool {
			seen.Store(cert.Subject.CommonName, true)
			return cert.Subject.CommonName == "pbx"
		}))
	p.start()
	inst := asterisk.Start(t, asterisk.Options{Own: true, Outbound: p.outbound(true, caFile, certFile, keyFile)})
	ctrl := commander(t, inst)
	hangup := place(t, ctrl, 0, 5)
	p.await(5)
	_, ok := seen.Load("pbx")
	assert.True(t, ok)
	for i := range 5 {
		hangup(i)
	}
	p.await(0)
	nothingIsLeft(t, ctrl)
}

func authority(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

// issue makes a certificate for the loopback address, and files of it and of its key.
func issue(t *testing.T, dir, name string, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, key.Public(), caKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, keyPEM, 0o600))
	cert, err = tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	return cert, certFile, keyFile
}

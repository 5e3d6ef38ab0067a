package aritest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

var bySocket = ari.WithCommands(ari.CommandsWebsocket)

// countHTTP counts the requests that a client sends by HTTP.
func countHTTP(srv *aritest.Server) (client *http.Client, paths func() []string) {
	var mu sync.Mutex
	var all []string
	inner := srv.HTTPClient().Transport
	client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		all = append(all, r.Method+" "+r.URL.Path)
		mu.Unlock()
		return inner.RoundTrip(r)
	})}
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A call is served over the websocket alone, to the handler's clean-up after the client's end.
func TestCommandsOverTheWebsocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		httpClient, paths := countHTTP(srv)
		client := srv.Client(quiet, bySocket, ari.WithHTTPClient(httpClient))
		answers := ari.Subscribe[*ari.RESTResponse](client)
		inBridge := make(chan struct{})
		client.OnCall(func(ctx context.Context, call *ari.StasisStart) error {
			ch := call.Channel
			defer func() { assert.NoError(t, ch.Stop(ari.Cleanup(ctx))) }()
			if err := ch.Answer(ctx); err != nil {
				return err
			}
			b, err := ch.Controller().CreateBridge(ctx, ari.CreateBridgeOptions{})
			if err != nil {
				return err
			}
			defer func() { assert.NoError(t, b.Stop(ari.Cleanup(ctx))) }()
			if err := b.AddChannel(ctx, ch.ID); err != nil {
				return err
			}
			close(inBridge)
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil
		})
		require.NoError(t, client.Connect(soon(t)))
		call := srv.Call("1000")
		<-inBridge
		_, err := client.ARI().Channel("nobody").Refresh(soon(t))
		require.ErrorIs(t, err, ari.ErrNotFound)
		require.NoError(t, client.Close(soon(t)))
		require.NoError(t, call.WaitEnded(soon(t)))
		require.NoError(t, srv.WaitIdle(soon(t)))
		_, err = answers.Next(t.Context())
		require.ErrorIs(t, err, ari.ErrClosed, "no answer reaches those who listen to events")
		for _, path := range paths() {
			assert.Contains(t, []string{"GET /ari/events", "GET /ari/asterisk/ping"}, path)
		}
	})
}

// What frees a command that waits isn't kept waiting by it.
func TestCommandThatWaitsOverTheWebsocket(t *testing.T) {
	for name, by := range map[string]ari.Commands{"auto": ari.CommandsAuto, "websocket": ari.CommandsWebsocket} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				client := srv.Client(quiet, ari.WithCommands(by))
				starts := ari.Subscribe[*ari.StasisStart](client)
				require.NoError(t, client.Connect(soon(t)))
				srv.Sound("long", 10*time.Second)
				calls := 20 // More than there are websockets for.
				var freed sync.WaitGroup
				for range calls {
					call := srv.Call("1000")
					ev, err := starts.Next(soon(t))
					require.NoError(t, err)
					ch := ev.Channel
					require.NoError(t, ch.Answer(soon(t)))
					b, err := ch.Controller().CreateBridge(soon(t), ari.CreateBridgeOptions{})
					require.NoError(t, err)
					p, err := ch.Play(soon(t), "sound:long")
					require.NoError(t, err)
					added := make(chan error, 1)
					go func() { added <- b.AddChannel(soon(t), ch.ID) }()
					synctest.Wait()
					freed.Go(func() {
						select {
						case err := <-added:
							t.Error("it didn't wait", err)
							return
						default:
						}
						began := time.Now()
						assert.NoError(t, p.Stop(soon(t)))
						assert.NoError(t, <-added)
						assert.Less(t, time.Since(began), 50*time.Millisecond)
						assert.NoError(t, b.Stop(soon(t)))
						call.Hangup()
					})
				}
				freed.Wait()
				require.NoError(t, srv.WaitIdle(soon(t)))
			})
		})
	}
}

// When the websocket is cut, or Asterisk stands still, each command that is under way ends with the right error, is sent
// once only, and nothing stays that it has made.
func TestOutstandingCommands(t *testing.T) {
	for name, cut := range map[string]func(f aritest.Faults){
		"cut":    func(f aritest.Faults) { f.DropEvents() },
		"frozen": func(f aritest.Faults) { f.Freeze() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := aritest.NewServer(t, aritest.InMemory())
				attempts := ari.WithInterceptor(func(next ari.Doer) ari.Doer {
					return ari.DoerFunc(func(r *http.Request) (*http.Response, error) {
						resp, err := next.Do(r)
						if n := ari.RequestInfoOf(r).Attempt(); n > 1 {
							t.Errorf("%s %s: %d attempts", r.Method, r.URL.Path, n)
						}
						return resp, err
					})
				})
				client := srv.Client(quiet, bySocket, attempts, ari.WithKeepalive(time.Second, time.Second))
				require.NoError(t, client.Connect(soon(t)))
				srv.Faults().SlowEvents(time.Millisecond) // so that some are answered, some carried out, and some not
				const n = 200
				errs := make(chan error, n)
				var mu sync.Mutex
				kept := make(map[string]bool) // what was made, and told of
				keep := func(id string) {
					mu.Lock()
					defer mu.Unlock()
					kept[id] = true
				}
				began := time.Now()
				for i := range n {
					go func() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						var err error
						switch i % 4 {
						case 0:
							var b *ari.Bridge
							if b, err = client.ARI().CreateBridge(ctx, ari.CreateBridgeOptions{}); err == nil {
								keep(b.ID)
							}
						case 1:
							var ch *ari.Channel
							if ch, err = client.ARI().Originate(ctx, ari.OriginateOptions{Endpoint: "PJSIP/alice"}); err == nil {
								keep(ch.ID)
							}
						case 2:
							_, err = client.ARI().Channels(ctx)
						default:
							err = client.ARI().StopBridge(ctx, fmt.Sprintf("nobody-%d", i))
						}
						errs <- err
					}()
				}
				srv.Endpoint("PJSIP/alice", aritest.Rings())
				time.Sleep(20 * time.Millisecond)
				cut(srv.Faults())
				failed := 0
				for range n {
					err := <-errs
					if err == nil || errors.Is(err, ari.ErrNotFound) {
						continue
					}
					failed++
					require.ErrorIs(t, err, ari.ErrConnection)
				}
				assert.Positive(t, failed)
				assert.Less(t, time.Since(began), 3*time.Second, "a keepalive's time")
				srv.Faults().Thaw()
				srv.Faults().SlowEvents(0)
				require.NoError(t, client.WaitConnected(soon(t)))
				t.Logf("%d of %d failed", failed, n)

				// What was told of stays; all else is taken back.
				assert.NoError(t, srv.Wait(soon(t), func() bool { return len(srv.Channels())+len(srv.Bridges()) == len(kept) }))
				for _, ch := range srv.Channels() {
					assert.True(t, kept[ch.ID], ch.ID)
				}
				for _, b := range srv.Bridges() {
					assert.True(t, kept[b.ID], b.ID)
				}
			})
		})
	}
}

// An Asterisk that is too old for it takes no command over the websocket.
func TestCommandsOverTheWebsocketOfAnOldAsterisk(t *testing.T) {
	for _, version := range []string{"16.28.0", "20.13.0", "21.8.0", "22.3.0"} {
		synctest.Test(t, func(t *testing.T) {
			srv := aritest.NewServer(t, aritest.InMemory(), aritest.WithVersion(version))
			client := srv.Client(quiet, bySocket)
			err := client.Connect(soon(t))
			require.ErrorIs(t, err, ari.ErrUnsupported)
			assert.ErrorContains(t, err, "20.14, 21.9 or 22.4")
			assert.ErrorContains(t, err, version)
			_, err = client.ARI().Channels(soon(t))
			require.ErrorIs(t, err, ari.ErrUnsupported)

			other := srv.ClientFor("other", quiet, ari.WithCommands(ari.CommandsAuto))
			require.NoError(t, other.Connect(soon(t)))
			_, err = other.ARI().Channels(soon(t))
			require.NoError(t, err)
		})
	}
}

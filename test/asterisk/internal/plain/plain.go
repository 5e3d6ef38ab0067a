// Package plain talks to ARI with nothing but HTTP and a websocket, so that the tests of this folder don't depend on the SDK that is tested with it.
package plain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk"
)

// Client is one application's connection.
type Client struct {
	tb     testing.TB
	inst   *asterisk.Instance
	conn   *websocket.Conn
	events chan Event
	end    chan error
}

// Event is what tests look at in an event.
type Event struct {
	Type    string `json:"type"`
	Channel struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		State string `json:"state"`
	} `json:"channel"`
	Args    []string `json:"args"`
	Digit   string   `json:"digit"`
	Cause   int      `json:"cause"`
	Message struct {
		Body string `json:"body"`
	} `json:"message"`
	Userevent map[string]string `json:"userevent"`
}

// Connect opens the event websocket of an application. It is closed with the test.
func Connect(tb testing.TB, inst *asterisk.Instance, app string) *Client {
	tb.Helper()
	c := &Client{tb: tb, inst: inst, events: make(chan Event, 1000), end: make(chan error, 1)}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	header := make(http.Header)
	header.Set("Authorization", basicAuth(inst.Username, inst.Password))
	conn, resp, err := websocket.Dial(ctx, inst.URL+"/events?app="+url.QueryEscape(app), &websocket.DialOptions{HTTPHeader: header})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	require.NoError(tb, err)
	conn.SetReadLimit(1 << 20)
	c.conn = conn
	tb.Cleanup(func() { _ = conn.Close(websocket.StatusNormalClosure, "") })
	go c.read()
	return c
}

func basicAuth(user, password string) string {
	req := http.Request{Header: make(http.Header)}
	req.SetBasicAuth(user, password)
	return req.Header.Get("Authorization")
}

func (c *Client) read() {
	for {
		_, data, err := c.conn.Read(context.Background())
		if err != nil {
			c.end <- err
			close(c.events)
			return
		}
		var ev Event
		if err := json.Unmarshal(data, &ev); err != nil {
			c.end <- fmt.Errorf("%w: %s", err, data)
			close(c.events)
			return
		}
		c.events <- ev
	}
}

// Await waits for the next event of a type, and drops those before it.
func (c *Client) Await(eventType string) Event {
	c.tb.Helper()
	return c.AwaitAll(eventType)[eventType]
}

// AwaitAll waits until an event of each of these types has come, in any order, and drops all others. It returns the first of each.
func (c *Client) AwaitAll(eventTypes ...string) map[string]Event {
	c.tb.Helper()
	deadline := time.After(15 * time.Second)
	found := make(map[string]Event)
	var others []string
	for len(found) < len(eventTypes) {
		select {
		case ev, ok := <-c.events:
			if !ok {
				require.Failf(c.tb, "the websocket has ended", "%v, while waiting for %s", <-c.end, strings.Join(eventTypes, " and "))
			}
			if _, again := found[ev.Type]; again || !slices.Contains(eventTypes, ev.Type) {
				others = append(others, ev.Type)
				continue
			}
			found[ev.Type] = ev
		case <-deadline:
			require.Failf(c.tb, "no event", "%s; only %s and %s", strings.Join(eventTypes, " and "),
				strings.Join(slices.Collect(maps.Keys(found)), ", "), strings.Join(others, ", "))
		}
	}
	return found
}

// AwaitEnd waits until the websocket has ended.
func (c *Client) AwaitEnd() error {
	c.tb.Helper()
	select {
	case err := <-c.end:
		return err
	case <-time.After(10 * time.Second):
		require.Fail(c.tb, "the websocket is still open")
		return nil
	}
}

// Do sends a request, which must succeed, and returns the answer.
func (c *Client) Do(method, path string) string {
	c.tb.Helper()
	status, body := Do(c.tb, c.inst, method, path)
	require.Less(c.tb, status, 300, "%s %s: %s", method, path, body)
	return body
}

// Do sends a request.
func Do(tb testing.TB, inst *asterisk.Instance, method, path string) (status int, body string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, inst.URL+path, nil)
	require.NoError(tb, err)
	req.SetBasicAuth(inst.Username, inst.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(tb, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	return resp.StatusCode, string(data)
}

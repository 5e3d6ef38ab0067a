package ari

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/internal/quickack"
)

const (
	// maxFirstFrame is how long the first message may be: until it has come, nothing proves that it is Asterisk.
	maxFirstFrame = 64 << 10

	// identifyTimeout is how long it may take.
	identifyTimeout = 10 * time.Second
)

// An acceptedConn is a websocket that Asterisk has opened.
type acceptedConn struct {
	websocketConn
	from     string // its address
	asterisk string // asterisk_id
	app      string // the application of the first event

	quick   quickack.Conn
	ahead   [][]byte            // what was read to find that out; the reader's
	apps    map[string]struct{} // registered by this connection; the reader's
	entered string              // the channel that the connection is about; "": it isn't about one

	registered chan struct{} // closed when Asterisk has told that it has registered an application: what it kept was before
	started    chan struct{} // closed at the StasisStart of the channel that it is about
	over       atomic.Bool   // no other connection follows this one: its call has ended, or its applications are unregistered
	deaf       atomic.Bool   // another program has the application: nothing that comes is for us
	gone       func()        // called once when the connection has ended
	goneOnce   sync.Once
}

// A hijackKeeper remembers the connection under a websocket.
type hijackKeeper struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijackKeeper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, rw, err
}

// acceptWebsocket makes a websocket of a request. It has answered if that fails.
func acceptWebsocket(w http.ResponseWriter, r *http.Request) (*acceptedConn, error) {
	keeper := &hijackKeeper{ResponseWriter: w}
	ws, err := websocket.Accept(keeper, r, &websocket.AcceptOptions{
		Subprotocols:    []string{subprotocol},
		CompressionMode: websocket.CompressionDisabled, // Asterisk refuses it.
	})
	if err != nil {
		return nil, err
	}
	c := &acceptedConn{
		from: r.RemoteAddr, apps: make(map[string]struct{}),
		registered: make(chan struct{}), started: make(chan struct{}), gone: func() {},
	}
	c.ws = ws
	c.setNet(keeper.conn)
	c.quick = quickack.Of(keeper.conn)
	return c, nil
}

// identity is what the first event tells.
type identity struct {
	Type        string `json:"type"`
	Application string `json:"application"`
	AsteriskID  string `json:"asterisk_id"`
	Channel     struct {
		Name string `json:"name"`
	} `json:"channel"`
}

// identify reads the first event, which tells whose connection it is.
func (c *acceptedConn) identify(ctx context.Context) error {
	c.ws.SetReadLimit(maxFirstFrame)
	late := time.AfterFunc(identifyTimeout, c.Abort)
	stop := context.AfterFunc(ctx, c.Abort)
	defer stop()
	first, err := c.read() //nolint:contextcheck // Its end closes the connection.
	if !late.Stop() {
		return fmt.Errorf("no event for %s", identifyTimeout)
	}
	if err != nil {
		return err
	}
	id, err := readIdentity(first)
	if err != nil {
		return err
	}
	c.quick.Now()
	c.asterisk, c.app = id.AsteriskID, id.Application
	c.ahead = append(c.ahead, bytes.Clone(first))
	return nil
}

func readIdentity(first []byte) (id identity, err error) {
	if err := json.Unmarshal(first, &id); err != nil {
		return id, errors.New("the first message is no event") // What is wrong with it would show a part of it.
	}
	if id.Type == "" || id.Application == "" {
		return id, errors.New("the first message is no event of Asterisk's")
	}
	return id, nil
}

var (
	registeredMark   = []byte(`"ApplicationRegistered"`)
	unregisteredMark = []byte(`"ApplicationUnregistered"`)
	startMark        = []byte(`"StasisStart"`)
	endMark          = []byte(`"StasisEnd"`)
)

// Read implements [Connection].
func (c *acceptedConn) Read() (Frame, error) {
	for {
		frame, err := c.next()
		if err != nil {
			c.ended()
			return Frame{}, err
		}
		c.look(frame)
		if !c.deaf.Load() || bytes.Contains(frame, answerMark) {
			return Frame{Data: frame}, nil
		}
	}
}

func (c *acceptedConn) next() ([]byte, error) {
	if len(c.ahead) > 0 {
		frame := c.ahead[0]
		c.ahead = c.ahead[1:]
		return frame, nil
	}
	frame, err := c.read()
	if err == nil {
		c.quick.Now()
	}
	return frame, err
}

// ended tells that the connection has.
func (c *acceptedConn) ended() { c.goneOnce.Do(func() { c.gone() }) }

// look notes what an event says of the connection itself.
func (c *acceptedConn) look(frame []byte) {
	switch {
	case bytes.Contains(frame, registeredMark):
		if id, ok := c.identityOf(frame, "ApplicationRegistered"); ok {
			c.apps[id.Application] = struct{}{}
			closeOnce(c.registered)
		}
	case bytes.Contains(frame, unregisteredMark):
		if id, ok := c.identityOf(frame, "ApplicationUnregistered"); ok {
			delete(c.apps, id.Application)
			if len(c.apps) == 0 {
				c.over.Store(true)
			}
		}
	case c.entered == "":
	case bytes.Contains(frame, startMark):
		if id, ok := c.identityOf(frame, "StasisStart"); ok && id.Channel.Name == c.entered {
			closeOnce(c.started)
		}
	case bytes.Contains(frame, endMark):
		if id, ok := c.identityOf(frame, "StasisEnd"); ok && id.Channel.Name == c.entered {
			c.over.Store(true)
		}
	}
}

func (c *acceptedConn) identityOf(frame []byte, typ string) (identity, bool) {
	var id identity
	return id, json.Unmarshal(frame, &id) == nil && id.Type == typ && strings.HasPrefix(id.Application, c.app)
}

// closeOnce closes a channel that only one goroutine closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

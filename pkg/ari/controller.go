package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/ari-go/ari/gen"
)

// Controller is where all operations of one Asterisk start: what makes, lists or finds something is its method;
// what acts on an object is that object's. [Client.ARI] returns the controller of a client; one from
// [NewController] works alone, without events.
//
// All methods may be called from several goroutines at once. Their ctx bounds the whole request; there is no other
// time limit, since some operations take their time by nature. What Asterisk makes although ctx has ended before its
// answer, such as a call or a bridge, is taken back. If no answer comes at all, that is done as soon as Asterisk answers
// again, unless the id was yours: you may have used it again. They fail with an [*Error], which [errors.Is] tells apart by the
// Err variables.
type Controller struct {
	api         *gen.Client
	chain       *chain
	http        func() *http.Client // for further connections
	application string
	ids         ids
	sessionID   sessionID // 0 without a client
	feed        feed      // of the session whose events its objects have; nil without a client
}

// NewController returns a controller that works without a websocket. The URL is that of ARI, such as
// http://127.0.0.1:8088/ari.
func NewController(baseURL string, opts ...ControllerOption) (*Controller, error) {
	all := make([]Option, len(opts))
	for i, opt := range opts {
		if opt != nil { // It would be no nil any more.
			all[i] = opt
		}
	}
	cfg, err := newConfig(baseURL, all)
	if err != nil {
		return nil, err
	}
	return newController(cfg), nil
}

func newController(cfg *config) *Controller {
	c := &Controller{chain: newChain(&cfg.requestConfig)}
	c.chain.server.ask = c.Version
	c.api = &gen.Client{Server: cfg.base.String() + "/", Client: c.chain}
	if len(cfg.applications) > 0 {
		c.application = cfg.applications[0]
	}
	c.ids = newIDs("", newRun())
	c.chain.mine = func(id string) bool { return c.ids.mine(id) }
	c.http = sync.OnceValue(cfg.furtherClient)
	return c
}

// HTTPClient is a client for further connections to the same Asterisk, such as the websockets of media: that of [WithHTTPClient], or one with
// the controller's settings for TLS. It has no credentials.
func (c *Controller) HTTPClient() *http.Client {
	if c == nil || c.http == nil {
		return http.DefaultClient
	}
	return c.http()
}

// attach tells the controller of the session whose Asterisk it commands, before its first request.
func (c *Controller) attach(life liveness) { c.chain.life = life }

// API returns the generated client, for what this package doesn't offer. Its requests get the same treatment as
// all others, and an error status is an [*Error] there too.
//
// It follows Asterisk's own description, and changes with that and with its generator: the promise of compatibility doesn't
// cover it.
func (c *Controller) API() *gen.ClientWithResponses {
	if c == nil || c.api == nil {
		return &gen.ClientWithResponses{ClientInterface: &gen.Client{Client: nowhere{}}}
	}
	return &gen.ClientWithResponses{ClientInterface: c.api}
}

// nowhere is where the requests of a zero value go.
type nowhere struct{}

func (nowhere) Do(*http.Request) (*http.Response, error) { return nil, errNoController }

// Version returns the connected Asterisk's version. Asterisk names it in every answer, so that this costs
// a request only before the first one, or if the server's name is hidden.
func (c *Controller) Version(ctx context.Context) (Version, error) {
	if c == nil || c.chain == nil {
		return Version{}, errNoController
	}
	if v := c.chain.server.version.Load(); v != nil {
		return *v, nil
	}
	info, err := c.Info(ctx, InfoSectionSystem)
	if err != nil {
		return Version{}, err
	}
	if v := c.chain.server.version.Load(); v != nil {
		return *v, nil
	}
	if info.System == nil {
		return Version{}, errors.New("ari: Asterisk doesn't tell its version")
	}
	v, err := ParseVersion(info.System.Version)
	if err != nil {
		return Version{}, err
	}
	c.chain.server.version.Store(&v)
	return v, nil
}

// Supports reports whether the connected Asterisk has an operation, named by its id in api/openapi.yaml,
// such as "channelsProgress". It fails if there is no such operation or the version can't be had.
func (c *Controller) Supports(ctx context.Context, operation string) (bool, error) {
	op := operationByID(operation)
	if op == nil {
		return false, fmt.Errorf("%w: there is no operation %q", ErrInvalid, operation)
	}
	v, err := c.Version(ctx)
	if err != nil {
		return false, err
	}
	return op.since.have(v), nil
}

// A command is a request with the controller whose it is.
type command struct {
	request
	ctrl *Controller
}

// begin begins a request of an operation. The ids are those that go into the path; one that would make
// another path of it is refused here: Asterisk reads DELETE /channels//ring as an operation on /channels.
func (c *Controller) begin(ctx context.Context, op *operation, ids ...string) (*command, error) {
	if c == nil || c.api == nil {
		return nil, refuse(op, "there is no controller: a zero value has none")
	}
	for i, id := range ids {
		if id == "" || id == "." || id == ".." {
			return nil, refuse(op, "the %s %q is no id", placeholder(op.path, i), id)
		}
	}
	return &command{request{Context: ctx, op: op}, c}, nil
}

// needs refuses an operation whose point is a parameter that this version of Asterisk doesn't know, and would ignore.
func (c *Controller) needs(ctx context.Context, op *operation, param string) error {
	if c == nil || c.chain == nil {
		return nil // begin refuses it
	}
	since := op.param(param).since
	if v, known := c.chain.server.knownVersion(ctx); known && !since.have(v) {
		return &Error{Operation: op.id, Method: op.method, Path: op.path, Message: "not sent", err: unsupported(param, since, v)}
	}
	return nil
}

// placeholder returns the name of the path's n-th placeholder.
func placeholder(path string, n int) string {
	parts := strings.Split(path, "{")
	name, _, _ := strings.Cut(parts[n+1], "}")
	return name
}

// Originate calls an endpoint, such as PJSIP/1001. The channel enters opts.App when it is answered, by default the
// client's application; with an Extension it runs the dialplan instead. It returns when the call has been placed,
// with a channel that was not yet answered: [Channel.WaitAnswered] waits for that, and misses nothing. If
// opts.ChannelID is empty the channel gets an id of ours.
//
// It fails with ErrInvalid if a parameter is wrong, ErrConflict if the id is taken, ErrInternal if the technology is
// unknown or the endpoint can't be reached. A call that is refused or not answered is no error here.
func (c *Controller) Originate(ctx context.Context, opts OriginateOptions) (*Channel, error) {
	id := or(opts.ChannelID, c.NewID())
	req, err := c.begin(ctx, opChannelsOriginateWithId, id)
	if err != nil {
		return nil, err
	}
	app := opts.App
	if app == "" && opts.Extension == "" && opts.Context == "" && opts.Label == "" && opts.Priority == 0 {
		app = c.application
	}
	l := c.expect(expectation{kind: kindChannel, id: id, app: app, subscribed: true})
	params := opts.params()
	params.App = optional(app)
	resp, err := c.api.ChannelsOriginateWithID(req, id, params, opts.body())
	return made[Channel](req, l, resp, err)
}

// CreateChannel makes a channel to an endpoint without calling it: [Channel.Dial] does that. It is in opts.App at
// once, by default the client's application. If opts.ChannelID is empty it gets an id of ours. It fails as Originate
// does. Since Asterisk 14; it is not sent to an older one, which would take the path for a channel's id.
func (c *Controller) CreateChannel(ctx context.Context, opts CreateChannelOptions) (*Channel, error) {
	id := or(opts.ChannelID, c.NewID())
	req, err := c.begin(ctx, opChannelsCreate)
	if err != nil {
		return nil, err
	}
	params := opts.params()
	params.ChannelID, params.App = &id, or(opts.App, c.application)
	l := c.expect(expectation{kind: kindChannel, id: id, app: params.App, subscribed: true})
	resp, err := c.api.ChannelsCreate(req, params, opts.body())
	return made[Channel](req, l, resp, err)
}

// CreateExternalMedia makes a channel that carries audio to and from a program, by RTP, AudioSocket or a websocket.
// It enters opts.App, by default the client's application; the client's handlers of OnStasisStart don't get it. Format is
// required. If opts.ChannelID is empty it gets an id of ours.
//
// With a connected client it returns when the channel has entered the client's application, so that it can go into a
// bridge at once; not so with transport websocket, whose channel waits for a connection first. When the connection is
// lost meanwhile, it waits for the next one: Asterisk turns channels away while an application has no connection, and
// then it fails with an [*EndError] that is ErrGap.
//
// It fails with ErrInvalid for a wrong combination of options, ErrNotImplemented for an encapsulation that this
// version lacks, ErrInternal for a taken id. Since Asterisk 16.6, 17.1; it is not sent to an older one, which would
// take the path for a channel's id.
func (c *Controller) CreateExternalMedia(ctx context.Context, opts ExternalMediaOptions) (*Channel, error) {
	id := or(opts.ChannelID, c.NewID())
	req, err := c.begin(ctx, opChannelsExternalMedia)
	if err != nil {
		return nil, err
	}
	params := opts.params()
	params.ChannelID, params.App = &id, or(opts.App, c.application)
	l := c.expect(expectation{kind: kindChannel, id: id, app: params.App, subscribed: true})
	resp, err := c.api.ChannelsExternalMedia(req, params, opts.body())
	ch, err := made[Channel](req, l, resp, err)
	if err != nil || opts.Transport == TransportWebsocket {
		return ch, err
	}
	return ch.entered(ctx)
}

// CreateBridge makes a bridge. Its Type is a list of attributes joined by commas, such as "mixing" or
// "mixing,dtmf_events"; the empty one is mixing. If opts.BridgeID is empty it gets an id of ours. It fails with
// ErrConflict if the id is taken (before Asterisk 20.13, 21.8 and 22.3: ErrProtocol or ErrInternal), ErrInternal if
// the types contradict each other. Variables since Asterisk 20.20, 22.10, 23.4.
//
// Asterisk connects two SIP channels in a bridge of the type "mixing" past itself, and then reports none of the keys that
// they press. A program that listens to keys makes "mixing,dtmf_events" (or "mixing,proxy_media").
func (c *Controller) CreateBridge(ctx context.Context, opts CreateBridgeOptions) (*Bridge, error) {
	// Always with the id in the path: POST /bridges takes every member of its body for a variable.
	id := or(opts.BridgeID, c.NewID())
	req, err := c.begin(ctx, opBridgesCreateWithId, id)
	if err != nil {
		return nil, err
	}
	resp, err := c.api.BridgesCreateWithID(req, id, opts.params(), opts.body())
	return answered[Bridge](req, resp, err)
}

// SendUserEvent sends a [ChannelUserevent] of that name to an application: opts.Application, by default the client's own.
// With sources, the event carries their snapshots, the last one of each kind, and is about them. It fails with ErrNotFound
// if there is no such application, ErrInvalid for a wrong source, ErrUnprocessable if a source doesn't exist. Since
// Asterisk 12.3.
func (c *Controller) SendUserEvent(ctx context.Context, eventName string, opts UserEventOptions) error {
	req, err := c.begin(ctx, opEventsUserEvent, eventName)
	if err != nil {
		return err
	}
	params := opts.params()
	params.Application = or(opts.Application, c.application)
	resp, err := c.api.EventsUserEvent(req, eventName, params, opts.body())
	return req.done(resp, err)
}

// AnswerChannel is [Channel.Answer] by id.
func (c *Controller) AnswerChannel(ctx context.Context, channelID string) error {
	return c.Channel(channelID).Answer(ctx)
}

// StopChannel is [Channel.Stop] by id.
func (c *Controller) StopChannel(ctx context.Context, channelID string) error {
	return c.Channel(channelID).Stop(ctx)
}

// BridgeAddChannel is [Bridge.AddChannel] by id.
func (c *Controller) BridgeAddChannel(ctx context.Context, bridgeID string, channelIDs ...string) error {
	return c.Bridge(bridgeID).AddChannel(ctx, channelIDs...)
}

// StopBridge is [Bridge.Stop] by id.
func (c *Controller) StopBridge(ctx context.Context, bridgeID string) error {
	return c.Bridge(bridgeID).Stop(ctx)
}

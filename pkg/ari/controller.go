package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ari-go/ari/gen"
)

// Controller is where all operations of one Asterisk start: what makes, lists or finds something is its method;
// what acts on an object is that object's. [Client.ARI] returns the controller of a client; one from
// [NewController] works alone, without events.
//
// All methods may be called from several goroutines at once. Their ctx bounds the whole request; there is no other
// time limit, since some operations take their time by nature. What Asterisk makes although ctx has ended before its
// answer, such as a call or a bridge, is taken back. They fail with an [*Error], which [errors.Is] tells apart by the
// Err variables.
type Controller struct {
	api         *gen.Client
	chain       *chain
	application string
	link        *link // the connection whose events its objects have; nil without a client
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
	c := &Controller{chain: newChain(cfg)}
	c.chain.server.ask = c.Version
	c.api = &gen.Client{Server: cfg.base.String() + "/", Client: c.chain}
	if len(cfg.applications) > 0 {
		c.application = cfg.applications[0]
	}
	return c
}

// attach tells the controller of the session whose Asterisk it commands, before its first request.
func (c *Controller) attach(life liveness) { c.chain.life = life }

// API returns the generated client, for what this package doesn't offer. Its requests get the same treatment as
// all others, and an error status is an [*Error] there too.
func (c *Controller) API() *gen.ClientWithResponses {
	return &gen.ClientWithResponses{ClientInterface: c.api}
}

// Version returns the connected Asterisk's version. Asterisk names it in every answer, so that this costs
// a request only before the first one, or if the server's name is hidden.
func (c *Controller) Version(ctx context.Context) (Version, error) {
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
		return false, fmt.Errorf("ari: there is no operation %q", operation)
	}
	v, err := c.Version(ctx)
	if err != nil {
		return false, err
	}
	return op.since.have(v), nil
}

// begin begins a request of an operation. The ids are those that go into the path; one that would make
// another path of it is refused here: Asterisk reads DELETE /channels//ring as an operation on /channels.
func (c *Controller) begin(ctx context.Context, op *operation, ids ...string) (*request, error) {
	for i, id := range ids {
		if id == "" || id == "." || id == ".." {
			return nil, refuse(op, "the %s %q is no id", placeholder(op.path, i), id)
		}
	}
	return &request{Context: ctx, op: op}, nil
}

// needs refuses an operation whose point is a parameter that this version of Asterisk doesn't know, and would ignore.
func (c *Controller) needs(ctx context.Context, op *operation, param string) error {
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

// binder is an object that can be given its controller.
type binder interface{ bind(c *Controller) }

// bound returns a function that gives the object its controller, unless there was an error.
func bound[T binder](v T, err error) func(*Controller) (T, error) {
	return func(c *Controller) (T, error) {
		if err == nil {
			v.bind(c)
		}
		return v, err
	}
}

func bindAll[T binder](list []T, err error) func(*Controller) ([]T, error) {
	return func(c *Controller) ([]T, error) {
		for _, v := range list {
			v.bind(c)
		}
		return list, err
	}
}

// Application returns a handle for a Stasis application by its name, without a request. The empty name stands for
// the client's own.
func (c *Controller) Application(name string) *Application {
	return &Application{Application: gen.Application{Name: or(name, c.application)}, ctrl: c}
}

// Originate calls an endpoint, such as PJSIP/1001. The channel enters opts.App when it is answered, by default the
// client's application; with an Extension it runs the dialplan instead. It returns when the call has been placed,
// with a channel that was not yet answered: [Channel.WaitAnswered] waits for that, and misses nothing. If
// opts.ChannelID is empty the channel gets an id of ours.
//
// It fails with ErrInvalid if a parameter is wrong, ErrConflict if the id is taken, ErrInternal if the technology is
// unknown or the endpoint can't be reached. A call that is refused or not answered is no error here.
func (c *Controller) Originate(ctx context.Context, opts OriginateOptions) (*Channel, error) {
	id := or(opts.ChannelID, newID())
	req, err := c.begin(ctx, opChannelsOriginateWithId, id)
	if err != nil {
		return nil, err
	}
	app := opts.App
	if app == "" && opts.Extension == "" && opts.Context == "" && opts.Label == "" && opts.Priority == 0 {
		app = c.application
	}
	lf := c.expectOriginated(id, app)
	params := opts.params()
	params.App = optional(app)
	resp, err := c.api.ChannelsOriginateWithID(req, id, params, opts.body())
	return made[*Channel](c, lf)(decodeObject[Channel](req, resp, err))
}

// CreateChannel makes a channel to an endpoint without calling it: [Channel.Dial] does that. It is in opts.App at
// once, by default the client's application. If opts.ChannelID is empty it gets an id of ours. It fails as Originate
// does. Since Asterisk 14; it is not sent to an older one, which would take the path for a channel's id.
func (c *Controller) CreateChannel(ctx context.Context, opts CreateChannelOptions) (*Channel, error) {
	id := or(opts.ChannelID, newID())
	req, err := c.begin(ctx, opChannelsCreate)
	if err != nil {
		return nil, err
	}
	params := opts.params()
	params.ChannelID, params.App = &id, or(opts.App, c.application)
	lf := c.expectOriginated(id, params.App)
	resp, err := c.api.ChannelsCreate(req, params, opts.body())
	return made[*Channel](c, lf)(decodeObject[Channel](req, resp, err))
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
	id := or(opts.ChannelID, newID())
	req, err := c.begin(ctx, opChannelsExternalMedia)
	if err != nil {
		return nil, err
	}
	params := opts.params()
	params.ChannelID, params.App = &id, or(opts.App, c.application)
	lf := toolOf(c.expectOriginated(id, params.App))
	resp, err := c.api.ChannelsExternalMedia(req, params, opts.body())
	ch, err := made[*Channel](c, lf)(decodeObject[Channel](req, resp, err))
	if err != nil || opts.Transport == TransportWebsocket {
		return ch, err
	}
	return ch.entered(ctx, params.App)
}

// CreateBridge makes a bridge. Its Type is a list of attributes joined by commas, such as "mixing" or
// "mixing,dtmf_events"; the empty one is mixing. If opts.BridgeID is empty it gets an id of ours. It fails with
// ErrConflict if the id is taken (before Asterisk 20.13, 21.8 and 22.3: ErrProtocol or ErrInternal), ErrInternal if
// the types contradict each other. Variables since Asterisk 20.20, 22.10, 23.4.
func (c *Controller) CreateBridge(ctx context.Context, opts CreateBridgeOptions) (*Bridge, error) {
	// Always with the id in the path: POST /bridges takes every member of its body for a variable.
	id := or(opts.BridgeID, newID())
	req, err := c.begin(ctx, opBridgesCreateWithId, id)
	if err != nil {
		return nil, err
	}
	resp, err := c.api.BridgesCreateWithID(req, id, opts.params(), opts.body())
	return bound(decodeObject[Bridge](req, resp, err))(c)
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

// A File is the content of a stored recording while it is read. Close it.
type File struct {
	io.ReadCloser
	ContentType string // such as audio/wav
	Length      int64  // in bytes, or -1 if it isn't known
}

// File reads a stored recording's file. It streams: the caller reads what it needs and closes it. ctx bounds the
// reading as well. It fails with ErrNotFound if there is no such recording, ErrForbidden if its file can't be read.
// Since Asterisk 14.
func (o *StoredRecording) File(ctx context.Context) (*File, error) {
	req, err := o.ctrl.begin(ctx, opRecordingsGetStoredFile, o.Name)
	if err != nil {
		return nil, err
	}
	resp, err := o.ctrl.api.RecordingsGetStoredFile(req, o.Name)
	if err != nil {
		return nil, req.fail(err)
	}
	return &File{resp.Body, resp.Header.Get("Content-Type"), resp.ContentLength}, nil
}

// Application is a Stasis application: the snapshot of when it was read, and its controller. The snapshot never
// changes; Refresh reads a new one.
type Application struct {
	gen.Application
	ctrl *Controller
}

func (o *Application) bind(c *Controller) {
	if o != nil {
		o.ctrl = c
	}
}

// Subscribe makes the application get the events of more sources: "channel:ID", "bridge:ID", "endpoint:TECH/RESOURCE",
// "deviceState:NAME"; without an id all of that kind. A client subscribes again by itself after its connection was
// lost. The sources are taken in order; those before a bad one stay subscribed until then. It fails with ErrNotFound if
// there is no such application, ErrInvalid for an unknown kind, ErrUnprocessable if the source doesn't exist.
func (o *Application) Subscribe(ctx context.Context, sources ...string) (*Application, error) {
	req, err := o.ctrl.begin(ctx, opApplicationsSubscribe, o.Name)
	if err != nil {
		return nil, err
	}
	resp, err := o.ctrl.api.ApplicationsSubscribe(req, o.Name, &gen.ApplicationsSubscribeParams{EventSource: sources})
	app, err := bound(decodeObject[Application](req, resp, err))(o.ctrl)
	if err == nil {
		o.ctrl.rememberSubscribed(o.Name, sources...)
	}
	return app, err
}

// Unsubscribe takes subscriptions back, with the same sources as Subscribe. It fails with ErrNotFound if there is no
// such application, ErrInvalid for an unknown kind, ErrUnprocessable if the application isn't subscribed to the source.
func (o *Application) Unsubscribe(ctx context.Context, sources ...string) (*Application, error) {
	req, err := o.ctrl.begin(ctx, opApplicationsUnsubscribe, o.Name)
	if err != nil {
		return nil, err
	}
	wire := make([]string, len(sources))
	for i, s := range sources {
		wire[i] = s
		if topic, ok := topicOfAll[s]; ok {
			wire[i] = topic // Without an id, it doesn't know what is meant.
		}
	}
	resp, err := o.ctrl.api.ApplicationsUnsubscribe(req, o.Name, &gen.ApplicationsUnsubscribeParams{EventSource: wire})
	app, err := bound(decodeObject[Application](req, resp, err))(o.ctrl)
	if err == nil {
		o.ctrl.forgetSubscribed(o.Name, sources...)
	}
	return app, err
}

// An EventFilter says which event types an application gets: if Allowed has any, only those; never those in
// Disallowed. The zero value lets everything pass.
type EventFilter struct {
	Allowed    []string
	Disallowed []string
}

// ownEvents are the types that the client lives by. A filter set through it lets them pass.
var ownEvents = []string{
	"ApplicationMoveFailed", "ApplicationReplaced", "BridgeDestroyed", "ChannelDestroyed", "ChannelHangupRequest", "ChannelStateChange",
	"PlaybackFinished", "RESTResponse", "RecordingFailed", "RecordingFinished", "StasisEnd", "StasisStart",
}

// Filter sets which events the application gets. For an application of a client, the events that the client itself
// lives by, such as StasisEnd, pass in any case. A client sets the filter again by itself after its connection was
// lost. It fails with ErrNotFound if there is no such application. Since Asterisk 13.26, 16.3.
func (o *Application) Filter(ctx context.Context, filter EventFilter) (*Application, error) {
	if o.ctrl.link != nil {
		filter = filter.withOwn()
	}
	body := gen.ApplicationsFilterJSONRequestBody{Allowed: typeNames(filter.Allowed), Disallowed: typeNames(filter.Disallowed)}
	raw, err := json.Marshal(filterBody{body.Allowed, body.Disallowed})
	if err != nil {
		return nil, err
	}
	app, err := o.ctrl.filter(ctx, o.Name, raw)
	if err == nil {
		if len(filter.Allowed)+len(filter.Disallowed) == 0 {
			raw = nil
		}
		o.ctrl.rememberFilter(o.Name, raw)
	}
	return app, err
}

// filterBody sends both lists, empty ones too: a list that is left out stays as it was.
type filterBody struct {
	Allowed    []gen.EventTypeName `json:"allowed"`
	Disallowed []gen.EventTypeName `json:"disallowed"`
}

func (c *Controller) filter(ctx context.Context, app string, body json.RawMessage) (*Application, error) {
	req, err := c.begin(ctx, opApplicationsFilter, app)
	if err != nil {
		return nil, err
	}
	resp, err := c.api.ApplicationsFilterWithBody(req, app, "application/json", strings.NewReader(string(body)))
	return bound(decodeObject[Application](req, resp, err))(c)
}

func (f EventFilter) withOwn() EventFilter {
	out := EventFilter{
		Disallowed: slices.DeleteFunc(slices.Clone(f.Disallowed), func(t string) bool { return slices.Contains(ownEvents, t) }),
	}
	if len(f.Allowed) > 0 {
		out.Allowed = slices.Clone(f.Allowed)
		for _, t := range ownEvents {
			if !slices.Contains(out.Allowed, t) {
				out.Allowed = append(out.Allowed, t)
			}
		}
	}
	return out
}

func typeNames(types []string) []gen.EventTypeName {
	out := make([]gen.EventTypeName, len(types))
	for i, t := range types {
		out[i].Type = t
	}
	return out
}

// What the client itself asks of Asterisk: see resyncAPI.

func (c *Controller) channelStates(ctx context.Context) ([]channelState, error) {
	channels, err := c.Channels(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]channelState, len(channels))
	for i, ch := range channels {
		states[i] = ch.asState()
	}
	return states, nil
}

func (c *Controller) channelState(ctx context.Context, id string) (channelState, error) {
	ch, err := c.Channel(id).Refresh(ctx)
	if err != nil {
		return channelState{}, err
	}
	return ch.asState(), nil
}

func (o *Channel) asState() channelState {
	return channelState{id: o.ID, state: string(o.State), app: o.Dialplan.AppName, appData: o.Dialplan.AppData, channel: o}
}

func (c *Controller) bridgeIDs(ctx context.Context) ([]string, error) {
	bridges, err := c.Bridges(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(bridges))
	for i, b := range bridges {
		ids[i] = b.ID
	}
	return ids, nil
}

func (c *Controller) exists(ctx context.Context, kind entityKind, id string) (bool, error) {
	var err error
	switch kind {
	case kindBridge:
		_, err = c.Bridge(id).Refresh(ctx)
	case kindPlayback:
		_, err = c.Playback(id).Refresh(ctx)
	case kindRecording:
		_, err = c.LiveRecording(id).Refresh(ctx)
	case kindChannel:
		_, err = c.Channel(id).Refresh(ctx)
	default:
		return true, nil
	}
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (c *Controller) eventSources(ctx context.Context, app string) ([]string, error) {
	a, err := c.Application(app).Refresh(ctx)
	if err != nil {
		return nil, err
	}
	var sources []string
	for _, list := range []struct {
		kind string
		ids  []string
	}{{"channel:", a.ChannelIDs}, {"bridge:", a.BridgeIDs}, {"endpoint:", a.EndpointIDs}, {"deviceState:", a.DeviceNames}} {
		for _, id := range list.ids {
			sources = append(sources, list.kind+id)
		}
	}
	return sources, nil
}

func (c *Controller) subscribe(ctx context.Context, app string, sources []string) error {
	req, err := c.begin(ctx, opApplicationsSubscribe, app)
	if err != nil {
		return err
	}
	resp, err := c.api.ApplicationsSubscribe(req, app, &gen.ApplicationsSubscribeParams{EventSource: sources})
	return req.done(resp, err)
}

func (c *Controller) setEventFilter(ctx context.Context, app string, filter json.RawMessage) error {
	_, err := c.filter(ctx, app, filter)
	return err
}

var _ resyncAPI = (*Controller)(nil)

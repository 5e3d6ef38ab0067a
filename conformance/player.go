package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	// patience is how long an answer is waited for: longer, and the request counts as one that blocks.
	patience = 1500 * time.Millisecond
	// lull is how long no event must have come before the next step; dialLull the same where somebody is called, since the dialplan's Answer
	// waits half a second for media.
	dialLull = 1200 * time.Millisecond
	lull     = 150 * time.Millisecond
	// untilOver is how long short playbacks and the like may take to end.
	untilOver = 4 * time.Second
)

// ErrDown says that the endpoint is down: a real Asterisk has crashed or locked up.
var ErrDown = errors.New("the endpoint is down")

// A player plays a sequence on an endpoint.
type player struct {
	server Server
	env    Env
	prefix string
	http   *http.Client
	ws     *websocket.Conn
	party  Party
	line   Line
	caller string // the id of its channel

	mu      sync.Mutex
	events  []map[string]any
	latest  time.Time
	open    map[string]bool // what is going on and ends by itself
	changed chan struct{}
}

// Play plays a sequence on an endpoint and tears down what it has made. The prefix is what its ids begin with: each play needs its own.
func Play(ctx context.Context, tb testing.TB, env Env, seq Sequence, prefix string) (*Trace, error) {
	tb.Helper()
	p := &player{
		server: env.Server(), env: env, prefix: prefix, open: map[string]bool{}, changed: make(chan struct{}, 1),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 10 * time.Second}},
	}
	defer p.http.CloseIdleConnections()
	if err := p.connect(ctx); err != nil {
		return nil, errors.Join(ErrDown, err)
	}
	defer p.ws.CloseNow()
	if seq.Everything {
		for _, kind := range []string{"channel:", "bridge:"} {
			if _, _, err := p.send(ctx, Step{Method: "POST", Path: "/applications/~app/subscription", Query: "eventSource=" + kind}); err != nil {
				return nil, errors.Join(ErrDown, err)
			}
		}
	}
	trace, begin := &Trace{}, time.Now()
	for _, step := range seq.Steps {
		trace.Begun = append(trace.Begun, time.Since(begin))
		var answer string
		if step.Caller != "" {
			p.call(ctx, tb, step.Caller) // What came of it the events tell.
		} else {
			status, body, err := p.send(ctx, step)
			switch {
			case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
				answer = "blocks"
			case err != nil:
				return trace, errors.Join(ErrDown, err)
			case strings.HasPrefix(string(body), "<!DOCTYPE"):
				return trace, errors.Join(ErrDown, errors.New("its REST interface isn't there yet"))
			default:
				answer = strings.TrimSpace(fmt.Sprintf("%d %s", status, p.answer(step, body)))
			}
		}
		calm := lull
		if strings.HasPrefix(step.Path, "/channels") && strings.Contains(step.Query, "Local/") || strings.HasSuffix(step.Path, "/dial") || strings.HasSuffix(step.Path, "/dtmf") || strings.HasSuffix(step.Path, "/continue") {
			calm = dialLull
		}
		p.settle(ctx, calm)
		trace.Answers = append(trace.Answers, answer)
		trace.Events = append(trace.Events, p.take())
	}
	return trace, p.cleanUp(ctx)
}

// connect opens the event websocket, for the applications ~app and ~other.
func (p *player) connect(ctx context.Context) error {
	u, err := url.Parse(p.server.URL + "/events")
	if err != nil {
		return err
	}
	u.Scheme = "ws"
	u.RawQuery = url.Values{"app": {p.prefix + "app," + p.prefix + "other"}, "api_key": {p.server.Username + ":" + p.server.Password}}.Encode()
	ws, resp, err := websocket.Dial(ctx, u.String(), nil)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		return err
	}
	ws.SetReadLimit(1 << 20)
	p.ws = ws
	go p.read(ctx)
	return nil
}

func (p *player) read(ctx context.Context) {
	for {
		_, frame, err := p.ws.Read(ctx)
		if err != nil {
			return
		}
		var event map[string]any
		if json.Unmarshal(frame, &event) != nil {
			continue
		}
		app, _ := event["application"].(string)
		delete(event, "application")
		if !strings.Contains(fmt.Sprint(event), p.prefix) {
			continue // somebody else's
		}
		event["application"] = app
		p.mu.Lock()
		p.learn(event)
		p.events = append(p.events, event)
		p.latest = time.Now()
		p.follow(event)
		p.mu.Unlock()
		select {
		case p.changed <- struct{}{}:
		default:
		}
	}
}

// learn keeps the id of the caller's channel, which sequences call ~caller.
func (p *player) learn(event map[string]any) {
	channel, _ := event["channel"].(map[string]any)
	if name, _ := channel["name"].(string); event["type"] == "StasisStart" && strings.HasPrefix(name, "PJSIP/") && p.caller == "" {
		p.caller, _ = channel["id"].(string)
	}
}

// callerID is the id of the caller's channel, once it is known.
func (p *player) callerID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.caller == "" {
		return p.prefix + "caller"
	}
	return p.caller
}

// follow keeps what is going on that ends by itself, and is waited for.
func (p *player) follow(event map[string]any) {
	playback, _ := event["playback"].(map[string]any)
	if playback == nil {
		return
	}
	id, _ := playback["id"].(string)
	uri, _ := playback["media_uri"].(string)
	delete(p.open, id)
	if event["type"] != "PlaybackFinished" && uri != p.server.Tone && uri != "sound:tone" {
		p.open[id] = true
	}
}

// settle waits until nothing has come for some time.
func (p *player) settle(ctx context.Context, calm time.Duration) {
	begin := time.Now()
	p.mu.Lock()
	p.latest = begin
	p.mu.Unlock()
	for ctx.Err() == nil {
		p.mu.Lock()
		quiet, open := time.Since(p.latest), len(p.open)
		p.mu.Unlock()
		if quiet >= calm && (open == 0 || quiet > untilOver/2) || time.Since(begin) > untilOver {
			return
		}
		select {
		case <-p.changed:
		case <-time.After(lull / 3):
		case <-ctx.Done():
		}
	}
}

// send sends a request.
func (p *player) send(ctx context.Context, step Step) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fill := strings.NewReplacer("~caller", p.callerID(), "~", p.prefix, "TONE", p.server.Tone)
	target := p.server.URL + strings.ReplaceAll(fill.Replace(step.Path), ";", "%3B")
	if step.Query != "" {
		target += "?" + fill.Replace(step.Query)
	}
	req, err := http.NewRequestWithContext(ctx, step.Method, target, strings.NewReader(fill.Replace(step.Body)))
	if err != nil {
		return 0, nil, err
	}
	if step.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(p.server.Username, p.server.Password)
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// call does what the caller does.
func (p *player) call(ctx context.Context, tb testing.TB, what string) {
	tb.Helper()
	if what == "call" {
		p.line = p.env.Place(tb, Call{To: "app-" + p.prefix + "app", Sound: true})
		for begin := time.Now(); p.callerID() == p.prefix+"caller" && time.Since(begin) < untilOver; {
			select {
			case <-p.changed:
			case <-time.After(lull):
			case <-ctx.Done():
			}
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if p.line != nil && p.party == nil {
		p.party, _ = p.line.Party(ctx, 0) // A telephone that has heard nothing yet can do nothing.
	}
	if p.party == nil {
		return
	}
	// What can't be done isn't: a call may be over.
	switch what {
	case "digits":
		_ = p.party.Dial(ctx, "1#")
	case "hold":
		_ = p.party.Hold(ctx)
	case "unhold":
		_ = p.party.Unhold(ctx)
	case "hangup":
		if p.party.Await(ctx, "answered") == nil {
			_ = p.party.Hangup(ctx)
		} else {
			_ = p.party.Cancel(context.WithoutCancel(ctx))
		}
	}
}

// cleanUp ends what the sequence has left.
func (p *player) cleanUp(ctx context.Context) error {
	for _, m := range []struct{ list, path string }{{"/channels", "/channels/"}, {"/bridges", "/bridges/"}} {
		_, body, err := p.send(ctx, Step{Method: "GET", Path: m.list})
		if err != nil {
			return errors.Join(ErrDown, err)
		}
		var all []struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Dialplan struct {
				Data string `json:"app_data"`
			} `json:"dialplan"`
		}
		if json.Unmarshal(body, &all) != nil {
			continue
		}
		for _, one := range all {
			if !strings.Contains(one.ID+one.Name+one.Dialplan.Data, p.prefix) {
				continue
			}
			if _, _, err := p.send(ctx, Step{Method: "DELETE", Path: m.path + url.PathEscape(one.ID)}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return errors.Join(ErrDown, err)
			}
		}
	}
	for _, name := range []string{"~r1", "~r2", "~r3"} {
		_, _, _ = p.send(ctx, Step{Method: "DELETE", Path: "/recordings/stored/" + name}) // Most aren't there.
	}
	_, _, err := p.send(ctx, Step{Method: "DELETE", Path: "/deviceStates/Stasis:~d"})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(ErrDown, err)
	}
	return nil
}

// take takes the events since the last step, by entity.
func (p *player) take() map[string][]string {
	p.mu.Lock()
	events := p.events
	p.events = nil
	p.mu.Unlock()
	byEntity := map[string][]string{}
	for _, event := range events {
		keys := p.entities(event)
		text := p.scrub(event)
		for _, key := range keys {
			byEntity[key] = append(byEntity[key], text)
		}
	}
	return byEntity
}

// entities are what an event is about.
func (p *player) entities(event map[string]any) []string {
	var keys []string
	for _, kind := range []string{"channel", "bridge", "playback", "recording", "peer"} {
		object, _ := event[kind].(map[string]any)
		if object == nil {
			continue
		}
		id, _ := object["id"].(string)
		if id == "" {
			id, _ = object["name"].(string)
		}
		keys = append(keys, strings.Replace(kind, "peer", "channel", 1)+" "+p.text(id))
	}
	if len(keys) == 0 {
		keys = append(keys, "others")
	}
	// What two applications are told of the same thing comes by one connection, but has no order.
	app, _ := event["application"].(string)
	for i := range keys {
		keys[i] += " in " + p.text(app)
	}
	return keys
}

// answer is a body without what is different each time, by chance too: how far something has come when the request is answered that began it.
func (p *player) answer(step Step, body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return p.text(string(body))
	}
	if object, ok := v.(map[string]any); ok && step.Method == http.MethodPost {
		switch {
		case strings.Contains(step.Path, "/play"), strings.HasSuffix(step.Path, "/record"):
			delete(object, "state")
		case strings.Contains(step.Path, "/snoop"), strings.HasSuffix(step.Path, "/externalMedia"):
			delete(object, "dialplan")
			delete(object, "state")
		}
	}
	return p.scrub(v)
}

// nameless are members that are different each time; measured ones are numbers that are taken by a clock.
var nameless = []string{"timestamp", "creationtime", "asterisk_id", "protocol_id"}

func (p *player) scrub(v any) string {
	text, err := json.Marshal(p.scrubValue("", v))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *player) scrubValue(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if !slices.Contains(nameless, key) {
				out[p.text(key)] = p.scrubValue(key, value)
			}
		}
		if variable, _ := v["variable"].(string); timed.MatchString(variable) {
			out["value"] = "measured"
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = p.scrubValue(name, item)
		}
		if name == "channels" || name == "channel_ids" { // Their order means nothing.
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case string:
		return p.text(v)
	case float64:
		if slices.Contains(measured, name) && v != 0 {
			return 1
		}
		return v
	default:
		return v
	}
}

// constant are the patterns of what is different each time, with what stands in its place.
var constant = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?:[a-z0-9-]+-)?\b\d{10}\.\d{1,6}\b`), "UNIQUEID"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`-0x[0-9a-f]+`), "-POINTER"},
	{regexp.MustCompile(`((?:Local|PJSIP|Snoop|Recorder|Announcer|Surrogate)/[^\s,"]*?)-[0-9a-f]{8}\b`), "$1-NUMBER"},
	{regexp.MustCompile(`\b[\d-]+@127\.0\.0\.1`), "CALLID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "ADDRESS"},
	{regexp.MustCompile(`^\d{5}$`), "PORT"},
}

func (p *player) text(text string) string {
	if p.caller != "" {
		text = strings.ReplaceAll(text, p.caller, "~caller")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, p.prefix, "~"), p.server.Tone, "TONE")
	for _, c := range constant {
		text = c.pattern.ReplaceAllString(text, c.with)
	}
	return text
}

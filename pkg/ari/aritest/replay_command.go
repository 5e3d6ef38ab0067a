package aritest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"github.com/ari-go/ari/pkg/ari/aritrace"
)

// A replayedCommand is a command of a trace, and what has become of it.
type replayedCommand struct {
	*aritrace.Command
	answer *aritrace.Answer // nil: the trace ends before
	text   string           // what it says, with a placeholder for each id that the program has made
	ids    []string         // those ids
	due    chan struct{}    // closed when the answer's turn has come
	told   chan struct{}    // closed when the program has been sent the answer
	sent   bool             // The program has sent it, too.
	late   bool
}

func (c *replayedCommand) reads() bool { return c.Method == http.MethodGet }

func (c *replayedCommand) String() string {
	text := c.Method + " " + c.Path
	if c.Query != "" {
		text += "?" + c.Query
	}
	return text
}

// prepare reads from the trace what will be needed.
func (r *Replay) prepare() error {
	r.ids = translation{to: make(map[string]string), from: make(map[string]string)}
	named := false
	for i := range r.trace.Lines {
		switch line := &r.trace.Lines[i]; line.Kind {
		case aritrace.KindCommand:
			c := &replayedCommand{Command: line.Command, due: make(chan struct{}), told: make(chan struct{})}
			r.byID[c.ID] = c
			r.commands = append(r.commands, c)
			r.ids.old.add(madeIDs(*c.Command))
		case aritrace.KindAnswer:
			c := r.byID[line.Answer.ID]
			if c == nil {
				continue // The trace begins behind the command.
			}
			if c.answer != nil {
				return fmt.Errorf("command %d is answered twice", c.ID)
			}
			c.answer = line.Answer
		case aritrace.KindEvent:
			var header struct {
				Application string `json:"application"`
			}
			if !named && json.Unmarshal(line.Event, &header) == nil && header.Application != "" {
				r.App, named = header.Application, true
			}
		default:
		}
	}
	for _, c := range r.commands {
		c.text, c.ids = r.ids.old.mark(canonical(*c.Command))
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (r *Replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), "/ari")
	switch {
	case !ok:
		http.NotFound(w, req)
	case path == "/events" && req.Header.Get("Upgrade") != "":
		r.accept(w, req)
	default:
		r.answer(w, req, path)
	}
}

// accept takes an event websocket. A newer one takes the older one's place.
func (r *Replay) accept(w http.ResponseWriter, req *http.Request) {
	conn, err := websocket.Accept(w, req, &websocket.AcceptOptions{Subprotocols: []string{"ari"}, InsecureSkipVerify: true})
	if err != nil {
		return
	}
	r.drop()
	r.mu.Lock()
	r.conn = conn
	r.changed.Broadcast()
	r.mu.Unlock()
	for { // Pings are answered by reading.
		if _, _, err := conn.Read(r.ctx); err != nil { //nolint:contextcheck // A websocket outlives its handshake.
			break
		}
	}
	_ = conn.CloseNow()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == conn {
		r.conn = nil
	}
}

// answer answers a command as it was answered then.
func (r *Replay) answer(w http.ResponseWriter, req *http.Request, path string) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	cmd := aritrace.Hide(aritrace.Command{Method: req.Method, Path: path, Query: req.URL.RawQuery, Body: body})
	c, again := r.find(cmd)
	if c == nil {
		if cmd.Method != http.MethodGet {
			r.deviate("it sent %s, which the trace doesn't have", &replayedCommand{Command: &cmd})
		}
		r.reply(w, http.StatusNotFound, []byte(`{"message":"the trace doesn't have this command"}`))
		return
	}
	if !again {
		defer close(c.told)
	}
	select {
	case <-c.due:
	case <-r.done: // The trace has no answer.
	case <-req.Context().Done():
		return
	case <-r.ctx.Done():
		return
	}
	r.answerAs(w, c)
}

func (r *Replay) answerAs(w http.ResponseWriter, c *replayedCommand) {
	a := c.answer
	if a == nil || a.Status == 0 {
		panic(http.ErrAbortHandler) // There was no answer then, either.
	}
	body := []byte(a.Body)
	if body == nil && a.Message != "" {
		body, _ = json.Marshal(map[string]string{"message": a.Message}) // Texts can always be encoded.
	}
	r.mu.Lock()
	if a.Server != "" {
		r.server = a.Server
	}
	body = r.ids.translate(body)
	r.mu.Unlock()
	r.reply(w, a.Status, body)
}

func (r *Replay) reply(w http.ResponseWriter, status int, body []byte) {
	r.mu.Lock()
	w.Header().Set("Server", r.server)
	r.mu.Unlock()
	if len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)                      // Who has gone needs no answer.
	_ = http.NewResponseController(w).Flush() // likewise
}

// find finds the command of the trace that the program has sent: the first that it hasn't sent yet, or, of those that read, the
// last that it has sent, which is said by again.
func (r *Replay) find(cmd aritrace.Command) (c *replayedCommand, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids.now.add(madeIDs(cmd))
	text, ids := r.ids.now.mark(canonical(cmd))
	var last *replayedCommand
	for _, c := range r.commands {
		switch {
		case c.text != text || !r.ids.fit(c.ids, ids):
		case c.sent:
			last = c
		default:
			c.sent = true
			r.ids.learn(c.ids, ids)
			r.changed.Broadcast()
			return c, false
		}
	}
	if last != nil && last.reads() {
		return last, true
	}
	return nil, false
}

// canonical is what a command says, however it was encoded: a parameter may stand in the query or in the body.
func canonical(cmd aritrace.Command) string {
	values := make(map[string]string)
	for part := range strings.SplitSeq(cmd.Query, "&") {
		if name, value, _ := strings.Cut(part, "="); name != "" {
			values[name] = unescaped(url.QueryUnescape, value)
		}
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(cmd.Body, &members) == nil {
		for name, value := range members {
			values[name] = plain(value)
		}
	} else if len(cmd.Body) > 0 {
		values["(body)"] = string(cmd.Body)
	}
	var b strings.Builder
	b.WriteString(cmd.Method + " " + unescaped(url.PathUnescape, cmd.Path))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString("\n" + name + "=" + values[name])
	}
	return b.String()
}

func unescaped(by func(string) (string, error), text string) string {
	if plain, err := by(text); err == nil {
		return plain
	}
	return text
}

// plain is a member of a body as a query would have it.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var list []string
	if json.Unmarshal(value, &list) == nil {
		return strings.Join(list, ",")
	}
	var v any
	if json.Unmarshal(value, &v) != nil {
		return string(value)
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		return string(value)
	}
	return string(sorted)
}

// ownID is an id that package ari has made.
var ownID = regexp.MustCompile(`ari-[0-9A-Z]{10}-[0-9A-Z]{10}-[0-9A-Z]{26}`)

// makers are parameters that give an id to what is made.
var makers = []string{"channelId", "otherChannelId", "playbackId", "snoopId", "bridgeId"}

// makingPath is one that ends with the id of what is made.
var makingPath = regexp.MustCompile(`^/(channels/[^/]+|bridges/[^/]+|(channels|bridges)/[^/]+/(play|snoop)/[^/]+)$`)

// madeIDs are the ids that a command gives to what it makes.
func madeIDs(cmd aritrace.Command) []string {
	if cmd.Method != http.MethodPost {
		return nil
	}
	var ids []string
	if last := cmd.Path[strings.LastIndexByte(cmd.Path, '/')+1:]; makingPath.MatchString(cmd.Path) && last != "create" && last != "externalMedia" {
		ids = append(ids, unescaped(url.PathUnescape, last))
	}
	query, err := url.ParseQuery(cmd.Query)
	if err != nil {
		return ids
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(cmd.Body, &members) // What isn't JSON has none.
	for _, name := range makers {
		for _, id := range []string{query.Get(name), plain(members[name])} {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// A vocabulary are the ids that a program has made itself.
type vocabulary struct {
	known map[string]bool
	find  *regexp.Regexp // nil: it has to be made
}

func (v *vocabulary) add(ids []string) {
	for _, id := range ids {
		if ownID.MatchString(id) || v.known[id] {
			continue
		}
		if v.known == nil {
			v.known = make(map[string]bool)
		}
		v.known[id], v.find = true, nil
	}
}

// mark replaces the ids in a text, and returns them.
func (v *vocabulary) mark(text string) (string, []string) {
	if v.find == nil {
		parts := []string{ownID.String()}
		for _, id := range slices.Sorted(maps.Keys(v.known)) {
			parts = append(parts, `\b`+regexp.QuoteMeta(id)+`\b`)
		}
		v.find = regexp.MustCompile(strings.Join(parts, "|"))
	}
	return v.find.ReplaceAllLiteralString(text, "\x00"), v.find.FindAllString(text, -1)
}

// A translation tells which id of the program is which one of the trace.
type translation struct {
	old, now vocabulary
	to, from map[string]string
}

// fit reports whether ids of the trace can be those of the program.
func (t *translation) fit(old, now []string) bool {
	if len(old) != len(now) {
		return false
	}
	for i, id := range old {
		to, known := t.to[id]
		from, taken := t.from[now[i]]
		if known && to != now[i] || taken && from != id {
			return false
		}
	}
	return true
}

func (t *translation) learn(old, now []string) {
	for i, id := range old {
		t.to[id], t.from[now[i]] = now[i], id
	}
}

// translate puts the program's ids into JSON of the trace.
func (t *translation) translate(text []byte) []byte {
	text = ownID.ReplaceAllFunc(text, func(id []byte) []byte {
		if now, ok := t.to[string(id)]; ok {
			return []byte(now)
		}
		return id
	})
	for old, now := range t.to {
		if t.old.known[old] {
			text = bytes.ReplaceAll(text, quoted(old), quoted(now))
		}
	}
	return text
}

func quoted(id string) []byte {
	text, _ := json.Marshal(id) // Texts can always be encoded.
	return text
}

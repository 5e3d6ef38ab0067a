package aritrace

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Call returns the part of a trace that is about one call, by the id of one of its channels: what names that channel, or a bridge,
// playback, recording or other channel that it was together with. News of the connection stay. It is nil if nothing is about it.
func (t *Trace) Call(channelID string) *Trace {
	ids := make([][]string, len(t.Lines))
	commands := make(map[int][]string)
	for i := range t.Lines {
		ids[i] = t.Lines[i].ids()
		if c := t.Lines[i].Command; c != nil {
			commands[c.ID] = ids[i]
		}
		if a := t.Lines[i].Answer; a != nil {
			ids[i] = append(ids[i], commands[a.ID]...)
		}
	}
	related := map[string]bool{channelID: true}
	for grown := true; grown; {
		grown = false
		for _, list := range ids {
			if !anyOf(list, related) {
				continue
			}
			for _, id := range list {
				grown = grown || !related[id]
				related[id] = true
			}
		}
	}
	call := &Trace{Header: t.Header, Cut: t.Cut}
	found := false
	for i, line := range t.Lines {
		about := anyOf(ids[i], related)
		found = found || about
		if about || line.Kind == KindConnected || line.Kind == KindDisconnected || line.Kind == KindLost {
			call.Lines = append(call.Lines, line)
		}
	}
	if !found {
		return nil
	}
	return call
}

func anyOf(ids []string, set map[string]bool) bool {
	for _, id := range ids {
		if set[id] {
			return true
		}
	}
	return false
}

// ids are those of the entities that a line names.
func (l *Line) ids() []string {
	switch {
	case l.Command != nil:
		return l.Command.ids()
	case l.Event != nil:
		return eventIDs(l.Event)
	case l.Answer != nil:
		return eventIDs(l.Answer.Body)
	default:
		return nil
	}
}

// entities are what a call consists of: what ARI's resources call them.
var entities = map[string]bool{"channels": true, "bridges": true, "playbacks": true, "recordings": true}

func (c *Command) ids() []string {
	parts := strings.Split(strings.TrimPrefix(c.Path, "/"), "/")
	var ids []string
	if len(parts) > 1 && entities[parts[0]] && parts[1] != "create" && parts[1] != "externalMedia" && parts[1] != "live" && parts[1] != "stored" {
		ids = append(ids, pathText(parts[1]))
	}
	if len(parts) == 4 && (parts[2] == "play" || parts[2] == "snoop") {
		ids = append(ids, pathText(parts[3]))
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return ids
	}
	for _, name := range []string{"channelId", "otherChannelId", "playbackId", "snoopId", "bridgeId", "originator"} {
		if id := query.Get(name); id != "" {
			ids = append(ids, id)
		}
	}
	if query.Has("channel") {
		ids = append(ids, strings.Split(query.Get("channel"), ",")...)
	}
	for source := range strings.SplitSeq(query.Get("eventSource"), ",") {
		if kind, id, _ := strings.Cut(source, ":"); (kind == "channel" || kind == "bridge") && id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func pathText(part string) string {
	if text, err := url.PathUnescape(part); err == nil {
		return text
	}
	return part
}

// eventIDs are the ids in an event or an answer: those of objects, and those in lists and targets.
func eventIDs(text []byte) []string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	if list, ok := v.([]any); ok && len(list) != 1 {
		return nil // A list of everything joins nothing.
	}
	return walkIDs(nil, v)
}

func walkIDs(ids []string, v any) []string {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			ids = walkIDs(ids, item)
		}
	case map[string]any:
		for key, member := range v {
			text, isText := member.(string)
			switch {
			case key == "id" && isText && text != "":
				ids = append(ids, text)
			case key == "target_uri" && isText:
				if kind, id, _ := strings.Cut(text, ":"); kind == "channel" || kind == "bridge" {
					ids = append(ids, id)
				}
			case key == "channels":
				list, _ := member.([]any)
				for _, item := range list {
					if id, ok := item.(string); ok {
						ids = append(ids, id)
					}
				}
			case key != "channelvars" && key != "bridgevars":
				ids = walkIDs(ids, member)
			}
		}
	}
	return ids
}

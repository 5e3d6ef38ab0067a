package arispec

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// The control messages of a media websocket (chan_websocket). Asterisk has no description of them: these are what its
// code sends and takes.

// A mediaMessage is one of them, in both of its formats.
type mediaMessage struct {
	word    string // MEDIA_START
	name    string // of its schema, if it isn't the word in camel case
	command bool   // sent by the program
	since   string
	text    string
	members []mediaMember
	plain   string // what may follow the word as plain text, as a pattern; "-" if there is no such form
}

type mediaMember struct {
	name, typ, text string
	optional        bool
	values          []any
}

const (
	mediaSince  = "20.16, 21.11, 22.6+"
	mediaSince2 = "20.18, 22.8, 23.2+"
	mediaSince3 = "20.19, 22.9, 23.3+"

	pairs     = `( [a-z_]+:\S+)+`
	someID    = `( channel_id:\S+)?`
	someWords = `( \S+)*`
)

var (
	mediaChannel = mediaMember{name: "channel_id", typ: "string", text: "Id of the websocket's channel. Since Asterisk 20.17, 22.7.", optional: true}
	correlation  = mediaMember{name: "correlation_id", typ: "string", text: "The id that the command had. Absent if it had none.", optional: true}
	yourID       = mediaMember{name: "correlation_id", typ: "string", text: "An id of your own, which the answer repeats. Keep it short.", optional: true}
)

var mediaMessages = []mediaMessage{
	{
		word: "MEDIA_START", since: mediaSince, plain: pairs, text: "The first message: the websocket is ready, and media may be sent.",
		members: []mediaMember{
			{name: "connection_id", typ: "string", text: "The last part of the address; on a websocket that Asterisk opens, the name of its section in `websocket_client.conf`."},
			{name: "channel", typ: "string", text: "Name of the websocket's channel."},
			{name: "channel_id", typ: "string", text: "Id of the websocket's channel."},
			{name: "format", typ: "string", text: "Format of the media, such as `slin16`: 16 bits, little-endian, 16 kHz."},
			{name: "optimal_frame_size", typ: "integer", text: "Bytes of one frame; 0 in passthrough mode. Send whole frames: a tail is dropped unless media is buffered."},
			{name: "ptime", typ: "integer", text: "Milliseconds of one frame."},
			{name: "channel_variables", typ: "object", text: "The channel's variables. Only in JSON.", optional: true},
		},
	},
	{word: "MEDIA_XOFF", since: mediaSince, plain: someID, text: "The queue has 900 frames: send no more media until `MEDIA_XON`. From 1000 on, media is dropped.", members: []mediaMember{mediaChannel}},
	{word: "MEDIA_XON", since: mediaSince, plain: someID, text: "The queue has room again.", members: []mediaMember{mediaChannel}},
	{word: "QUEUE_DRAINED", since: mediaSince, plain: someID, text: "All media has been played: the answer to `REPORT_QUEUE_DRAINED`.", members: []mediaMember{mediaChannel}},
	{
		word: "MEDIA_BUFFERING_COMPLETED", since: mediaSince, plain: someWords, members: []mediaMember{mediaChannel, correlation},
		text: "All media before `STOP_MEDIA_BUFFERING` has been played. `FLUSH_MEDIA` drops this message together with the media.",
	},
	{
		word: "MEDIA_MARK_PROCESSED", since: mediaSince2, plain: someWords, members: []mediaMember{mediaChannel, correlation},
		text: "All media before `MARK_MEDIA` has been played. `FLUSH_MEDIA` drops this message together with the media.",
	},
	{
		word: "DTMF_END", since: mediaSince, plain: pairs, text: "The other side pressed a key.",
		members: []mediaMember{mediaChannel, {name: "digit", typ: "string", text: "The key."}},
	},
	{
		word: "STATUS", name: "MediaStatus", since: mediaSince, plain: pairs, text: "How the queue stands: the answer to `GET_STATUS`.",
		members: []mediaMember{
			mediaChannel,
			{name: "queue_length", typ: "integer", text: "Frames that wait to be played."},
			{name: "xon_level", typ: "integer", text: "Below this length of the queue comes `MEDIA_XON`."},
			{name: "xoff_level", typ: "integer", text: "At this length of the queue comes `MEDIA_XOFF`."},
			{name: "queue_full", typ: "boolean", text: "Whether `MEDIA_XOFF` was sent, and no `MEDIA_XON` yet."},
			{name: "bulk_media", typ: "boolean", text: "Whether media is buffered, from `START_MEDIA_BUFFERING` on."},
			{name: "media_paused", typ: "boolean", text: "Whether media is paused."},
		},
	},
	{
		word: "ERROR", name: "MediaError", since: mediaSince2, plain: `( [a-z_]+:.*)+`, text: "A command can't be carried out.",
		members: []mediaMember{mediaChannel, {name: "error_text", typ: "string", text: "The reason, for people."}},
	},

	{word: "ANSWER", command: true, since: mediaSince, text: "Answers the channel, where the option `n` left that to the program."},
	{word: "HANGUP", command: true, since: mediaSince, text: "Hangs up. Asterisk closes the websocket."},
	{word: "START_MEDIA_BUFFERING", command: true, since: mediaSince, text: "Lets media be sent in pieces of any size, of which Asterisk makes frames."},
	{
		word: "STOP_MEDIA_BUFFERING", command: true, since: mediaSince, plain: `( \S+)?`, members: []mediaMember{yourID},
		text: "Ends that; the last piece may be a shorter frame. `MEDIA_BUFFERING_COMPLETED` comes when all has been played.",
	},
	{word: "FLUSH_MEDIA", command: true, since: mediaSince, text: "Drops all media that waits, with the answers to marks. It is silent at once; `REPORT_QUEUE_DRAINED` behind it is answered, and so confirms it."},
	{word: "PAUSE_MEDIA", command: true, since: mediaSince, text: "Halts playing. What is sent meanwhile waits."},
	{word: "CONTINUE_MEDIA", command: true, since: mediaSince, text: "Goes on playing."},
	{word: "GET_STATUS", command: true, since: mediaSince, text: "Asks for `STATUS`."},
	{word: "REPORT_QUEUE_DRAINED", command: true, since: mediaSince, text: "Asks for one `QUEUE_DRAINED`, when the queue is next empty."},
	{
		word: "MARK_MEDIA", command: true, since: mediaSince2, plain: `( \S+)?`, members: []mediaMember{yourID},
		text: "Asks for `MEDIA_MARK_PROCESSED`, when all media before it has been played.",
	},
	{
		word: "SET_MEDIA_DIRECTION", command: true, since: mediaSince3, plain: "-", text: "Says which way media flows, seen from the program. Only in JSON.",
		members: []mediaMember{{name: "direction", typ: "string", values: []any{"both", "in", "out"}, text: "`in`: the program only receives; `out`: it only sends."}},
	},
}

const mediaText = `A media websocket of Asterisk (chan_websocket): a call's audio in binary frames, and control messages in text frames. A program makes
one with the operation channelsExternalMedia of openapi.yaml, or the dialplan does.

Control messages have two formats. The option ` + "`f(json)`" + ` or ` + "`f(plain-text)`" + ` of the dial string (` + "`transport_data`" + `) says which one, since Asterisk 20.18,
22.8 and 23.2; ` + "`control_message_format`" + ` in ` + "`chan_websocket.conf`" + ` is the default, plain text if it says nothing. In plain text a message is its word, then pairs of
a name and a value. Which members have a name there differs between versions: read them leniently.

Asterisk takes one frame from its queue every 20 ms, so a program may send faster than that, up to the length of the queue. A text frame of more than 128
bytes is dropped without a word, and a binary one of more than 65,535 bytes ends the call. The connection can't be made a second time: when it ends, the
channel is hung up.`

// MediaAPI makes the AsyncAPI 3.0.0 description of media websockets, with examples out of the folder's recordings.
func MediaAPI(version string, recordings string) ([]byte, error) {
	examples, err := mediaExamples(recordings)
	if err != nil {
		return nil, err
	}
	a := &mediaAPI{messages: mapping{}, schemas: mapping{}, sent: make(map[string]bool)}
	for _, m := range mediaMessages {
		name := m.schemaName()
		a.add(m, name, "", "application/json", m.json())
		if plain := m.plainText(); plain != nil {
			a.add(m, name+plainSuffix, " as plain text", "text/plain", plain)
		}
	}
	for name := range a.messages {
		if examples[name] == nil {
			return nil, fmt.Errorf("arispec: %s has no recorded %s", recordings, name)
		}
		at(a.messages, name)["examples"] = []any{mapping{"name": "recorded", "payload": examples[name]}}
	}
	a.schemas["MediaDirection"] = mapping{"type": "string", "enum": []any{"both", "in", "out"}, "description": "Which way media flows."}
	a.messages[audioMessage] = mapping{
		"name": audioMessage, "title": audioMessage, "contentType": "application/octet-stream", sinceKey: mediaSince,
		"summary": "A binary frame: audio in the format of MEDIA_START. From Asterisk one frame every 20 ms; to Asterisk any number of whole frames, up to 65,535 bytes.",
		"payload": refTo(audioMessage),
	}
	a.schemas[audioMessage] = mapping{"type": "string", "format": "binary", "description": "One frame of audio, or several."}
	return writeTree(a.document(version), "# Generated by go generate from internal/arispec and api/testdata/media. DO NOT EDIT.\n")
}

const (
	plainSuffix  = "Text"
	audioMessage = "MediaFrame"
)

type mediaAPI struct {
	messages, schemas mapping
	sent              map[string]bool // the messages that the program sends
}

func (a *mediaAPI) add(m mediaMessage, name, suffix, contentType string, schema mapping) {
	a.messages[name] = mapping{
		"name": m.word, "title": m.word + suffix, "summary": m.text, "contentType": contentType, sinceKey: m.since, "payload": refTo(name),
	}
	a.schemas[name] = schema
	a.sent[name] = m.command
}

func (a *mediaAPI) document(version string) mapping {
	all := mapping{}
	for name := range a.messages {
		all[name] = mapping{"$ref": "#/components/messages/" + name}
	}
	out := mapping{
		"asyncapi": "3.0.0",
		"info": mapping{
			"title": "Asterisk media websocket", "version": version, "description": mediaText,
			"license": mapping{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"contact": mapping{"name": "ari-go", "url": "https://github.com/ari-go/ari"},
		},
		"defaultContentType": "application/json",
		"servers": mapping{
			"asterisk": mapping{
				"host": "localhost:8088", "protocol": "ws", "title": "Asterisk",
				"description": "Asterisk's own web server. It asks for no password: whoever knows the connection's id gets the call's audio.",
			},
			"application": mapping{
				"host": "localhost:9001", "protocol": "ws", "title": "Application",
				"description": "A program that Asterisk connects to, where `websocket_client.conf` says. It accepts the subprotocol `media`.",
			},
		},
		"channels": mapping{
			"media": mapping{
				"address": "/media/{connectionId}", "title": "Media websocket", "servers": []any{mapping{"$ref": "#/servers/asterisk"}}, "messages": all,
				"description": "The websocket that a program opens, within 30 seconds after the channel was made. An unknown id is refused with 404, a second connection with 409.",
				"parameters":  mapping{"connectionId": mapping{"description": "The channel's variable `MEDIA_WEBSOCKET_CONNECTION_ID`."}},
			},
			"outbound": mapping{
				"address": "/", "title": "Media websocket that Asterisk opens", "servers": []any{mapping{"$ref": "#/servers/application"}}, "messages": clone(all),
				"description": "The same messages go over it. Tell calls apart by `channel_id`, or by parameters of the dial string's option `v`.",
			},
		},
		"operations": mapping{},
		"components": mapping{"messages": a.messages, "schemas": a.schemas},
	}
	for channel, verb := range map[string]string{"media": "", "outbound": "Outbound"} {
		where := mapping{"$ref": "#/channels/" + channel}
		at(out, "operations")["receive"+verb+"Messages"] = mapping{
			"action": "receive", "channel": where, "title": "Receive control messages" + suffix(verb),
			"summary": "Asterisk tells how the media stands.", "messages": a.refs(channel, false),
		}
		at(out, "operations")["send"+verb+"Commands"] = mapping{
			"action": "send", "channel": where, "title": "Send commands" + suffix(verb), "summary": "The program controls the media.", "messages": a.refs(channel, true),
		}
	}
	return out
}

// refs refers to the messages that are sent, or to those that are received. Media is both.
func (a *mediaAPI) refs(channel string, sent bool) []any {
	var list []any
	for _, name := range sortedKeys(a.messages) {
		if a.sent[name] == sent || name == audioMessage {
			list = append(list, mapping{"$ref": "#/channels/" + channel + "/messages/" + name})
		}
	}
	return list
}

// schemaName is a name that languages have no class of.
func (m mediaMessage) schemaName() string {
	if m.name != "" {
		return m.name
	}
	return OperationID("", strings.ToLower(m.word))
}

// schemaOf is the name of the schema of the message with that word.
func schemaOf(word string) string {
	for _, m := range mediaMessages {
		if m.word == word {
			return m.schemaName()
		}
	}
	return word
}

// json is the schema of the message in JSON.
func (m mediaMessage) json() mapping {
	kind := "event"
	if m.command {
		kind = "command"
	}
	properties := mapping{kind: mapping{"type": "string", "const": m.word, "title": m.schemaName() + upperFirst(kind)}}
	required := []any{kind}
	for _, member := range m.members {
		property := mapping{"type": member.typ, "description": member.text}
		switch {
		case member.values != nil:
			property = mapping{"$ref": schemaPrefix + "MediaDirection", "description": member.text}
		case member.typ == "object":
			property["additionalProperties"] = mapping{"type": "string"}
		}
		properties[member.name] = property
		if !member.optional {
			required = append(required, member.name)
		}
	}
	return mapping{"type": "object", "description": m.text, "properties": properties, "required": sorted(required)}
}

// plainText is the schema of the message as plain text, if it has that form.
func (m mediaMessage) plainText() mapping {
	if m.plain == "-" {
		return nil
	}
	return mapping{"type": "string", "description": m.text, "pattern": "^" + m.word + m.plain + "$"}
}

// mediaExamples takes the first frame of each message out of recordings.
func mediaExamples(folder string) (map[string]any, error) {
	out := make(map[string]any)
	for _, format := range []string{"json", "plain-text"} {
		content, err := os.ReadFile(filepath.Join(folder, format+".jsonl"))
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
			var line struct {
				Body json.RawMessage `json:"body"`
				Text string          `json:"text"`
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				return nil, fmt.Errorf("arispec: %s: %w", format, err)
			}
			if line.Body == nil {
				word, _, _ := strings.Cut(line.Text, " ")
				keep(out, schemaOf(word)+plainSuffix, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: line.Text})
				continue
			}
			var body struct {
				Event   string `json:"event"`
				Command string `json:"command"`
			}
			if err := json.Unmarshal(line.Body, &body); err != nil {
				return nil, fmt.Errorf("arispec: %s: %w", format, err)
			}
			node, err := (&yamlExample{raw: line.Body}).node()
			if err != nil {
				return nil, err
			}
			keep(out, schemaOf(body.Event+body.Command), node)
		}
	}
	return out, nil
}

func keep(m map[string]any, name string, v any) {
	if m[name] == nil {
		m[name] = v
	}
}

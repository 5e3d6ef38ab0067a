// Package chanws reads and writes the control messages of Asterisk's chan_websocket: text messages beside the binary
// ones that carry audio, in JSON or in plain text.
package chanws

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxText is the longest text message that Asterisk takes; it drops longer ones without a word.
const MaxText = 128

// Commands to Asterisk.
const (
	Answer         = "ANSWER"
	Hangup         = "HANGUP"
	Flush          = "FLUSH_MEDIA"
	Pause          = "PAUSE_MEDIA"
	Continue       = "CONTINUE_MEDIA"
	GetStatus      = "GET_STATUS"
	ReportDrained  = "REPORT_QUEUE_DRAINED"
	Mark           = "MARK_MEDIA" // since 20.18, 22.8, 23.2
	StartBuffering = "START_MEDIA_BUFFERING"
	StopBuffering  = "STOP_MEDIA_BUFFERING"
)

// Events from Asterisk.
const (
	Start         = "MEDIA_START"
	XOff          = "MEDIA_XOFF"
	XOn           = "MEDIA_XON"
	Status        = "STATUS"
	Drained       = "QUEUE_DRAINED"
	MarkProcessed = "MEDIA_MARK_PROCESSED"
	Buffered      = "MEDIA_BUFFERING_COMPLETED"
	DTMFEnd       = "DTMF_END"
	Failure       = "ERROR" // since 20.18, 22.8, 23.2
)

// Control is the form of control messages.
type Control uint8

// Both forms. JSON exists since Asterisk 20.18, 22.8, 23.2, and has to be asked for.
const (
	Plain Control = iota
	JSON
)

// ErrProtocol is returned for a message that can't be read.
var ErrProtocol = errors.New("chan_websocket: not a control message")

// An Event is a message from Asterisk. What it doesn't say is zero.
type Event struct {
	Name          string `json:"event"`
	ConnectionID  string `json:"connection_id"`
	Channel       string `json:"channel"`
	ChannelID     string `json:"channel_id"`
	Format        string `json:"format"`
	FrameSize     int    `json:"optimal_frame_size"` // in bytes; 0 where frames pass as they are
	PTime         int    `json:"ptime"`              // in ms
	CorrelationID string `json:"correlation_id"`
	Digit         string `json:"digit"`
	QueueLength   int    `json:"queue_length"` // in frames
	QueueFull     bool   `json:"queue_full"`
	Paused        bool   `json:"media_paused"`
	ErrorText     string `json:"error_text"`
}

// Parse reads a message of either form, and says which it was.
func Parse(text []byte) (Event, Control, error) {
	var ev Event
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &ev); err != nil {
			return ev, JSON, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if ev.Name == "" {
			return ev, JSON, fmt.Errorf("%w: it has no name", ErrProtocol)
		}
		return ev, JSON, nil
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return ev, Plain, fmt.Errorf("%w: it begins with %.20q", ErrProtocol, name)
	}
	ev.Name = name
	for rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(strings.TrimLeft(rest, " "), ":")
		if key == "error_text" {
			ev.ErrorText = rest // The only value with spaces in it, and the last one.
			break
		}
		value, rest, _ = strings.Cut(rest, " ")
		ev.set(key, value)
	}
	return ev, Plain, nil
}

// set sets a value of the plain form. Numbers that are none are left out, as unknown keys are.
func (ev *Event) set(key, value string) {
	number, _ := strconv.Atoi(value)
	yes := value == "true" || value == "yes" || number == 1
	switch key {
	case "connection_id":
		ev.ConnectionID = value
	case "channel":
		ev.Channel = value
	case "channel_id":
		ev.ChannelID = value
	case "format":
		ev.Format = value
	case "optimal_frame_size":
		ev.FrameSize = number
	case "ptime":
		ev.PTime = number
	case "correlation_id":
		ev.CorrelationID = value
	case "digit":
		ev.Digit = value
	case "queue_length":
		ev.QueueLength = number
	case "queue_full":
		ev.QueueFull = yes
	case "media_paused":
		ev.Paused = yes
	}
}

// AppendCommand appends a command. The id, for those that have one, must be of letters, digits, dots and dashes.
func (c Control) AppendCommand(b []byte, command, id string) []byte {
	if c == JSON {
		b = append(append(append(b, `{"command":"`...), command...), '"')
		if id != "" {
			b = append(append(append(b, `,"correlation_id":"`...), id...), '"')
		}
		return append(b, '}')
	}
	b = append(b, command...)
	if id != "" {
		b = append(append(b, ' '), id...)
	}
	return b
}

package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/coder/websocket"
)

// Rate is the sample rate of the service's audio, both ways.
const Rate = 24000

// A Service is where a speech-to-speech service is, that speaks the Realtime protocol.
type Service struct {
	URL   string // such as wss://api.example.com/v1/realtime
	Model string // added to the URL, if it isn't empty
	Key   string // sent as a bearer token, if it isn't empty

	HTTPClient *http.Client // makes the connection; nil: the usual one
}

// A message is what goes either way: the fields of all types together.
type message struct {
	Type string `json:"type"`

	// To the service.
	Session      *session `json:"session,omitempty"`
	Audio        []byte   `json:"audio,omitempty"` // 16-bit samples; base64 on the wire
	Item         *item    `json:"item,omitempty"`
	ContentIndex *int     `json:"content_index,omitempty"`
	AudioEndMS   *int64   `json:"audio_end_ms,omitempty"`

	// From the service.
	Delta      json.RawMessage `json:"delta,omitempty"` // audio, or text
	ItemID     string          `json:"item_id,omitempty"`
	ResponseID string          `json:"response_id,omitempty"`
	Name       string          `json:"name,omitempty"`
	CallID     string          `json:"call_id,omitempty"`
	Arguments  string          `json:"arguments,omitempty"`
	Error      *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

type session struct {
	Type             string   `json:"type"`
	Instructions     string   `json:"instructions,omitempty"`
	OutputModalities []string `json:"output_modalities"`
	Audio            audio    `json:"audio"`
	Tools            []tool   `json:"tools,omitempty"`
}

type audio struct {
	Input  audioInput  `json:"input"`
	Output audioOutput `json:"output"`
}

type audioInput struct {
	Format        format        `json:"format"`
	TurnDetection turnDetection `json:"turn_detection"`
}

type audioOutput struct {
	Format format `json:"format"`
	Voice  string `json:"voice,omitempty"`
}

type format struct {
	Type string `json:"type"`
	Rate int    `json:"rate"`
}

// The service finds out when the caller has finished. That the caller interrupts is found out here, where it is known
// what has been heard.
type turnDetection struct {
	Type              string `json:"type"`
	CreateResponse    bool   `json:"create_response"`
	InterruptResponse bool   `json:"interrupt_response"`
}

type tool struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Parameters  any    `json:"parameters"`
}

type item struct {
	Type   string `json:"type"`
	CallID string `json:"call_id"`
	Output string `json:"output"`
}

func newSession(instructions string) *session {
	pcm := format{"audio/pcm", Rate}
	nothing := map[string]any{"type": "object", "properties": map[string]any{}}
	return &session{
		Type: "realtime", Instructions: instructions, OutputModalities: []string{"audio"},
		Audio: audio{
			Input:  audioInput{pcm, turnDetection{Type: "server_vad", CreateResponse: true}},
			Output: audioOutput{Format: pcm},
		},
		Tools: []tool{
			{"function", toolTransfer, "Connects the caller with a human.", nothing},
			{"function", toolHangUp, "Ends the call, after saying goodbye.", nothing},
		},
	}
}

const (
	toolTransfer = "transfer_to_a_human"
	toolHangUp   = "hang_up"
)

// A link is a conversation with the service.
type link struct{ conn *websocket.Conn }

func (s Service) dial(ctx context.Context) (*link, error) {
	url := s.URL
	if s.Model != "" {
		url += "?model=" + s.Model
	}
	header := make(http.Header)
	if s.Key != "" {
		header.Set("Authorization", "Bearer "+s.Key)
	}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header, HTTPClient: s.HTTPClient})
	if err != nil {
		return nil, fmt.Errorf("the speech service: %w", err)
	}
	conn.SetReadLimit(16 << 20)
	return &link{conn}, nil
}

func (l *link) send(ctx context.Context, m message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return l.conn.Write(ctx, websocket.MessageText, raw)
}

func (l *link) receive(ctx context.Context) (message, error) {
	var m message
	_, raw, err := l.conn.Read(ctx)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(raw, &m)
}

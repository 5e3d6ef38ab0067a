package chanws_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/media/internal/chanws"
)

func TestParse(t *testing.T) {
	t.Parallel()
	start := chanws.Event{
		Name: chanws.Start, ConnectionID: "c-1", Channel: "WebSocket/INCOMING/0x7f:1", ChannelID: "1700000000.1",
		Format: "slin16", FrameSize: 640, PTime: 20,
	}
	for name, c := range map[string]struct {
		text string
		want chanws.Event
		form chanws.Control
	}{
		"start": {
			"MEDIA_START connection_id:c-1 channel:WebSocket/INCOMING/0x7f:1 channel_id:1700000000.1 format:slin16 optimal_frame_size:640 ptime:20",
			start, chanws.Plain,
		},
		"start in JSON": {
			`{"event":"MEDIA_START","connection_id":"c-1","channel":"WebSocket/INCOMING/0x7f:1","channel_id":"1700000000.1","format":"slin16",` +
				`"optimal_frame_size":640,"ptime":20,"channel_variables":{"A":"b"}}`,
			start, chanws.JSON,
		},
		"one word":  {"QUEUE_DRAINED", chanws.Event{Name: chanws.Drained}, chanws.Plain},
		"spaces":    {"  MEDIA_MARK_PROCESSED   correlation_id:a.1  \n", chanws.Event{Name: chanws.MarkProcessed, CorrelationID: "a.1"}, chanws.Plain},
		"status":    {"STATUS queue_length:43 xon_level:800 queue_full:true media_paused:false", chanws.Event{Name: "STATUS", QueueLength: 43, QueueFull: true}, chanws.Plain},
		"paused":    {`{"event":"STATUS","queue_length":3,"media_paused":true}`, chanws.Event{Name: "STATUS", QueueLength: 3, Paused: true}, chanws.JSON},
		"error":     {"ERROR channel_id:1 error_text:What: is this? ", chanws.Event{Name: "ERROR", ChannelID: "1", ErrorText: "What: is this?"}, chanws.Plain},
		"digit":     {"DTMF_END digit:#", chanws.Event{Name: chanws.DTMFEnd, Digit: "#"}, chanws.Plain},
		"no values": {"STATUS queue_length queue_full: :x", chanws.Event{Name: "STATUS"}, chanws.Plain},
	} {
		got, form, err := chanws.Parse([]byte(c.text))
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
		assert.Equal(t, c.form, form, name)
	}
	for _, bad := range []string{"", " ", "{", "{}", `{"event":1}`, "hello", "a:b", `["event"]`} {
		_, _, err := chanws.Parse([]byte(bad))
		assert.ErrorIs(t, err, chanws.ErrProtocol, "%q", bad)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "FLUSH_MEDIA", string(chanws.Plain.AppendCommand(nil, chanws.Flush, "")))
	assert.Equal(t, "MARK_MEDIA x.1", string(chanws.Plain.AppendCommand(nil, chanws.Mark, "x.1")))
	assert.JSONEq(t, `{"command":"FLUSH_MEDIA"}`, string(chanws.JSON.AppendCommand(nil, chanws.Flush, "")))
	assert.JSONEq(t, `{"command":"MARK_MEDIA","correlation_id":"x.1"}`, string(chanws.JSON.AppendCommand(nil, chanws.Mark, "x.1")))
	assert.Less(t, len(chanws.JSON.AppendCommand(nil, chanws.StartBuffering, "18446744073709551615.18446744073709551615")), chanws.MaxText)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"event":"STATUS","queue_length":3}`))
	f.Add([]byte("ERROR channel_id:1 error_text:What: is this? "))
	f.Fuzz(func(t *testing.T, text []byte) {
		ev, form, err := chanws.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, chanws.ErrProtocol)
			return
		}
		require.NotEmpty(t, ev.Name)
		require.Equal(t, form == chanws.JSON, json.Valid(text) && text[0] == '{')
	})
}

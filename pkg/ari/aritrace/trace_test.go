package aritrace_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/ari-go/ari/pkg/ari/aritrace"
)

const head = `{"format":"ari-trace","version":1,"begun":"2026-01-01T00:00:00Z"}` + "\n"

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"":          "the file is empty",
		"hello\n":   "line 1 isn't that of a trace",
		"{\"a\":1}": "line 1 isn't that of a trace",
		`{"format":"ari-trace","version":2}` + "\n": "the trace has version 2; this program reads up to 1",
		head + "{\n":                         "line 2: unexpected end of JSON",
		head + "\n":                          "line 2: unexpected end of JSON",
		head + "{}\n":                        "line 2: it has no kind",
		head + `{"kind":"event"}` + "\n":     "line 2: the event is missing",
		head + `{"kind":"command"}` + "\n":   "line 2: the command is missing",
		head + `{"kind":"answer"}` + "\n":    "line 2: the answer is missing",
		head + `{"kind":"lost"}` + "\n{x}\n": "line 3",
	} {
		_, err := aritrace.Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, "%q", text)
	}
	trace, err := aritrace.Read(strings.NewReader(head + `{"kind":"news","more":1}` + "\n" + `{"kind":"lo`))
	require.NoError(t, err)
	require.True(t, trace.Cut)
	require.Len(t, trace.Lines, 1)
	_, err = aritrace.Open("/does/not/exist")
	require.ErrorContains(t, err, "/does/not/exist")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + `{"kind":"event","event":{"type":"StasisStart"}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		trace, err := aritrace.Read(bytes.NewReader(text))
		if err == nil && trace == nil {
			t.Error("neither a trace nor an error")
		}
	})
}

// recorded is what a recorder writes of a frame, or of a command and its answer.
func recorded(t *testing.T, do func(r *aritrace.Recorder), opts ...aritrace.Option) string {
	t.Helper()
	var out bytes.Buffer
	rec := aritrace.NewRecorder(&out, opts...)
	do(rec)
	require.NoError(t, rec.Close())
	require.NoError(t, rec.Close())
	_, err := aritrace.Read(bytes.NewReader(out.Bytes()))
	require.NoError(t, err)
	return out.String()
}

func TestSecretsAreHidden(t *testing.T) {
	for _, frame := range []string{
		`{"type":"ChannelVarset","variable":"DB_PASSWORD","value":"s3cret"}`,
		`{"type":"ChannelVarset","variable":"x","value":"https://me:s3cret@example.org/a.wav"}`,
		`{"type":"PlaybackStarted","playback":{"media_uri":"sound:https:\/\/example.org\/a?x=1&Token=s3cret"}}`,
		`{"type":"X","channel":{"channelvars":{"API_TOKEN":"s3cret"}}}`,
		`{"type":"X","list":[{"attribute":"password","value":"s3cret"}]}`,
		`{"type":"X","p\u0061ssword":"s3cret"}`,
		`not JSON, http://me:s3cret@host/`,
		`{"type":"X","mine":"s3cret"}`,
	} {
		text := recorded(t, func(r *aritrace.Recorder) { r.Observer().Frame(nil, []byte(frame)) }, aritrace.HideNames("MINE", ""))
		require.NotContains(t, text, "s3cret")
		require.Contains(t, text, aritrace.Hidden)
	}
	plain := `{"type":"ChannelDtmfReceived","digit":"7","channel":{"id":"<a>"}}`
	require.Contains(t, recorded(t, func(r *aritrace.Recorder) { r.Observer().Frame(nil, []byte(plain)) }), plain)
	text := recorded(t, func(r *aritrace.Recorder) { r.Observer().Frame(nil, []byte(plain)) }, aritrace.HideDigits())
	require.Contains(t, text, `"digit":"***"`)
}

func TestCommands(t *testing.T) {
	srv := aritest.NewServer(t)
	srv.Extension("100", "Wait(60)")
	srv.Call("100", aritest.WithChannelID("c1"))
	ctx := t.Context()
	text := recorded(t, func(r *aritrace.Recorder) {
		ctrl := srv.Controller(ari.WithInterceptor(r.Intercept))
		require.NoError(t, ctrl.SetGlobalVariable(ctx, "MY_TOKEN", "s3cret"))
		value, err := ctrl.GlobalVariable(ctx, "MY_TOKEN")
		require.NoError(t, err)
		require.Equal(t, "s3cret", value, "the program gets what Asterisk says")
		require.ErrorIs(t, ctrl.AnswerChannel(ctx, "nobody"), ari.ErrNotFound)
		require.ErrorIs(t, ctrl.Channel("c1").SendDTMF(ctx, "4711"), ari.ErrConflict)
		srv.Faults().Down()
		require.ErrorIs(t, ctrl.AnswerChannel(ctx, "c1"), ari.ErrConnection)
	}, aritrace.HideDigits())
	require.NotContains(t, text, "s3cret")
	require.NotContains(t, text, "4711")
	require.NotContains(t, text, srv.Password+`"`)
	for _, want := range []string{
		`"operation":"channelsAnswer","method":"POST","path":"/channels/nobody/answer"`,
		`"status":404,"message":"Channel not found"`,
		`"server":"Asterisk/22.10.1`,
		`"value":"***"`,
		`"dtmf=***`,
		`"error":"ari: channelsAnswer`,
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 1, strings.Count(text, `"server"`))
}

// A file that comes as an answer isn't read by the recorder.
func TestMediaIsLeftOut(t *testing.T) {
	body := io.NopCloser(strings.NewReader("RIFF"))
	text := recorded(t, func(r *aritrace.Recorder) {
		ctrl, err := ari.NewController("http://127.0.0.1:1/ari", ari.WithInterceptor(r.Intercept), ari.WithTransport(func(ari.Doer) ari.Doer {
			return ari.DoerFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"audio/wav"}}, Body: body}, nil
			})
		}))
		require.NoError(t, err)
		file, err := ctrl.StoredRecording("x").File(t.Context())
		require.NoError(t, err)
		got, err := io.ReadAll(file)
		require.NoError(t, err)
		require.Equal(t, "RIFF", string(got))
	})
	require.Contains(t, text, `"media":true`)
	require.NotContains(t, text, "RIFF")
}

// A disk that stands still costs lines, not memory, and the file says how many.
func TestSlowDisk(t *testing.T) {
	w := &gate{open: make(chan struct{})}
	rec := aritrace.NewRecorder(w)
	frame := []byte(`{"type":"X","text":"` + strings.Repeat("x", 1<<20) + `"}`)
	for range 20 {
		rec.Observer().Frame(nil, frame)
	}
	close(w.open)
	require.NoError(t, rec.Close())
	trace, err := aritrace.Read(&w.Buffer)
	require.NoError(t, err)
	events, lost := 0, 0
	for _, line := range trace.Lines {
		if line.Kind == aritrace.KindEvent {
			events++
		}
		lost += line.Count
	}
	require.Equal(t, 20, events+lost)
	require.Positive(t, lost)
	rec.Observer().Frame(nil, frame) // too late, and harmless
}

type gate struct {
	bytes.Buffer
	open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(p)
}

func TestFullDisk(t *testing.T) {
	full := errors.New("no space left")
	rec := aritrace.NewRecorder(writerFunc(func([]byte) (int, error) { return 0, full }))
	rec.Observer().Frame(nil, []byte(`{}`))
	require.ErrorIs(t, rec.Close(), full)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A program that has changed is told where it leaves the trace.
func TestDeviations(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	srv := aritest.NewServer(t, aritest.WithSpeed(10))
	file, _ := record(t, ctx, srv.Client, func(*ari.Client) error {
		call := srv.Call("1000")
		if err := call.WaitHeard(ctx, "sound:hello-world"); err != nil {
			return err
		}
		call.Hangup()
		return srv.WaitIdle(ctx)
	})
	trace, err := aritrace.Open(file)
	require.NoError(t, err)
	replay := aritest.NewReplay(t, trace, aritest.ReplayPatience(100*time.Millisecond), aritest.ReplayGaps(0))
	client := replay.Client()
	client.OnCall(func(ctx context.Context, call *ari.StasisStart) error { return call.Channel.Ring(ctx) })
	require.NoError(t, client.Connect(ctx))
	err = replay.Wait(ctx)
	require.ErrorContains(t, err, "it sent POST /channels/")
	require.ErrorContains(t, err, "/ring, which the trace doesn't have")
	require.ErrorContains(t, err, "/answer within 100ms")
}

// A connection that was lost is lost again, and the program is told of the same gap.
func TestReplayOfAGap(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	srv := aritest.NewServer(t, aritest.WithSpeed(10))
	file, p := record(t, ctx, srv.Client, func(client *ari.Client) error {
		call := srv.Call("1000")
		if err := call.WaitHeard(ctx, "sound:hello-world"); err != nil {
			return err
		}
		again := ari.Subscribe[*ari.Connected](client)
		srv.Faults().DropEvents()
		if _, err := again.Next(ctx); err != nil {
			return err
		}
		call.SendDTMF("1")
		if err := call.WaitHeard(ctx, "sound:beep"); err != nil {
			return err
		}
		call.Hangup()
		return srv.WaitIdle(ctx)
	})
	replay(t, ctx, file, p, 1)
}

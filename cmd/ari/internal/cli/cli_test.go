package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ari-go/ari/pkg/ari/aritest"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/cmd/ari/internal/operations"
)

var update = flag.Bool("update", false, "write the files with expected outputs anew")

// use points the environment at a server.
func use(t *testing.T, srv *aritest.Server) {
	t.Helper()
	t.Setenv("ARI_URL", srv.URL)
	t.Setenv("ARI_USERNAME", srv.Username)
	t.Setenv("ARI_PASSWORD", srv.Password)
	t.Setenv("ARI_APPLICATION", srv.App)
}

// tool runs one command, and returns its status and what it wrote.
func tool(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return toolWith(t.Context(), args...)
}

func toolWith(ctx context.Context, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Run(ctx, args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// aged makes outputs of different times the same.
func aged(out string) string {
	return regexp.MustCompile(`\b\d+s *\n`).ReplaceAllString(out, "AGE\n")
}

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{
		"help.txt":       {"--help"},
		"help-api.txt":   {"api"},
		"help-play.txt":  {"api", "channelsPlay", "--help"},
		"help-call.txt":  {"call", "--help"},
		"help-vars.txt":  {"api", "channelsSetChannelVars", "--help"},
		"help-chans.txt": {"channels", "--help"},
	} {
		code, out, errs := tool(t, args...)
		require.Zero(t, code, errs)
		golden(t, name, out)
	}
}

// seen is a server that keeps what it gets.
type seen struct {
	*httptest.Server
	mu     sync.Mutex
	line   string
	body   string
	answer http.HandlerFunc
}

func newSeen(t *testing.T) *seen {
	t.Helper()
	s := &seen{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.line, s.body = r.Method+" "+r.RequestURI, string(body)
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("ARI_URL", s.URL+"/ari")
	t.Setenv("ARI_USERNAME", "asterisk")
	t.Setenv("ARI_PASSWORD", "s3cret")
	return s
}

// Each operation of the description can be sent, with all that it takes.
func TestEveryOperation(t *testing.T) {
	s := newSeen(t)
	for i := range operations.All {
		op := &operations.All[i]
		args, path := []string{"api", op.ID}, op.Path
		body := make(map[string]any)
		for _, in := range op.Inputs {
			if in.In == operations.InPath {
				path = strings.Replace(path, "{"+in.Name+"}", "a%2Fb%20c", 1)
				args = append(args, "a/b c")
				continue
			}
			value := map[operations.Kind]string{
				operations.Text: "x+y z", operations.Number: "7", operations.Bool: "true", operations.List: "1", operations.Object: "NAME=a=b",
			}[in.Kind]
			args = append(args, "--"+in.Name+"="+value)
			if in.In == operations.InBody {
				body[in.Name] = map[operations.Kind]any{
					operations.Text: value, operations.List: []any{1.0}, operations.Object: map[string]any{"NAME": "a=b"},
				}[in.Kind]
			}
		}
		code, _, errs := tool(t, args...)
		require.Zero(t, code, "%v: %s", args, errs)
		line, query, _ := strings.Cut(s.line, "?")
		require.Equal(t, op.Method+" /ari"+path, line)
		for _, in := range op.Of(operations.InQuery) {
			value := map[operations.Kind]string{
				operations.Text: "x%2By%20z", operations.Number: "7", operations.Bool: "true", operations.List: "1",
			}[in.Kind]
			require.Contains(t, "&"+query+"&", "&"+in.Name+"="+value+"&", op.ID)
		}
		if len(body) > 0 {
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(s.body), &got), op.ID)
			require.Equal(t, body, got, op.ID)
		}
	}
}

func TestRequests(t *testing.T) {
	s := newSeen(t)
	file := filepath.Join(t.TempDir(), "body.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"variables":{"A":{"value":"1","report_events":true}}}`), 0o600))
	for _, c := range []struct {
		args       []string
		line, body string
	}{
		{[]string{"api", "asteriskGetInfo", "--only", "system", "--only", "build"}, "GET /ari/asterisk/info?only=system,build", ""},
		{[]string{"api", "CHANNELSANSWER", "c1"}, "", ""},
		{[]string{"api", "channelsanswer", "c1"}, "POST /ari/channels/c1/answer", ""},
		{[]string{"api", "channelsPlay", "c1", "--media", "sound:http://x/a,b"}, "POST /ari/channels/c1/play", `{"media":["sound:http://x/a,b"]}`},
		{[]string{"api", "channelsSetChannelVars", "c1", "--request-body", "@" + file}, "POST /ari/channels/c1/variables", `{"variables":{"A":{"report_events":true,"value":"1"}}}`},
	} {
		code, _, errs := tool(t, c.args...)
		if c.line == "" {
			require.Equal(t, exitUsage, code)
			continue
		}
		require.Zero(t, code, errs)
		require.Equal(t, c.line, s.line)
		if c.body != "" {
			require.JSONEq(t, c.body, s.body)
		}
	}
}

func TestWhatIsTypedWrong(t *testing.T) {
	newSeen(t)
	for text, args := range map[string][]string{
		`needs CHANNEL_ID: The channel's unique id.`: {"api", "channelsAnswer"},
		`"more" is one argument too many`:            {"api", "channelsAnswer", "c", "more"},
		`channelsPlay needs --media`:                 {"api", "channelsPlay", "c"},
		`CHANNEL_ID is empty`:                        {"api", "channelsAnswer", ""},
		`there is no operation "nonsense"`:           {"api", "nonsense"},
		`unknown command "nonsense"`:                 {"nonsense"},
		`unknown flag: --nonsense`:                   {"channels", "--nonsense"},
		`invalid argument "x"`:                       {"api", "channelsPlay", "c", "--media", "m", "--skipms", "x"},
		`want NAME=VALUE`:                            {"api", "channelsSetChannelVars", "c", "--variables", "x"},
		`both say what is in the body`:               {"api", "channelsSetChannelVars", "c", "--variables", "x=1", "--request-body", "{}"},
		`is no JSON object`:                          {"api", "channelsSetChannelVars", "c", "--request-body", "[1]"},
		`no such file`:                               {"api", "channelsSetChannelVars", "c", "--request-body", "@/does/not/exist"},
		`"x" is no JSON`:                             {"api", "applicationsFilter", "a", "--allowed", "x"},
		`--url has a password`:                       {"channels", "--url", "http://me:secret@127.0.0.1/ari"},
		`must begin with http`:                       {"channels", "--url", "ftp://127.0.0.1/ari"},
		`has no certificate in it`:                   {"channels", "--ca-file", "cli_test.go"},
		`Give either --extension or --app`:           {"call", "PJSIP/alice"},
		`--context belongs to --extension`:           {"call", "PJSIP/alice", "--app", "x", "--context", "y"},
		`give --app too`:                             {"call", "PJSIP/alice", "--extension", "1", "--args", "y"},
	} {
		code, out, errs := tool(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, errs)
		require.Contains(t, errs, text)
		require.Contains(t, errs, "--help'.\n")
		require.Empty(t, out)
	}
	t.Setenv("ARI_URL", "")
	code, _, errs := tool(t, "channels")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "where is Asterisk? Set ARI_URL")
}

// What Asterisk refuses is told with its own text, and never with a password.
func TestRefused(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	code, _, errs := tool(t, "api", "channelsAnswer", "nobody")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "ari: channelsAnswer (POST /ari/channels/nobody/answer): 404 Not Found: Channel not found\n", errs)

	t.Setenv("ARI_PASSWORD", "wr0ng-s3cret")
	code, out, errs := tool(t, "channels", "--verbose")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "401 Unauthorized")
	require.NotContains(t, out+errs, "wr0ng-s3cret")

	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(srv.Password+"\n"), 0o600))
	code, _, errs = tool(t, "channels", "--password-file", file)
	require.Zero(t, code, errs)
}

func TestReadOnly(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	for _, op := range operations.All {
		if op.Reads() {
			continue
		}
		args := []string{"api", op.ID, "--read-only"}
		for _, in := range op.Inputs {
			switch {
			case in.In == operations.InPath:
				args = append(args, "x")
			case in.Required && in.Kind == operations.Object:
				args = append(args, "--"+in.Name, "a=b")
			case in.Required && in.Kind == operations.Number:
				args = append(args, "--"+in.Name, "1")
			case in.Required:
				args = append(args, "--"+in.Name, "x")
			}
		}
		code, _, errs := tool(t, args...)
		require.Equal(t, exitFailed, code, op.ID)
		require.Contains(t, errs, "refused, since it would change something", op.ID)
	}
}

func TestTables(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	srv.Extension("100", "Wait(60)")
	srv.Extension("200", "Answer()", "Wait(60)")
	srv.Call("100", aritest.WithChannelID("c1"), aritest.From("Ada\x1b[31m Lovelace <100>"))
	srv.Call("200", aritest.WithChannelID("c2"), aritest.Via("PJSIP/bob"))
	require.NoError(t, srv.Wait(t.Context(), func() bool { all := srv.Channels(); return len(all) == 2 && all[1].State == "Up" }))
	code, _, errs := tool(t, "api", "bridgesCreateWithId", "b1", "--name", "the first", "--type", "mixing,dtmf_events")
	require.Zero(t, code, errs)

	code, out, errs := tool(t, "channels")
	require.Zero(t, code, errs)
	golden(t, "channels.txt", aged(out))
	code, out, errs = tool(t, "bridges")
	require.Zero(t, code, errs)
	golden(t, "bridges.txt", out)
	code, out, errs = tool(t, "channels", "--json")
	require.Zero(t, code, errs)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list, 2)
	code, out, _ = tool(t, "channels", "--app", "nobody")
	require.Zero(t, code)
	require.Equal(t, 1, strings.Count(out, "\n"))
}

func TestCall(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	alice := srv.Endpoint("PJSIP/alice")
	srv.Extension("200", "Wait(60)")
	code, out, errs := tool(t, "call", "PJSIP/alice", "--extension", "200", "--caller-id", "Support <100>")
	require.Zero(t, code, errs)
	require.Contains(t, out, "PJSIP/alice-00000000")
	call, err := alice.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, call.WaitAnswered(t.Context()))
}

// A recording's file is written as it is.
func TestFile(t *testing.T) {
	s := newSeen(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write([]byte("RIFF\x00\x01"))
	}
	file := filepath.Join(t.TempDir(), "x.wav")
	code, _, errs := tool(t, "api", "recordingsGetStoredFile", "x", "--output", file)
	require.Zero(t, code, errs)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "RIFF\x00\x01", string(got))
	_, out, _ := tool(t, "api", "recordingsGetStoredFile", "x", "--output", "-")
	require.Equal(t, "RIFF\x00\x01", out)
}

func TestCompletion(t *testing.T) {
	srv := aritest.NewServer(t)
	use(t, srv)
	srv.Extension("100", "Wait(60)")
	srv.Call("100", aritest.WithChannelID("c1"))
	for typed, want := range map[string]string{
		"api channelsH":                        "channelsHold\tSignal hold to a channel",
		"api channelsHangup c":                 "c1\tPJSIP/caller-00000000",
		"api channelsHangup c1 --reason b":     "busy",
		"api channelsPlay c1 --":               "--media",
		"api channelsMute c1 --direction ":     "both",
		"api applicationsGet ":                 ":4",
		"cha":                                  "channels\t",
		"api bridgesStartMoh nobody another x": ":4",
	} {
		args := strings.Split(typed, " ")
		code, out, _ := tool(t, append([]string{"__complete"}, args...)...)
		require.Zero(t, code)
		require.Contains(t, out, want, typed)
	}
	for _, shell := range []string{"bash", "zsh"} {
		code, out, _ := tool(t, "completion", shell)
		require.Zero(t, code)
		require.Contains(t, out, "__complete")
	}
}

package aritest_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// TestMain fails when a server leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftOver(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leftOver are the stacks of goroutines of ours that don't end within some time.
func leftOver(patience time.Duration) string {
	deadline := time.Now().Add(patience)
	for {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for i, stack := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(stack, "pkg/ari/aritest.") && !strings.Contains(stack, "testing.(*T).Run") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		runtime.Gosched()
	}
}

// soon ends with the test, or after a time within which everything should have come. A bubble's clock begins in 2000, and a day is
// nothing there.
func soon(t *testing.T) context.Context {
	t.Helper()
	patience := 10 * time.Second
	if time.Now().Year() < 2020 {
		patience = 24 * time.Hour
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// connected is a client of the server that is connected.
func connected(t *testing.T, srv *aritest.Server, opts ...ari.Option) *ari.Client {
	t.Helper()
	client := srv.Client(opts...)
	require.NoError(t, client.Connect(soon(t)))
	return client
}

func TestInbound(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	client := connected(t, srv)
	client.OnCall(func(ctx context.Context, ev *ari.StasisStart) error {
		if err := ev.Channel.Answer(ctx); err != nil {
			return err
		}
		if _, err := ev.Channel.Play(ctx, "sound:hello-world"); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	call := srv.Call("1000", aritest.From("Alice <100>"), aritest.WithVariable("COLOUR", "blue"))
	require.NoError(t, call.WaitAnswered(soon(t)))
	require.NoError(t, call.WaitHeard(soon(t), "sound:hello-world"))
	require.Equal(t, []string{"sound:hello-world"}, call.Heard())
	channels := srv.Channels()
	require.Len(t, channels, 1)
	require.Equal(t, "Alice", channels[0].Caller.Name)
	require.Equal(t, "1000", channels[0].Dialplan.Exten)
	colour, err := client.ARI().Channel(call.ChannelID()).Variable(soon(t), "COLOUR")
	require.NoError(t, err)
	require.Equal(t, "blue", colour)
	require.Equal(t, "1000", call.Extension())
	require.False(t, call.Ended())
	call.Hangup()
	require.NoError(t, srv.WaitIdle(soon(t)))
	require.True(t, call.Ended())
	require.ErrorIs(t, call.WaitDigits(soon(t), "1"), aritest.ErrEnded)
}

// What an incoming call causes, as an Asterisk 22 tells it.
func TestInboundEvents(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	call := srv.Call("1000", aritest.WithChannelID("c"))
	l.await("StasisStart c")
	ok(t, srv, "POST", "/channels/c/answer")
	call.SendDTMF("5#")
	call.Hold()
	call.Unhold()
	call.Hangup()
	l.await("StasisEnd c")
	require.Equal(t, []string{
		"StasisStart c", "ChannelStateChange c Up", "ChannelDtmfReceived c 5", "ChannelDtmfReceived c #", "ChannelHold c", "ChannelUnhold c",
		"ChannelHangupRequest c <nil>", "StasisEnd c",
	}, l.only("StasisStart", "ChannelStateChange", "ChannelDtmfReceived", "ChannelHold", "ChannelUnhold", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"))

	all := listen(t, srv, "app=all&subscribeAll=true")
	srv.Call("1000", aritest.WithChannelID("d"))
	all.await("ChannelVarset d STASISSTATUS=")
	ok(t, srv, "DELETE", "/channels/d?reason=busy")
	end := all.await("ChannelDestroyed d 17")
	require.Equal(t, "User busy", end.text("cause_txt"))
	require.Equal(t, "486", end.text("tech_cause"))
	require.Equal(t, []string{
		"ChannelCreated d", "DeviceStateChanged INUSE", "ChannelVarset d SIPDOMAIN=127.0.0.1", "ChannelDialplan d Stasis", "ChannelVarset d STASISSTATUS=",
		"ChannelHangupRequest d 32", "ChannelVarset d STASISSTATUS=SUCCESS", "ChannelHangupRequest d 16", "ChannelDestroyed d 17",
	}, all.labels()[:9])
	all.await("DeviceStateChanged UNAVAILABLE")
}

// The events of a call to a Local channel that is answered, in the order of an Asterisk 22.
func TestOriginateLocal(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	srv.Extension("1011", "Answer()", "Wait(600)")
	l := listen(t, srv, "app=hello")
	body := ok(t, srv, "POST", "/channels/c1?endpoint=Local/1011@default&app=hello&appArgs=a,b", `{"variables":{"V1":"x"}}`)
	require.Contains(t, body, `"state":"Down"`)
	require.Contains(t, body, `"app_name":"AppDial2"`)
	start := l.await("StasisStart c1")
	require.Contains(t, start.raw, `"args":["a","b"]`)
	require.Equal(t, []string{
		"ChannelVarset c1;2 V1=x", "Dial c1", "ChannelDialplan c1;2 Answer", "ChannelStateChange c1;2 Up", "ChannelDialplan c1;2 Wait",
		"ChannelStateChange c1 Up", "Dial c1 ANSWER", "ChannelVarset c1 STASISSTATUS=", "StasisStart c1",
	}, sortedBehind(l.labels(), "ChannelDialplan c1;2 Wait", "ChannelStateChange c1;2 Up"))
	l.forget()
	ok(t, srv, "DELETE", "/channels/c1?reason=busy")
	l.await("ChannelDestroyed c1 17")
	require.Equal(t, []string{
		"ChannelHangupRequest c1 32", "StasisEnd c1", "ChannelVarset c1 STASISSTATUS=SUCCESS", "ChannelHangupRequest c1;2 17",
		"ChannelHangupRequest c1;2 16", "ChannelDestroyed c1;2 17", "ChannelDestroyed c1 17",
	}, l.labels())
}

// sortedBehind puts a label right behind another one. The order between two channels isn't promised.
func sortedBehind(labels []string, label, behind string) []string {
	var sorted []string
	for _, l := range labels {
		if l == label {
			continue
		}
		sorted = append(sorted, l)
		if l == behind {
			sorted = append(sorted, label)
		}
	}
	return sorted
}

func TestCallees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		srv.Endpoint("PJSIP/alice", aritest.AnswersFor(2*time.Second, time.Minute))
		srv.Endpoint("PJSIP/bob", aritest.Busy())
		srv.Endpoint("PJSIP/carol", aritest.Rings())
		srv.Endpoint("PJSIP/dave", aritest.Refuses(time.Second, 603))
		srv.Endpoint("PJSIP/erin", aritest.Unreachable())
		srv.Endpoint("PJSIP/frank", aritest.Silent())
		for _, name := range []string{"alice", "bob", "carol", "dave", "frank"} {
			ok(t, srv, "POST", "/channels/"+name+"?endpoint=PJSIP/"+name+"&app=hello&timeout=5")
		}
		status, text, _ := do(t, srv, "POST", "/channels?endpoint=PJSIP/erin&app=hello")
		require.Equal(t, 500, status)
		require.JSONEq(t, `{"error":"Allocation failed"}`, text)
		start := time.Now()
		l.await("ChannelDestroyed alice 0")
		require.Equal(t, 62*time.Second, time.Since(start))
		about := func(name string) (some []string) {
			for _, label := range l.only("Dial", "ChannelStateChange", "StasisStart", "StasisEnd", "ChannelDestroyed") {
				if strings.Contains(label, " "+name) {
					some = append(some, strings.ReplaceAll(label, " "+name, ""))
				}
			}
			return some
		}
		require.Equal(t, []string{
			"Dial", "ChannelStateChange Ringing", "Dial RINGING", "ChannelStateChange Up", "Dial ANSWER", "StasisStart", "StasisEnd", "ChannelDestroyed 0",
		}, about("alice"))
		require.Equal(t, []string{"Dial", "Dial BUSY", "ChannelDestroyed 17"}, about("bob"))
		require.Equal(t, []string{"Dial", "ChannelStateChange Ringing", "Dial RINGING", "ChannelDestroyed 19"}, about("carol"))
		require.Equal(t, []string{"Dial", "ChannelStateChange Ringing", "Dial RINGING", "Dial NOANSWER", "ChannelDestroyed 21"}, about("dave"))
		require.Equal(t, []string{"Dial", "ChannelDestroyed 19"}, about("frank"))
		require.Empty(t, srv.Channels())
	})
}

// A callee that a test plays by hand.
func TestCalleeByHand(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	phone := srv.Endpoint("PJSIP/alice", aritest.Rings())
	l := listen(t, srv, "app=hello")
	ok(t, srv, "POST", "/channels/create?endpoint=PJSIP/alice&app=hello&channelId=a")
	l.await("StasisStart a")
	status, text, _ := do(t, srv, "POST", "/channels/a/play?media=sound:hello-world")
	require.Equal(t, 412, status)
	require.JSONEq(t, `{"message":"Channel in invalid state"}`, text)
	ok(t, srv, "POST", "/channels/a/dial?timeout=30")
	call, err := phone.Next(soon(t))
	require.NoError(t, err)
	require.Equal(t, "alice", call.Extension())
	l.await("Dial a RINGING")
	require.NoError(t, call.Answer())
	l.await("Dial a ANSWER")
	ok(t, srv, "POST", "/channels/a/dtmf?dtmf=12&between=1&duration=1")
	require.NoError(t, call.WaitDigits(soon(t), "12"))
	require.Equal(t, "12", call.Digits())
	call.Hangup()
	l.await("ChannelDestroyed a 16")
	require.NoError(t, srv.WaitIdle(soon(t)))

	called := make(chan string, 1)
	srv.Endpoint("PJSIP/alice", aritest.Rings()).OnCall(func(c *aritest.Call) {
		called <- c.ChannelID()
		c.Refuse(486)
	})
	ok(t, srv, "POST", "/channels/b?endpoint=PJSIP/alice&app=hello")
	require.Equal(t, "b", <-called)
	l.await("ChannelDestroyed b 17")
}

// Playbacks take their time, and hold up what comes behind them.
func TestPlayback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		srv.Sound("long", time.Hour)
		l := listen(t, srv, "app=hello")
		srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
		l.await("StasisStart c")
		start := time.Now()
		ok(t, srv, "POST", "/channels/c/play/p?media=sound:long,sound:hello-world")
		ok(t, srv, "POST", "/bridges/b")
		done := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := srv.HTTPClient().Do(request(t, srv, "POST", "/bridges/b/addChannel?channel=c"))
			if err == nil {
				err = resp.Body.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(30 * time.Minute)
		ok(t, srv, "POST", "/playbacks/p/control?operation=pause")
		time.Sleep(time.Hour)
		require.Contains(t, ok(t, srv, "GET", "/playbacks/p"), `"state":"paused"`)
		ok(t, srv, "POST", "/playbacks/p/control?operation=unpause")
		<-done
		require.InDelta(t, 2*time.Hour+1460*time.Millisecond, time.Since(start), float64(time.Second))
		l.await("ChannelEnteredBridge c b")
		require.Equal(t, []string{
			"PlaybackStarted sound:long playing", "PlaybackStarted sound:long playing", "PlaybackContinuing sound:long continuing",
			"PlaybackStarted sound:hello-world playing", "PlaybackFinished sound:hello-world done",
		}, l.only("PlaybackStarted", "PlaybackContinuing", "PlaybackFinished"))
	})
}

func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
		l.await("StasisStart c")
		ok(t, srv, "POST", "/channels/c/record?name=limited&format=wav&maxDurationSeconds=5")
		end := l.await("RecordingFinished limited done")
		require.Equal(t, "5", end.text("recording", "duration"))
		ok(t, srv, "POST", "/channels/c/record?name=digit&format=wav&terminateOn=%23")
		l.await("RecordingStarted digit recording")
		call.SendDTMF("1#")
		l.await("RecordingFinished digit done")
		ok(t, srv, "POST", "/channels/c/record?name=silent&format=wav&maxSilenceSeconds=3")
		l.await("RecordingStarted silent recording")
		call.Speak(10 * time.Second)
		end = l.await("RecordingFinished silent done")
		require.Equal(t, "13", end.text("recording", "duration"))
		require.Equal(t, "10", end.text("recording", "talking_duration"))
		_, file, header := do(t, srv, "GET", "/recordings/stored/silent/file")
		require.Equal(t, "audio/wav", header.Get("Content-Type"))
		require.True(t, strings.HasPrefix(file, "RIFF"))
		require.Len(t, file, 44+13*16000)
		ok(t, srv, "POST", "/recordings/stored/silent/copy?destinationRecordingName=copy")
		require.JSONEq(t, `[{"name":"copy","format":"wav"},{"name":"digit","format":"wav"},{"name":"limited","format":"wav"},{"name":"silent","format":"wav"}]`,
			ok(t, srv, "GET", "/recordings/stored"))
		ok(t, srv, "POST", "/channels/c/play?media=recording:silent")
		l.await("PlaybackFinished recording:silent done")
	})
}

func TestTalking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := aritest.NewServer(t, aritest.InMemory())
		l := listen(t, srv, "app=hello")
		call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
		l.await("StasisStart c")
		ok(t, srv, "POST", "/channels/c/variable?variable=TALK_DETECT(set)&value=1000")
		call.Speak(2 * time.Second)
		start := time.Now()
		l.await("ChannelTalkingStarted c")
		require.Equal(t, "2000", l.await("ChannelTalkingFinished c").text("duration"))
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// Two callers in a bridge hear each other's keys, and know each other.
func TestBridge(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	ada := srv.Call("1000", aritest.From("Alice <1>"), aritest.WithChannelID("a"), aritest.Answered())
	bob := srv.Call("1000", aritest.From("Bob <2>"), aritest.WithChannelID("b"), aritest.Answered())
	l.await("StasisStart a")
	l.await("StasisStart b")
	ok(t, srv, "POST", "/bridges/x?type=mixing&name=talk")
	ok(t, srv, "POST", "/bridges/x/addChannel?channel=a,b")
	require.NoError(t, ada.WaitBridged(soon(t), 2))
	ada.SendDTMF("7")
	require.NoError(t, bob.WaitDigits(soon(t), "7"))
	require.Contains(t, ok(t, srv, "GET", "/channels/b"), `"connected":{"name":"Alice","number":"1"}`)
	require.Len(t, srv.Bridges(), 1)
	require.ElementsMatch(t, []string{"a", "b"}, srv.Bridges()[0].Channels)
	ok(t, srv, "POST", "/bridges/x/play/p?media=sound:hello-world")
	require.NoError(t, bob.WaitHeard(soon(t), "sound:hello-world"))
	ok(t, srv, "DELETE", "/playbacks/p")
	l.await("PlaybackFinished sound:hello-world done")
	ada.Hangup()
	l.await("StasisEnd a")
	// The subscription that came with the bridge outlives a call that was hung up.
	ok(t, srv, "DELETE", "/bridges/x")
	l.await("BridgeDestroyed x")
	require.Equal(t, []string{
		"ChannelEnteredBridge a x", "ChannelEnteredBridge b x", "ChannelLeftBridge a x", "ChannelLeftBridge b x", "BridgeDestroyed x",
	}, l.only("ChannelEnteredBridge", "ChannelLeftBridge", "BridgeCreated", "BridgeDestroyed"))
	bob.Hangup()
	require.NoError(t, srv.WaitIdle(soon(t)))
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello,other")
	srv.Call("1000", aritest.WithChannelID("c"))
	l.await("StasisStart c")
	require.JSONEq(t, `{"name":"other","channel_ids":["c"],"bridge_ids":["__AST_BRIDGE_ALL_TOPIC"],"endpoint_ids":["PJSIP"],"device_names":["Stasis:lamp"],
		"events_allowed":[],"events_disallowed":[]}`,
		ok(t, srv, "POST", "/applications/other/subscription?eventSource=channel:c,bridge:,endpoint:PJSIP,deviceState:Stasis:lamp"))
	ok(t, srv, "PUT", "/deviceStates/Stasis:lamp?deviceState=INUSE")
	l.await("DeviceStateChanged INUSE")
	ok(t, srv, "POST", "/channels/c/variable?variable=A&value=1")
	l.until("an event for the first application, and two for the other one: of the channel, and of its technology", func() bool {
		var n int
		for _, f := range l.frames {
			if f.label() == "ChannelVarset c A=1" {
				n++
			}
		}
		return n == 3
	})
	ok(t, srv, "PUT", "/applications/other/eventFilter", `{"disallowed":[{"type":"ChannelVarset"}]}`)
	l.forget()
	ok(t, srv, "POST", "/channels/c/variable?variable=B&value=1")
	ok(t, srv, "POST", "/bridges/x")
	l.await("BridgeCreated x")
	require.Equal(t, []string{"ChannelVarset c B=1", "BridgeCreated x"}, l.labels())
	// Without a connection the application stays as long as it holds a subscription.
	require.NoError(t, l.ws.Close(websocket.StatusNormalClosure, ""))
	require.NoError(t, srv.Wait(soon(t), func() bool { return srv.AwaitApp(expired(), "hello") != nil }))
	require.True(t, srv.Call("1000", aritest.WithChannelID("lost")).Ended(), "nobody takes it")
	require.Contains(t, ok(t, srv, "GET", "/applications/hello"), `"channel_ids":["c"]`)
}

func TestDialplan(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t, aritest.WithDialplan(`
[globals]
WHERE = somewhere
[default]
exten = 1,1,Set(X=${WHERE:0:4}-${EXTEN})
 same = n,Answer() ; a comment
 same = n,Stasis(hello,${X},two words)
 same = n,Goto(after,s,label)
exten = _2XX,1,Hangup(${EXTEN:1})
exten = 3,1,Answer()
 same = n,Read(DIGITS,,2)
 same = n,Stasis(hello,${DIGITS})
[after]
exten = s,1,NoOp()
 same = n,Hangup(21)
 same = n(label),UserEvent(Left,Status: ${STASISSTATUS})
 same = n,Busy(5)
`))
	l := listen(t, srv, "app=hello&subscribeAll=true")
	srv.Call("1", aritest.WithChannelID("c"))
	require.Contains(t, l.await("StasisStart c").raw, `"args":["some-1","two words"]`)
	ok(t, srv, "POST", "/channels/c/continue")
	require.Equal(t, "SUCCESS", l.await("ChannelUserevent c").text("userevent", "Status"))
	l.await("ChannelDestroyed c 17")
	srv.Call("201", aritest.WithChannelID("d"))
	l.await("ChannelDestroyed d 1")
	srv.Call("3", aritest.WithChannelID("e")).SendDTMF("42")
	require.Contains(t, l.await("StasisStart e").raw, `"args":["42"]`)
	// An application that isn't there leaves the call to the dialplan.
	srv.Call("4", aritest.WithChannelID("f"), aritest.Into("nobody"))
	l.await("ChannelVarset f STASISSTATUS=FAILED")
	l.await("ChannelDestroyed f 0")
	_, err := aritest.Start(aritest.WithSpeed(0))
	require.Error(t, err)
}

func TestSnoopAndExternalMedia(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	l := listen(t, srv, "app=hello")
	call := srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
	l.await("StasisStart c")
	require.Contains(t, ok(t, srv, "POST", "/channels/c/snoop/s?app=hello&spy=in&appArgs=x"), `"name":"Snoop/c-00000000"`)
	l.await("StasisStart s")
	body := ok(t, srv, "POST", "/channels/externalMedia?app=hello&external_host=127.0.0.1:9&format=ulaw&channelId=m", `{"variables":{"X":"y"}}`)
	require.Contains(t, body, `"UNICASTRTP_LOCAL_PORT"`)
	require.Contains(t, body, `"X":"y"`)
	l.await("StasisStart m")
	call.Hangup()
	l.await("StasisEnd s")
	ok(t, srv, "DELETE", "/channels/m")
	require.NoError(t, srv.WaitIdle(soon(t)))
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	srv.Extension("1030", "StasisBroadcast(5000,,x:y,yes)")
	l := listen(t, srv, "app=one,two")
	srv.Call("1030", aritest.WithChannelID("c"))
	l.await("CallBroadcast c")
	ok(t, srv, "POST", "/events/claim?channelId=c&application=two")
	require.Contains(t, l.await("StasisStart c").raw, `"args":["x","y"]`)
	status, _, _ := do(t, srv, "POST", "/events/claim?channelId=c&application=one")
	require.Equal(t, 409, status)
}

func TestMessages(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t)
	srv.Endpoint("PJSIP/alice")
	l := listen(t, srv, "app=hello")
	ok(t, srv, "POST", "/applications/hello/subscription?eventSource=endpoint:PJSIP/alice")
	srv.SendMessage("PJSIP/alice", "hello", "hi")
	require.Equal(t, "hi", l.await("TextMessageReceived").text("message", "body"))
	ok(t, srv, "PUT", "/endpoints/PJSIP/alice/sendMessage?from=me&body=ho", `{"variables":{"A":"1"}}`)
	require.Equal(t, []aritest.Message{{To: "pjsip:alice", From: "me", Body: "ho", Variables: map[string]string{"A": "1"}}}, srv.Messages())
	srv.Endpoint("PJSIP/alice", aritest.Unreachable())
	require.Equal(t, "offline", l.await("EndpointStateChange").text("endpoint", "state"))
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	srv := aritest.NewServer(t, aritest.WithSpeed(100_000))
	l := listen(t, srv, "app=hello")
	srv.Call("1000", aritest.WithChannelID("c"), aritest.Answered())
	l.await("StasisStart c")
	srv.Sound("long", time.Hour)
	start := time.Now()
	ok(t, srv, "POST", "/channels/c/play?media=sound:long")
	l.await("PlaybackFinished sound:long done")
	require.Less(t, time.Since(start), 9*time.Second)
}

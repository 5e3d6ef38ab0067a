package sipp_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/test/asterisk"
	"github.com/ari-go/ari/test/asterisk/internal/plain"
	"github.com/ari-go/ari/test/asterisk/rtp"
	"github.com/ari-go/ari/test/asterisk/sipp"
)

// Each scenario has an application of its own, so that all of them can share one Asterisk.
func TestScenarios(t *testing.T) {
	t.Parallel()
	asterisk.Each(t, func(t *testing.T, version string) {
		inst := asterisk.Start(t, asterisk.Options{Version: version, Own: true})
		// The group ends when all that run in parallel have, and only then may the Asterisk be stopped.
		t.Run("scenarios", func(t *testing.T) {
			for name, test := range scenarios {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					test(ctx, t, inst, plain.Connect(t, inst, name), name)
				})
			}
		})
	})
}

type test = func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string)

var scenarios = map[string]test{
	"bye-from-asterisk": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/ring")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "ringing"))
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		require.NoError(t, call.Await(ctx, "answered"))
		ari.Do(http.MethodDelete, "/channels/"+id)
		require.NoError(t, call.Await(ctx, "bye"))
		require.NoError(t, run.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: 1, Answered: 1, Ended: 1}, run.Stats())
	},
	"stay-and-hang-up": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "args-" + app, From: "alice", Stay: 300 * time.Millisecond, Headers: []string{"X-Test: 1"}})
		start := ari.Await("StasisStart")
		require.Equal(t, []string{"one", "two three", "4"}, start.Args)
		require.Contains(t, start.Channel.Name, "PJSIP/alice-")
		ari.Do(http.MethodPost, "/channels/"+start.Channel.ID+"/answer")
		ari.Await("StasisEnd")
		require.NoError(t, run.Wait(ctx))
	},
	"hang-up-first": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "answered"))
		require.NoError(t, call.Hangup(ctx))
		ari.Await("StasisEnd")
		require.NoError(t, run.Wait(ctx))
	},
	"cancel": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/ring")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "ringing"))
		require.NoError(t, call.Cancel(ctx))
		ari.Await("StasisEnd")
		require.NoError(t, run.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: 1, Cancelled: 1}, run.Stats())
	},
	"give-up": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app, CancelAfter: 200 * time.Millisecond})
		ari.Await("StasisStart")
		ari.Await("StasisEnd")
		require.NoError(t, run.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: 1, Cancelled: 1}, run.Stats())
	},
	"refused-by-asterisk": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		busy := sipp.Place(t, inst, sipp.CallOptions{To: "1012", Refused: 486})
		congested := sipp.Place(t, inst, sipp.CallOptions{To: "1013", Refused: 503})
		unknown := sipp.Place(t, inst, sipp.CallOptions{To: "4711", Refused: 404})
		unallocated := sipp.Place(t, inst, sipp.CallOptions{To: "19001", Refused: 404})
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app, Refused: 403})
		ari.Do(http.MethodDelete, "/channels/"+ari.Await("StasisStart").Channel.ID+"?reason=rejected")
		for _, run := range []*sipp.Run{busy, congested, unknown, unallocated, run} {
			require.NoError(t, run.Wait(ctx))
			require.Equal(t, sipp.Stats{Calls: 1, Refused: 1}, run.Stats())
		}
	},
	"digits-by-rtp": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app, Sound: rtp.Silence(time.Second)})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		media, err := call.Media(ctx)
		require.NoError(t, err)
		require.NoError(t, media.Dial(ctx, "1#*0D"))
		for _, digit := range []string{"1", "#", "*", "0", "D"} {
			require.Equal(t, digit, ari.Await("ChannelDtmfReceived").Digit)
		}
		ari.Do(http.MethodPost, "/channels/"+id+"/dtmf?dtmf=42")
		require.NoError(t, media.AwaitDigits(ctx, "42"))
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))
	},
	"digits-by-info": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app, From: "sipp-info"})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "answered"))
		for _, digit := range "5#" {
			require.NoError(t, call.Info(ctx, digit))
			require.Equal(t, string(digit), ari.Await("ChannelDtmfReceived").Digit)
		}
		ari.Do(http.MethodPost, "/channels/"+id+"/dtmf?dtmf=7")
		require.NoError(t, call.Await(ctx, "info"))
		require.Equal(t, "7", call.Digit())
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))
	},
	"hold-and-unhold": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "answered"))
		for range 2 {
			require.NoError(t, call.Hold(ctx))
			ari.Await("ChannelHold")
			require.NoError(t, call.Unhold(ctx))
			ari.Await("ChannelUnhold")
		}
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))
	},
	"sound-both-ways": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "1010", Sound: rtp.Tone(440, time.Second)})
		call, err := run.Call(ctx)
		require.NoError(t, err)
		media, err := call.Media(ctx)
		require.NoError(t, err)
		require.NoError(t, media.AwaitSound(ctx), "the echo")
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))

		// An application's prompt reaches the caller.
		run = sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		id := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+id+"/answer")
		ari.Do(http.MethodPost, "/channels/"+id+"/play?media="+url.QueryEscape(inst.Tone()))
		call, err = run.Call(ctx)
		require.NoError(t, err)
		media, err = call.Media(ctx)
		require.NoError(t, err)
		require.NoError(t, media.AwaitSound(ctx), "the prompt")
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))
	},
	"early-media": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, _ *plain.Client, _ string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "1016"})
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "progress"))
		media, err := call.Media(ctx)
		require.NoError(t, err)
		require.NoError(t, media.AwaitSound(ctx))
		require.NoError(t, call.Cancel(ctx))
		require.NoError(t, run.Wait(ctx))
	},
	"answer-outbound": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		phone := sipp.Answer(t, inst, sipp.AnswerOptions{Phone: "alice", Ring: 200 * time.Millisecond})
		ari.Do(http.MethodPost, "/channels?endpoint=PJSIP/alice&app="+app)
		start := ari.Await("StasisStart")
		require.Equal(t, "Up", start.Channel.State)
		call, err := phone.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Await(ctx, "answered"))
		ari.Do(http.MethodDelete, "/channels/"+start.Channel.ID)
		require.NoError(t, phone.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: 1, Answered: 1, Ended: 1}, phone.Stats())

		// Any address can be called, and the called side hangs up.
		phone = sipp.Answer(t, inst, sipp.AnswerOptions{Stay: 200 * time.Millisecond, Sound: rtp.Tone(440, time.Second)})
		ari.Do(http.MethodPost, "/channels?endpoint="+url.QueryEscape("PJSIP/sipp/"+phone.URI())+"&app="+app)
		ari.Await("StasisStart")
		ari.Await("StasisEnd")
		require.NoError(t, phone.Wait(ctx))
	},
	"refuse-outbound": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		for status, cause := range map[int]int{486: 17, 603: 21, 480: 19, 404: 1, 503: 34} {
			phone := sipp.Answer(t, inst, sipp.AnswerOptions{Ring: 50 * time.Millisecond, Refused: status})
			ari.Do(http.MethodPost, "/channels?endpoint="+url.QueryEscape("PJSIP/sipp/"+phone.URI())+"&app="+app)
			require.NoError(t, phone.Wait(ctx))
			require.Equal(t, sipp.Stats{Calls: 1, Refused: 1}, phone.Stats())
			require.Equal(t, cause, ari.Await("ChannelDestroyed").Cause, "status %d", status)
		}
	},
	"ring-and-never-answer": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		phone := sipp.Answer(t, inst, sipp.AnswerOptions{Ring: -1})
		ari.Do(http.MethodPost, "/channels?timeout=1&endpoint="+url.QueryEscape("PJSIP/sipp/"+phone.URI())+"&app="+app)
		require.NoError(t, phone.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: 1, Cancelled: 1}, phone.Stats())
		ari.Await("ChannelDestroyed")
	},
	"told-to-answer-or-refuse": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		phone := sipp.Answer(t, inst, sipp.AnswerOptions{Ring: -1, Calls: 2})
		endpoint := url.QueryEscape("PJSIP/sipp/" + phone.URI())
		ari.Do(http.MethodPost, "/channels?endpoint="+endpoint+"&app="+app)
		call, err := phone.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Answer(ctx))
		ari.Await("StasisStart")
		require.NoError(t, call.Hold(ctx))
		ari.Await("ChannelHold")
		require.NoError(t, call.Hangup(ctx))
		ari.Await("StasisEnd")

		ari.Do(http.MethodPost, "/channels?endpoint="+endpoint+"&app="+app)
		call, err = phone.NthCall(ctx, 1)
		require.NoError(t, err)
		require.NoError(t, call.Refuse(ctx, 486))
		require.NoError(t, phone.Wait(ctx))
	},
	"many-calls": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		const calls = 40
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app, Calls: calls, Rate: 50, Limit: 10, Stay: 100 * time.Millisecond})
		for range calls {
			ari.Do(http.MethodPost, "/channels/"+ari.Await("StasisStart").Channel.ID+"/answer")
		}
		require.NoError(t, run.Wait(ctx))
		require.Equal(t, sipp.Stats{Calls: calls, Answered: calls, Ended: calls}, run.Stats())
	},
	"register-and-text": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		phone := sipp.Answer(t, inst, sipp.AnswerOptions{Stay: 100 * time.Millisecond})
		ari.Do(http.MethodPost, "/applications/"+app+"/subscription?eventSource=endpoint:PJSIP/"+inst.RegisterUser)
		sipp.Register(t, inst, phone.Port(), time.Minute)
		ari.Await("ContactStatusChange")
		ari.Do(http.MethodPost, "/channels?endpoint=PJSIP/"+inst.RegisterUser+"&app="+app)
		ari.Await("StasisStart")
		require.NoError(t, phone.Wait(ctx))

		ari.Do(http.MethodPost, "/applications/"+app+"/subscription?eventSource=endpoint:PJSIP/carol")
		sipp.Message(t, inst, "carol", "somebody", "good morning")
		require.Equal(t, "good morning", ari.Await("TextMessageReceived").Message.Body)
		inbox := sipp.Inbox(t, inst, "dave")
		ari.Do(http.MethodPut, "/endpoints/sendMessage?to=pjsip:dave&from=sip:me@127.0.0.1&body=hello")
		text, err := inbox.AwaitMessage(ctx)
		require.NoError(t, err)
		require.Equal(t, "hello", text)
		require.NoError(t, inbox.Wait(ctx))

		sipp.Register(t, inst, phone.Port(), 0)
		ari.Await("ContactStatusChange")
	},
	"blind-transfer": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		run := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		first := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+first+"/answer")
		other := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		second := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+second+"/answer")
		ari.Do(http.MethodPost, "/bridges/"+app+"?type=mixing")
		ari.Do(http.MethodPost, "/bridges/"+app+"/addChannel?channel="+first+","+second)
		call, err := run.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Refer(ctx, "sip:1011@"+inst.SIPAddr))
		ari.Await("BridgeBlindTransfer")
		// Whoever transfers a call hangs up himself.
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, run.Wait(ctx))
		call, err = other.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, call.Hangup(ctx))
		require.NoError(t, other.Wait(ctx))
		ari.Do(http.MethodDelete, "/bridges/"+app)
	},
	"attended-transfer": func(ctx context.Context, t *testing.T, inst *asterisk.Instance, ari *plain.Client, app string) {
		var runs [3]*sipp.Run
		var calls [3]*sipp.Call
		var ids [3]string
		for i := range runs {
			runs[i] = sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
			ids[i] = ari.Await("StasisStart").Channel.ID
			ari.Do(http.MethodPost, "/channels/"+ids[i]+"/answer")
			var err error
			calls[i], err = runs[i].Call(ctx)
			require.NoError(t, err)
			require.NoError(t, calls[i].Await(ctx, "answered"))
		}
		consult := sipp.Place(t, inst, sipp.CallOptions{To: "app-" + app})
		consultID := ari.Await("StasisStart").Channel.ID
		ari.Do(http.MethodPost, "/channels/"+consultID+"/answer")
		consultCall, err := consult.Call(ctx)
		require.NoError(t, err)
		require.NoError(t, consultCall.Await(ctx, "answered"))
		for i, pair := range [][2]string{{ids[0], ids[1]}, {consultID, ids[2]}} {
			bridge := "/bridges/" + app + string(rune('a'+i))
			ari.Do(http.MethodPost, bridge+"?type=mixing")
			ari.Do(http.MethodPost, bridge+"/addChannel?channel="+pair[0]+","+pair[1])
		}
		// The first telephone, with its two calls, connects the two that it talks to.
		require.NoError(t, calls[0].Refer(ctx, consultCall.Replacing("app-"+app, inst.SIPAddr)))
		ari.Await("BridgeAttendedTransfer")
		// Whoever transfers a call hangs up himself; the call that was replaced is ended by Asterisk.
		require.NoError(t, calls[0].Hangup(ctx))
		require.NoError(t, consultCall.Await(ctx, "bye"))
		for _, i := range []int{1, 2} {
			require.NoError(t, calls[i].Hangup(ctx))
			require.NoError(t, runs[i].Wait(ctx))
		}
	},
}

// A call that Asterisk refuses unexpectedly is an error of the run.
func TestUnexpectedRefusal(t *testing.T) {
	t.Parallel()
	inst := asterisk.Start(t, asterisk.Options{Own: true})
	run := sipp.Place(t, inst, sipp.CallOptions{To: "4711"})
	require.ErrorContains(t, run.Wait(t.Context()), "1 calls were refused")
}

package ari

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const frameTail = `,"timestamp":"2026-11-23T00:41:40.897+0000","asterisk_id":"aa:bb","application":"hello"}`

func channelJSON(id, state string) string {
	return fmt.Sprintf(`{"id":%q,"name":"PJSIP/alice-00000001","state":%q,"protocol_id":"","caller":{"name":"","number":"100"},`+
		`"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"default","exten":"hello","priority":3,`+
		`"app_name":"Stasis","app_data":"hello"},"creationtime":"2026-11-23T00:41:40.100+0000","language":"en"}`, id, state)
}

func channelFrame(typ, id string) string {
	return `{"type":"` + typ + `","channel":` + channelJSON(id, "Up") + frameTail
}

func startFrame(id string) string {
	return `{"type":"StasisStart","args":["a"],"channel":` + channelJSON(id, "Ring") + frameTail
}

func endFrame(id string) string { return channelFrame("StasisEnd", id) }

func destroyedFrame(id string) string {
	return `{"type":"ChannelDestroyed","cause":17,"cause_txt":"User busy","channel":` + channelJSON(id, "Up") + frameTail
}

func dtmfFrame(id, digit string) string {
	return `{"type":"ChannelDtmfReceived","digit":"` + digit + `","duration_ms":100,"channel":` + channelJSON(id, "Up") + frameTail
}

func varsetFrame(id, value string) string {
	return `{"variable":"X","value":"` + value + `","type":"ChannelVarset","channel":` + channelJSON(id, "Up") + frameTail
}

func bridgeJSON(id string) string {
	return `{"id":"` + id + `","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"stasis","creator":"Stasis",` +
		`"name":"","channels":[],"creationtime":"2026-11-23T00:41:40.100+0000","video_mode":"none"}`
}

func bridgeFrame(typ, id string) string {
	return `{"type":"` + typ + `","bridge":` + bridgeJSON(id) + frameTail
}

func enteredBridgeFrame(bridge, channel string) string {
	return `{"type":"ChannelEnteredBridge","bridge":` + bridgeJSON(bridge) + `,"channel":` + channelJSON(channel, "Up") + frameTail
}

func playbackFrame(typ, id, target, state string) string {
	return fmt.Sprintf(`{"type":%q,"playback":{"id":%q,"media_uri":"sound:hello","target_uri":%q,"language":"en","state":%q}`, typ, id, target, state) + frameTail
}

func recordingFrame(typ, name, target, state string) string {
	return fmt.Sprintf(`{"type":%q,"recording":{"name":%q,"format":"wav","state":%q,"target_uri":%q,"duration":4}`, typ, name, state, target) + frameTail
}

func deviceFrame(name string) string {
	return `{"type":"DeviceStateChanged","device_state":{"name":"` + name + `","state":"INUSE"}` + frameTail
}

// stamps counts the frames that were stamped.
var stamps atomic.Int64

// stamped gives the beginning or the end of a stay a time stamp of its own, as Asterisk does; one that is made by at has one.
func stamped(frame string) string {
	if !strings.Contains(frame, `"type":"StasisStart"`) && !strings.Contains(frame, `"type":"StasisEnd"`) {
		return frame
	}
	when := time.UnixMilli(1795000000000 + stamps.Add(1)).UTC().Format("2006-01-02T15:04:05.000+0000")
	return strings.Replace(frame, `"timestamp":"2026-11-23T00:41:40.897+0000"`, `"timestamp":"`+when+`"`, 1)
}

// at is a frame of n seconds later.
func at(n int, frame string) string {
	return strings.Replace(frame, `"timestamp":"2026-11-23T00:41:40`, fmt.Sprintf(`"timestamp":"2026-11-23T00:42:%02d`, n), 1)
}

func inApp(app, frame string) string {
	return strings.Replace(frame, `"application":"hello"`, `"application":"`+app+`"`, 1)
}

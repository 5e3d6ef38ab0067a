package ari

import "testing"

const benchFrame = `{"type":"ChannelDtmfReceived","timestamp":"2026-11-23T00:41:40.897+0000","digit":"5","duration_ms":120,"channel":{"id":"1700000000.15","name":"PJSIP/alice-00000001","state":"Up","protocol_id":"1-1234@127.0.0.1","caller":{"name":"Alice","number":"100"},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"default","exten":"1000","priority":2,"app_name":"Stasis","app_data":"hello"},"creationtime":"2026-11-23T00:41:39.801+0000","language":"en"},"asterisk_id":"02:42:ac:11:00:02","application":"hello"}`

func BenchmarkZZDecode(b *testing.B) {
	t := eventTypes["ChannelDtmfReceived"]
	f := []byte(benchFrame)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeEvent(t, f, nil); err != nil {
			b.Fatal(err)
		}
	}
}

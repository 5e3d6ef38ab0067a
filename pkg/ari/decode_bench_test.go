package ari

import "testing"

// BenchmarkDecode decodes events of real Asterisks; beside it stands encoding/json,
// decoding the same bytes into the same structs.
func BenchmarkDecode(b *testing.B) {
	const dtmf = `{"type":"ChannelDtmfReceived","timestamp":"2026-11-23T00:41:40.897+0000","digit":"5","duration_ms":120,"channel":{"id":"1700000000.15","name":"PJSIP/alice-00000001","state":"Up","protocol_id":"1-1234@127.0.0.1","caller":{"name":"Alice","number":"100"},"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"default","exten":"1000","priority":2,"app_name":"Stasis","app_data":"hello"},"creationtime":"2026-11-23T00:41:39.801+0000","language":"en"},"asterisk_id":"02:42:ac:11:00:02","application":"hello"}`
	for _, set := range []struct {
		name   string
		frames [][]byte
	}{
		{"dtmf", [][]byte{[]byte(dtmf)}},
		{"recorded", recordedFrames(b)},
	} {
		types := make([]*eventType, len(set.frames))
		size := 0
		for i, frame := range set.frames {
			types[i] = eventTypeOf(b, frame)
			size += len(frame)
		}
		for _, decoder := range []struct {
			name   string
			decode func(*eventType, []byte) (Event, error)
		}{
			{"generated", func(t *eventType, frame []byte) (Event, error) { return decodeEvent(t, frame, nil) }},
			{"encoding-json", byReflection},
		} {
			b.Run(set.name+"/"+decoder.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size / len(set.frames)))
				i := 0
				for b.Loop() {
					if _, err := decoder.decode(types[i], set.frames[i]); err != nil {
						b.Fatal(err)
					}
					if i++; i == len(types) {
						i = 0
					}
				}
			})
		}
	}
}

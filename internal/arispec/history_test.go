package arispec

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"22.10.1":                         {22, 10, 1},
		"22.10":                           {22, 10, 0},
		"22.10.1~dfsg+~cs6.17.60671434-1": {22, 10, 1},
		"16.28.0~dfsg-0+deb11u4":          {16, 28, 0},
		"20.9-cert3":                      {20, 9, 0},
		"23.5.0-rc1":                      {23, 5, 0},
		"22.1.2.3":                        {22, 1, 2},
	} {
		have, err := ParseVersion(text)
		if err != nil || have != want {
			t.Errorf("%q: have %v, %v, want %v", text, have, err, want)
		}
	}
	for _, text := range []string{"", "22", "22.", "x", "GIT-master-f0c1c1a", ".1", "22.x", "-1.2", "22.99999999999999999999", "22.1."} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q is read as %v", text, v)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"22.10.1~dfsg", "22.10", "22", "1.2.3.4", "01.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || again != v || v.Compare(again) != 0 {
			t.Errorf("%q is %v, which reads as %v, %v", s, v, again, err)
		}
	})
}

func TestVersionCompare(t *testing.T) {
	versions := []Version{{16, 28, 0}, {16, 28, 1}, {20, 0, 0}, {22, 9, 9}, {22, 10, 0}}
	for i, v := range versions {
		for j, w := range versions {
			if have := v.Compare(w); have != min(1, max(-1, i-j)) {
				t.Errorf("%v to %v: %d", v, w, have)
			}
		}
	}
}

func TestHistoryFile(t *testing.T) {
	table := readFile(t, "spec/history.tsv")
	history := readHistory(t)
	if !bytes.Equal(history.Bytes(), table) {
		t.Error("spec/history.tsv isn't in canonical form")
	}
	// A feature that is imported must be in the history of its branch, from that release on or earlier.
	for _, name := range importedFolders(t) {
		imported := importFolder(t, name)
		if n := history.Extend(imported.Source.Version, imported.Spec); n != 0 {
			t.Errorf("%s has %d features that the history doesn't know", name, n)
		}
	}
	// What has been there for long has been in each branch, and goes on into those to come.
	for feature, want := range map[string]string{
		"op POST /channels/externalMedia":                               "16.6.0 17.1.0 18.0.0 19.0.0 20.0.0 21.0.0 22.0.0 23.0.0",
		"op POST /events/claim":                                         "20.20.0 22.10.0 23.4.0",
		"event ChannelToneDetected":                                     "22.0.0 23.0.0",
		"prop Channel.tenantid":                                         "18.25.0 20.10.0 21.5.0 22.0.0 23.0.0",
		"enum POST /channels/externalMedia query:transport=websocket":   "20.16.0 21.11.0 22.6.0 23.0.0",
		"param POST /channels/{channelId}/variable query:report_events": "20.20.0 22.10.0 23.4.0",
	} {
		if have := strings.Join(history.Since(feature).Strings(), " "); !strings.HasPrefix(have+" ", want+" ") {
			t.Errorf("%s: since %s, want %s", feature, have, want)
		}
	}
	if have := history.Since("nothing at all"); len(have) > 0 {
		t.Errorf("what nobody knows is there since %s", have.Strings())
	}
}

func TestParseHistoryErrors(t *testing.T) {
	for table, want := range map[string]string{
		"":                                      "line 1",
		"feature":                               "line 1",
		"feature\tx":                            `line 1: "x" isn't a branch`,
		"feature\t22\t20":                       `line 1: "20" isn't a branch in ascending order`,
		"feature\t20\t20":                       `line 1: "20" isn't a branch in ascending order`,
		"feature\t22\nop GET /x":                "line 2: want 2 fields, have 1",
		"feature\t22\nop GET /x\t22.0.0\t-":     "line 2: want 2 fields, have 3",
		"feature\t22\n\t22.0.0":                 "line 2: feature",
		"feature\t22\na\t-\na\t-":               `line 3: feature "a" is empty or occurs twice`,
		"feature\t22\na\t20.0.0":                `line 2: "20.0.0" isn't a release of branch 22`,
		"feature\t22\na\tsoon":                  `line 2: "soon" isn't a release of branch 22`,
		"feature\t22\na\t22.0.0~rc":             `line 2: "22.0.0~rc" isn't a release of branch 22`,
		"feature\t22\na\t22.0.0\n\nb\t22.0.0\n": "line 3: want 2 fields, have 1",
	} {
		if _, err := ParseHistory([]byte(table)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want in it %s", table, err, want)
		}
	}
}

func FuzzParseHistory(f *testing.F) {
	f.Add([]byte("feature\t20\t22\nop GET /x\t-\t22.0.0\nmodel X\t20.1.0\t-\n"))
	f.Add([]byte("feature\t22\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		history, err := ParseHistory(table)
		if err != nil {
			return
		}
		written := history.Bytes()
		again, err := ParseHistory(written)
		if err != nil {
			t.Fatalf("%v in what was written:\n%q", err, written)
		}
		if !bytes.Equal(again.Bytes(), written) || !maps.EqualFunc(history.rows, again.rows, func(a, b Since) bool { return slices.Equal(a, b) }) {
			t.Fatalf("%q became %q", written, again.Bytes())
		}
		for feature := range history.rows {
			history.Doc(history.Since(feature))
		}
	})
}

func TestExtend(t *testing.T) {
	spec := readTiny(t)
	history, err := ParseHistory([]byte("feature\t20\t22\nop POST /things/{thingId}\t20.3.0\t22.5.0\nop GET /gone\t20.0.0\t-\n"))
	if err != nil {
		t.Fatal(err)
	}
	const feature = "op POST /things/{thingId}"
	features := len(spec.Features())
	steps := []struct {
		version Version
		changed int
		want    string
	}{
		{Version{22, 7, 0}, features - 1, "20.3.0 22.5.0"}, // known earlier: stays
		{Version{22, 7, 0}, 0, "20.3.0 22.5.0"},
		{Version{22, 4, 0}, features, "20.3.0 22.4.0"},        // an older release has it
		{Version{23, 1, 0}, features, "20.3.0 22.4.0 23.0.0"}, // a new branch begins with what the newest has
		{Version{18, 2, 0}, features, "18.2.0 20.3.0 22.4.0 23.0.0"},
	}
	for _, s := range steps {
		if n := history.Extend(s.version, spec); n != s.changed {
			t.Errorf("%v: %d entries changed, want %d", s.version, n, s.changed)
		}
		if have := strings.Join(history.Since(feature).Strings(), " "); have != s.want {
			t.Errorf("%v: since %s, want %s", s.version, have, s.want)
		}
	}
	if want := []int{18, 20, 22, 23}; !slices.Equal(history.Branches(), want) {
		t.Errorf("branches %v, want %v", history.Branches(), want)
	}
	if have := strings.Join(history.Since("op GET /gone").Strings(), " "); have != "20.0.0" {
		t.Errorf("what the spec lacks is there since %s", have)
	}
	if again, err := ParseHistory(history.Bytes()); err != nil || !bytes.Equal(again.Bytes(), history.Bytes()) {
		t.Errorf("the extended history can't be read again: %v", err)
	}
}

func TestFeatures(t *testing.T) {
	want := []string{
		"enum POST /things/{thingId} query:mode=fast",
		"enum POST /things/{thingId} query:mode=slow",
		"event ThingGone",
		"event ThingMade",
		"model Event",
		"model Message",
		"model Missing",
		"model Thing",
		"model ThingGone",
		"model ThingMade",
		"op DELETE /things/{thingId}",
		"op GET /events",
		"op POST /things/{thingId}",
		"param DELETE /things/{thingId} path:thingId",
		"param GET /events query:app",
		"param POST /things/{thingId} body:variables",
		"param POST /things/{thingId} path:thingId",
		"param POST /things/{thingId} query:count",
		"param POST /things/{thingId} query:mode",
		"param POST /things/{thingId} query:tags",
		"prop Event.timestamp",
		"prop Message.type",
		"prop Thing.made",
		"prop Thing.name",
		"prop Thing.parts",
		"prop Thing.state",
		"prop ThingMade.thing",
	}
	if have := readTiny(t).Features(); !slices.Equal(have, want) {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestHistoryDoc(t *testing.T) {
	history, err := ParseHistory([]byte("feature\t12\t13\t20\t21\t22\t23\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		since Since
		want  string
	}{
		{nil, ""},
		{Since{{12, 0, 0}}, "Since Asterisk 12."},
		{Since{{12, 0, 0}, {13, 0, 0}, {20, 0, 0}, {21, 0, 0}, {22, 0, 0}, {23, 0, 0}}, "Since Asterisk 12."},
		{Since{{20, 16, 0}, {21, 11, 0}, {22, 6, 0}, {23, 0, 0}}, "Since Asterisk 20.16, 21.11, 22.6."},
		{Since{{20, 17, 0}, {22, 7, 0}, {23, 1, 0}}, "Since Asterisk 20.17, 22.7, 23.1."},
		{Since{{20, 16, 2}, {21, 0, 0}}, "Since Asterisk 20.16.2."},
		{Since{{20, 5, 0}, {22, 0, 0}, {23, 0, 0}}, "Since Asterisk 20.5, 22."}, // 21 lacks it
		{Since{{22, 0, 1}}, "Since Asterisk 22.0.1."},
	} {
		if have := history.Doc(test.since); have != test.want {
			t.Errorf("%v: have %q, want %q", test.since.Strings(), have, test.want)
		}
	}
	var none *History
	if none.Since("op GET /channels") != nil || none.Doc(nil) != "" {
		t.Error("no history knows something")
	}
}

package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/gen"
	"github.com/ari-go/ari/internal/wire/wiretest"
)

// A sample has a field of each kind that can be read.
type sample struct {
	Text    string            `json:"text"`
	Named   named             `json:"named"`
	Number  int               `json:"number"`
	Long    int64             `json:"long"`
	Bool    bool              `json:"bool"`
	Time    gen.Time          `json:"time"`
	Texts   []string          `json:"texts"`
	TextMap map[string]string `json:"textmap"`
	Other   any               `json:"other"`
	Inner   *inner            `json:"inner"`
}

type named string

type inner struct {
	ID string `json:"id"`
}

func read(frame string) (*sample, *MisfitError, error) {
	v := &sample{}
	r := NewReader([]byte(frame))
	if r.Start() {
		v.read(&r)
	}
	return v, r.Misfit(), r.Finish()
}

func (v *sample) read(r *Reader) {
	for key, ok := r.Begin(); ok; key, ok = r.More() {
		switch key {
		case "text":
			ReadText(r, &v.Text)
		case "named":
			ReadText(r, &v.Named)
		case "number":
			ReadNumber(r, &v.Number)
		case "long":
			ReadNumber(r, &v.Long)
		case "bool":
			ReadBool(r, &v.Bool)
		case "time":
			ReadTime(r, &v.Time)
		case "texts":
			ReadTexts(r, &v.Texts)
		case "textmap":
			ReadTextMap(r, &v.TextMap)
		case "other":
			ReadOther(r, &v.Other, "anything")
		case "inner":
			if ReadObject(r, &v.Inner) {
				for key, ok := r.Begin(); ok; key, ok = r.More() {
					if key == "id" {
						ReadText(r, &v.Inner.ID)
					} else {
						r.Skip()
					}
				}
			}
		default:
			r.Skip()
		}
	}
}

const everything = ` {"text":"gr\u00fc\u00dfe","named":"n","number":-7,"long":123456789012,"bool":true,` +
	`"time":"2026-11-23T00:41:40.897+0000","texts":["a","b"],"textmap":{"A":"1","B":""},"other":{"x":[1]},` +
	`"inner":{"id":"i","more":{"id":"no"}},"unknown":[{"text":"no"}]} `

func TestReadEverything(t *testing.T) {
	have, misfit, err := read(everything)
	require.NoError(t, err)
	require.Nil(t, misfit)
	want := &sample{}
	require.NoError(t, json.Unmarshal([]byte(everything), want))
	assert.Equal(t, want, have)
	assert.Equal(t, "grüße", have.Text)
	assert.False(t, have.Time.IsZero())
}

func TestReadIsLenient(t *testing.T) {
	for frame, want := range map[string]sample{
		`{"text":16,"named":true}`:                        {Text: "16", Named: "true"},
		`{"number":"16","long":"-1","bool":"true"}`:       {Number: 16, Long: -1, Bool: true},
		`{"texts":[1,null],"textmap":{"A":1.5,"B":null}}`: {Texts: []string{"1", ""}, TextMap: map[string]string{"A": "1.5", "B": ""}},
		`{"text":null,"number":null,"bool":null,"time":null,"texts":null,"textmap":null,"other":null,"inner":null}`: {},
		`{"texts":["a"],"texts":null,"textmap":{"A":"1"},"textmap":null,"inner":{},"inner":null}`:                   {},
		`{"inner":{"id":"a"},"inner":{}}`: {Inner: &inner{ID: "a"}},
		`{"bool":true,"bool":"false"}`:    {},
		`{"Text":"x","t\u0065xt":"y"}`:    {Text: "y"},
	} {
		have, misfit, err := read(frame)
		require.NoError(t, err, frame)
		assert.Nil(t, misfit, frame)
		assert.Equal(t, &want, have, frame)
	}
}

func TestReadTellsOfTheFirstMisfit(t *testing.T) {
	for frame, want := range map[string]string{
		`{"text":["x"],"number":"y"}`:   `want a text, not ["x"], at offset 8`,
		`{"text":{"x":1}}`:              `want a text, not {"x":1}, at offset 8`,
		`{"number":"sixteen"}`:          `want a number, not "sixteen", at offset 10`,
		`{"number":1.5}`:                `want a number, not 1.5, at offset 10`,
		`{"long":99999999999999999999}`: `want a number, not 99999999999999999999, at offset 8`,
		`{"bool":1}`:                    `want a boolean, not 1, at offset 8`,
		`{"bool":{}}`:                   `want a boolean, not {}, at offset 8`,
		`{"time":"today"}`:              `want a time, not "today", at offset 8`,
		`{"time":[]}`:                   `want a time, not [], at offset 8`,
		`{"texts":"one"}`:               `want a list, not "one", at offset 9`,
		`{"texts":[[]]}`:                `want a text, not [], at offset 10`,
		`{"textmap":[]}`:                `want an object, not [], at offset 11`,
		`{"inner":"i"}`:                 `want an object, not "i", at offset 9`,
		`{"text":["` + strings.Repeat("é", 30) + `"]}`: `want a text, not ["` + strings.Repeat("é", 19) + `, at offset 8`,
	} {
		v, misfit, err := read(frame)
		require.NoError(t, err, frame)
		require.NotNil(t, misfit, frame)
		assert.EqualError(t, misfit, want, frame)
		assert.Empty(t, v.Text+string(v.Named), frame)
	}
	r := NewReader([]byte(`7`))
	number := map[string]int{}
	ReadOther(&r, &number, "numbers")
	assert.EqualError(t, r.Misfit(), "want numbers, not 7, at offset 0")
}

func TestReadNamesTheFault(t *testing.T) {
	deep := strings.Repeat(`[`, MaxDepth) + strings.Repeat(`]`, MaxDepth)
	for frame, want := range map[string]string{
		``:                                 "the frame ends too early at offset 0",
		` 7`:                               "an event must be a JSON object at offset 1",
		`{"number":16`:                     "the frame ends too early at offset 12",
		`{"number":16}}`:                   "something follows the event at offset 13",
		`{"number":016}`:                   "a comma or the closing bracket was expected at offset 11",
		`{"text" "x"}`:                     "a colon was expected at offset 8",
		`{"text":"x\y"}`:                   "a string holds an unknown escape at offset 11",
		`{"inner":nul}`:                    "a value was expected at offset 12",
		`{"inner":{"id":"c1"]}`:            "a comma or the closing bracket was expected at offset 19",
		`{"texts":["a",]}`:                 "a value was expected at offset 14",
		`{"unknown":[` + deep + `]}`:       "the event nests too deep at offset 1011",
		`{"inner":{"other":` + deep + `}}`: "the event nests too deep at offset 1017",
	} {
		_, _, err := read(frame)
		require.EqualError(t, err, want, "%.60s", frame)
		var fault *SyntaxError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, strings.Contains(want, "too early"), fault.CutOff())
	}
	for end := range everything {
		if _, _, err := read(everything[:end]); end < len(everything)-1 {
			require.EqualError(t, err, (&SyntaxError{end, endsTooEarly}).Error())
		}
	}
}

// An object of a type that nests itself would let a frame use up the stack.
func TestReadBoundsTheDepth(t *testing.T) {
	frame := strings.Repeat(`{"a":`, MaxDepth+1) + `1` + strings.Repeat(`}`, MaxDepth+1)
	r := NewReader([]byte(frame))
	var nest func()
	nest = func() {
		for _, ok := r.Begin(); ok; _, ok = r.More() {
			nest()
		}
	}
	require.True(t, r.Start())
	nest()
	assert.EqualError(t, r.Finish(), "the event nests too deep at offset 5000")
}

func TestReadKeepsNothingOfTheFrame(t *testing.T) {
	want, _, err := read(everything)
	require.NoError(t, err)
	frame := []byte(everything)
	have := &sample{}
	r := NewReader(frame)
	require.True(t, r.Start())
	have.read(&r)
	require.NoError(t, r.Finish())
	clear(frame)
	assert.Equal(t, want, have)
	assert.Equal(t, everything, r.Text())
}

// FuzzRead compares a Reader with encoding/json. Both take the same frames, and what encoding/json can read into the
// struct is the same for both.
func FuzzRead(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte(`{"text":null,"texts":["a","b"],"texts":[null],"textmap":{"é":"\ud83d"}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if strings.Count(string(frame), "{")+strings.Count(string(frame), "[") > MaxDepth {
			return
		}
		have, misfit, err := read(string(frame))
		if !json.Valid(frame) || strings.TrimLeft(string(frame), " \t\r\n")[0] != '{' {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		want := &sample{}
		if wiretest.HasDuplicates(frame) || strings.ToLower(string(frame)) != string(frame) ||
			strings.ContainsAny(string(frame), `\ſK`) || json.Unmarshal(frame, want) != nil {
			return
		}
		require.Nil(t, misfit)
		require.Equal(t, want, have)
	})
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := read(everything); err != nil {
			b.Fatal(err)
		}
	}
}

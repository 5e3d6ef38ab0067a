package arispec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// where names a place in a spec file, for errors and notices.
type where struct {
	file string
	path string // such as apis[3].operations[0]
}

func (w where) String() string {
	if w.path == "" {
		return w.file
	}
	return w.file + ": " + w.path
}

func (w where) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", w, fmt.Errorf(format, args...))
}

func (w where) key(name string) where {
	if w.path == "" {
		return where{w.file, name}
	}
	return where{w.file, w.path + "." + name}
}

func (w where) index(i int) where { return where{w.file, w.path + "[" + strconv.Itoa(i) + "]"} }

// member is a key of an object with its value, in the file's order.
type member struct {
	key   string
	value json.RawMessage
}

// object is a JSON object that knows where it stands. Each key must be asked for: what nobody
// asked for is unknown to the reader, and done reports it instead of dropping it in silence.
type object struct {
	where
	members []member
	asked   map[string]bool
	notices *[]Notice
	err     error
}

// parseObject reads raw as an object. It refuses duplicate keys, since the second would hide the first.
func parseObject(at where, raw []byte, notices *[]Notice) (*object, error) {
	o := &object{where: at, asked: make(map[string]bool), notices: notices}
	members, err := parseMembers(raw)
	if err != nil {
		return nil, at.errorf("%w", err)
	}
	o.members = members
	return o, nil
}

func parseMembers(raw []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	tok, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("broken JSON: %w", jsonError(err))
	}
	if tok != json.Delim('{') {
		return nil, fmt.Errorf("want an object, have %s", describe(raw))
	}
	var members []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("broken JSON: %w", jsonError(err))
		}
		key := tok.(string)
		if slices.ContainsFunc(members, func(m member) bool { return m.key == key }) {
			return nil, fmt.Errorf("key %q occurs twice", key)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("broken JSON in %q: %w", key, jsonError(err))
		}
		members = append(members, member{key, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("broken JSON: %w", jsonError(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("broken JSON: more text behind the object")
	}
	return members, nil
}

func jsonError(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// describe names the kind of a JSON value for an error message.
func describe(raw json.RawMessage) string {
	switch s := strings.TrimSpace(string(raw)); {
	case s == "":
		return "nothing"
	case s[0] == '{':
		return "an object"
	case s[0] == '[':
		return "a list"
	case s[0] == '"':
		return "the string " + short(s)
	default:
		return short(s)
	}
}

func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// get returns the value of key. Where the key is missing but a misspelling of it is there, it takes
// that one and tells of it.
func (o *object) get(key string) (json.RawMessage, bool) {
	o.asked[key] = true
	for _, m := range o.members {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

func (o *object) fail(key string, err error) {
	if o.err == nil {
		o.err = o.key(key).errorf("%w", err)
	}
}

func (o *object) missing(key string) {
	if o.err == nil {
		o.err = o.errorf("key %q is missing", key)
	}
}

func decode[T any](o *object, key, want string) (T, bool) {
	var v T
	raw, ok := o.get(key)
	if !ok {
		return v, false
	}
	if string(bytes.TrimSpace(raw)) == "null" {
		o.fail(key, fmt.Errorf("want %s, have null", want))
		return v, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		o.fail(key, fmt.Errorf("want %s, have %s", want, describe(raw)))
		return v, false
	}
	return v, true
}

// optional returns the string at key, or "".
func (o *object) optional(key string) string {
	s, _ := decode[string](o, key, "a string")
	return s
}

// text returns the string at key, which must be there and not be empty.
func (o *object) text(key string) string {
	s, ok := decode[string](o, key, "a string")
	switch {
	case !ok:
		o.missing(key)
	case s == "":
		o.fail(key, errors.New("is empty"))
	}
	return s
}

func (o *object) boolean(key string) bool {
	b, _ := decode[bool](o, key, "true or false")
	return b
}

func (o *object) number(key string) *float64 {
	if n, ok := decode[float64](o, key, "a number"); ok {
		return &n
	}
	return nil
}

func (o *object) strings(key string) []string {
	list, _ := decode[[]string](o, key, "a list of strings")
	return list
}

func (o *object) list(key string) []json.RawMessage {
	list, _ := decode[[]json.RawMessage](o, key, "a list")
	return list
}

// prose marks keys as known and leaves their text out.
func (o *object) prose(keys ...string) {
	for _, key := range keys {
		o.asked[key] = true
	}
}

// unspell renames keys that are a slip of the pen for a known key which the object lacks. It must
// run before the keys are asked for.
func (o *object) unspell(known ...string) {
	for i, m := range o.members {
		if slices.Contains(known, m.key) {
			continue
		}
		if strings.HasPrefix(m.key, "_") {
			if !slices.Contains([]string{"_copyright", "_author", "_svn_revision"}, m.key) {
				o.notice("key %q is a note without meaning", m.key)
			}
			o.asked[m.key] = true
			continue
		}
		for _, k := range known {
			if !isSlip(m.key, k) || slices.ContainsFunc(o.members, func(m member) bool { return m.key == k }) {
				continue
			}
			o.notice("key %q is read as %q", m.key, k)
			o.members[i].key = k
			break
		}
	}
}

func (o *object) notice(format string, args ...any) {
	*o.notices = append(*o.notices, Notice{Where: o.String(), Text: fmt.Sprintf(format, args...)})
}

// done returns the first error, or one that names a key which nobody asked for.
func (o *object) done() error {
	if o.err != nil {
		return o.err
	}
	for _, m := range o.members {
		if !o.asked[m.key] {
			return o.errorf("unknown key %q", m.key)
		}
	}
	return nil
}

// isSlip reports whether a long word was probably meant as the known one: one letter too many, too
// few or wrong, or two neighbours swapped.
func isSlip(word, known string) bool {
	if len(known) < 5 || word == known {
		return false
	}
	i := 0
	for i < len(word) && i < len(known) && word[i] == known[i] {
		i++
	}
	j := 0
	for j < len(word)-i && j < len(known)-i && word[len(word)-1-j] == known[len(known)-1-j] {
		j++
	}
	w, k := word[i:len(word)-j], known[i:len(known)-j]
	switch {
	case len(w) <= 1 && len(k) <= 1:
		return true
	case len(w) == 2 && len(k) == 2:
		return w[0] == k[1] && w[1] == k[0]
	default:
		return false
	}
}

package resources

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ari-go/ari/internal/sim/media"
	"github.com/ari-go/ari/internal/sim/pbx"
	"github.com/ari-go/ari/internal/sim/text"
)

// maxQualify is the longest time between two looks at a contact, in seconds.
const maxQualify = 86400

// setAttribute changes an attribute of an object as Asterisk does, which shows values in its own way, and reports whether the value can be.
func setAttribute(attributes map[string]string, typ, name, value string) bool {
	old, known := attributes[name]
	if !known {
		return false
	}
	switch {
	case name == "allow" || name == "disallow":
		return setCodecs(attributes, name == "allow", value)
	case name == "callerid":
		value = pbx.ParseCallerID(value).String()
	case name == "auth_type" && !slices.Contains([]string{"userpass", "md5", "digest", "google_oauth"}, value):
		return false
	case name == "contact" && !strings.HasPrefix(value, "sip:") && !strings.HasPrefix(value, "sips:"):
		return false
	case old == "true" || old == "false":
		value = strconv.FormatBool(text.IsTrue(value))
	case typ != "identify" && isNumber(old):
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || name == "qualify_frequency" && n > maxQualify {
			return false
		}
	}
	attributes[name] = value
	return true
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// setCodecs adds codecs to those that are allowed, or takes them away. They are one after another; "all" is all of them, and "!" turns one item
// around.
func setCodecs(attributes map[string]string, allow bool, list string) bool {
	now := strings.FieldsFunc(strings.Trim(attributes["allow"], "()"), func(r rune) bool { return r == '|' })
	for item := range strings.SplitSeq(list, ",") {
		name, not := strings.CutPrefix(strings.TrimSpace(item), "!")
		add := allow != not
		switch {
		case name == "all" && !add:
			now = nil
		case name == "all":
		case !media.Codecs[name]:
			return false
		case !add:
			now = slices.DeleteFunc(now, func(codec string) bool { return codec == name })
		case !slices.Contains(now, name):
			now = append(now, name)
		}
	}
	attributes["allow"] = "(" + strings.Join(now, "|") + ")"
	return true
}

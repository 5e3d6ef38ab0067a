package pbx

import (
	"strconv"
	"strings"
)

// Lookup reads a variable, a variable of the channel's own, a global one, or one of the functions that are known.
func (ch *Channel) Lookup(name string) (string, bool) {
	if v, ok := ch.vars.get(name); ok {
		return v, true
	}
	switch name {
	case "CALLERID(num)", "CALLERID(number)":
		return ch.Caller.Number, true
	case "CALLERID(name)":
		return ch.Caller.Name, true
	case "CALLERID(all)":
		return ch.Caller.String(), true
	case "CALLERID(rdnis)":
		return ch.rdnis, true
	case "CONNECTEDLINE(num)", "CONNECTEDLINE(number)":
		return ch.connected.Number, true
	case "CONNECTEDLINE(name)":
		return ch.connected.Name, true
	case "CHANNEL", "CHANNEL(name)":
		return ch.name, true
	case "CHANNEL(state)":
		return ch.State, true
	case "CHANNEL(language)":
		return ch.Language, true
	case "CHANNEL(accountcode)":
		return ch.account, true
	case "CHANNEL(peeraccount)":
		return ch.peerAccount, true
	case "CHANNEL(channeltype)":
		return ch.Tech, true
	case "CHANNEL(linkedid)":
		return ch.linked, true
	case "CHANNEL(uniqueid)", "UNIQUEID":
		return ch.ID, true
	case "CHANNEL(callid)", "CHANNEL(pjsip,call-id)":
		return ch.ProtocolID, true
	case "CHANNEL(audionativeformat)", "CHANNEL(audioreadformat)", "CHANNEL(audiowriteformat)":
		return "(" + ch.format + ")", true
	case "CONTEXT":
		return ch.Context, true
	case "EXTEN":
		return ch.Exten, true
	case "PRIORITY":
		return strconv.Itoa(ch.Priority), true
	case "HANGUPCAUSE":
		return strconv.Itoa(ch.cause), true
	case "EPOCH":
		return strconv.FormatInt(ch.PBX.Now().Unix(), 10), true
	}
	if function, arguments, ok := strings.Cut(name, "("); ok {
		arguments = strings.TrimSuffix(arguments, ")")
		switch function {
		case "CUT":
			return ch.cut(arguments), true
		case "LEN":
			return strconv.Itoa(len(arguments)), true
		case "CALLERID", "CONNECTEDLINE":
			return "", true
		}
	}
	v, ok := ch.PBX.Globals[name]
	return v, ok
}

// cut is the dialplan's function CUT: the variable's name, what separates its fields, and the number of a field.
func (ch *Channel) cut(arguments string) string {
	parts := strings.Split(arguments, ",")
	if len(parts) < 3 || parts[1] == "" {
		return ""
	}
	fields := strings.Split(ch.variable(parts[0]), parts[1])
	n, err := strconv.Atoi(parts[2])
	if err != nil || n < 1 || n > len(fields) {
		return ""
	}
	return fields[n-1]
}

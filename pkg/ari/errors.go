package ari

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Errors by which the reason of an [*Error] is told apart, with [errors.Is]. Each stands for a status of
// Asterisk's answer, if it isn't said otherwise.
var (
	// ErrInvalid is status 400: a parameter is missing or invalid. A request that this package refuses
	// before sending it, since an id or a required parameter is empty, is ErrInvalid too.
	ErrInvalid = errors.New("ari: invalid request")
	// ErrUnauthorized is status 401: user or password is wrong.
	ErrUnauthorized = errors.New("ari: unauthorized")
	// ErrForbidden is status 403: the user may only read, or the thing may not be touched.
	ErrForbidden = errors.New("ari: forbidden")
	// ErrNotFound is status 404: there is no such object. A page of HTML with that status is ErrNoARI instead. A channel
	// that can't be added to a bridge, or removed from it, since it is gone is ErrNotFound too, besides ErrInvalid: there
	// Asterisk answers 400.
	ErrNotFound = errors.New("ari: not found")
	// ErrConflict is status 409: a duplicate id, something that somebody else has claimed, or an object that isn't where
	// the operation needs it, most often a channel that isn't in a Stasis application (any more).
	ErrConflict = errors.New("ari: conflict")
	// ErrNotInStasis: a channel isn't in a Stasis application, or no longer, and Asterisk says so. Most operations answer
	// 409, which is ErrConflict too; [Bridge.AddChannel] 422, which is ErrUnprocessable too.
	ErrNotInStasis = errors.New("ari: channel not in a Stasis application")
	// ErrPreconditionFailed is status 412: the channel is in a state that doesn't allow it, such as not
	// answered yet.
	ErrPreconditionFailed = errors.New("ari: precondition failed")
	// ErrTooLarge is status 413: the request's body is larger than Asterisk takes.
	ErrTooLarge = errors.New("ari: request too large")
	// ErrUnprocessable is status 422: an unknown format, event source or application, or a channel that
	// can't go into the bridge.
	ErrUnprocessable = errors.New("ari: unprocessable")
	// ErrInternal is status 500. Asterisk answers it to ordinary faults as well, such as calling an unknown
	// technology.
	ErrInternal = errors.New("ari: internal error of Asterisk")
	// ErrNotImplemented is status 501: this Asterisk doesn't have what was asked for.
	ErrNotImplemented = errors.New("ari: not implemented")
	// ErrUnavailable is status 503: Asterisk is starting.
	ErrUnavailable = errors.New("ari: unavailable")
	// ErrConnection: there was no answer. Asterisk can't be reached, or the connection broke, and then nobody can tell
	// whether a command was carried out. [Client.WaitConnected] waits for better times.
	ErrConnection = errors.New("ari: no answer from Asterisk")
	// ErrUnsupported means that the connected Asterisk is too old for the operation. The error's text names
	// the version that is needed.
	ErrUnsupported = errors.New("ari: not supported by this version of Asterisk")
	// ErrNoARI: what answers with a page of HTML and status 404 has no ARI at this path. The base URL is wrong, ARI is
	// disabled, or Asterisk has not loaded it yet. It says nothing about the object that was asked for.
	ErrNoARI = errors.New("ari: no ARI at this URL")
	// ErrNoCommandSocket: a command that may wait for what plays on a channel has no websocket of its own. On the one that
	// events and other commands share, it would keep those waiting that could end its waiting, so it isn't sent. Where
	// Asterisk opens the websockets, its configuration needs one for commands.
	ErrNoCommandSocket = errors.New("ari: no websocket for commands that may wait")
	// ErrLockedUp: Asterisk answers commands, but not the attempt to connect. Most likely it has locked the application up, as
	// it can when a connection ends that hears of all device states. Then only a restart of Asterisk helps, or another
	// application.
	ErrLockedUp = errors.New("ari: the application is locked up inside Asterisk")
	// ErrProtocol means that an answer can't be understood: it isn't JSON, it is cut off, or it is empty.
	ErrProtocol = errors.New("ari: answer not understood")
)

var statusErrors = map[int]error{
	http.StatusBadRequest:            ErrInvalid,
	http.StatusUnauthorized:          ErrUnauthorized,
	http.StatusForbidden:             ErrForbidden,
	http.StatusNotFound:              ErrNotFound,
	http.StatusConflict:              ErrConflict,
	http.StatusPreconditionFailed:    ErrPreconditionFailed,
	http.StatusRequestEntityTooLarge: ErrTooLarge,
	http.StatusUnprocessableEntity:   ErrUnprocessable,
	http.StatusInternalServerError:   ErrInternal,
	http.StatusNotImplemented:        ErrNotImplemented,
	http.StatusServiceUnavailable:    ErrUnavailable,
}

// An Error is a request that failed: Asterisk refused it, or it could not be sent or understood. Use
// [errors.Is] with the Err variables to tell the reasons apart, and [errors.As] for the details.
type Error struct {
	// Operation is the operation's id, such as "channelsAnswer", or "" if the request is none of ARI's.
	Operation string
	// Method and Path are the request's. The path has no host and no query, and so no password.
	Method string
	Path   string
	// StatusCode is the answer's status, or 0 if there was no answer.
	StatusCode int
	// Message is Asterisk's own text, or what can be told of an answer without one.
	Message string

	hint string // what is usually behind a message that doesn't say much
	err  error  // the cause beyond the status: ErrUnsupported, ErrProtocol, a failure of the network
}

// Error tells the operation, the path with its ids, the status and the message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ari: ")
	if e.Operation != "" {
		b.WriteString(e.Operation)
		b.WriteString(" (")
	}
	b.WriteString(e.Method)
	b.WriteByte(' ')
	b.WriteString(e.Path)
	if e.Operation != "" {
		b.WriteByte(')')
	}
	if e.StatusCode != 0 {
		b.WriteString(": ")
		b.WriteString(strconv.Itoa(e.StatusCode))
		if text := http.StatusText(e.StatusCode); text != "" {
			b.WriteByte(' ')
			b.WriteString(text)
		}
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	if e.hint != "" {
		b.WriteString(" (")
		b.WriteString(e.hint)
		b.WriteByte(')')
	}
	if e.err != nil {
		b.WriteString(": ")
		b.WriteString(bare(e.err))
	}
	return b.String()
}

// bare is an error's text as a part of another's, which begins with "ari: " already.
func bare(err error) string {
	text := strings.TrimPrefix(err.Error(), "ari: ")
	return strings.ReplaceAll(strings.ReplaceAll(text, ": ari: ", ": "), "\nari: ", "\n")
}

// annotated is an error that says where another one comes from.
type annotated struct {
	where string
	err   error
}

// annotate says where an error comes from. Unlike [fmt.Errorf] it doesn't repeat the package's name.
func annotate(where string, err error) error { return &annotated{where, err} }

func (e *annotated) Error() string { return "ari: " + e.where + ": " + bare(e.err) }
func (e *annotated) Unwrap() error { return e.err }

// Is reports whether target is the Err variable that the status stands for, or another one that the answer says. What a
// bridge answers about a channel that doesn't exist, which is 400, is ErrNotFound too.
func (e *Error) Is(target error) bool {
	switch {
	case target == ErrNotFound && e.noChannel(), target == ErrNotInStasis && e.notInStasis(), target == ErrUnreachable && e.noEndpoint():
		return true
	case errors.Is(e.err, ErrUnsupported), errors.Is(e.err, ErrNoARI):
		return false // The "not found" is about the operation, or about all of ARI, not about the object.
	}
	want, ok := statusErrors[e.StatusCode]
	return ok && target == want
}

// noAllocation is what Asterisk says when it could not make something.
const noAllocation = "Allocation failed"

// noEndpoint reports whether Asterisk could not call an endpoint.
func (e *Error) noEndpoint() bool {
	switch e.Operation {
	case "channelsOriginate", "channelsOriginateWithId", "channelsCreate":
		return e.StatusCode == http.StatusInternalServerError && e.Message == noAllocation
	}
	return false
}

// notInStasis reports whether a channel should have been in an application.
func (e *Error) notInStasis() bool {
	return (e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusUnprocessableEntity) &&
		strings.Contains(e.Message, "not in Stasis")
}

// noChannel reports whether a channel that was to be added to a bridge, or removed from it, is gone: an everyday result,
// as 404 is elsewhere.
func (e *Error) noChannel() bool {
	return e.StatusCode == http.StatusBadRequest && e.Message == "Channel not found" &&
		(e.Operation == "bridgesAddChannel" || e.Operation == "bridgesRemoveChannel")
}

// Unwrap returns the cause beyond the status, or nil.
func (e *Error) Unwrap() error { return e.err }

// LogValue makes a group of the error's fields for package log/slog.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("method", e.Method), slog.String("path", e.Path)}
	if e.Operation != "" {
		attrs = append(attrs, slog.String("operation", e.Operation))
	}
	if e.StatusCode != 0 {
		attrs = append(attrs, slog.Int("status", e.StatusCode))
	}
	if e.Message != "" {
		attrs = append(attrs, slog.String("message", e.Message))
	}
	if e.hint != "" {
		attrs = append(attrs, slog.String("hint", e.hint))
	}
	if e.err != nil {
		attrs = append(attrs, slog.String("cause", e.err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// newError makes the error of an answer whose status isn't a success. Every transport's errors are made here.
func newError(operation, method, path string, status int, header http.Header, body []byte) *Error {
	contentType := header.Get("Content-Type")
	e := &Error{
		Operation:  operation,
		Method:     method,
		Path:       path,
		StatusCode: status,
		Message:    message(contentType, body),
	}
	if status == http.StatusNotFound && isPage(contentType) { // ARI itself answers in JSON.
		e.hint, e.err = hintNoARI, ErrNoARI
	}
	if to, err := url.Parse(header.Get("Location")); err == nil && isRedirect(status) {
		// A proxy's: the base URL should be what it points to.
		e.Message = "redirected to " + to.Redacted()
	}
	return e
}

func isPage(contentType string) bool { return strings.HasPrefix(contentType, "text/html") }

func isRedirect(status int) bool { return status/100 == 3 }

// message takes Asterisk's text out of an error's body, which comes in three shapes.
func message(contentType string, body []byte) string {
	var known struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if json.Unmarshal(body, &known) == nil {
		if known.Message != "" {
			return known.Message
		}
		if known.Error != "" {
			return known.Error
		}
	}
	if isPage(contentType) {
		return pageText(body)
	}
	return excerpt(body)
}

// pageText returns what an HTML page says: Asterisk's web server puts its message into a paragraph, others have at
// least a title.
func pageText(page []byte) string {
	for _, tag := range []string{"p", "title"} {
		_, rest, ok := bytes.Cut(page, []byte("<"+tag+">"))
		if !ok {
			continue
		}
		if text, _, ok := bytes.Cut(rest, []byte("</"+tag+">")); ok && len(bytes.TrimSpace(text)) > 0 {
			return excerpt(text)
		}
	}
	return excerpt(page)
}

// refuse makes the error of a request that isn't sent.
func refuse(op *operation, format string, args ...any) error {
	return &Error{
		Operation: op.id,
		Method:    op.method,
		Path:      op.path,
		Message:   "not sent: " + fmt.Sprintf(format, args...),
		err:       ErrInvalid,
	}
}

// excerpt is the beginning of a body, on one line.
func excerpt(body []byte) string {
	const most = 120
	text := strings.Join(strings.Fields(string(body[:min(len(body), 2*most)])), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// hintNoARI is what is usually behind a page instead of an answer.
const hintNoARI = "/ari may be missing from the base URL, or ARI be disabled"

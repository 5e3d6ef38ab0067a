// Package aritrace records what a program sees of Asterisk and what it sends, in a file that can be read, explained and played back.
//
//	rec, err := aritrace.Create("calls.trace")
//	client, err := ari.NewClient(url, "hello", append(rec.Options(), ari.WithBasicAuth(user, password))...)
//	...
//	err = rec.Close()
//
// The tool shows such a file: `ari tail --trace`, `ari explain`. With [aritest.NewReplay], and with `ari replay`, the same program
// gets the same events again, so that what has gone wrong in production becomes a test that fails.
//
// What is costly is done by a goroutine of the recorder's. It is a package of its own, so that programs that record get neither the
// simulator nor the tool.
//
// # The file
//
// It is text, one JSON object a line. The first line is a [Header]; each other one is a [Line]. A reader takes files of its own
// version and older ones, and passes over members that it doesn't know.
//
// # What is left out
//
// Credentials: the client's own never come here, and what the names of variables, attributes and parameters tell to be a secret,
// and user and password in a URL, are replaced by [Hidden]. Media: the file of a stored recording is left out. Digits stay, since a replay needs them: see
// [HideDigits]. Numbers and names of callers stay too; keep such files as you keep call records. [Create] makes them readable for
// their owner alone.
package aritrace

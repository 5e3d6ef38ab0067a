package ari

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// The ids of what Asterisk is asked to make are ours, so that whoever waits for its events can be there before it exists.
// They tell whose they are, so that what a killed program has left behind can be found: "ari-APPLICATION-RUN-RANDOM", where
// APPLICATION stands for the application's name and RUN for one client in one run of the program. They all have the same length, since
// Asterisk takes an id for taken when a living one begins with it, and no character with a meaning in a URL or in ARI.
type ids struct {
	app string // "ari-APPLICATION-"
	run string // "RUN"
}

// tagLength is the length of the parts that stand for the application and the run.
const tagLength = 10

// newIDs makes the ids of a run. Those of a controller without a client belong to no application: nobody but its user can
// know when they aren't needed any more.
func newIDs(application, run string) ids {
	tag := strings.Repeat("0", tagLength)
	if application != "" {
		sum := sha256.Sum256([]byte(application))
		tag = base32.StdEncoding.EncodeToString(sum[:])[:tagLength]
	}
	app := "ari-" + tag + "-"
	return ids{app: app, run: run}
}

// newRun makes the part that stands for a run: a client's sessions have it in common.
func newRun() string { return rand.Text()[:tagLength] }

// next makes an id.
func (i ids) next() string { return i.app + i.run + "-" + rand.Text() }

// mine reports whether an id is of this run.
func (i ids) mine(id string) bool {
	const tag = len("ari-") + tagLength + len("-")
	return len(id) > tag && strings.HasPrefix(id, "ari-") && strings.HasPrefix(id[tag:], i.run+"-")
}

// made reports whether an id is of this application, of this run or an earlier one.
func (i ids) made(id string) bool { return strings.HasPrefix(id, i.app) }

package main

import (
	"bytes"
	"regexp"
	"strings"
)

// methodDoc writes what a method does, how it fails, and what its arguments are.
func (g *generator) methodDoc(b *bytes.Buffer, op *operation, p place, args []argument) {
	goNames := func(text string) string {
		for _, a := range args {
			text = strings.ReplaceAll(text, "`"+a.wire+"`", a.name)
		}
		return text
	}
	doc(b, "", goNames(p.name+" "+lowerFirst(namedErrors(op.Description))))
	for i, a := range args {
		if i == 0 {
			b.WriteString("//\n")
		}
		docItem(b, a.name+": "+goNames(a.text))
	}
}

// failures are the sentences that say how an operation fails.
var failures = regexp.MustCompile(`[Ff]ails with [^.]*(\.[^ .][^.]*)*\.( |$)`)

// failure is one of the reasons in such a sentence.
var failure = regexp.MustCompile(`\b(\d{3}) ((?:only )?(?:if|on)\b[^,]*)`)

// errorNames are package ari's names for statuses.
var errorNames = map[string]string{
	"400": "ErrInvalid", "401": "ErrUnauthorized", "403": "ErrForbidden", "404": "ErrNotFound", "409": "ErrConflict",
	"412": "ErrPreconditionFailed", "413": "ErrTooLarge", "422": "ErrUnprocessable", "500": "ErrInternal", "501": "ErrNotImplemented",
	"503": "ErrUnavailable",
}

// namedErrors puts the names of errors in the place of statuses, where a text says with which it fails.
func namedErrors(text string) string {
	return failures.ReplaceAllStringFunc(text, func(sentence string) string {
		return failure.ReplaceAllStringFunc(sentence, func(reason string) string {
			m := failure.FindStringSubmatch(reason)
			name, ok := errorNames[m[1]]
			if !ok {
				return reason
			}
			if m[1] == "409" && strings.Contains(m[2], "not in a Stasis application") {
				name = "ErrNotInStasis"
			}
			return name + " " + m[2]
		})
	})
}

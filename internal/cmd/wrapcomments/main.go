// Command wrapcomments makes the comments of generated Go files readable: oapi-codegen writes each description on one
// line, however long, behind the bare name of what it describes. It changes comments only.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"regexp"
	"strings"
)

const width = 110

func main() {
	for _, name := range os.Args[1:] {
		if err := rewrite(name); err != nil {
			fmt.Fprintf(os.Stderr, "wrapcomments: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func rewrite(name string) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	out, err := format.Source(wrap(src))
	if err != nil {
		return err
	}
	return os.WriteFile(name, out, 0o644)
}

var (
	comment     = regexp.MustCompile(`^(\t*)// (.+)$`)
	declaration = regexp.MustCompile(`^\t*(?:type |func (?:\([^)]*\) )?)?([A-Z]\w*)\b`)
)

// wrap folds long comment lines, and sets a colon between a name and a description that is no sentence about it.
func wrap(src []byte) []byte {
	lines := strings.Split(string(src), "\n")
	var out bytes.Buffer
	for i, line := range lines {
		if i > 0 {
			out.WriteByte('\n')
		}
		m := comment.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[2], "Code generated") {
			out.WriteString(line)
			continue
		}
		out.WriteString(fold(m[1], colon(m[2], described(lines[i+1:]))))
	}
	return out.Bytes()
}

// described returns the name of what the comment that goes on in lines stands before.
func described(lines []string) string {
	for _, line := range lines {
		if strings.HasPrefix(strings.TrimLeft(line, "\t"), "//") {
			continue
		}
		if m := declaration.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		return ""
	}
	return ""
}

func colon(text, name string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if name == "" || !ok || rest == "" || !strings.ContainsAny(rest[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ`\"0123456789") {
		return text
	}
	return name + ": " + rest
}

func fold(indent, text string) string {
	var out strings.Builder
	line := indent + "//"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != indent+"//" {
			out.WriteString(line + "\n")
			line = indent + "//"
		}
		line += " " + word
	}
	out.WriteString(line)
	return out.String()
}

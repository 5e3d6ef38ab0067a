package ari

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sinceText finds the releases that a text names: "Since Asterisk 20.20, 22.10, 23.4".
var sinceText = regexp.MustCompile(`[Ss]ince (?:Asterisk )?(\d+(?:\.\d+)*(?:, \d+(?:\.\d+)*)*)`)

// The releases that hand-written methods name are those of their operations in the table, or of a parameter or value.
func TestSinceTexts(t *testing.T) {
	funcs := make(map[string]*ast.FuncDecl) // by receiver and name
	for _, name := range []string{"bridge.go", "channel.go", "controller.go", "application.go", "recording.go", "channel.gen.go", "bridge.gen.go"} {
		file, err := goparser.ParseFile(token.NewFileSet(), name, nil, goparser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
				funcs[receiverName(f)+"."+f.Name.Name] = f
			}
		}
	}
	checked := 0
	for _, key := range slices.Sorted(maps.Keys(funcs)) {
		f := funcs[key]
		found := sinceText.FindAllStringSubmatch(strings.ReplaceAll(f.Doc.Text(), "\n", " "), -1)
		if len(found) == 0 {
			continue
		}
		known := make(map[string]bool)
		for _, op := range operationsOf(f, funcs) {
			known[op.since.text()] = true
			for _, p := range op.params {
				known[p.since.text()] = true
				for _, since := range p.values {
					known[since.text()] = true
				}
			}
			for _, m := range op.body {
				known[m.since.text()] = true
			}
		}
		for _, m := range found {
			checked++
			assert.True(t, known[m[1]], "%s says since %s, the table has %q", key, m[1], slices.Sorted(maps.Keys(known)))
		}
	}
	assert.GreaterOrEqual(t, checked, 10)
}

func receiverName(f *ast.FuncDecl) string {
	if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
		return star.X.(*ast.Ident).Name
	}
	return ""
}

// operationsOf returns the operations that a method begins, by itself or by another that it calls.
func operationsOf(f *ast.FuncDecl, funcs map[string]*ast.FuncDecl) []*operation {
	var ops []*operation
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if name, ok := strings.CutPrefix(n.Name, "op"); ok && name != "" {
				if op := operationByID(strings.ToLower(name[:1]) + name[1:]); op != nil {
					ops = append(ops, op)
				}
			}
		case *ast.SelectorExpr:
			for _, receiver := range []string{receiverName(f), "Controller"} {
				if called := funcs[receiver+"."+n.Sel.Name]; called != nil && called != f && (!called.Name.IsExported() || called.Name.Name == f.Name.Name+"With") {
					ops = append(ops, operationsOf(called, funcs)...)
				}
			}
		}
		return true
	})
	return ops
}

// text is how texts name the releases: a branch that has had it from its beginning is left out behind an older one.
func (s versions) text() string {
	var parts []string
	for i, v := range s {
		fromBeginning := v.Minor == 0 && v.Patch == 0
		switch {
		case i > 0 && fromBeginning && s[i-1].Major == v.Major-1:
		case fromBeginning:
			parts = append(parts, strconv.Itoa(v.Major))
		default:
			parts = append(parts, strings.TrimSuffix(v.String(), ".0"))
		}
	}
	return strings.Join(parts, ", ")
}

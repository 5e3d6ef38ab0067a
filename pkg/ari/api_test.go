package ari

import (
	"flag"
	"go/ast"
	"go/doc"
	goparser "go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

const apiFile = "testdata/api.txt"

// Who calls a method doesn't compile any more when it gets another argument, as a generated one does by a new optional
// parameter. So a changed signature must show in review: in a file of all of them.
func TestExportedAPI(t *testing.T) {
	have := strings.Join(exportedAPI(t), "\n") + "\n"
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(apiFile), 0o755))
		require.NoError(t, os.WriteFile(apiFile, []byte(have), 0o644))
	}
	want, err := os.ReadFile(apiFile)
	require.NoError(t, err)
	wanted := strings.Split(strings.ReplaceAll(string(want), "\r\n", "\n"), "\n")
	got := strings.Split(have, "\n")
	for _, line := range wanted {
		assert.True(t, slices.Contains(got, line), "gone, or changed: %s", line)
	}
	for _, line := range got {
		assert.True(t, slices.Contains(wanted, line), "new, or changed: %s", line)
	}
	if t.Failed() {
		t.Log("If it is meant, run go test ./pkg/ari -run TestExportedAPI -update. What is gone or changed breaks users: see CONTRIBUTING.md.")
	}
}

// exportedAPI lists the package's exported types, functions and methods, with the types of their arguments and results.
func exportedAPI(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/ari-go/ari/pkg/ari")
	require.NoError(t, err)

	var lines []string
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			lines = append(lines, signature(t, fset, f.Decl))
		}
	}
	funcs(pkg.Funcs)
	for _, typ := range pkg.Types {
		lines = append(lines, "type "+typ.Name)
		funcs(typ.Funcs)
		funcs(typ.Methods)
		for _, spec := range typ.Decl.Specs {
			if iface, ok := spec.(*ast.TypeSpec).Type.(*ast.InterfaceType); ok {
				for _, m := range iface.Methods.List {
					if f, ok := m.Type.(*ast.FuncType); ok && m.Names[0].IsExported() {
						lines = append(lines, signature(t, fset, &ast.FuncDecl{
							Recv: &ast.FieldList{List: []*ast.Field{{Type: ast.NewIdent(typ.Name)}}}, Name: m.Names[0], Type: f,
						}))
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// signature writes a function on one line, without the names of its arguments.
func signature(t *testing.T, fset *token.FileSet, f *ast.FuncDecl) string {
	t.Helper()
	plain := &ast.FuncDecl{Recv: nameless(f.Recv), Name: f.Name, Type: &ast.FuncType{
		TypeParams: f.Type.TypeParams, Params: nameless(f.Type.Params), Results: nameless(f.Type.Results),
	}}
	var b strings.Builder
	require.NoError(t, printer.Fprint(&b, fset, plain))
	return strings.Join(strings.Fields(b.String()), " ")
}

func nameless(fields *ast.FieldList) *ast.FieldList {
	if fields == nil {
		return nil
	}
	out := &ast.FieldList{}
	for _, field := range fields.List {
		for range max(1, len(field.Names)) {
			out.List = append(out.List, &ast.Field{Type: field.Type})
		}
	}
	return out
}

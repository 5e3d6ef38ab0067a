// Package goapi lists what a Go package exports, as lines of text that can be compared: functions and methods with the
// types of their arguments and results, types, and the fields of structs.
package goapi

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// Lines lists what the files export, sorted. The key of each is its name, the value its text.
func Lines(files map[string][]byte) ([]string, error) {
	var lines []string
	fset := token.NewFileSet()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, err := parser.ParseFile(fset, name, files[name], 0)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
					lines = append(lines, function(fset, d))
				}
			case *ast.GenDecl:
				lines = append(lines, types(fset, d)...)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// Name returns what a line is about, without the types: "func (*Channel) Play", or "field PlayOptions.Lang". It is what a
// line has in common with one that says something else of the same thing.
func Name(line string) string {
	if strings.HasPrefix(line, "func ") {
		rest, receiver := line[len("func "):], ""
		if strings.HasPrefix(rest, "(") {
			end := strings.Index(rest, ") ") + len(") ")
			receiver, rest = rest[:end], rest[end:]
		}
		if end := strings.IndexAny(rest, "(["); end >= 0 {
			rest = rest[:end]
		}
		return "func " + receiver + rest
	}
	kind, rest, _ := strings.Cut(line, " ")
	name, _, _ := strings.Cut(rest, " ")
	return kind + " " + name
}

func types(fset *token.FileSet, d *ast.GenDecl) []string {
	var lines []string
	for _, spec := range d.Specs {
		typ, ok := spec.(*ast.TypeSpec)
		if !ok || !typ.Name.IsExported() {
			continue
		}
		lines = append(lines, "type "+typ.Name.Name)
		switch t := typ.Type.(type) {
		case *ast.StructType:
			for _, field := range t.Fields.List {
				for _, name := range field.Names {
					if name.IsExported() {
						lines = append(lines, "field "+typ.Name.Name+"."+name.Name+" "+text(fset, field.Type))
					}
				}
			}
		case *ast.InterfaceType:
			for _, m := range t.Methods.List {
				if f, ok := m.Type.(*ast.FuncType); ok && m.Names[0].IsExported() {
					recv := &ast.FieldList{List: []*ast.Field{{Type: ast.NewIdent(typ.Name.Name)}}}
					lines = append(lines, function(fset, &ast.FuncDecl{Recv: recv, Name: m.Names[0], Type: f}))
				}
			}
		}
	}
	return lines
}

// receiver returns the name of a receiver's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}

// function writes a function on one line, without the names of its arguments.
func function(fset *token.FileSet, f *ast.FuncDecl) string {
	return text(fset, &ast.FuncDecl{Recv: nameless(f.Recv), Name: f.Name, Type: &ast.FuncType{
		TypeParams: f.Type.TypeParams, Params: nameless(f.Type.Params), Results: nameless(f.Type.Results),
	}})
}

func text(fset *token.FileSet, node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, node); err != nil {
		return err.Error()
	}
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

package resources

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/internal/ariserver"
)

// No operation of the description is left to ariserver.Unimplemented.
func TestEveryOperationIsSimulated(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	own := make(map[string]bool)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				if id, ok := star.X.(*ast.Ident); ok && id.Name == "operations" {
					own[f.Name.Name] = true
				}
			}
		}
	}
	all := reflect.TypeFor[ariserver.ServerInterface]()
	require.Positive(t, all.NumMethod())
	for m := range all.Methods() {
		assert.True(t, own[m.Name], "nobody simulates %s", m.Name)
	}
}

package goapi_test

import (
	"slices"
	"testing"

	"github.com/ari-go/ari/internal/goapi"
)

const source = `package p

type T struct {
	A, B int
	hidden string
	Embedded
	C map[string][]*T
}

type I interface {
	Do(x, y int) error
	undo()
}

type G[E any] struct{}

type alias = T

func F[E any](list ...E) (n int, err error) { return 0, nil }
func (t *T) M(a, b string) {}
func (t *T) m() {}
func (g *G[E]) Next() E { panic("") }
func (a *alias) Hidden() {}
`

func TestLines(t *testing.T) {
	lines, err := goapi.Lines(map[string][]byte{"a.go": []byte(source), "b.go": []byte("package p\n\nfunc Other() {}\n")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"field T.A int", "field T.B int", "field T.C map[string][]*T",
		"func (*G[E]) Next() E", "func (*T) M(string, string)", "func (I) Do(int, int) error", "func F[E any](...E) (int, error)", "func Other()",
		"type G", "type I", "type T",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("have\n%q\nwant\n%q", lines, want)
	}
	if _, err := goapi.Lines(map[string][]byte{"a.go": []byte("package")}); err == nil {
		t.Error("no error for what isn't Go")
	}
}

func TestName(t *testing.T) {
	for line, want := range map[string]string{
		"func (*T) M(string, func(int) error) (*T, error)": "func (*T) M",
		"func (*G[E]) Next() E":                            "func (*G[E]) Next",
		"func F[E any](...E) (int, error)":                 "func F",
		"func Other()":                                     "func Other",
		"field T.C map[string][]*T":                        "field T.C",
		"type T":                                           "type T",
	} {
		if have := goapi.Name(line); have != want {
			t.Errorf("%s: have %q, want %q", line, have, want)
		}
	}
}

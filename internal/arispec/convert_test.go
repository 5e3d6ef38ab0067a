package arispec

import "testing"

func checkConverts(t testing.TB, spec *Spec) {
	t.Helper()
	description, err := Convert(spec, Version{22, 10, 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), description); err != nil {
		t.Fatalf("%v\n%s", err, description)
	}
}

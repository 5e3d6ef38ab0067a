package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemo(t *testing.T) {
	t.Setenv("ARI_URL", "")
	t.Setenv("ARI_APPLICATION", "")
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, "1000"))
	require.Contains(t, out.String(), "5 calls in")
	require.Contains(t, out.String(), "5 answered, 5 bridged with external media, 5 ended, 0 failed.")
	require.Contains(t, out.String(), "Left over: 0 channels, 0 bridges.")
	require.Contains(t, out.String(), "pressed 4")
}

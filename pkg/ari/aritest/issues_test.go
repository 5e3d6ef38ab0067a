package aritest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ari-go/ari/pkg/ari"
	"github.com/ari-go/ari/pkg/ari/aritest"
)

// The connected Asterisk's release decides what is told.
func TestKnownIssuesOfARelease(t *testing.T) {
	for version, lockUp := range map[string]bool{"16.28.0": false, "22.10.1": true} {
		srv := aritest.NewServer(t, aritest.WithVersion(version))
		ctrl, err := ari.NewController(srv.URL, ari.WithBasicAuth(srv.Username, srv.Password))
		require.NoError(t, err)
		issues, err := ctrl.KnownIssues(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, issues)
		assert.Equal(t, lockUp, slices.ContainsFunc(issues, func(i ari.KnownIssue) bool { return i.ID == "lock-up-after-all-devices" }))
		assert.Equal(t, !lockUp, slices.ContainsFunc(issues, func(i ari.KnownIssue) bool { return i.ID == "bridge-id-taken" }))
	}
}

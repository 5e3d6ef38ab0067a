//go:build tools

// Package tools pins the code generator of this module. The build tag keeps it
// out of every build, so that who imports pkg/ari does not compile it.
package tools

import (
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
)

// Package release knows versions of Asterisk.
package release

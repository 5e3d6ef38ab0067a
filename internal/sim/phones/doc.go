// Package phones has the telephones: who calls Asterisk, and whom Asterisk calls.
package phones

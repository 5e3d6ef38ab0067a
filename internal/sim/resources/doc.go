// Package resources has the operations of the REST interface, with the checks, statuses and messages of Asterisk. A file has what is
// about one resource; channels have several files.
package resources

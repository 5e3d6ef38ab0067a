// Package guard runs programs that must not outlive the program that started them.
package guard

import (
	"errors"
	"os"
)

// ErrExited is returned when a process is asked for something after its end.
var ErrExited = errors.New("the process has ended")

// Command says what to run.
type Command struct {
	// Args is the program's path and its arguments.
	Args []string
	// Dir is the working directory.
	Dir string
	// Env is the whole environment.
	Env []string
	// Output receives standard output and standard error.
	Output *os.File
}

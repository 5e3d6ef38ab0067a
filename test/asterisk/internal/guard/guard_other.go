//go:build !unix

package guard

import (
	"errors"
	"os"
)

// Process is a running program; there is none on this system.
type Process struct{}

// Start isn't supported on this system.
func Start(Command) (*Process, error) { return nil, errors.ErrUnsupported }

// PID is always 0 on this system.
func (*Process) PID() int { return 0 }

// Done is never closed on this system.
func (*Process) Done() <-chan struct{} { return nil }

// Err isn't supported on this system.
func (*Process) Err() error { return errors.ErrUnsupported }

// ExitCode is always -1 on this system.
func (*Process) ExitCode() int { return -1 }

// Signal isn't supported on this system.
func (*Process) Signal(os.Signal) error { return errors.ErrUnsupported }

// Terminate isn't supported on this system.
func (*Process) Terminate() error { return errors.ErrUnsupported }

// Freeze isn't supported on this system.
func (*Process) Freeze() error { return errors.ErrUnsupported }

// Thaw isn't supported on this system.
func (*Process) Thaw() error { return errors.ErrUnsupported }

// KillGroup does nothing on this system.
func (*Process) KillGroup() {}

// Lock isn't supported on this system.
func Lock(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// Pipe isn't supported on this system.
func Pipe(string) (*os.File, error) { return nil, errors.ErrUnsupported }

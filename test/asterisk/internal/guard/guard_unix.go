//go:build unix

package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The program is held back until its watchdog is there, so that there is no moment in which it could be left alone: if its starter dies earlier, the gate
// reads the end of its input and never runs the program.
const gate = `read -r _ && exec "$@" </dev/null`

// The watchdog waits on a pipe whose other end only the starter holds. A line means that all is over and done; the end of the pipe without a line means that
// the starter died, by a panic or by SIGKILL. Unlike a parent-death signal this doesn't depend on a thread of the starter, and it reaches the children of
// the program as well.
const watchdog = `read -r _ || kill -s KILL -- "-$1"`

// Process is a running program, leader of a process group of its own.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs a program.
func Start(command Command) (*Process, error) {
	gateIn, gateOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	defer gateOut.Close()
	defer gateIn.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", gate, "gate"}, command.Args...)...) //nolint:noctx // Its life isn't a context's.
	cmd.Dir, cmd.Env = command.Dir, command.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = gateIn, command.Output, command.Output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}

	release, err := watch(cmd.Process.Pid)
	if err != nil {
		_ = gateOut.Close()
		_ = cmd.Wait()
		return nil, fmt.Errorf("guard: %w", err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	_, err = gateOut.WriteString("go\n")
	go func() {
		p.err = cmd.Wait()
		// What the program has started itself must not survive it either.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		release()
		close(p.done)
	}()
	if err != nil {
		p.KillGroup()
		return nil, fmt.Errorf("guard: %w", err)
	}
	return p, nil
}

// watch starts the watchdog of a process group, and returns what sends it home.
func watch(pid int) (release func(), err error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	cmd := exec.Command("/bin/sh", "-c", watchdog, "watchdog", strconv.Itoa(pid)) //nolint:noctx // Its life isn't a context's.
	cmd.Stdin = in
	// A session of its own keeps the watchdog from dying of the terminal's Ctrl-C together with the starter.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil, err
	}
	return func() {
		_, _ = out.WriteString("done\n")
		_ = out.Close()
		_ = cmd.Wait()
	}, nil
}

// PID is the program's process id, which is also its group's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended and nothing of its group is left.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the program ended: nil for exit status 0. It may be asked after Done.
func (p *Process) Err() error { return p.err }

// ExitCode is the program's exit status, or -1 when a signal ended it. It may be asked after Done.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Signal sends a signal to the program itself.
func (p *Process) Signal(sig os.Signal) error {
	select {
	case <-p.done:
		return ErrExited
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return ErrExited
		}
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// Terminate asks the program to end.
func (p *Process) Terminate() error { return p.Signal(syscall.SIGTERM) }

// Freeze stops the program as if its machine stood still. It returns when all its threads have stopped, where the system
// tells (by /proc).
func (p *Process) Freeze() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for p.moves() {
		select {
		case <-p.done:
			return ErrExited
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// moves reports whether any of the program's threads isn't stopped.
func (p *Process) moves() bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
	return slices.ContainsFunc(stats, func(path string) bool {
		stat, err := os.ReadFile(path)
		if err != nil {
			return false // The thread has ended.
		}
		// The name of the program, in parentheses, may hold anything.
		_, state, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		return !strings.HasPrefix(state, "T")
	})
}

// Thaw lets a frozen program go on.
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }

// KillGroup ends the program and all its children, and waits until they are gone.
func (p *Process) KillGroup() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Lock waits until it holds the lock that a file stands for. It is held until all who have the returned file open, programs that inherited it included, have
// closed it or ended.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("guard: lock %s: %w", path, err)
	}
	return f, nil
}

// Pipe makes a named pipe and opens both of its ends, so that neither side ever waits for the other to open its own.
func Pipe(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return f, nil
}

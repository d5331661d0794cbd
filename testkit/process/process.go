// Package process runs the server processes that tests need.
//
// It promises that a process it started never outlives the test binary, that
// only its own process is ever signalled, and that what the process wrote is
// kept in a file and shown when something goes wrong. It knows nothing of what
// the process does.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Spec says what to run. Name and Args are required.
type Spec struct {
	Name string   // what messages call it, "namenode 1" for example
	Args []string // the program and its arguments
	Env  []string // added to the environment of the test
	Dir  string   // working directory, "" for the test's own
	Log  string   // file that takes stdout and stderr, appended to
}

// Process is one running or ended process. Its methods may be called from
// several goroutines.
type Process struct {
	spec   Spec
	cmd    *exec.Cmd
	offset int64 // where this run's output begins in the log file
	done   chan struct{}
}

// Start runs the process and returns when the kernel has started it, which
// says nothing about whether it is ready: see WaitFor.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Args[0], spec.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = spec.Dir, log, log
	cmd.Env = append(os.Environ(), spec.Env...)
	p := &Process{spec: spec, cmd: cmd, offset: info.Size(), done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

func (p *Process) run(started chan<- error) {
	_ = guard(p.cmd, func(err error) { started <- err }) // how it ended stays in ProcessState
	if p.cmd.Process != nil {
		close(p.done)
	}
}

// guard starts a command and waits for its end on one locked thread: the kernel
// sends the parent-death signal when the *thread* that started the process ends,
// so that thread has to live as long as the process. started gets the error of
// the start.
func guard(cmd *exec.Cmd, started func(error)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	started(err)
	if err != nil {
		return err
	}
	return cmd.Wait()
}

// PID is the process id, also after its end.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended says whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ExitCode waits for the end and returns the exit status, -1 for a signal.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the process to end (SIGTERM) and kills it when it has not done so
// in time. It returns an error when killing was needed; ending with any exit
// status is no error. A process that has already ended is none either.
func (p *Process) Stop(patience time.Duration) error {
	if p.Ended() {
		return nil
	}
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM and was killed; its output:\n%s", p.spec.Name, patience, p.Tail())
	}
}

// Kill ends the process at once (SIGKILL) and waits until it is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Pause stops the process where it is (SIGSTOP); its connections stay open and
// silent.
func (p *Process) Pause() {
	p.signal(syscall.SIGSTOP)
	// The signal is on its way until the last thread stands still.
	for range 1000 {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
		running := slices.ContainsFunc(tasks, func(file string) bool {
			b, err := os.ReadFile(file)
			i := bytes.LastIndexByte(b, ')')
			return err == nil && i >= 0 && !bytes.HasPrefix(b[i:], []byte(") T"))
		})
		if !running {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Continue undoes Pause.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

// signal does nothing when the process has been waited for: its id may belong
// to somebody else by then.
func (p *Process) signal(s syscall.Signal) {
	err := p.cmd.Process.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		panic(fmt.Sprintf("signal %s (process %d): %v", p.spec.Name, p.PID(), err))
	}
}

// Output is what this process has written so far to stdout and stderr.
func (p *Process) Output() string {
	data, err := os.ReadFile(p.spec.Log)
	if err != nil || int64(len(data)) < p.offset {
		return ""
	}
	return string(data[p.offset:])
}

// Tail is the end of Output, short enough for a failure message.
func (p *Process) Tail() string {
	const most = 4000
	out := p.Output()
	if len(out) > most {
		out = "…" + strings.ToValidUTF8(out[len(out)-most:], "")
	}
	return out
}

// WaitFor returns the first line of the output that contains text. It fails
// when the process ends before, or when the context does.
func (p *Process) WaitFor(ctx context.Context, text string) (string, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ended := p.Ended() // asked before reading, so that the last output counts
		if line, ok := lineWith(p.Output(), text); ok {
			return line, nil
		}
		if ended {
			return "", fmt.Errorf("%s ended (%s) before it wrote %q; its output:\n%s", p.spec.Name, p.cmd.ProcessState, text, p.Tail())
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not write %q: %w; its output:\n%s", p.spec.Name, text, ctx.Err(), p.Tail())
		case <-tick.C:
		}
	}
}

func lineWith(out, text string) (string, bool) {
	for line := range bytes.Lines([]byte(out)) {
		if bytes.Contains(line, []byte(text)) && bytes.HasSuffix(line, []byte("\n")) {
			return strings.TrimRight(string(line), "\r\n"), true
		}
	}
	return "", false
}

// RSS is the resident memory of the process in bytes.
func (p *Process) RSS() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("memory of %s: %w", p.spec.Name, err)
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("memory of %s: no VmRSS in /proc/%d/status", p.spec.Name, p.PID())
}

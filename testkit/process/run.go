package process

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Result is what a command left behind.
type Result struct {
	Command string // for messages
	Stdout  string
	Stderr  string
	Exit    int
}

// OK fails the test when the command did not succeed, and returns its output.
func (r Result) OK(tb testing.TB) string {
	tb.Helper()
	if r.Exit != 0 {
		tb.Fatalf("%s: exit %d\nstdout:\n%s\nstderr:\n%s", r.Command, r.Exit, shorten(r.Stdout), shorten(r.Stderr))
	}
	return r.Stdout
}

func shorten(s string) string {
	const most = 3000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Run runs a command to its end; spec.Log is not used. stdin may be "".
func Run(tb testing.TB, spec Spec, stdin string) Result {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), spec.Args[0], spec.Args[1:]...)
	cmd.Dir = spec.Dir
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%s: %v", spec.Name, err)
	}
	return Result{Command: spec.Name, Stdout: out.String(), Stderr: errs.String(), Exit: cmd.ProcessState.ExitCode()}
}

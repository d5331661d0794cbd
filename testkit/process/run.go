package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
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

// patience is how long a command of Run may take.
const patience = 3 * time.Minute

// Run runs a command to its end; spec.Log is not used. stdin may be "". A command
// that takes longer than three minutes is killed and fails the test.
func Run(tb testing.TB, spec Spec, stdin string) Result {
	tb.Helper()
	return RunFrom(tb, spec, strings.NewReader(stdin))
}

// RunFrom is Run with a standard input that may take its time.
func RunFrom(tb testing.TB, spec Spec, stdin io.Reader) Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, spec.Args[0], spec.Args[1:]...)
	cmd.Dir = spec.Dir
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdin = stdin
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := guard(cmd, func(error) {})
	if ctx.Err() != nil {
		tb.Fatalf("%s: killed after %v; what it printed:\n%s\n%s", spec.Name, patience, shorten(out.String()), shorten(errs.String()))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%s: %v", spec.Name, err)
	}
	return Result{Command: spec.Name, Stdout: out.String(), Stderr: errs.String(), Exit: cmd.ProcessState.ExitCode()}
}

package process

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Spec{Name: "sh", Args: []string{"/bin/sh", "-c", script}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestWaitForSeesTheLine(t *testing.T) {
	p := shell(t, "echo starting; echo up: 127.0.0.1:1; exec sleep 100")
	line, err := p.WaitFor(t.Context(), "up:")
	if err != nil || line != "up: 127.0.0.1:1" {
		t.Fatalf("WaitFor = %q, %v", line, err)
	}
	if p.Ended() {
		t.Fatal("ended though it sleeps")
	}
	if rss, err := p.RSS(); err != nil || rss < 1<<12 {
		t.Errorf("RSS = %d, %v", rss, err)
	}
}

func TestWaitForTellsWhyTheProcessEnded(t *testing.T) {
	p := shell(t, "echo no room >&2; exit 3")
	_, err := p.WaitFor(t.Context(), "up:")
	if err == nil || !strings.Contains(err.Error(), "no room") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("error does not tell why: %v", err)
	}
	if p.ExitCode() != 3 {
		t.Errorf("exit code %d, want 3", p.ExitCode())
	}
}

func TestWaitForObeysItsContext(t *testing.T) {
	p := shell(t, "exec sleep 100")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := p.WaitFor(ctx, "up:"); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Fatalf("error = %v, want the deadline", err)
	}
}

func TestStopIsGentleFirst(t *testing.T) {
	p := shell(t, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")
	if _, err := p.WaitFor(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Output(), "bye") || p.ExitCode() != 0 {
		t.Errorf("no gentle end: %q, exit %d", p.Output(), p.ExitCode())
	}
	if err := p.Stop(time.Second); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestStopKillsWhoDoesNotListen(t *testing.T) {
	p := shell(t, "trap '' TERM; echo up; while :; do sleep 0.01; done")
	if _, err := p.WaitFor(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err == nil {
		t.Fatal("no word about the kill")
	}
	if !p.Ended() {
		t.Fatal("still there")
	}
}

func TestPauseAndStop(t *testing.T) {
	p := shell(t, "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done")
	if _, err := p.WaitFor(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	p.Pause()
	if err := p.Stop(5 * time.Second); err != nil {
		t.Fatalf("a paused process must still be stoppable: %v", err)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d twice", port)
		}
		seen[port] = true
	}
}

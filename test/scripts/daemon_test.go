// Package scripts tests the shell scripts that start and stop daemons, with a
// small program in the place of the real one.
package scripts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeSource is a daemon whose behaviour $FAKE chooses.
const fakeSource = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	fmt.Println("arguments:", strings.Join(os.Args[1:], " "))
	end := make(chan os.Signal, 1)
	switch os.Getenv("FAKE") {
	case "broken":
		fmt.Fprintln(os.Stderr, "port 1 is in use")
		os.Exit(1)
	case "silent":
		fmt.Fprintln(os.Stderr, "waiting for the database")
		signal.Notify(end, syscall.SIGTERM)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "NameNode up: 127.0.0.1:1")
	default:
		signal.Notify(end, syscall.SIGTERM)
		time.Sleep(100 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "NameNode up: 127.0.0.1:1")
	}
	select {
	case <-end:
	case <-time.After(time.Minute):
	}
}
`

// lab is a HOPSQL_HOME with the fake daemon, and folders for pid and log files.
type lab struct {
	t   *testing.T
	dir string
	env []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(fakeSource), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "hdfs"), source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	l := &lab{t: t, dir: dir, env: append(os.Environ(),
		"HOPSQL_HOME="+dir, "HADOOP_HOME=", "HADOOP_CONF_DIR=", "HADOOP_PID_DIR="+filepath.Join(dir, "pids"),
		"HADOOP_LOG_DIR="+filepath.Join(dir, "logs"), "HADOOP_IDENT_STRING=tester", "HADOOP_STOP_TIMEOUT=1")}
	t.Cleanup(func() { l.run("", "hadoop-daemon.sh", "stop", "namenode") })
	return l
}

// run runs a script and returns its exit code and what it printed.
func (l *lab) run(fake, script string, args ...string) (int, string) {
	l.t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "scripts", script))
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(l.env, "FAKE="+fake)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second // a daemon that keeps our pipe open is not detached
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatalf("%s %v: %v", script, args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func (l *lab) want(code int, fake, script string, args ...string) string {
	l.t.Helper()
	got, out := l.run(fake, script, args...)
	if got != code {
		l.t.Fatalf("%s %s: exit %d, want %d; it printed:\n%s", script, strings.Join(args, " "), got, code, out)
	}
	return out
}

func (l *lab) pidFile() string { return filepath.Join(l.dir, "pids", "hadoop-tester-namenode.pid") }

func (l *lab) pid() int {
	l.t.Helper()
	data, err := os.ReadFile(l.pidFile())
	if err != nil {
		l.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		l.t.Fatal(err)
	}
	return pid
}

func (l *lab) log(ext string) string {
	l.t.Helper()
	host, err := os.Hostname()
	if err != nil {
		l.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(l.dir, "logs", "hadoop-tester-namenode-"+host+ext))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

func alive(pid int) bool {
	cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && len(cmdline) > 0 // a zombie has none
}

func TestStartStopStatus(t *testing.T) {
	l := newLab(t)
	l.want(3, "", "hadoop-daemon.sh", "status", "namenode")
	l.want(0, "", "start-nn.sh", "-D", "a=b")
	pid := l.pid()
	if !alive(pid) || !strings.Contains(l.log(".log"), "NameNode up:") {
		t.Fatalf("process %d not up when the script returned; log:\n%s", pid, l.log(".log"))
	}
	if out := l.log(".out"); !strings.Contains(out, "arguments: namenode -D a=b") || !strings.Contains(out, "open files") {
		t.Errorf(".out lacks the arguments or the limits:\n%s", out)
	}
	l.want(0, "", "hadoop-daemon.sh", "--script", "hdfs", "status", "namenode")
	l.want(0, "", "stop-nn.sh")
	if alive(pid) {
		t.Error("still there after the stop")
	}
	if _, err := os.Stat(l.pidFile()); !os.IsNotExist(err) {
		t.Errorf("pid file after the stop: %v", err)
	}
	if out := l.want(0, "", "stop-nn.sh"); out != "" {
		t.Errorf("a stop of nothing is not silent: %s", out)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	l := newLab(t)
	l.want(0, "", "start-nn.sh")
	pid := l.pid()
	out := l.want(1, "", "start-nn.sh")
	if want := "namenode is running as process " + strconv.Itoa(pid) + ".  Stop it first."; !strings.Contains(out, want) {
		t.Errorf("got %q, want %q", out, want)
	}
	if l.pid() != pid || !alive(pid) {
		t.Error("the refused start touched the first one")
	}
}

func TestStartTellsWhyNot(t *testing.T) {
	l := newLab(t)
	if out := l.want(1, "broken", "start-nn.sh"); !strings.Contains(out, "port 1 is in use") {
		t.Errorf("no reason in %q", out)
	}
	if _, err := os.Stat(l.pidFile()); !os.IsNotExist(err) {
		t.Errorf("a pid file of nobody: %v", err)
	}
	l.env = append(l.env, "HOPSQL_START_TIMEOUT=1")
	if out := l.want(1, "silent", "start-nn.sh"); !strings.Contains(out, "waiting for the database") || !strings.Contains(out, "not up after 1 seconds") {
		t.Errorf("no reason in %q", out)
	}
	l.want(0, "", "hadoop-daemon.sh", "status", "namenode")
}

func TestStubbornDaemonIsKilledInTime(t *testing.T) {
	l := newLab(t)
	l.want(0, "stubborn", "start-nn.sh")
	pid, began := l.pid(), time.Now()
	out := l.want(0, "", "stop-nn.sh")
	if !strings.Contains(out, "WARNING: namenode did not stop gracefully after 1 seconds: Trying to kill with kill -9") {
		t.Errorf("no warning: %q", out)
	}
	if alive(pid) {
		t.Error("still there")
	}
	if took := time.Since(began); took < time.Second || took > 5*time.Second {
		t.Errorf("the stop took %v, want a little more than 1 s", took)
	}
}

func TestKilledDaemonAndItsPidFile(t *testing.T) {
	l := newLab(t)
	l.want(0, "", "start-nn.sh")
	if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); alive(l.pid()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still there after SIGKILL")
		}
	}
	l.want(1, "", "hadoop-daemon.sh", "status", "namenode")
	l.want(0, "", "start-nn.sh")
	l.want(0, "", "hadoop-daemon.sh", "status", "namenode")
}

// TestSomebodyElsesProcessIsLeftAlone puts the number of another process in the
// pid file, as happens after a restart of the machine.
func TestSomebodyElsesProcessIsLeftAlone(t *testing.T) {
	l := newLab(t)
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	write := func() {
		if err := os.MkdirAll(filepath.Dir(l.pidFile()), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.pidFile(), []byte(strconv.Itoa(other.Process.Pid)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write()
	l.want(1, "", "hadoop-daemon.sh", "status", "namenode")
	l.want(0, "", "stop-nn.sh")
	if !alive(other.Process.Pid) {
		t.Fatal("the stop ended somebody else's process")
	}
	write()
	l.want(0, "", "start-nn.sh")
	if !alive(other.Process.Pid) || l.pid() == other.Process.Pid {
		t.Error("the start did not replace the stale pid file")
	}
}

func TestUsage(t *testing.T) {
	l := newLab(t)
	for _, args := range [][]string{{}, {"start"}, {"start", "tasktracker"}, {"jump", "namenode"}, {"--config"}, {"--what", "x", "start", "namenode"}} {
		if out := l.want(1, "", "hadoop-daemon.sh", args...); !strings.Contains(out, "Usage:") {
			t.Errorf("%v: no usage: %q", args, out)
		}
	}
	if out := l.want(1, "", "hadoop-daemon.sh", "--config", "/no/such/folder", "start", "namenode"); !strings.Contains(out, "/no/such/folder") {
		t.Errorf("a missing --config folder is not named: %q", out)
	}
}

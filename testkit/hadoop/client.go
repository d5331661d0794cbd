package hadoop

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/process"
)

// Client is a stock Hadoop client with a configuration folder of its own.
type Client struct {
	Conf string // the folder, for HADOOP_CONF_DIR
	User string // who the commands run as, "" for the user of the test

	in installation
}

// NewClient makes a client of the file system fs ("hdfs://127.0.0.1:8020") with
// further configuration keys.
func NewClient(tb testing.TB, fs string, props map[string]string) *Client {
	tb.Helper()
	all := map[string]string{
		"fs.defaultFS":   fs,
		"hadoop.tmp.dir": tb.TempDir(),
		// A test wants the error, not ten minutes of retries.
		"ipc.client.connect.max.retries":             "3",
		"ipc.client.connect.max.retries.on.timeouts": "3",
	}
	maps.Copy(all, props)
	c := &Client{Conf: filepath.Join(tb.TempDir(), "conf"), in: need(tb)}
	WriteConf(tb, c.Conf, all)
	return c
}

// Result is what a command left behind.
type Result = process.Result

func (c *Client) environment() []string {
	env := []string{"HADOOP_CONF_DIR=" + c.Conf}
	if c.User != "" {
		env = append(env, "HADOOP_USER_NAME="+c.User)
	}
	return env
}

// Run runs a class of Hadoop in a JVM of its own and waits for its end.
func (c *Client) Run(tb testing.TB, class string, args ...string) Result {
	tb.Helper()
	return c.RunFrom(tb, strings.NewReader(""), class, args...)
}

// RunFrom is Run with a standard input.
func (c *Client) RunFrom(tb testing.TB, stdin io.Reader, class string, args ...string) Result {
	tb.Helper()
	return process.RunFrom(tb, process.Spec{
		Name: class + " " + strings.Join(args, " "), Args: c.in.command(c.Conf, "1g", class, args...), Env: c.environment(),
	}, stdin)
}

// Benchmark runs NNThroughputBenchmark against the client's file system.
func (c *Client) Benchmark(tb testing.TB, args ...string) Result {
	tb.Helper()
	return c.Run(tb, "org.apache.hadoop.hdfs.server.namenode.NNThroughputBenchmark", args...)
}

// Shell runs `hdfs dfs` and `hdfs dfsadmin` commands one after another in one
// JVM.
type Shell struct {
	dir     string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
	log     string
}

// Shell starts the JVM. It ends with the test.
func (c *Client) Shell(tb testing.TB) *Shell {
	tb.Helper()
	s := &Shell{dir: tb.TempDir()}
	s.log = filepath.Join(s.dir, "log")
	log, err := os.Create(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	line := c.in.command(c.Conf, "512m", c.in.runner)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Env = append(os.Environ(), c.environment()...)
	s.cmd.Stderr = log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	s.answers = bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.close)
	return s
}

// close lets the JVM end by itself: it does so when its input ends, also when
// the test binary dies.
func (s *Shell) close() {
	s.stdin.Close()
	timer := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	_ = s.cmd.Wait()
}

// DFS runs one `hdfs dfs` command: s.DFS(t, "-ls", "/").
func (s *Shell) DFS(tb testing.TB, args ...string) Result {
	tb.Helper()
	return s.run(tb, "dfs", args)
}

// Admin runs one `hdfs dfsadmin` command.
func (s *Shell) Admin(tb testing.TB, args ...string) Result {
	tb.Helper()
	return s.run(tb, "dfsadmin", args)
}

// Groups runs `hdfs groups`.
func (s *Shell) Groups(tb testing.TB, users ...string) Result {
	tb.Helper()
	return s.run(tb, "groups", users)
}

// Policies runs one `hdfs storagepolicies` command.
func (s *Shell) Policies(tb testing.TB, args ...string) Result {
	tb.Helper()
	return s.run(tb, "storagepolicies", args)
}

// Proxied runs a command of a tool ("dfs") by a user whom another one impersonates.
func (s *Shell) Proxied(tb testing.TB, real, user, tool string, args ...string) Result {
	tb.Helper()
	return s.run(tb, real+">"+user+":"+tool, args)
}

func (s *Shell) run(tb testing.TB, tool string, args []string) Result {
	tb.Helper()
	out, errs := filepath.Join(s.dir, "out"), filepath.Join(s.dir, "err")
	words := append([]string{out, errs, tool}, args...)
	for i, w := range words {
		words[i] = url.QueryEscape(w)
	}
	r := Result{Command: "hdfs " + tool + " " + strings.Join(args, " ")}
	_, err := io.WriteString(s.stdin, strings.Join(words, " ")+"\n")
	if err == nil {
		var answer string
		if answer, err = s.answers.ReadString('\n'); err == nil {
			_, err = fmt.Sscanf(answer, "exit %d", &r.Exit)
		}
	}
	if err != nil {
		log, _ := os.ReadFile(s.log)
		tb.Fatalf("%s: the JVM gave no answer: %v\n%s", r.Command, err, log)
	}
	r.Exit &= 0xff // what a shell would see of it
	r.Stdout, r.Stderr = read(tb, out), read(tb, errs)
	return r
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

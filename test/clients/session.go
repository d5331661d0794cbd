package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/process"
)

// patience is how long a client may take for one request: many times what it does.
const patience = 5 * time.Minute

// request is what a client is asked to do. One that is written in another language
// gets it as a line of JSON, and answers by one.
type request struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	To    string `json:"to,omitempty"`    // of rename
	Local string `json:"local,omitempty"` // file on this machine, of put, append and get
}

// reply is how it went.
type reply struct {
	Error   string  `json:"error"` // missing, exists or what the client said; empty for success
	Files   []entry `json:"files"` // of list, and the one of stat
	Summary summary `json:"summary"`
}

// entry is what a client sees of a file or a directory.
type entry struct {
	Name   string `json:"name"` // the last part
	Dir    bool   `json:"dir"`
	Length int64  `json:"length"`
	Mode   uint32 `json:"mode"`
	Owner  string `json:"owner"`
	Group  string `json:"group"`
}

// summary is what a client sees of a tree.
type summary struct {
	Length int64 `json:"length"`
	Files  int64 `json:"files"`
	Dirs   int64 `json:"dirs"`
	Space  int64 `json:"space"`
}

// session is a client that takes requests.
type session struct {
	t    *testing.T
	name string
	in   io.WriteCloser
	out  *bufio.Scanner
	cmd  *exec.Cmd
	log  string
	done bool
}

// open starts a client. It ends with the test.
func (s *system) open(t *testing.T, spec process.Spec) *session {
	t.Helper()
	c := &session{t: t, name: spec.Name, log: filepath.Join(t.TempDir(), "client.log")}
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.cmd = exec.Command(spec.Args[0], spec.Args[1:]...)
	c.cmd.Env = slices.Concat(os.Environ(), s.environment(), spec.Env)
	c.cmd.Stderr = log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	c.out.Buffer(nil, 1<<20)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.close() })
	return c
}

// close lets the client end by itself and returns how it did.
func (c *session) close() error {
	if c.done {
		return nil
	}
	c.done = true
	c.in.Close()
	timer := time.AfterFunc(patience, c.kill)
	defer timer.Stop()
	return c.cmd.Wait()
}

// kill ends the client and whatever it has started: Spark has a JVM and workers.
func (c *session) kill() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }

// say sends a line.
func (c *session) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatalf("%s takes no line: %v\n%s", c.name, err, c.tail())
	}
}

// hear returns the next line.
func (c *session) hear() string {
	c.t.Helper()
	timer := time.AfterFunc(patience, c.kill)
	defer timer.Stop()
	if !c.out.Scan() {
		c.t.Fatalf("%s says no more (%v)\n%s", c.name, c.out.Err(), c.tail())
	}
	return c.out.Text()
}

func (c *session) tail() string {
	data, _ := os.ReadFile(c.log)
	return string(data[max(0, len(data)-6000):])
}

// ask sends a request and returns its reply.
func (c *session) ask(r request) reply {
	c.t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.say(string(line))
	var answer reply
	text := c.hear()
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		c.t.Fatalf("%s: %s said %q: %v", line, c.name, text, err)
	}
	return answer
}

// ok is ask for what must succeed.
func (c *session) ok(r request) reply {
	c.t.Helper()
	answer := c.ask(r)
	if answer.Error != "" {
		c.t.Fatalf("%s %s %s: %s\n%s", r.Op, r.Path, r.To, answer.Error, c.tail())
	}
	return answer
}

// refused wants a request to fail in a certain way.
func (c *session) refused(r request, want string) {
	c.t.Helper()
	if got := c.ask(r).Error; got != want {
		c.t.Errorf("%s %s: error %q, want %q", r.Op, r.Path, got, want)
	}
}

// put writes a file of these bytes.
func (c *session) put(path string, data []byte) {
	c.t.Helper()
	c.ok(request{Op: "put", Path: path, Local: c.file(data)})
}

// append adds these bytes to a file.
func (c *session) append(path string, data []byte) {
	c.t.Helper()
	c.ok(request{Op: "append", Path: path, Local: c.file(data)})
}

// file is a local file of these bytes.
func (c *session) file(data []byte) string {
	c.t.Helper()
	name := filepath.Join(c.t.TempDir(), "local")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// get reads a file.
func (c *session) get(path string) []byte {
	c.t.Helper()
	name := filepath.Join(c.t.TempDir(), "back")
	c.ok(request{Op: "get", Path: path, Local: name})
	data, err := os.ReadFile(name)
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

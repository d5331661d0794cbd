package shell_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
	"github.com/hopsql/hopsql/shell/shelltest"
)

// stage is a shell over a file system in memory.
type stage struct {
	*shell.Shell
	fake     *shelltest.Fake
	out, err bytes.Buffer
}

func newStage(t *testing.T, f shell.FileSystem) *stage {
	s := &stage{}
	s.fake, _ = f.(*shelltest.Fake)
	dir := t.TempDir()
	s.Shell = &shell.Shell{Out: &s.out, Err: &s.err, Conf: conf.New(nil), Open: func(uri string) (shell.FileSystem, error) {
		if uri == "file://" {
			return shell.Local(dir), nil
		}
		return f, nil
	}}
	return s
}

func (s *stage) run(args ...string) int { return s.Run(context.Background(), args) }

func (s *stage) write(t *testing.T, name string, data []byte) {
	t.Helper()
	w, err := s.fake.Create(name, client.CreateOptions{Overwrite: true})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTextUnpacks(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, "packed\n")
	w.Close()
	s.write(t, "/z", z.Bytes())
	s.write(t, "/one", []byte("x"))
	s.write(t, "/seq", []byte("SEQ\x06rest"))
	if code := s.run("-text", "/z", "/one"); code != 0 || s.out.String() != "packed\nx" {
		t.Errorf("%d %q %q", code, &s.out, &s.err)
	}
	if code := s.run("-text", "/seq"); code != 1 || !strings.Contains(s.err.String(), "text: `/seq': a SequenceFile") {
		t.Errorf("%d %q", code, &s.err)
	}
}

func TestSafelyAsks(t *testing.T) {
	for answer, gone := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "": false, "what\nno\n": false} {
		s := newStage(t, shelltest.NewFake())
		for i := range 3 {
			s.write(t, fmt.Sprintf("/d/%d", i), nil)
		}
		s.Conf.Set("hadoop.shell.safely.delete.limit.num.files", "2")
		s.In = strings.NewReader(answer)
		code := s.run("-rm", "-r", "-safely", "/d")
		if code != 0 || slices.Contains(s.fake.Paths(), "/d") == gone {
			t.Errorf("answer %q: exit %d, left %v", answer, code, s.fake.Paths())
		}
		if !strings.HasPrefix(s.err.String(), "Proceed deleting 3 files? (Y or N) ") || gone == strings.Contains(s.err.String(), "Delete aborted at user request.") {
			t.Errorf("answer %q: said %q", answer, &s.err)
		}
	}
}

func TestTrashExpunge(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	s.Conf.Set("fs.trash.interval", "60")
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.Local)
	s.Now = func() time.Time { return now }
	s.write(t, "/w/a", nil)
	s.run("-rm", "/w/a")
	s.write(t, "/w/a", nil)
	s.run("-rm", "/w/a")
	stamp := fmt.Sprint(now.UnixMilli())
	if got := s.fake.Paths(); !slices.Contains(got, "/user/root/.Trash/Current/w/a"+stamp) {
		t.Errorf("the second one of a name is not there: %v", got)
	}
	s.run("-expunge")
	if got := s.fake.Paths(); !slices.Contains(got, "/user/root/.Trash/240506070809/w/a") || slices.Contains(got, "/user/root/.Trash/Current") {
		t.Errorf("no checkpoint: %v", got)
	}
	now = now.Add(59 * time.Minute)
	s.run("-expunge")
	if got := s.fake.Paths(); !slices.Contains(got, "/user/root/.Trash/240506070809") {
		t.Errorf("the checkpoint went too early: %v", got)
	}
	now = now.Add(2 * time.Minute)
	s.run("-expunge")
	if got := s.fake.Paths(); slices.Contains(got, "/user/root/.Trash/240506070809") {
		t.Errorf("the checkpoint is still there: %v", got)
	}
	// A file where a directory of the trash should be.
	s.write(t, "/user/root/.Trash/Current/w", nil)
	s.write(t, "/w/b", nil)
	if code := s.run("-rm", "/w/b"); code != 0 || !slices.Contains(s.fake.Paths(), "/user/root/.Trash/Current/w"+fmt.Sprint(now.UnixMilli())+"/b") {
		t.Errorf("exit %d, %q, %v", code, &s.err, s.fake.Paths())
	}
	if code := s.run("-expunge", "-immediate"); code != 0 || slices.ContainsFunc(s.fake.Paths(), func(p string) bool {
		return strings.HasPrefix(p, "/user/root/.Trash/")
	}) {
		t.Errorf("exit %d, %v", code, s.fake.Paths())
	}
}

// slowFS hands out files that never end, until somebody gives up.
type slowFS struct {
	*shelltest.Fake
	started chan struct{}
}

func (f *slowFS) Open(string, bool) (io.ReadSeekCloser, error) {
	return &endless{started: f.started}, nil
}

type endless struct {
	started chan struct{}
	once    bool
}

func (e *endless) Read(b []byte) (int, error) {
	if !e.once {
		e.once = true
		close(e.started)
	}
	time.Sleep(time.Millisecond)
	return len(b[:min(len(b), 10)]), nil
}
func (e *endless) Seek(int64, int) (int64, error) { return 0, nil }
func (e *endless) Close() error                   { return nil }

func TestInterruptLeavesNoHalfCopy(t *testing.T) {
	f := &slowFS{shelltest.NewFake(), make(chan struct{})}
	s := newStage(t, f)
	w, err := f.Create("/src", client.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-f.started; cancel() }()
	if code := s.Run(ctx, []string{"-cp", "/src", "/dst"}); code != 130 {
		t.Errorf("exit %d", code)
	}
	if got := f.Paths(); !slices.Equal(got, []string{"/", "/src"}) {
		t.Errorf("left %v", got)
	}
	if got := s.err.String(); got != "cp: Interrupted\n" {
		t.Errorf("said %q", got)
	}
}

func TestInterruptWhileStandardInputIsSilent(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	r, w := io.Pipe()
	defer w.Close()
	s.In = r
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.WriteString(w, "some"); cancel() }()
	if code := s.Run(ctx, []string{"-put", "-", "/dst"}); code != 130 || !slices.Equal(s.fake.Paths(), []string{"/"}) {
		t.Errorf("exit %d, left %v", code, s.fake.Paths())
	}
}

func TestErrorsComeAfterTheOutputBeforeThem(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	s.write(t, "/a", []byte("a\n"))
	var both bytes.Buffer
	out := bufio.NewWriter(&both)
	s.Out, s.Err = out, &both
	s.run("-cat", "/a", "/none", "/a")
	out.Flush()
	if got := both.String(); got != "a\ncat: `/none': No such file or directory\na\n" {
		t.Errorf("order %q", got)
	}
}

// aclFS has one list for everything.
type aclFS struct {
	*shelltest.Fake
	acl client.ACL
	set []string
}

func (f *aclFS) ACL(string) (*client.ACL, error) { a := f.acl; return &a, nil }
func (f *aclFS) note(what string, e []client.ACLEntry) error {
	f.set = append(f.set, fmt.Sprint(what, e))
	return nil
}
func (f *aclFS) ModifyACL(_ string, e []client.ACLEntry) error        { return f.note("modify", e) }
func (f *aclFS) SetACL(_ string, e []client.ACLEntry) error           { return f.note("set", e) }
func (f *aclFS) RemoveACLEntries(_ string, e []client.ACLEntry) error { return f.note("remove", e) }
func (f *aclFS) RemoveACL(_ string, onlyDefault bool) error {
	return f.note(fmt.Sprint("clear ", onlyDefault), nil)
}

func TestACLs(t *testing.T) {
	f := &aclFS{Fake: shelltest.NewFake(), acl: client.ACL{Owner: "o", Group: "g", Perm: 0o1750, Entries: []client.ACLEntry{
		{Type: "user", Name: "bob", Perm: 7}, {Type: "group", Perm: 5},
		{Default: true, Type: "user", Perm: 7}, {Default: true, Type: "mask", Perm: 4}, {Default: true, Type: "group", Perm: 6}, {Default: true, Type: "other"},
	}}}
	s := newStage(t, f)
	f.MkdirAll("/d", 0o755)
	if code := s.run("-getfacl", "/d"); code != 0 {
		t.Fatalf("exit %d: %s", code, &s.err)
	}
	want := "# file: /d\n# owner: o\n# group: g\n# flags: --T\nuser::rwx\nuser:bob:rwx\t#effective:r-x\ngroup::r-x\nmask::r-x\nother::---\n" +
		"default:user::rwx\ndefault:mask::r--\ndefault:group::rw-\t#effective:r--\ndefault:other::---\n\n"
	if got := s.out.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for args, code := range map[string]int{
		"-setfacl -m user:bob:r-x /d": 0, "-setfacl -b /d": 0, "-setfacl -k /d": 0, "-setfacl -x user:bob /d": 0, "-setfacl --set user::rwx,group::r-x,other::--- /d": 0,
		"-setfacl -m /d": 255, "-setfacl -b -m user:bob:r-x /d": 255, "-setfacl -m user:bob:rq- /d": 255, "-setfacl /d": 255, "-setfacl -b": 255, "-setfacl -b /d /e": 255,
	} {
		if got := s.run(strings.Fields(args)...); got != code {
			t.Errorf("%s: exit %d, want %d: %s", args, got, code, &s.err)
		}
	}
	slices.Sort(f.set)
	wantSet := []string{"clear false[]", "clear true[]", "modify[user:bob:r-x]", "remove[user:bob:---]", "set[user::rwx group::r-x other::---]"}
	if !slices.Equal(f.set, wantSet) {
		t.Errorf("asked for %q", f.set)
	}
}

// A file system without access control lists says so in one line.
func TestUnsupported(t *testing.T) {
	for _, args := range []string{"-getfacl /", "-setfacl -b /", "-getfattr -d /", "-setfattr -n user.a /", "-createSnapshot /", "-deleteSnapshot / s"} {
		s := newStage(t, shelltest.NewFake())
		words := strings.Fields(args)
		want := words[0][1:] + ": `/': Operation not supported\n"
		if code := s.run(words...); code != 1 || s.err.String() != want {
			t.Errorf("%s: exit %d, %q", args, code, &s.err)
		}
	}
}

func TestTailFollows(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	s.write(t, "/log", []byte("one\n"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, w := io.Pipe()
	s.Out = w
	done := make(chan int, 1)
	go func() { done <- s.Run(ctx, []string{"-tail", "-f", "-s", "1", "/log"}) }()
	lines := bufio.NewReader(r)
	for i, want := range []string{"one\n", "two\n", "three\n"} {
		if i > 0 {
			a, err := s.fake.Append("/log", false)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(a, want)
		}
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("line %d is %q, %v", i, got, err)
		}
	}
	cancel()
	go io.Copy(io.Discard, r)
	if code := <-done; code != 130 {
		t.Errorf("exit %d", code)
	}
}

// brokenFS fails to write, as a full disk does.
type brokenFS struct{ *shelltest.Fake }

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no room") }
func (brokenWriter) Close() error              { return nil }

func (f brokenFS) Create(p string, o client.CreateOptions) (io.WriteCloser, error) {
	w, err := f.Fake.Create(p, o)
	if err != nil {
		return nil, err
	}
	w.Close()
	return brokenWriter{}, nil
}

func TestFailedPutLeavesNothing(t *testing.T) {
	f := brokenFS{shelltest.NewFake()}
	s := newStage(t, f)
	local := filepath.Join(t.TempDir(), "l")
	if err := os.WriteFile(local, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := s.run("-put", local, "/f"); code != 1 || s.err.String() != "put: no room\n" {
		t.Errorf("exit %d, %q", code, &s.err)
	}
	if got := f.Paths(); !slices.Equal(got, []string{"/"}) {
		t.Errorf("left %v", got)
	}
}

func TestEveryVerbHasHelpAndUsage(t *testing.T) {
	s := newStage(t, shelltest.NewFake())
	if code := s.run("-help"); code != 0 {
		t.Fatal(code)
	}
	for line := range strings.Lines(s.out.String()) {
		if len(line) > 130 && !strings.HasPrefix(line, "\t[") && !strings.HasPrefix(line, "-") {
			t.Errorf("too long a line: %s", line)
		}
	}
	if n := strings.Count(s.out.String(), " :\n  "); n != 43 {
		t.Errorf("%d verbs are explained", n)
	}
}

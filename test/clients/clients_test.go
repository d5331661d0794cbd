package clients

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/hopsql/hopsql/testkit/process"
)

// TestClients has clients without Java do what a program does with files, and go on
// when one of the two NameNodes is killed, then the other.
func TestClients(t *testing.T) {
	s := start(t)
	t.Run("hdfs-native", func(t *testing.T) {
		w := &work{system: s, t: t, dir: home + "/native", files: map[string][]byte{}}
		w.client = s.open(t, process.Spec{Name: "hdfs-native", Args: []string{python(t), source("python/native.py")}})
		w.everything(func() {})
	})
	t.Run("colinmarc", func(t *testing.T) {
		w := &work{system: s, t: t, dir: home + "/colinmarc", files: map[string][]byte{}}
		w.client = s.open(t, process.Spec{Name: "gohdfs", Args: []string{build(t)}})
		// It looks for another NameNode when it connects. What it asks on a connection that
		// has ended fails.
		w.everything(func() { w.client.ok(request{Op: "reconnect"}) })
	})
	t.Run("tests of colinmarc", s.suite)
	for i := range 2 {
		s.Stop(t, i)
	}
	s.CheckStore(t)
}

// build builds the program with colinmarc/hdfs in it.
func build(t *testing.T) string {
	t.Helper()
	bin := path.Join(t.TempDir(), "gohdfs")
	process.Run(t, process.Spec{Name: "go build gohdfs", Args: []string{"go", "build", "-o", bin, "."}, Dir: source("gohdfs")}, "").OK(t)
	return bin
}

// work is one client at work below its own directory.
type work struct {
	*system
	t      *testing.T
	client *session
	dir    string
	files  map[string][]byte // that are there, by the name below dir
}

func (w *work) path(name string) string { return w.dir + "/" + name }

func (w *work) everything(reconnect func()) {
	w.client.ok(request{Op: "mkdir", Path: w.path("deep/er")})
	w.write()
	w.move()
	w.remove()
	w.refusals()
	w.look()
	for i := range 2 {
		w.Kill(i)
		reconnect()
		w.put(fmt.Sprint("without", i), 2*blockSize+i)
		w.add(fmt.Sprint("without", i), 1000)
		w.look()
		w.restart(w.t, i)
	}
	w.client.ok(request{Op: "remove tree", Path: w.dir})
	w.client.refused(request{Op: "stat", Path: w.dir}, "missing")
	if err := w.client.close(); err != nil {
		w.t.Errorf("the client ended with %v\n%s", err, w.client.tail())
	}
}

func (w *work) put(name string, size int) {
	w.t.Helper()
	w.files[name] = noise(byte(len(w.files)), size)
	w.client.put(w.path(name), w.files[name])
}

func (w *work) add(name string, size int) {
	w.t.Helper()
	more := noise(byte(size), size)
	w.client.append(w.path(name), more)
	w.files[name] = append(w.files[name], more...)
}

// write puts files of many sizes and appends: within a block, to its end, over several.
func (w *work) write() {
	w.t.Helper()
	for _, size := range []int{0, 1, 511, 512, 513, 70_000, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 12345} {
		w.put(fmt.Sprint("f", size), size)
	}
	for _, size := range []int{1, 600, blockSize, 2*blockSize - 601, 3} {
		w.add("f0", size)
		w.add("f513", size)
	}
	w.add(fmt.Sprint("f", blockSize), 100) // a full block before
}

func (w *work) move() {
	w.t.Helper()
	for _, to := range []string{"deep/moved", "deep/er/f70000"} {
		w.client.ok(request{Op: "rename", Path: w.path("f70000"), To: w.path(to)})
		w.client.refused(request{Op: "stat", Path: w.path("f70000")}, "missing")
		w.client.ok(request{Op: "rename", Path: w.path(to), To: w.path("f70000")})
	}
	w.client.ok(request{Op: "rename", Path: w.path("f511"), To: w.path("deep/er/f511")})
	w.client.ok(request{Op: "rename", Path: w.path("deep"), To: w.path("far")})
	w.files["far/er/f511"] = w.files["f511"]
	delete(w.files, "f511")
}

func (w *work) remove() {
	w.t.Helper()
	w.client.ok(request{Op: "delete", Path: w.path("f512")})
	delete(w.files, "f512")
	w.client.refused(request{Op: "get", Path: w.path("f512"), Local: w.client.file(nil)}, "missing")
	if got := w.client.ask(request{Op: "delete", Path: w.path("far")}).Error; got == "" || got == "missing" {
		w.t.Errorf("delete of a directory with files in it: error %q", got)
	}
}

// refusals asks for what is not allowed: the client has to know why not.
func (w *work) refusals() {
	w.t.Helper()
	w.client.refused(request{Op: "put", Path: w.path("f1"), Local: w.client.file([]byte("other"))}, "exists")
	w.client.refused(request{Op: "list", Path: w.path("none")}, "missing")
	w.client.refused(request{Op: "append", Path: w.path("none"), Local: w.client.file(nil)}, "missing")
	w.client.refused(request{Op: "rename", Path: w.path("none"), To: w.path("other")}, "missing")
	if got := w.client.ask(request{Op: "mkdir", Path: "/forbidden"}).Error; got == "" {
		w.t.Error("a directory where the user may not write: no error")
	}
}

// look compares all that the client sees with what was written, and with what the
// project's own client sees.
func (w *work) look() {
	w.t.Helper()
	want := []entry{{Name: "far", Dir: true, Mode: 0o755, Owner: user, Group: user}}
	total, dirs := 0, int64(3)
	for name, data := range w.files {
		total += len(data)
		if got := w.client.get(w.path(name)); !bytes.Equal(got, data) {
			w.t.Errorf("%s: the client reads %d bytes with checksum %s, not %d with %s", name, len(got), sum(got), len(data), sum(data))
		}
		if got := []byte(w.HDFS(w.t, "dfs", "-cat", w.path(name)).OK(w.t)); !bytes.Equal(got, data) {
			w.t.Errorf("%s: hdfs dfs reads %d bytes with checksum %s, not %d with %s", name, len(got), sum(got), len(data), sum(data))
		}
		e := entry{Name: path.Base(name), Length: int64(len(data)), Mode: 0o644, Owner: user, Group: user}
		if got := w.client.ok(request{Op: "stat", Path: w.path(name)}).Files; !slices.Equal(got, []entry{e}) {
			w.t.Errorf("stat %s: %+v, want %+v", name, got, e)
		}
		if path.Dir(name) == "." {
			want = append(want, e)
		}
	}
	byName := func(a, b entry) int { return cmp.Compare(a.Name, b.Name) }
	got := w.client.ok(request{Op: "list", Path: w.dir}).Files
	slices.SortFunc(got, byName)
	slices.SortFunc(want, byName)
	if !slices.Equal(got, want) {
		w.t.Errorf("list:\n%+v, want\n%+v", got, want)
	}
	sums := summary{Length: int64(total), Files: int64(len(w.files)), Dirs: dirs, Space: 3 * int64(total)}
	if got := w.client.ok(request{Op: "summary", Path: w.dir}).Summary; got != sums {
		w.t.Errorf("content summary: %+v, want %+v", got, sums)
	}
}

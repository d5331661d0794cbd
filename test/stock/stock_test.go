// Package stock tests whole file systems from outside: the same commands, sent by
// Apache Hadoop's own `hdfs dfs` and by this project's, to NameNode and DataNodes
// of this project on each store.
package stock

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/process"
)

const (
	bigSize    = 300 << 20
	blockSize  = 64 << 20
	smallFiles = 1000
)

// dfs runs one `hdfs dfs` command.
type dfs func(tb testing.TB, args ...string) process.Result

func stockClient(t *testing.T, c *cluster.Cluster) dfs {
	return c.Stock(t, map[string]string{
		"dfs.blocksize": strconv.Itoa(blockSize),
		// How long a client waits when a file's last block is not yet reported:
		// 400 ms for each of a thousand files would be most of the test.
		"dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "20",
	}).Shell(t).DFS
}

func ownClient(_ *testing.T, c *cluster.Cluster) dfs {
	return func(tb testing.TB, args ...string) process.Result {
		tb.Helper()
		return c.HDFS(tb, append([]string{"dfs", "-D", "dfs.blocksize=" + strconv.Itoa(blockSize)}, args...)...)
	}
}

// input is what the tests put: made once, the same bytes each time.
type input struct {
	big, bigSum string
	small       string
	smallBytes  int64
}

var makeInput = sync.OnceValues(func() (*input, error) {
	dir, err := os.MkdirTemp("", "hopsql-input-")
	if err != nil {
		return nil, err
	}
	inputDir = dir
	in := &input{big: filepath.Join(dir, "big"), small: filepath.Join(dir, "small")}
	source := rand.NewChaCha8([32]byte{1})
	f, err := os.Create(in.big)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, sum), source, bigSize); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	in.bigSum = hex.EncodeToString(sum.Sum(nil))
	for i := range smallFiles {
		name := filepath.Join(in.small, fmt.Sprintf("d%02d", i%10), fmt.Sprintf("f%04d", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		data := make([]byte, i*7) // from nothing to 7 KB
		source.Read(data)
		in.smallBytes += int64(len(data))
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return nil, err
		}
	}
	return in, nil
})

// inputDir is removed when the tests have ended.
var inputDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if inputDir != "" {
		os.RemoveAll(inputDir)
	}
	os.Exit(code)
}

// TestCommands is the everyday use of a file system: two clients, two stores, one
// DataNode and three.
func TestCommands(t *testing.T) {
	in, err := makeInput()
	if err != nil {
		t.Fatal(err)
	}
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("datanodes=%d", n), func(t *testing.T) {
				c := cluster.Start(t, cluster.Options{StoreURL: storeURL, DataNodes: n})
				clients := []struct {
					name string
					dfs  dfs
				}{{"stock", stockClient(t, c)}, {"own", ownClient(t, c)}}
				for _, cl := range clients {
					t.Run(cl.name, func(t *testing.T) {
						s := &session{t: t, dfs: cl.dfs, in: in, home: "/" + cl.name, replication: n}
						s.everything()
					})
				}
				t.Run("together", func(t *testing.T) { sameAnswers(t, clients[0].dfs, clients[1].dfs) })
				t.Run("restart", func(t *testing.T) {
					c.StopNameNode(t)
					c.StartNameNode(t)
					c.WaitDataNodes(t, n)
					// A client of its own: Hadoop's fails once on a connection that was idle.
					if got := sumOf(stockClient(t, c)(t, "-cat", "/own/big2").OK(t)); got != in.bigSum {
						t.Errorf("after the restart the file has other bytes")
					}
				})
			})
		}
	})
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// session is one client at work below its own folder.
type session struct {
	t           *testing.T
	dfs         dfs
	in          *input
	home        string
	replication int
}

func (s *session) ok(args ...string) string {
	s.t.Helper()
	return s.dfs(s.t, args...).OK(s.t)
}

func (s *session) everything() {
	s.bigFile()
	s.manyFiles()
	s.moves()
	s.appends()
	s.modes()
	s.removal()
}

func (s *session) bigFile() {
	s.t.Helper()
	s.ok("-mkdir", "-p", s.home+"/a/b/c")
	s.ok("-put", s.in.big, s.home+"/big")
	if got := strings.TrimSpace(s.ok("-stat", "%b %o %r", s.home+"/big")); got != fmt.Sprintf("%d %d %d", bigSize, blockSize, s.replication) {
		s.t.Errorf("-stat: %q", got)
	}
	if sumOf(s.ok("-cat", s.home+"/big")) != s.in.bigSum {
		s.t.Error("-cat gave other bytes than -put took")
	}
	local := filepath.Join(s.t.TempDir(), "big")
	s.ok("-get", s.home+"/big", local)
	data, err := os.ReadFile(local)
	if err != nil {
		s.t.Fatal(err)
	}
	if sumOf(string(data)) != s.in.bigSum {
		s.t.Error("-get gave other bytes than -put took")
	}
	fields := strings.Fields(s.ok("-checksum", s.home+"/big"))
	if len(fields) != 3 || fields[0] != s.home+"/big" || fields[1] != fmt.Sprintf("MD5-of-%dMD5-of-512CRC32C", blockSize/512) || len(fields[2]) != 56 {
		s.t.Errorf("-checksum: %q", fields)
	}
	if r := s.dfs(s.t, "-put", s.in.big, s.home+"/big"); r.Exit != 1 || !strings.Contains(r.Stderr, "File exists") {
		s.t.Errorf("-put over a file: exit %d, %q", r.Exit, r.Stderr)
	}
}

func (s *session) manyFiles() {
	s.t.Helper()
	s.ok("-put", s.in.small, s.home+"/small")
	files, dirs := 0, 0
	for line := range strings.Lines(s.ok("-ls", "-R", s.home+"/small")) {
		switch line[0] {
		case '-':
			files++
		case 'd':
			dirs++
		}
	}
	if files != smallFiles || dirs != 10 {
		s.t.Errorf("-ls -R shows %d files and %d folders, want %d and 10", files, dirs, smallFiles)
	}
	if got := strings.Fields(s.ok("-count", s.home+"/small")); strings.Join(got, " ") != fmt.Sprintf("11 %d %d %s/small", smallFiles, s.in.smallBytes, s.home) {
		s.t.Errorf("-count: %v", got)
	}
	want := fmt.Sprintf("%d %d %s/small", s.in.smallBytes, s.in.smallBytes*int64(s.replication), s.home)
	if got := strings.Join(strings.Fields(s.ok("-du", "-s", s.home+"/small")), " "); got != want {
		s.t.Errorf("-du -s: %q, want %q", got, want)
	}
	back := filepath.Join(s.t.TempDir(), "back")
	s.ok("-get", s.home+"/small", back)
	compareTrees(s.t, s.in.small, back)
}

func compareTrees(t *testing.T, want, got string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(want, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(want, name)
		if err != nil {
			return err
		}
		a, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(got, rel))
		if err != nil {
			return err
		}
		if string(a) != string(b) {
			t.Errorf("%s: %d bytes came back, not the %d that were put", rel, len(b), len(a))
		}
		n++
		return nil
	})
	if err != nil || n != smallFiles {
		t.Fatalf("compared %d files: %v", n, err)
	}
}

func (s *session) moves() {
	s.t.Helper()
	s.ok("-mv", s.home+"/big", s.home+"/a/b/c/moved")
	if r := s.dfs(s.t, "-test", "-e", s.home+"/big"); r.Exit != 1 {
		s.t.Errorf("-test -e of the old name: exit %d", r.Exit)
	}
	s.ok("-test", "-f", s.home+"/a/b/c/moved")
	s.ok("-mv", s.home+"/a", s.home+"/z")
	s.ok("-mv", s.home+"/z/b/c/moved", s.home+"/big2")
	if sumOf(s.ok("-cat", s.home+"/big2")) != s.in.bigSum {
		s.t.Error("the file has other bytes after its moves")
	}
	if r := s.dfs(s.t, "-mv", s.home+"/missing", s.home+"/x"); r.Exit != 1 || !strings.Contains(r.Stderr, "No such file or directory") {
		s.t.Errorf("-mv of nothing: exit %d, %q", r.Exit, r.Stderr)
	}
}

func (s *session) appends() {
	s.t.Helper()
	local := filepath.Join(s.t.TempDir(), "part")
	var want strings.Builder
	for i := range 5 {
		part := strings.Repeat(fmt.Sprintf("part %d\n", i), 300*i+1)
		want.WriteString(part)
		if err := os.WriteFile(local, []byte(part), 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.ok("-appendToFile", local, s.home+"/log")
	}
	if got := s.ok("-cat", s.home+"/log"); got != want.String() {
		s.t.Errorf("after five appends: %d bytes, want %d", len(got), want.Len())
	}
}

func (s *session) modes() {
	s.t.Helper()
	s.ok("-chmod", "640", s.home+"/log")
	if got := s.ok("-stat", "%A", s.home+"/log"); strings.TrimSpace(got) != "rw-r-----" {
		s.t.Errorf("after -chmod 640: %q", got)
	}
	s.ok("-chmod", "-R", "u+x,o-rx", s.home+"/small")
	line := regexp.MustCompile(`(?m)^-rwxr-----\s+` + strconv.Itoa(s.replication) + `\s`)
	if got := len(line.FindAllString(s.ok("-ls", "-R", s.home+"/small"), -1)); got != smallFiles {
		s.t.Errorf("after -chmod -R %d files have the new mode, want %d", got, smallFiles)
	}
}

func (s *session) removal() {
	s.t.Helper()
	if r := s.dfs(s.t, "-rm", s.home+"/small"); r.Exit != 1 || !strings.Contains(r.Stderr, "Is a directory") {
		s.t.Errorf("-rm of a folder: exit %d, %q", r.Exit, r.Stderr)
	}
	if got := s.ok("-rm", "-r", "-skipTrash", s.home+"/small"); got != "Deleted "+s.home+"/small\n" {
		s.t.Errorf("-rm -r: %q", got)
	}
	if r := s.dfs(s.t, "-ls", s.home+"/small"); r.Exit != 1 || !strings.Contains(r.Stderr, "No such file or directory") {
		s.t.Errorf("-ls of what is gone: exit %d, %q", r.Exit, r.Stderr)
	}
	s.ok("-rm", "-r", "-skipTrash", s.home+"/z")
}

// times hides what may differ between two listings of the same files.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

// sameAnswers sends commands through both clients and compares what they print,
// to the byte, on standard output and standard error, and the exit status.
func sameAnswers(t *testing.T, stock, own dfs) {
	for _, line := range []string{
		"-ls /", "-ls -d /stock", "-ls -h /stock", "-ls -C /stock", "-ls -t -r /stock", "-ls -S /stock", "-ls -R /", "-ls /missing", "-ls /stock/big2 /missing /own",
		"-count /stock /own", "-count -q -h -v /stock", "-du /stock", "-du -s -h /stock /own", "-du -v /stock", "-df /missing",
		"-checksum /stock/big2", "-checksum /stock/log /own/log", "-stat /own/missing", "-stat %F_%u_%g_%b_%o_%r_%n /stock/log", "-stat %a%A /stock",
		"-test -d /stock", "-test -d /stock/log", "-test -z /stock/log", "-head /stock/log", "-tail /stock/log", "-cat /stock", "-cat /stock/missing",
		"-mkdir /stock", "-mkdir /missing/x", "-rmdir /stock", "-rmdir /missing", "-touchz /stock", "-mv /stock /stock/inside", "-rm /missing", "-rm -f /missing",
		"-cp /stock/log /missing/x", "-get /missing /tmp/never", "-find /stock -name l*", "-getmerge", "-chmod 999 /stock", "-setrep 0 /stock", "-nonsense", "-ls -Z /", "",
		"-usage put", "-help nonsense",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			a, b := stock(t, args...), own(t, args...)
			if a.Exit != b.Exit {
				t.Errorf("exit status: stock %d, own %d", a.Exit, b.Exit)
			}
			for _, x := range []struct{ what, stock, own string }{{"output", a.Stdout, b.Stdout}, {"errors", a.Stderr, b.Stderr}} {
				if one, two := times.ReplaceAllString(x.stock, "TIME"), times.ReplaceAllString(x.own, "TIME"); one != two {
					t.Errorf("standard %s differ\nstock:\n%s\nown:\n%s", x.what, one, two)
				}
			}
		})
	}
}

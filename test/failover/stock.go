package failover

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// stockLoop puts files with Apache's `hdfs dfs`, gets them back, moves and removes
// them, again and again.
type stockLoop struct {
	t     *testing.T
	shell *hadoop.Shell
	dir   string // of local files
	times *stopwatch
	rand  *rand.Rand
	files map[string][]byte
	done  int
}

func newStockLoop(t *testing.T, c *cluster.Cluster) *stockLoop {
	t.Helper()
	s := &stockLoop{t: t, dir: t.TempDir(), times: new(stopwatch), rand: rand.New(rand.NewPCG(1, 2)), files: map[string][]byte{}}
	s.shell = c.Stock(t, stockSettings).Shell(t)
	s.shell.DFS(t, "-mkdir", "-p", "/stock").OK(t) // also waits for the JVM
	return s
}

// stockSettings leave everything that has to do with failing over as Apache has it.
var stockSettings = map[string]string{
	"dfs.blocksize": "1m", "dfs.replication": "2",
	"ipc.client.connect.max.retries": "10", "ipc.client.connect.max.retries.on.timeouts": "45",
}

// ok runs a command that must succeed, and returns what it printed.
func (s *stockLoop) ok(args ...string) bool {
	began := time.Now()
	r := s.shell.DFS(s.t, args...)
	s.times.add(args[0], began, time.Now())
	if r.Exit != 0 {
		s.t.Errorf("%s after %v: exit %d\n%.3000s%.3000s", r.Command, time.Since(began).Round(time.Millisecond), r.Exit, r.Stdout, r.Stderr)
		return false
	}
	return true
}

// work goes on until the context ends or a command fails.
func (s *stockLoop) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		name, moved := fmt.Sprintf("/stock/f%d", n), fmt.Sprintf("/stock/g%d", n)
		data := make([]byte, s.rand.IntN(1_500_000))
		for i := range data {
			data[i] = byte(s.rand.Uint32())
		}
		local := filepath.Join(s.dir, "local")
		if err := os.WriteFile(local, data, 0o600); err != nil {
			s.t.Error(err)
			return
		}
		if !s.ok("-put", local, name) || !s.same(name, data) || !s.ok("-mv", name, moved) {
			return
		}
		s.files[moved] = data
		if n%2 == 1 {
			old := fmt.Sprintf("/stock/g%d", n-1)
			if !s.ok("-rm", "-skipTrash", old) {
				return
			}
			delete(s.files, old)
		}
		s.done++
	}
}

func (s *stockLoop) same(name string, want []byte) bool {
	back := filepath.Join(s.dir, "back")
	defer os.Remove(back)
	if !s.ok("-get", name, back) {
		return false
	}
	got, err := os.ReadFile(back)
	if err != nil || !bytes.Equal(got, want) {
		s.t.Errorf("%s: %d bytes came back, not the %d that were put, or others (%v)", name, len(got), len(want), err)
		return false
	}
	return true
}

// verify wants the files that were put and not removed, and no other.
func (s *stockLoop) verify() {
	s.t.Helper()
	var want []string
	for name, data := range s.files {
		want = append(want, name)
		s.same(name, data)
	}
	slices.Sort(want)
	got := strings.Fields(s.shell.DFS(s.t, "-ls", "-C", "/stock").OK(s.t))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("/stock holds %q, want %q", got, want)
	}
}

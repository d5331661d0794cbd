package stock

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/process"
)

// moments are what two answers to the same question differ in.
var moments = regexp.MustCompile(`at [A-Z][a-z]{2} .* [0-9]{4}|in [0-9]+ milliseconds`)

// TestFsck has Apache's `hdfs fsck` and ours look at the same files, whole ones and one
// that lost a block, and treat that one.
func TestFsck(t *testing.T) {
	c := cluster.Start(t, cluster.Options{DataNodes: 1, Conf: map[string]string{"dfs.blocksize": "4096"}})
	stock := c.Stock(t, c.Names())
	both := func(exit int, end string, args ...string) string {
		t.Helper()
		a := stock.Run(t, "org.apache.hadoop.hdfs.tools.DFSck", args...)
		b := c.HDFS(t, append([]string{"fsck"}, args...)...)
		for _, r := range []process.Result{a, b} {
			if r.Exit != exit || !strings.HasSuffix(strings.TrimSpace(r.Stdout), end) && !strings.HasSuffix(strings.TrimSpace(r.Stderr), end) {
				t.Fatalf("%s: exit %d, want %d and %q\n%s\n%s", r.Command, r.Exit, exit, end, r.Stdout, r.Stderr)
			}
		}
		if x, y := moments.ReplaceAllString(a.Stdout, ""), moments.ReplaceAllString(b.Stdout, ""); x != y {
			t.Errorf("fsck %v: Apache's prints\n%s\nours\n%s", args, x, y)
		}
		return a.Stdout
	}
	put := func(name string, size int) {
		local := filepath.Join(t.TempDir(), "local")
		if err := os.WriteFile(local, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		c.HDFS(t, "dfs", "-put", local, name).OK(t)
	}
	c.HDFS(t, "dfs", "-mkdir", "/d").OK(t)
	put("/d/whole", 5000)
	put("/d/hurt", 9000)
	out := both(0, "is HEALTHY", "/", "-files", "-blocks", "-locations")
	if !strings.Contains(out, "/d/whole 5000 bytes, replicated: replication=1, 2 block(s):  OK\n0. BP-") || !strings.Contains(out, "DatanodeInfoWithStorage[127.0.0.1:") {
		t.Errorf("-files -blocks -locations:\n%s", out)
	}
	both(0, "DFSck exiting.", "/nope")

	loseBlock(t, c, 1073741828)
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if r := c.HDFS(t, "fsck", "/"); r.Exit == 1 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the lost block is not missed:\n%s", r.Stdout)
		}
	}
	out = both(1, "is CORRUPT", "/")
	if !strings.Contains(out, "/d/hurt: MISSING 1 blocks of total size 4096 B.") {
		t.Errorf("a missing block:\n%s", out)
	}
	both(255, "has 1 CORRUPT blocks", "/", "-list-corruptfileblocks")
	both(255, "No. of corrupted Replica: 0", "-blockId", "blk_1073741828")
	if r := stock.Run(t, "org.apache.hadoop.hdfs.tools.DFSck", "/", "-move", "-delete"); r.Exit != 1 {
		t.Errorf("-move -delete: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	both(0, "is HEALTHY", "/", "-files")
	for name, size := range map[string]int{"/lost+found/d/hurt/0": 4096, "/lost+found/d/hurt/1": 9000 - 8192} {
		if got := len(c.HDFS(t, "dfs", "-cat", name).OK(t)); got != size {
			t.Errorf("%s has %d bytes, want %d", name, got, size)
		}
	}
	if r := c.HDFS(t, "fsck", "-metadata"); r.Exit != 0 || !strings.HasSuffix(r.Stdout, "The metadata is HEALTHY\n") {
		t.Errorf("-metadata: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	if r := c.HDFS(t, "dfs", "-test", "-e", "/d/hurt"); r.Exit != 1 {
		t.Error("-delete left the file")
	}
}

// loseBlock takes a block from the disk of the only DataNode, which is started again.
func loseBlock(t *testing.T, c *cluster.Cluster, id int) {
	t.Helper()
	name := fmt.Sprint("blk_", id)
	c.DataNode(0).Kill()
	removed := 0
	err := filepath.WalkDir(c.DataDir(0), func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.Name() == name || strings.HasPrefix(d.Name(), name+"_")) {
			removed++
			return os.Remove(path)
		}
		return err
	})
	if err != nil || removed != 2 {
		t.Fatalf("%d files of %s, want the data and the checksums: %v", removed, name, err)
	}
	c.StartDataNode(t, 0)
}

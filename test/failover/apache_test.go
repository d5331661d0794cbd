package failover

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// TestApacheTools asks three NameNodes with Apache's own commands how they are.
func TestApacheTools(t *testing.T) {
	t.Parallel()
	c := start(t, 3, 2, nil)
	stock := c.Stock(t, stockSettings)
	haadmin := func(args ...string) process.Result {
		t.Helper()
		return stock.Run(t, "org.apache.hadoop.hdfs.tools.DFSHAAdmin", args...)
	}
	var want []string
	for i := range 3 {
		want = append(want, c.AddressAt(i)+" active")
	}
	var got []string
	for line := range strings.Lines(haadmin("-getAllServiceState").OK(t)) {
		line = strings.Replace(line, "localhost:", "127.0.0.1:", 1)
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("-getAllServiceState: %q, want %q", got, want)
	}
	if out := strings.TrimSpace(haadmin("-getServiceState", "nn2").OK(t)); out != "active" {
		t.Errorf("-getServiceState nn2: %q", out)
	}
	c.Kill(2)
	if r := haadmin("-getServiceState", "nn3"); r.Exit == 0 {
		t.Errorf("-getServiceState of a NameNode that is gone: %q", r.Stdout)
	}
	if r := haadmin("-checkHealth", "nn1"); r.Exit != 0 {
		t.Errorf("-checkHealth: exit %d, %q", r.Exit, r.Stderr)
	}
	shell := stock.Shell(t)
	for range 3 { // each time another NameNode may answer
		if out := shell.Admin(t, "-report").OK(t); !strings.Contains(out, "Live datanodes (2)") {
			t.Errorf("-report does not show two live DataNodes:\n%s", out)
		}
	}
	if out := shell.Admin(t, "-safemode", "get").Stdout; strings.Count(out, "Safe mode is OFF") < 2 {
		t.Errorf("-safemode get: %q", out)
	}
}

// TestApacheDataNode has one of Apache's DataNodes among ours. When the leader is
// killed, the next one commands it: to copy replicas, and to delete them.
func TestApacheDataNode(t *testing.T) {
	t.Parallel()
	const files = 12
	c := cluster.New(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: 3, DataNodes: 1, Conf: settings(nil)})
	c.Format(t)
	for i := range 3 {
		c.Start(t, i)
	}
	seen := observe(t, c)
	stockDN := t.TempDir()
	props := maps.Clone(c.Names())
	maps.Copy(props, map[string]string{"dfs.heartbeat.interval": "1", "dfs.blockreport.initialDelay": "0"})
	p := hadoop.StartDataNode(t, stockDN, c.FS(), props)
	c.WaitDataNodes(t, 1)
	shell := c.Stock(t, map[string]string{"dfs.blocksize": "1m", "dfs.replication": "1"}).Shell(t)
	data := bytes.Repeat([]byte("on Apache's DataNode\n"), 10_000)
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, data, 0o600); err != nil {
		t.Fatal(err)
	}
	shell.DFS(t, "-mkdir", "/d").OK(t)
	for i := range files {
		shell.DFS(t, "-put", local, fmt.Sprintf("/d/f%d", i)).OK(t)
	}
	blocks := filepath.Join(stockDN, "data")
	if n := len(blockFiles(t, blocks)); n != files {
		t.Fatalf("Apache's DataNode has %d blocks, want %d", n, files)
	}
	c.StartDataNode(t, 0)
	ours := c.DataDir(0)
	c.WaitDataNodes(t, 2)

	old, at := seen.last(), time.Now()
	c.Kill(old.NameNode)
	t.Logf("a new leader after %v", seen.wantNext(old, at).Round(time.Millisecond))
	shell.DFS(t, "-setrep", "2", "/d").OK(t)
	wantBlocks(t, "copied to our DataNode", ours, files, p)
	shell.DFS(t, "-rm", "-r", "-skipTrash", "/d").OK(t)
	wantBlocks(t, "left on Apache's DataNode", blocks, 0, p)
	wantBlocks(t, "left on our DataNode", ours, 0, p)

	c.Start(t, old.NameNode)
	c.WaitDataNodes(t, 2)
	shell.DFS(t, "-put", local, "/again").OK(t)
	if got := shell.DFS(t, "-cat", "/again").OK(t); got != string(data) {
		t.Errorf("%d bytes came back, not the %d that were put, or others", len(got), len(data))
	}
	c.CheckStore(t)
}

// wantBlocks waits until a DataNode's folder holds a number of blocks.
func wantBlocks(t *testing.T, what, dir string, want int, apache *process.Process) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		n := len(blockFiles(t, dir))
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d blocks %s, want %d; Apache's DataNode says:\n%s", n, what, want, apache.Tail())
		}
	}
}

package stock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// locations asks on how many DataNodes each block of a file is.
func locations(t *testing.T, c *cluster.Cluster, path string) []int {
	t.Helper()
	client := rpc.NewClient(rpc.ClientConfig{})
	defer client.Close()
	var resp hdfspb.GetBlockLocationsResponseProto
	offset, length := uint64(0), uint64(1<<40)
	req := &hdfspb.GetBlockLocationsRequestProto{Src: &path, Offset: &offset, Length: &length}
	if err := client.Call(t.Context(), c.Address, cluster.ClientProtocol, "getBlockLocations", req, &resp); err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, b := range resp.GetLocations().GetBlocks() {
		counts = append(counts, len(b.GetLocs()))
	}
	return counts
}

func put(t *testing.T, run dfs, path, data string) {
	t.Helper()
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "-put", local, path).OK(t)
}

// TestDeadDataNode kills one of four DataNodes: what was on it stays readable and
// gets its third replica back elsewhere.
func TestDeadDataNode(t *testing.T) {
	c := cluster.Start(t, cluster.Options{DataNodes: 4, Conf: map[string]string{
		"dfs.namenode.heartbeat.recheck-interval":         "500",
		"dfs.namenode.redundancy.interval.seconds":        "1",
		"dfs.namenode.stale.datanode.interval":            "3000",
		"dfs.namenode.reconstruction.pending.timeout-sec": "5",
	}})
	own := ownClient(t, c)
	data := strings.Repeat("replicated\n", 1<<17)
	for _, name := range []string{"/a", "/b", "/c", "/d"} {
		put(t, own, name, data)
	}
	c.DataNode(0).Kill()
	for _, name := range []string{"/a", "/b", "/c", "/d"} {
		if got := own(t, "-cat", name).OK(t); got != data {
			t.Fatalf("%s has %d bytes after a DataNode died, want %d", name, len(got), len(data))
		}
	}
	c.WaitDataNodes(t, 3)
	deadline := time.Now().Add(time.Minute)
	for _, name := range []string{"/a", "/b", "/c", "/d"} {
		for counts := locations(t, c, name); counts[0] != 3; counts = locations(t, c, name) {
			if time.Now().After(deadline) {
				t.Fatalf("%s has %v replicas a minute after the DataNode died", name, counts)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	c.DataNode(1).Kill()
	for _, name := range []string{"/a", "/b", "/c", "/d"} {
		if got := own(t, "-cat", name).OK(t); got != data {
			t.Fatalf("%s has %d bytes after two DataNodes died one after the other, want %d", name, len(got), len(data))
		}
	}
}

// TestRestartedDataNode stops and kills a DataNode: its blocks are served again.
func TestRestartedDataNode(t *testing.T) {
	c := cluster.Start(t, cluster.Options{DataNodes: 1})
	own := ownClient(t, c)
	data := strings.Repeat("still there\n", 1<<16)
	put(t, own, "/a", data)
	for _, end := range []func(){func() { c.DataNode(0).Kill() }, func() {
		if err := c.DataNode(0).Stop(20 * time.Second); err != nil {
			t.Fatal(err)
		}
	}} {
		end()
		c.StartDataNode(t, 0)
		c.WaitDataNodes(t, 1)
		if got := own(t, "-cat", "/a").OK(t); got != data {
			t.Fatalf("after the restart: %d bytes, want %d", len(got), len(data))
		}
	}
}

// TestDataNodeOfAnotherCluster is refused, with both cluster ids named.
func TestDataNodeOfAnotherCluster(t *testing.T) {
	first := cluster.Start(t, cluster.Options{DataNodes: 1})
	second := cluster.Start(t, cluster.Options{})
	stray := cluster.New(t, cluster.Options{DataNodes: 1, Conf: map[string]string{"fs.defaultFS": second.FS(), "dfs.namenode.rpc-address": second.Address}})
	if err := first.DataNode(0).Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(first.DataDir(0), stray.DataDir(0)); err != nil {
		t.Fatal(err)
	}
	p := stray.LaunchDataNode(t, 0)
	select {
	case <-p.Done():
	case <-time.After(30 * time.Second):
		t.Fatalf("a DataNode of another cluster still runs after 30 s; its output:\n%s", p.Tail())
	}
	if p.ExitCode() == 0 || !strings.Contains(strings.ToLower(p.Output()), "cluster") {
		t.Errorf("exit %d; the output does not say that the cluster is another one:\n%s", p.ExitCode(), p.Tail())
	}
}

// TestStockDataNode serves this project's NameNode with Apache's DataNode.
func TestStockDataNode(t *testing.T) {
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.Start(t, cluster.Options{StoreURL: storeURL})
		hadoop.StartDataNode(t, t.TempDir(), c.FS(), map[string]string{"dfs.heartbeat.interval": "1"})
		c.WaitDataNodes(t, 1)
		data := strings.Repeat("on Apache's DataNode\n", 1<<16)
		for name, run := range map[string]dfs{"stock": stockClient(t, c), "own": ownClient(t, c)} {
			put(t, run, "/"+name, data)
			if got := run(t, "-cat", "/"+name).OK(t); got != data {
				t.Errorf("%s client: %d bytes came back, want %d", name, len(got), len(data))
			}
			run(t, "-rm", "-skipTrash", "/"+name).OK(t)
		}
	})
}

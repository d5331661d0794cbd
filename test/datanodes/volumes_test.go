package datanodes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/process"
	"github.com/hopsql/hopsql/testkit/proxy"
)

// TestVolumesAndLifelines has one of Apache's DataNodes, with two volumes, beside one of
// this project. It reaches the NameNode through a proxy, and directly with lifelines.
func TestVolumesAndLifelines(t *testing.T) {
	lifeline := fmt.Sprintf("127.0.0.1:%d", process.FreePort(t))
	s := &system{t: t, whole: t, files: map[string][]byte{}}
	s.Cluster = cluster.New(t, cluster.Options{DataNodes: 1, Conf: map[string]string{
		"dfs.replication": "2", "dfs.namenode.lifeline.rpc-address": lifeline,
		"dfs.namenode.heartbeat.recheck-interval": "500", "dfs.namenode.redundancy.interval.seconds": "1",
		"dfs.namenode.reconstruction.pending.timeout-sec": "5",
	}})
	s.calls = rpc.NewClient(rpc.ClientConfig{CallTimeout: 10 * time.Second})
	t.Cleanup(func() { s.calls.Close() })
	s.Format(t)
	s.Start(t, 0)
	s.StartDataNode(t, 0)
	way := proxy.Start(t, s.Address)
	n := &node{dir: t.TempDir(), port: process.FreePort(t)}
	volumes := []string{filepath.Join(n.dir, "one"), filepath.Join(n.dir, "two")}
	n.props = map[string]string{
		"fs.defaultFS": "hdfs://" + way.Addr(), "dfs.namenode.rpc-address": way.Addr(), "dfs.namenode.lifeline.rpc-address": lifeline,
		"dfs.datanode.data.dir": "file://" + volumes[0] + ",file://" + volumes[1], "dfs.datanode.address": n.address(),
		"dfs.heartbeat.interval": "1", "dfs.datanode.lifeline.interval.seconds": "2", "dfs.blocksize": blockSize,
		"dfs.datanode.failed.volumes.tolerated": "1", "dfs.datanode.disk.check.min.gap": "0ms", "dfs.datanode.directoryscan.interval": "-1",
		"ipc.client.rpc-timeout.ms": "60000",
	}
	s.nodes = []*node{n}
	s.run(0, 2)
	s.stock = s.Stock(t, map[string]string{"dfs.blocksize": blockSize, "dfs.replication": "2", "dfs.client.socket-timeout": "20000"})
	s.shell = s.stock.Shell(t)
	for i := range 3 {
		s.put(fmt.Sprint("/mixed", i), 9<<20+i)
	}
	step := func(name string, do func()) {
		t.Helper()
		ok := t.Run(name, func(t *testing.T) {
			s.t = t
			do()
			s.verify()
			s.replicated(1)
		})
		if s.t = t; !ok {
			t.FailNow()
		}
	}
	step("two volumes", func() {
		for _, v := range volumes {
			if blocksIn(s.t, v) == 0 {
				s.t.Errorf("no block on %s", v)
			}
		}
	})
	step("lifelines", func() { s.lifelines(way) })
	step("a volume fails", func() { s.failVolume(volumes[1]) })
	step("restart", func() {
		n.proc.Kill()
		s.WaitDataNodes(s.t, 1)
		s.verify()                                    // from the other one
		if err := os.Remove(volumes[1]); err != nil { // there is a new disk
			s.t.Fatal(err)
		}
		s.run(0, 2)
		if n := failures(s); n != 0 {
			s.t.Errorf("%d volumes have failed", n)
		}
	})
	s.StopNameNode(t)
	s.CheckStore(t)
}

// lifelines holds all heartbeats up for longer than a DataNode without them is taken for
// alive.
func (s *system) lifelines(way *proxy.Proxy) {
	const dead = 2*500*time.Millisecond + 10*time.Second // of the configured times
	way.Stall()
	for began := time.Now(); time.Since(began) < dead+3*time.Second; time.Sleep(500 * time.Millisecond) {
		live, err := s.LiveDataNodes(s.t.Context(), 0)
		if err != nil || live != 2 {
			s.t.Fatalf("%d live DataNodes %v after the last heartbeat (%v)", live, time.Since(began), err)
		}
	}
	if err := way.Mend(); err != nil {
		s.t.Fatal(err)
	}
}

// failVolume makes a file of a volume. The DataNode goes on with the other one.
func (s *system) failVolume(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
	write(s.t, dir, []byte("no folder any more"))
	n := 0
	s.until("the volume has failed", func() (string, bool) {
		n++ // what is written there shows it
		s.put(fmt.Sprint("/after", n), 100)
		out := s.shell.Admin(s.t, "-report").OK(s.t)
		return out, failures(s) > 0
	})
	if blocksIn(s.t, filepath.Join(filepath.Dir(dir), "one")) == 0 {
		s.t.Error("no block on the other volume")
	}
}

// failures is how many volumes the NameNode knows to have failed.
func failures(s *system) int {
	s.t.Helper()
	resp, err := http.Get("http://" + s.Web + "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all struct {
		Beans []struct{ VolumeFailuresTotal int }
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil || len(all.Beans) == 0 {
		s.t.Fatalf("JMX: %+v, %v", all, err)
	}
	return all.Beans[0].VolumeFailuresTotal
}

// blocksIn counts the replicas of a volume.
func blocksIn(t *testing.T, volume string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(volume, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "blk_") && !strings.HasSuffix(path, ".meta") {
			n++
		}
		return nil // a file that went meanwhile is no error
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

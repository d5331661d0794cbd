package datanodes

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/process"
)

// capacity is the room of each DataNode in bytes: little, so that the balancer sees
// files of some megabytes.
const capacity = 400 << 20

// blockSize is that of the files. A DataNode also keeps so much free for a block that
// the balancer sends.
const blockSize = "4m"

// patience is how long DataNodes and NameNodes have for what is asked of them, beyond
// the configured times.
const patience = 90 * time.Second

// system is two NameNodes and Apache's DataNodes.
type system struct {
	*cluster.Cluster
	t       *testing.T // of the step
	whole   *testing.T // at whose end the DataNodes end
	shell   *hadoop.Shell
	stock   *hadoop.Client
	nodes   []*node
	exclude string // the list of DataNodes to be decommissioned
	files   map[string][]byte
	calls   *rpc.Client
	nn      int // whom this test asks
}

// node is one of Apache's DataNodes.
type node struct {
	dir   string
	props map[string]string
	port  int
	proc  *process.Process
}

func (n *node) address() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// start starts the NameNodes and prepares three DataNodes on two racks.
func start(t *testing.T) *system {
	t.Helper()
	dir := t.TempDir()
	s := &system{t: t, whole: t, exclude: filepath.Join(dir, "exclude"), files: map[string][]byte{}}
	table := filepath.Join(dir, "racks")
	write(t, s.exclude, nil)
	write(t, table, []byte("dn0 /row/a\ndn1 /row/b\ndn2 /row/b\n"))
	s.Cluster = cluster.New(t, cluster.Options{StoreURL: mariadb.Database(t), NameNodes: 2, Conf: map[string]string{
		"dfs.replication":                                 "2",
		"dfs.hosts.exclude":                               s.exclude,
		"net.topology.node.switch.mapping.impl":           "org.apache.hadoop.net.TableMapping",
		"net.topology.table.file.name":                    table,
		"dfs.namenode.heartbeat.recheck-interval":         "1000",
		"dfs.namenode.redundancy.interval.seconds":        "1",
		"dfs.namenode.stale.datanode.interval":            "5000",
		"dfs.namenode.reconstruction.pending.timeout-sec": "5",
		"dfs.leader.check.interval":                       "1000",
	}})
	s.Format(t)
	s.Start(t, 0)
	s.Start(t, 1)
	s.calls = rpc.NewClient(rpc.ClientConfig{CallTimeout: 10 * time.Second})
	t.Cleanup(func() { s.calls.Close() })
	for i := range 3 {
		n := &node{dir: t.TempDir(), port: process.FreePort(t)}
		n.props = maps.Clone(s.Names())
		maps.Copy(n.props, map[string]string{
			"dfs.heartbeat.interval": "1", "dfs.blockreport.initialDelay": "0", "dfs.blocksize": blockSize,
			"dfs.datanode.address":  n.address(),
			"dfs.datanode.hostname": fmt.Sprint("dn", i),
			// The small part of the disk that is not for an archive, which nobody makes.
			"dfs.datanode.round-robin-volume-choosing-policy.additional-available-space": "0",
			"dfs.datanode.same-disk-tiering.enabled":                                     "true",
			"dfs.datanode.same-disk-tiering.capacity-ratio.percentage":                   fmt.Sprintf("[%f]file://%s", share(t, n.dir), filepath.Join(n.dir, "data")),
			// What a test waits for must not take ten minutes.
			"dfs.datanode.directoryscan.interval": "-1", "dfs.datanode.balance.max.concurrent.moves": "20",
		})
		s.nodes = append(s.nodes, n)
	}
	s.stock = s.Stock(t, map[string]string{"dfs.blocksize": blockSize, "dfs.replication": "2", "dfs.client.socket-timeout": "20000",
		"dfs.balancer.getBlocks.min-block-size": "1", "dfs.heartbeat.interval": "1", "dfs.namenode.redundancy.interval.seconds": "1"})
	s.shell = s.stock.Shell(t)
	return s
}

// share is the part of the disk that makes the capacity of a DataNode.
func share(t *testing.T, dir string) float64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return capacity / float64(fs.Blocks*uint64(fs.Bsize))
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run starts a DataNode, also once more, and waits until the NameNodes know live ones.
func (s *system) run(i, live int) {
	s.t.Helper()
	s.nodes[i].proc = hadoop.StartDataNode(s.whole, s.nodes[i].dir, s.FS(), s.nodes[i].props)
	s.WaitDataNodes(s.t, live)
}

// put writes a file of some bytes.
func (s *system) put(name string, size int, args ...string) {
	s.t.Helper()
	data := noise(size)
	local := filepath.Join(s.t.TempDir(), "local")
	write(s.t, local, data)
	s.shell.DFS(s.t, append(args, "-put", local, name)...).OK(s.t)
	s.files[name] = data
}

// add appends some bytes.
func (s *system) add(name string, size int, args ...string) {
	s.t.Helper()
	data := noise(size)
	local := filepath.Join(s.t.TempDir(), "more")
	write(s.t, local, data)
	s.shell.DFS(s.t, append(append([]string{"-appendToFile"}, args...), local, name)...).OK(s.t)
	s.files[name] = append(s.files[name], data...)
}

func noise(size int) []byte {
	r := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	b := make([]byte, size)
	_, _ = r.Read(b) // never fails
	return b
}

// verify reads all files.
func (s *system) verify() {
	s.t.Helper()
	back := filepath.Join(s.t.TempDir(), "back")
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		s.shell.DFS(s.t, "-get", name, back).OK(s.t)
		got, err := os.ReadFile(back)
		if err != nil || !bytes.Equal(got, s.files[name]) {
			s.t.Errorf("%s: %d bytes came back, not the %d that were put, or others (%v)", name, len(got), len(s.files[name]), err)
		}
		os.Remove(back)
	}
}

// blocksOf returns the blocks of a file as the NameNode locates them.
func (s *system) blocksOf(name string) []*hdfspb.LocatedBlockProto {
	s.t.Helper()
	var resp hdfspb.GetBlockLocationsResponseProto
	offset, length := uint64(0), uint64(1<<40)
	req := &hdfspb.GetBlockLocationsRequestProto{Src: &name, Offset: &offset, Length: &length}
	s.call("getBlockLocations", req, &resp)
	return resp.GetLocations().GetBlocks()
}

// call asks the NameNode of this test.
func (s *system) call(method string, req, resp proto.Message) {
	s.t.Helper()
	if err := s.calls.Call(s.t.Context(), s.AddressAt(s.nn), cluster.ClientProtocol, method, req, resp); err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
}

// until waits for something, which explains itself while it is not so.
func (s *system) until(what string, so func() (string, bool)) {
	s.t.Helper()
	began := time.Now()
	for {
		why, ok := so()
		if ok {
			s.t.Logf("%s after %v", what, time.Since(began).Round(100*time.Millisecond))
			return
		}
		if time.Since(began) > patience {
			s.t.Fatalf("not in %v: %s: %s", patience, what, why)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// replicated waits until every block of every file has as many replicas as it should,
// on several racks if there are, and none on the DataNodes of without.
func (s *system) replicated(racks int, without ...int) {
	s.t.Helper()
	s.until(fmt.Sprintf("every block has two replicas on %d racks, none on %v", racks, without), func() (string, bool) {
		for name := range s.files {
			for _, b := range s.blocksOf(name) {
				seen := map[string]bool{}
				var at []string
				for _, l := range b.GetLocs() {
					seen[l.GetLocation()] = true
					at = append(at, l.GetId().GetHostName())
					for _, i := range without {
						if int(l.GetId().GetXferPort()) == s.nodes[i].port {
							return fmt.Sprintf("%s is on dn%d", name, i), false
						}
					}
				}
				if len(at) != 2 || len(seen) < racks || b.GetCorrupt() {
					return fmt.Sprintf("block %d of %s is at %v", b.GetB().GetBlockId(), name, at), false
				}
			}
		}
		return "", true
	})
}

// report is what `hdfs dfsadmin -report` says of a DataNode, by key.
func (s *system) report(i int) map[string]string {
	s.t.Helper()
	out := s.shell.Admin(s.t, "-report").OK(s.t)
	_, part, _ := strings.Cut(out, "Name: "+s.nodes[i].address())
	part, _, _ = strings.Cut(part, "\n\n")
	m := map[string]string{}
	for line := range strings.Lines(part) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			m[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return m
}

// used is how many bytes of blocks a DataNode has, by its report.
func (s *system) used(i int) (n int64) {
	s.t.Helper()
	if _, err := fmt.Sscan(s.report(i)["DFS Used"], &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// replicaFiles returns the files of the replicas of a block, by DataNode.
func (s *system) replicaFiles(block uint64) map[int]string {
	s.t.Helper()
	found := map[int]string{}
	for i, n := range s.nodes {
		err := filepath.WalkDir(n.dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == fmt.Sprint("blk_", block) {
				found[i] = path
			}
			return nil // a file that went meanwhile is no error
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return found
}

// killLeader kills the NameNode that leads; the test asks the other one from now on.
func (s *system) killLeader() {
	s.t.Helper()
	store := cluster.OpenStore(s.t, s.StoreURL)
	l, err := s.Leadership(context.Background(), store)
	if closing := store.Close(); closing != nil {
		s.t.Error(closing)
	}
	if err != nil || l.NameNode < 0 {
		s.t.Fatalf("nobody leads: %+v, %v", l, err)
	}
	s.Kill(l.NameNode)
	s.nn = 1 - l.NameNode
	s.t.Logf("NameNode %d, which led, was killed", l.NameNode+1)
}

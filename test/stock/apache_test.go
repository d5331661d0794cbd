package stock

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/datanode"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// mixed is Apache's NameNode with Apache's and our DataNodes, so that pipelines,
// recoveries and copies cross from one to the other.
type mixed struct {
	nn    *hadoop.NameNode
	shell *hadoop.Shell
	cl    *hadoop.Client
	ours  []*ourNode
}

type ourNode struct {
	stop func()
	log  *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var smallBlocks = map[string]string{"dfs.blocksize": "2m", "dfs.replication": "3", "dfs.client.socket-timeout": "20000",
	"dfs.client.block.write.replace-datanode-on-failure.enable": "true"}

func startMixed(t *testing.T, apache, ours int) *mixed {
	t.Helper()
	nn := hadoop.StartNameNode(t, t.TempDir(), map[string]string{
		"dfs.namenode.heartbeat.recheck-interval":  "1000",
		"dfs.namenode.redundancy.interval.seconds": "1",
		"dfs.namenode.stale.datanode.interval":     "4000",
	})
	m := &mixed{nn: nn, cl: hadoop.NewClient(t, nn.FS(), smallBlocks)}
	for range apache {
		hadoop.StartDataNode(t, t.TempDir(), nn.FS(), map[string]string{"dfs.heartbeat.interval": "1"})
	}
	for range ours {
		m.ours = append(m.ours, startOurs(t, nn.FS(), t.TempDir()))
	}
	m.shell = m.cl.Shell(t)
	m.waitNodes(t, apache+ours)
	return m
}

func startOurs(t *testing.T, fs, dir string) *ourNode {
	t.Helper()
	n := &ourNode{log: new(syncBuffer)}
	up := make(chan struct{})
	d, err := datanode.New(conf.New(map[string]string{
		"fs.defaultFS": fs, "dfs.datanode.data.dir": "file://" + dir, "dfs.datanode.address": "127.0.0.1:0",
		"dfs.datanode.http.address": "127.0.0.1:0", "dfs.datanode.ipc.address": "127.0.0.1:0", "dfs.datanode.hostname": "127.0.0.1",
		"dfs.heartbeat.interval": "1",
	}), datanode.WithLogger(slog.New(slog.NewTextHandler(n.log, nil))), datanode.WithReady(func(*datanode.DataNode) { close(up) }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("our DataNode: %v", err)
		}
	})
	t.Cleanup(func() {
		n.stop()
		if t.Failed() {
			t.Logf("our DataNode in %s:\n%s", dir, n.log)
		}
	})
	select {
	case <-up:
	case <-time.After(30 * time.Second):
		t.Fatalf("our DataNode did not register with Apache's NameNode\n%s", n.log)
	}
	return n
}

func (m *mixed) waitNodes(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out := m.shell.Admin(t, "-report", "-live").Stdout
		if strings.Contains(out, fmt.Sprintf("Live datanodes (%d)", want)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not %d live DataNodes:\n%s", want, out)
		}
	}
}

func (m *mixed) put(t *testing.T, data []byte, args ...string) {
	t.Helper()
	m.shell.DFS(t, append([]string{args[0]}, append(args[1:len(args)-1:len(args)-1], localFile(t, data), args[len(args)-1])...)...).OK(t)
}

func localFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *mixed) wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	local := filepath.Join(t.TempDir(), "got")
	m.shell.DFS(t, "-get", path, local).OK(t)
	got, err := os.ReadFile(local)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes, want %d: %v", path, len(got), len(want), err)
	}
}

func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b) // never fails
	return b
}

// Pipelines of Apache's and our DataNodes, in every order that the NameNode
// happens to choose.
func TestApacheMixedPipelines(t *testing.T) {
	m := startMixed(t, 1, 2)
	data := noise(9<<20 + 12345)
	for i := range 3 {
		m.put(t, data, "-put", fmt.Sprint("/f", i))
		m.wantFile(t, fmt.Sprint("/f", i), data)
	}
	// Files of one replica lie on one kind of DataNode each: all must sum alike.
	sums := map[string]bool{}
	for i := range 6 {
		name := fmt.Sprint("/one", i)
		m.put(t, data, "-D", "dfs.replication=1", "-put", name)
		_, sum, _ := strings.Cut(m.shell.DFS(t, "-checksum", name).OK(t), "\t")
		sums[sum] = true
		m.wantFile(t, name, data)
	}
	if len(sums) != 1 {
		t.Errorf("different checksums of equal files: %v", sums)
	}
	// The same with the checksum that does not depend on blocks.
	sums = map[string]bool{}
	for i := range 6 {
		_, sum, _ := strings.Cut(m.shell.DFS(t, "-D", "dfs.checksum.combine.mode=COMPOSITE_CRC", "-checksum", fmt.Sprint("/one", i)).OK(t), "\t")
		sums[sum] = true
	}
	if len(sums) != 1 {
		t.Errorf("different composite checksums of equal files: %v", sums)
	}
	want := append([]byte(nil), data[:700]...)
	m.put(t, want, "-put", "/appended")
	for _, n := range []int{1, 100, 511, 3 << 20, 513} {
		m.put(t, data[:n], "-appendToFile", "/appended")
		want = append(want, data[:n]...)
		m.wantFile(t, "/appended", want)
	}
	for _, n := range []int{3<<20 + 77, 2 << 20, 1000, 512, 0} {
		m.shell.DFS(t, "-truncate", "-w", fmt.Sprint(n), "/appended").OK(t)
		m.wantFile(t, "/appended", want[:n])
	}
	m.shell.DFS(t, "-touchz", "/empty").OK(t)
	m.wantFile(t, "/empty", nil)
	m.shell.DFS(t, "-rm", "-r", "-skipTrash", "/f0", "/f1", "/f2").OK(t)
	for end := time.Now().Add(30 * time.Second); !strings.Contains(m.ours[0].log.String()+m.ours[1].log.String(), "replicas deleted"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no replica was deleted")
		}
	}
}

// Replication from and to our DataNodes, and a DataNode that dies during a write.
func TestApacheReplicationAndFailure(t *testing.T) {
	m := startMixed(t, 1, 3)
	data := noise(5<<20 + 1)
	m.put(t, data, "-D", "dfs.replication=1", "-put", "/r")
	m.shell.DFS(t, "-setrep", "-w", "4", "/r").OK(t)
	m.wantFile(t, "/r", data)

	big := noise(60 << 20)
	local := localFile(t, big)
	done := make(chan string, 1)
	go func() {
		r := m.cl.Run(t, "org.apache.hadoop.fs.FsShell", "-put", local, "/big")
		done <- fmt.Sprint(r.Exit, r.Stderr)
	}()
	for !strings.Contains(m.ours[0].log.String(), "pipeline") && len(done) == 0 {
		if strings.Contains(m.shell.DFS(t, "-ls", "/").Stdout, "/big._COPYING_") {
			break
		}
	}
	time.Sleep(300 * time.Millisecond)
	m.ours[0].stop()
	if r := <-done; !strings.HasPrefix(r, "0") {
		t.Errorf("put during the death of a DataNode: %s", r)
	}
	m.wantFile(t, "/big", big)
	m.wantFile(t, "/r", data)
}

// A writer that goes away leaves an open file; its last block is recovered by
// whichever DataNode Apache's NameNode asks, with what was flushed.
func TestApacheLeaseRecovery(t *testing.T) {
	m := startMixed(t, 1, 2)
	c, err := client.New(conf.New(map[string]string{"fs.defaultFS": m.nn.FS(), "dfs.blocksize": "2m", "dfs.replication": "3"}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 6 {
		name, data := fmt.Sprint("/left", i), noise(3<<20+i*333)
		w, err := c.Create(name, client.CreateOptions{})
		if err == nil {
			_, err = w.Write(data)
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			w.Abort()
		}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			if closed, err := c.RecoverLease(name); err != nil {
				t.Fatal(err)
			} else if closed {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s stays open", name)
			}
		}
		m.wantFile(t, name, data)
	}
}

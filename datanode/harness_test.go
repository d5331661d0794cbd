package datanode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const testBlockSize = 8 << 20

// testNode is a DataNode that runs in this process.
type testNode struct {
	*DataNode
	uuid string
	dir  string
	log  *logBuffer
	stop func() error // ends it and returns what Run returned
}

// logBuffer keeps a DataNode's log for the test to look at.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func nodeConf(nn string, dir string, kv ...string) *conf.Config {
	c := conf.New(map[string]string{
		"fs.defaultFS":              "hdfs://" + nn,
		"dfs.datanode.data.dir":     "file://" + dir,
		"dfs.datanode.address":      "127.0.0.1:0",
		"dfs.datanode.http.address": "127.0.0.1:0",
		"dfs.datanode.ipc.address":  "127.0.0.1:0",
		"dfs.heartbeat.interval":    "100ms",
		"dfs.client.socket-timeout": "10000",
	})
	for i := 0; i < len(kv); i += 2 {
		c.Set(kv[i], kv[i+1])
	}
	return c
}

func startNode(t testing.TB, nn *fakeNN, dir string, kv ...string) *testNode {
	t.Helper()
	log := new(logBuffer)
	up := make(chan *DataNode, 1)
	d, err := New(nodeConf(nn.addr, dir, kv...), WithLogger(slog.New(slog.NewTextHandler(log, nil))), WithReady(func(d *DataNode) { up <- d }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("DataNode: %v", err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", dir, log)
		}
	})
	select {
	case <-up:
	case err := <-done:
		done <- err
		t.Fatalf("DataNode ended: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatalf("DataNode did not come up\n%s", log)
	}
	return &testNode{DataNode: d, uuid: d.UUID(), dir: dir, log: log, stop: stop}
}

// cluster is a NameNode and some DataNodes.
func cluster(t testing.TB, n int, kv ...string) (*fakeNN, []*testNode) {
	t.Helper()
	nn := startNN(t)
	var nodes []*testNode
	for range n {
		nodes = append(nodes, startNode(t, nn, t.TempDir(), kv...))
	}
	return nn, nodes
}

func testPeers(t testing.TB) *datatransfer.Peers {
	p := datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: 10 * time.Second})
	t.Cleanup(func() { p.Close() })
	return p
}

func writerConf(p *datatransfer.Peers) datatransfer.WriterConfig {
	return datatransfer.WriterConfig{Peers: p, ClientName: "DFSClient_test"}
}

func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// writeBlock writes a whole block through a pipeline.
func writeBlock(t testing.TB, p *datatransfer.Peers, lb *hdfspb.LocatedBlockProto, data []byte) {
	t.Helper()
	w := newBlock(t, p, lb)
	mustWrite(t, w, data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func newBlock(t testing.TB, p *datatransfer.Peers, lb *hdfspb.LocatedBlockProto) *datatransfer.BlockWriter {
	t.Helper()
	w, err := datatransfer.CreateBlock(context.Background(), writerConf(p), lb, testBlockSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	return w
}

func mustWrite(t testing.TB, w io.Writer, data []byte) {
	t.Helper()
	if n, err := w.Write(data); err != nil || n != len(data) {
		t.Fatalf("wrote %d of %d: %v", n, len(data), err)
	}
}

// readRange reads from one DataNode.
func readRange(p *datatransfer.Peers, lb *hdfspb.LocatedBlockProto, node int, off, n int64) ([]byte, error) {
	r, err := p.OpenBlock(context.Background(), datatransfer.ReadRequest{Node: lb.GetLocs()[node].GetId(), Block: lb.GetB(),
		ClientName: "DFSClient_test", Offset: off, Length: n})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// wantBytes reads the block from every DataNode of lb.
func wantBytes(t testing.TB, p *datatransfer.Peers, lb *hdfspb.LocatedBlockProto, want []byte) {
	t.Helper()
	for i := range lb.GetLocs() {
		got, err := readRange(p, lb, i, 0, int64(len(want)))
		if err != nil {
			t.Errorf("read from node %d: %v", i, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("node %d has other bytes (%d, want %d)", i, len(got), len(want))
		}
	}
}

// file finds the data file of a block.
func (d *testNode) file(t testing.TB, id int64, suffix string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		name := filepath.Base(path)
		if name == fmt.Sprintf("blk_%d%s", id, suffix) || suffix == ".meta" && strings.HasPrefix(name, fmt.Sprintf("blk_%d_", id)) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no file of blk_%d in %s: %v", id, d.dir, err)
	}
	return found
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	_, err1 := f.ReadAt(b[:], at)
	b[0] ^= 4
	_, err2 := f.WriteAt(b[:], at)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
}

// withStamp is lb as the NameNode would give it out after an append or recovery.
func withStamp(lb *hdfspb.LocatedBlockProto, stamp uint64, length int64, nodes ...int) *hdfspb.LocatedBlockProto {
	c := proto.Clone(lb).(*hdfspb.LocatedBlockProto)
	c.B.GenerationStamp, c.B.NumBytes = proto.Uint64(stamp), proto.Uint64(uint64(length))
	if nodes != nil {
		c.Locs, c.StorageTypes = nil, nil
		for _, i := range nodes {
			c.Locs, c.StorageTypes = append(c.Locs, lb.Locs[i]), append(c.StorageTypes, lb.StorageTypes[i])
		}
	}
	return c
}

func newBufReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

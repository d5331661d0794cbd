package datanode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

// broken waits for a writer to notice that its pipeline broke.
func broken(t *testing.T, err error) *datatransfer.PipelineError {
	t.Helper()
	var pe *datatransfer.PipelineError
	if !errors.As(err, &pe) {
		t.Fatalf("no pipeline error: %v", err)
	}
	return pe
}

// writeOn writes the rest of data, going on without each node that fails, as a
// client does. It returns the stamp at the end and the nodes that are left.
func writeOn(t *testing.T, w *datatransfer.BlockWriter, data []byte, lb *hdfspb.LocatedBlockProto, left []int, stamp uint64) (uint64, []int) {
	t.Helper()
	pos := 0
	for {
		n, err := w.Write(data[pos:])
		pos += n
		if err == nil {
			err = w.Close()
		}
		for err != nil {
			pe := broken(t, err)
			left = append(left[:pe.Index:pe.Index], left[pe.Index+1:]...)
			if len(left) == 0 {
				t.Fatalf("no node left: %v", err)
			}
			stamp++
			committed := false
			err = w.Recover(withStamp(lb, stamp, 0, left...), stamp, func(context.Context) error { committed = true; return nil })
			if err == nil && !committed {
				t.Error("recovered without telling the NameNode")
			}
		}
		if pos == len(data) {
			if err := w.Close(); err == nil {
				return stamp, left
			}
		}
	}
}

// Each position of the pipeline is killed in the middle of a write.
func TestNodeKilledDuringWrite(t *testing.T) {
	for kill := range 3 {
		t.Run(fmt.Sprint("node ", kill), func(t *testing.T) {
			nn, nodes := cluster(t, 3)
			p := testPeers(t)
			data := randomBytes(3<<20+77, byte(kill))
			lb := nn.located(300, 1001, 0, nodes...)
			w := newBlock(t, p, lb)
			mustWrite(t, w, data[:1<<20])
			go nodes[kill].stop()
			stamp, left := writeOn(t, w, data[1<<20:], lb, []int{0, 1, 2}, 1001)
			if len(left) != 2 || stamp == 1001 {
				t.Errorf("ended with nodes %v and stamp %d", left, stamp)
			}
			for _, i := range left {
				if i == kill {
					t.Errorf("node %d was killed, another one was blamed", kill)
				}
				nn.wantStatus(nodes[i], 300, stamp, int64(len(data)), statusReceived)
			}
			wantBytes(t, p, withStamp(lb, stamp, 0, left...), data)
		})
	}
}

// A node that is not there at all is named, so that the client can leave it out.
func TestBadLink(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	lb := nn.located(310, 1001, 0, nodes...)
	nodes[1].stop()
	_, err := datatransfer.CreateBlock(context.Background(), writerConf(p), lb, testBlockSize)
	if pe := broken(t, err); pe.Index != 1 || !pe.Setup {
		t.Errorf("blamed %d: %v", pe.Index, err)
	}
	eventually(t, "the empty replica is dropped", func() bool { return nodes[0].store.Blocks() == 0 })
	// A node in the middle that refuses names itself.
	writeBlock(t, p, nn.located(311, 1001, 0, nodes[2]), []byte("here already"))
	_, err = datatransfer.CreateBlock(context.Background(), writerConf(p), nn.located(311, 1001, 0, nodes[0], nodes[2]), testBlockSize)
	if pe := broken(t, err); pe.Index != 1 || !pe.Setup {
		t.Errorf("blamed %d: %v", pe.Index, err)
	}
	// A full first node says why.
	_, err = datatransfer.CreateBlock(context.Background(), writerConf(p), nn.located(312, 1001, 0, nodes[0]), 1<<60)
	if pe := broken(t, err); pe.Index != 0 || !bytes.Contains([]byte(err.Error()), []byte("no space")) {
		t.Errorf("full node: %v", err)
	}
}

// A node joins a broken pipeline after it got the bytes so far.
func TestReplacementNode(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	data := randomBytes(2<<20+123, 11)
	lb := nn.located(320, 1001, 0, nodes...)
	pair := withStamp(lb, 1001, 0, 0, 1)
	w := newBlock(t, p, pair)
	mustWrite(t, w, data[:1_000_001])
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	nodes[1].stop()
	n, err := w.Write(data[1_000_001:1_500_000])
	if err == nil {
		err = w.Flush()
	}
	if pe := broken(t, err); pe.Index != 1 {
		t.Errorf("blamed %d: %v", pe.Index, err)
	}
	err = p.TransferBlock(context.Background(), datatransfer.TransferRequest{Node: lb.Locs[0].Id, Block: w.Block(), ClientName: "DFSClient_test",
		Targets: lb.Locs[2:], StorageTypes: lb.StorageTypes[2:]})
	if err != nil {
		t.Fatal(err)
	}
	if i, err := nodes[2].store.Stat(320); err != nil || i.Visible < 1_000_001 || i.State != hdfspb.ReplicaStateProto_RBW {
		t.Errorf("the new node has %+v, %v", i, err)
	}
	if err := w.Recover(withStamp(lb, 1002, 0, 0, 2), 1002, nil); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, data[1_000_001+n:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	both := withStamp(lb, 1002, 0, 0, 2)
	wantBytes(t, p, both, data)
	nn.wantStatus(nodes[0], 320, 1002, int64(len(data)), statusReceived)
	nn.wantStatus(nodes[2], 320, 1002, int64(len(data)), statusReceived)
}

// TransferBlock of a finished replica, for an append that needs another node.
func TestTransferFinalized(t *testing.T) {
	nn, nodes := cluster(t, 2)
	p := testPeers(t)
	data := randomBytes(100_001, 12)
	lb := nn.located(325, 1001, int64(len(data)), nodes...)
	writeBlock(t, p, withStamp(lb, 1001, 0, 0), data)
	q := datatransfer.TransferRequest{Node: lb.Locs[0].Id, Block: lb.B, ClientName: "DFSClient_test", Targets: lb.Locs[1:], StorageTypes: lb.StorageTypes[1:]}
	if err := p.TransferBlock(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, p, lb, data)
	if err := p.TransferBlock(context.Background(), q); !isStatus(err, hdfspb.Status_ERROR) {
		t.Errorf("a second copy over the first: %v", err)
	}
}

func TestAppend(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	data := randomBytes(300_000, 13)
	stamp, pos := uint64(1001), 700
	lb := nn.located(330, stamp, 0, nodes...)
	writeBlock(t, p, lb, data[:pos])
	for _, n := range []int{1, 323, 512, 100_000, 513} { // inside a chunk, to its end, over several
		cur := withStamp(lb, stamp, int64(pos))
		stamp++
		w, err := datatransfer.AppendBlock(context.Background(), writerConf(p), cur, testBlockSize, stamp, false)
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, w, data[pos:pos+n/2])
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, w, data[pos+n/2:pos+n])
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		pos += n
		for _, d := range nodes {
			nn.wantStatus(d, 330, stamp, int64(pos), statusReceived)
		}
		wantBytes(t, p, withStamp(lb, stamp, int64(pos)), data[:pos])
	}
	_, err := datatransfer.AppendBlock(context.Background(), writerConf(p), withStamp(lb, stamp, int64(pos-1)), testBlockSize, stamp+1, false)
	if pe := broken(t, err); !pe.Setup {
		t.Errorf("append at a wrong length: %v", err)
	}
	// The first try reached some nodes only; the second one takes all.
	w, err := datatransfer.AppendBlock(context.Background(), writerConf(p), withStamp(lb, stamp, int64(pos), 0), testBlockSize, stamp+1, false)
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w, err = datatransfer.AppendBlock(context.Background(), writerConf(p), withStamp(lb, stamp, int64(pos)), testBlockSize, stamp+2, true)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w, data[pos:pos+10])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, p, withStamp(lb, stamp+2, 0), data[:pos+10])
}

// What was flushed can be read while the block is written, whatever the offsets.
func TestReadWhileWritten(t *testing.T) {
	nn, nodes := cluster(t, 2)
	p := testPeers(t)
	data := randomBytes(200_000, 14)
	lb := nn.located(340, 1001, 0, nodes...)
	w := newBlock(t, p, lb)
	c := rpc.NewClient(rpc.ClientConfig{})
	defer c.Close()
	pos := 0
	for _, n := range []int{1, 100, 411, 1, 64512, 70_000, 3} {
		mustWrite(t, w, data[pos:pos+n])
		pos += n
		sync := w.Flush
		if n == 411 {
			sync = w.Sync
		}
		if err := sync(); err != nil {
			t.Fatal(err)
		}
		wantBytes(t, p, lb, data[:pos])
		for _, d := range nodes {
			resp := new(hdfspb.GetReplicaVisibleLengthResponseProto)
			err := c.Call(context.Background(), d.IPCAddr().String(), clientDatanodeProtocol, "getReplicaVisibleLength",
				&hdfspb.GetReplicaVisibleLengthRequestProto{Block: lb.B}, resp)
			if err != nil || resp.GetLength() != uint64(pos) {
				t.Errorf("visible length %d, %v; %d were flushed", resp.GetLength(), err, pos)
			}
		}
	}
	if err := w.Sync(); err != nil { // nothing new: an empty packet that asks for fsync
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, p, lb, data[:pos])
}

// The last packet's ack is lost: the client repeats the close only.
func TestCloseRecovery(t *testing.T) {
	nn, nodes := cluster(t, 2)
	data := randomBytes(100_000, 15)
	lb := nn.located(350, 1001, 0, nodes...)
	// The client's connections go through a gate that can be shut for what comes back.
	var shut atomic.Bool
	p := datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: 2 * time.Second, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &gate{Conn: c, shut: &shut}, err
	}})
	defer p.Close()
	w := newBlock(t, p, lb)
	mustWrite(t, w, data)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	shut.Store(true)
	err := w.Close()
	if pe := broken(t, err); pe.Index != 0 {
		t.Errorf("blamed %d", pe.Index)
	}
	for _, d := range nodes {
		nn.wantStatus(d, 350, 1001, int64(len(data)), statusReceived)
	}
	shut.Store(false)
	if err := w.Recover(withStamp(lb, 1002, 0), 1002, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, d := range nodes {
		nn.wantStatus(d, 350, 1002, int64(len(data)), statusReceived)
	}
	wantBytes(t, testPeers(t), withStamp(lb, 1002, 0), data)
}

// gate is a connection whose answers can be lost.
type gate struct {
	net.Conn
	shut *atomic.Bool
}

func (g *gate) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if g.shut.Load() {
		g.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// recoverCommand asks a DataNode to recover a block.
func recoverCommand(lb *hdfspb.LocatedBlockProto, newStamp uint64) *datanodepb.DatanodeCommandProto {
	return &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockRecoveryCommand.Enum(),
		RecoveryCmd: &datanodepb.BlockRecoveryCommandProto{Blocks: []*hdfspb.RecoveringBlockProto{{NewGenStamp: proto.Uint64(newStamp), Block: lb}}}}
}

func (n *fakeNN) wantCommit(id int64, stamp uint64, length int64, drop bool, nodes int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("commitBlockSynchronization of blk_%d", id), func() (ok bool) {
		n.do(func() {
			for _, c := range n.commits {
				ok = ok || int64(c.GetBlock().GetBlockId()) == id && c.GetNewGenStamp() == stamp && int64(c.GetNewLength()) == length &&
					c.GetDeleteBlock() == drop && c.GetCloseFile() && len(c.GetNewTaragets()) == nodes && len(c.GetNewTargetStorages()) == nodes
			}
		})
		return ok
	})
}

func TestBlockRecovery(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	data := randomBytes(500_000, 16)

	// The writer went away without closing; it is still connected, too.
	lb := nn.located(360, 1001, 0, nodes...)
	w := newBlock(t, p, lb)
	mustWrite(t, w, data)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	nn.command(nodes[1], recoverCommand(lb, 1002))
	nn.wantCommit(360, 1002, int64(len(data)), false, 3)
	for _, d := range nodes {
		nn.wantStatus(d, 360, 1002, int64(len(data)), statusReceived)
	}
	wantBytes(t, p, withStamp(lb, 1002, 0), data)
	if _, err := w.Write(data); err == nil {
		err = w.Flush()
		broken(t, err)
	}

	// Replicas of different length: the shortest counts. One node never heard of it.
	lb = nn.located(361, 1001, 0, nodes...)
	w = newBlock(t, p, withStamp(lb, 1001, 0, 0))
	mustWrite(t, w, data[:100_000])
	w2 := newBlock(t, p, withStamp(lb, 1001, 0, 1))
	mustWrite(t, w2, data[:70_001])
	if err := errors.Join(w.Flush(), w2.Flush()); err != nil {
		t.Fatal(err)
	}
	nn.command(nodes[0], recoverCommand(lb, 1002))
	nn.wantCommit(361, 1002, 70_001, false, 2)
	wantBytes(t, p, withStamp(lb, 1002, 0, 0, 1), data[:70_001])

	// A finalized replica beats what is being written.
	lb = nn.located(362, 1001, 0, nodes...)
	writeBlock(t, p, withStamp(lb, 1001, 0, 0), data[:90_000])
	w = newBlock(t, p, withStamp(lb, 1001, 0, 1))
	mustWrite(t, w, data[:100_000])
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	nn.command(nodes[2], recoverCommand(lb, 1002))
	nn.wantCommit(362, 1002, 90_000, false, 1)

	// Nobody has a byte: the block goes.
	lb = nn.located(363, 1001, 0, nodes...)
	w = newBlock(t, p, withStamp(lb, 1001, 0, 0, 1))
	nn.command(nodes[2], recoverCommand(lb, 1002))
	nn.wantCommit(363, 1002, 0, true, 0)
	w.Abort()

	// Truncate of a finished block.
	lb = nn.located(364, 1001, 0, nodes...)
	writeBlock(t, p, lb, data[:50_000])
	c := recoverCommand(lb, 1002)
	c.RecoveryCmd.Blocks[0].TruncateBlock = &hdfspb.BlockProto{BlockId: proto.Uint64(364), GenStamp: proto.Uint64(1002), NumBytes: proto.Uint64(12_345)}
	nn.command(nodes[0], c)
	nn.wantCommit(364, 1002, 12_345, false, 3)
	wantBytes(t, p, withStamp(lb, 1002, 0), data[:12_345])
}

// Heartbeat packets keep an idle pipeline open for longer than the time-outs.
func TestIdleWriter(t *testing.T) {
	nn, nodes := cluster(t, 2, "dfs.client.socket-timeout", "1000")
	p := datatransfer.NewPeers(datatransfer.PeerConfig{Timeout: 900 * time.Millisecond})
	defer p.Close()
	lb := nn.located(370, 1001, 0, nodes...)
	w := newBlock(t, p, lb)
	mustWrite(t, w, []byte("one "))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond)
	mustWrite(t, w, []byte("two"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, p, lb, []byte("one two"))
}

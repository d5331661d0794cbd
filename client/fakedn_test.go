package client

import (
	"bufio"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// fakeNodes are DataNodes that share one store. The first node of a pipeline
// writes for all of them and answers in their names.
type fakeNodes struct {
	t     *testing.T
	nodes []*hdfspb.DatanodeInfoProto

	mu     sync.Mutex
	blocks map[uint64][]byte
	// broken decides over each packet which place of the pipeline fails, -1 none.
	broken func(targets []string, p *datatransfer.Packet) int
	// refuse answers a set-up of a pipeline with an error.
	refuse func(node string) bool
	// bad makes a node send damaged data of every block.
	bad      map[string]bool
	readFrom []string // nodes that served reads
	transfer int      // replicas copied
}

func startNodes(t *testing.T, n int) *fakeNodes {
	f := &fakeNodes{t: t, blocks: map[uint64][]byte{}, bad: map[string]bool{}}
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		id := "dn" + strconv.Itoa(i)
		f.nodes = append(f.nodes, &hdfspb.DatanodeInfoProto{Id: &hdfspb.DatanodeIDProto{
			IpAddr: proto.String("127.0.0.1"), HostName: proto.String(id), DatanodeUuid: proto.String(id),
			XferPort: proto.Uint32(uint32(l.Addr().(*net.TCPAddr).Port)), InfoPort: proto.Uint32(0), IpcPort: proto.Uint32(uint32(i + 1)),
		}})
		go f.accept(l, id)
	}
	return f
}

func (f *fakeNodes) accept(l net.Listener, id string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				op, m, err := datatransfer.ReadOp(r)
				if err != nil || !f.serve(c, r, id, op, m) {
					return
				}
			}
		}()
	}
}

func (f *fakeNodes) serve(c net.Conn, r *bufio.Reader, id string, op datatransfer.Op, m proto.Message) bool {
	switch op {
	case datatransfer.OpWriteBlock:
		return f.write(c, r, id, m.(*hdfspb.OpWriteBlockProto))
	case datatransfer.OpReadBlock:
		return f.read(c, r, id, m.(*hdfspb.OpReadBlockProto))
	case datatransfer.OpTransferBlock:
		f.mu.Lock()
		f.transfer++
		f.mu.Unlock()
		return datatransfer.WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()}) == nil
	}
	return false
}

func (f *fakeNodes) names(id string, m *hdfspb.OpWriteBlockProto) []string {
	out := []string{id}
	for _, t := range m.GetTargets() {
		out = append(out, t.GetId().GetDatanodeUuid())
	}
	return out
}

func (f *fakeNodes) write(c net.Conn, r *bufio.Reader, id string, m *hdfspb.OpWriteBlockProto) bool {
	names := f.names(id, m)
	block := m.GetHeader().GetBaseHeader().GetBlock().GetBlockId()
	f.mu.Lock()
	for i, n := range names {
		if f.refuse != nil && f.refuse(n) {
			f.mu.Unlock()
			resp := &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR.Enum()}
			if i > 0 {
				resp.FirstBadLink = proto.String(datatransfer.XferAddr(m.GetTargets()[i-1].GetId()))
			}
			datatransfer.WriteMessage(c, resp)
			return false
		}
	}
	f.mu.Unlock()
	if datatransfer.WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()}) != nil {
		return false
	}
	if m.GetStage() == hdfspb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY {
		return false
	}
	for {
		var p datatransfer.Packet
		if datatransfer.ReadPacket(r, &p) != nil {
			return false
		}
		bad := f.take(names, block, &p)
		ack := &datatransfer.Ack{Seqno: p.Seqno}
		for i := range names {
			s := hdfspb.Status_SUCCESS
			if i == bad {
				s = hdfspb.Status_ERROR
			}
			ack.Replies = append(ack.Replies, s)
		}
		if datatransfer.WriteAck(c, ack) != nil || bad >= 0 {
			return false
		}
		if p.Last {
			return true
		}
	}
}

// take stores a packet, or answers which place fails.
func (f *fakeNodes) take(names []string, block uint64, p *datatransfer.Packet) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		if i := f.broken(names, p); i >= 0 {
			return i
		}
	}
	if p.Seqno >= 0 {
		f.blocks[block] = append(f.blocks[block][:p.Offset], p.Data()...)
	}
	return -1
}

func (f *fakeNodes) read(c net.Conn, r *bufio.Reader, id string, m *hdfspb.OpReadBlockProto) bool {
	f.mu.Lock()
	data := f.blocks[m.GetHeader().GetBaseHeader().GetBlock().GetBlockId()]
	bad := f.bad[id]
	f.readFrom = append(f.readFrom, id)
	f.mu.Unlock()
	sum := datatransfer.DefaultChecksum
	from := int64(m.GetOffset()) / 512 * 512
	to := min((int64(m.GetOffset()+m.GetLen())+511)/512*512, int64(len(data)))
	ok := &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), ReadOpChecksumInfo: &hdfspb.ReadOpChecksumInfoProto{
		Checksum: sum.Proto(), ChunkOffset: proto.Uint64(uint64(from)),
	}}
	if datatransfer.WriteMessage(c, ok) != nil {
		return false
	}
	seq := int64(0)
	for at := from; at < to; seq++ {
		n := min(to-at, 4096)
		var p datatransfer.Packet
		p.Offset, p.Seqno = at, seq
		p.Frame(sum.SumsLen(int(n)), int(n))
		copy(p.Data(), data[at:at+n])
		sum.Sum(p.Data(), p.Sums())
		if bad {
			p.Data()[0] ^= 1
		}
		p.Seal()
		if _, err := c.Write(p.Wire()); err != nil {
			return false
		}
		at += n
	}
	var last datatransfer.Packet
	last.Offset, last.Seqno, last.Last = to, seq, true
	last.Frame(0, 0)
	last.Seal()
	if _, err := c.Write(last.Wire()); err != nil {
		return false
	}
	_, err := datatransfer.ReadClientStatus(r)
	return err == nil
}

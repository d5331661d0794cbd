package datatransfer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// badNode is a DataNode that answers every request as a script says.
func badNode(t *testing.T, script func(c net.Conn, br *bufio.Reader)) *hdfspb.DatanodeInfoProto {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				if _, _, err := ReadOp(br); err == nil {
					script(c, br)
				}
			}()
		}
	}()
	port := uint32(ln.Addr().(*net.TCPAddr).Port)
	return &hdfspb.DatanodeInfoProto{Id: &hdfspb.DatanodeIDProto{IpAddr: proto.String("127.0.0.1"), HostName: proto.String("localhost"),
		DatanodeUuid: proto.String("u"), XferPort: &port, InfoPort: proto.Uint32(1), IpcPort: proto.Uint32(1)}}
}

func announced(c net.Conn, first uint64) {
	_ = WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(),
		ReadOpChecksumInfo: &hdfspb.ReadOpChecksumInfoProto{Checksum: DefaultChecksum.Proto(), ChunkOffset: &first}})
}

// packet is a data packet with right checksums unless damage is set.
func packet(seqno, off int64, n int, damage bool) []byte {
	var p Packet
	p.Frame(DefaultChecksum.SumsLen(n), n)
	for i := range p.Data() {
		p.Data()[i] = byte(off) + byte(i)
	}
	DefaultChecksum.Sum(p.Data(), p.Sums())
	if damage {
		p.Data()[n-1] ^= 1
	}
	p.Seqno, p.Offset, p.Last = seqno, off, n == 0
	p.Seal()
	return append([]byte(nil), p.Wire()...)
}

func TestReaderAgainstBadNodes(t *testing.T) {
	cases := map[string]struct {
		script func(c net.Conn, br *bufio.Reader)
		want   error
	}{
		"closes at once": {func(net.Conn, *bufio.Reader) {}, io.ErrUnexpectedEOF},
		"no checksum info": {func(c net.Conn, _ *bufio.Reader) {
			_ = WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()})
		}, ErrFrame},
		"starts too late":   {func(c net.Conn, _ *bufio.Reader) { announced(c, 1024) }, ErrFrame},
		"huge response":     {func(c net.Conn, _ *bufio.Reader) { c.Write([]byte{0xff, 0xff, 0xff, 0xff, 0x07}) }, ErrFrame},
		"ends in between":   {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write(packet(0, 512, 512, false)) }, io.ErrUnexpectedEOF},
		"last packet early": {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write(packet(0, 512, 0, false)) }, io.ErrUnexpectedEOF},
		"wrong offset":      {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write(packet(0, 1024, 512, false)) }, ErrFrame},
		"wrong number":      {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write(packet(7, 512, 512, false)) }, ErrFrame},
		"damaged data":      {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write(packet(0, 512, 600, true)) }, ErrChecksum},
		"huge packet":       {func(c net.Conn, _ *bufio.Reader) { announced(c, 512); c.Write([]byte{0x7f, 0xff, 0xff, 0xff, 0, 25}) }, ErrFrame},
		"garbage": {func(c net.Conn, _ *bufio.Reader) {
			announced(c, 512)
			c.Write([]byte{0, 0, 0, 4, 0, 3, 0xff, 0xff, 0xff, 0, 0})
		}, ErrFrame},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := NewPeers(PeerConfig{Timeout: 2 * time.Second})
			defer p.Close()
			r, err := p.OpenBlock(context.Background(), ReadRequest{Node: badNode(t, tc.script).Id, Block: testBlock(), ClientName: "c", Offset: 700, Length: 2000})
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				r.Close()
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// The range is whole: what a DataNode does afterwards does not matter.
func TestReaderIgnoresWhatFollows(t *testing.T) {
	for _, tail := range [][]byte{nil, packet(1, 512+1024, 512, false)} {
		p := NewPeers(PeerConfig{Timeout: 2 * time.Second})
		r, err := p.OpenBlock(context.Background(), ReadRequest{Block: testBlock(), ClientName: "c", Offset: 700, Length: 600,
			Node: badNode(t, func(c net.Conn, _ *bufio.Reader) {
				announced(c, 512)
				c.Write(append(packet(0, 512, 1024, false), tail...))
			}).Id})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || len(b) != 600 || b[0] != byte(188) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		p.Close()
	}
}

// A connection from the pool that died meanwhile is replaced without an error,
// and one that lives is used again.
func TestPeersReuse(t *testing.T) {
	conns := make(chan net.Conn, 10)
	node := badNode(t, func(c net.Conn, br *bufio.Reader) {
		conns <- c
		for {
			announced(c, 0)
			c.Write(append(packet(0, 0, 512, false), packet(1, 512, 0, false)...))
			if st, err := ReadClientStatus(br); err != nil || st != hdfspb.Status_CHECKSUM_OK {
				return
			}
			if _, _, err := ReadOp(br); err != nil {
				return
			}
		}
	})
	p := NewPeers(PeerConfig{Timeout: 2 * time.Second})
	defer p.Close()
	read := func() {
		t.Helper()
		r, err := p.OpenBlock(context.Background(), ReadRequest{Node: node.Id, Block: testBlock(), ClientName: "c", Length: 512})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || len(b) != 512 {
			t.Fatal(len(b), err)
		}
		r.Close()
	}
	read()
	read()
	if len(conns) != 1 {
		t.Errorf("%d connections for two reads", len(conns))
	}
	(<-conns).Close()
	read()
	if len(conns) != 1 {
		t.Errorf("%d new connections after the first died", len(conns))
	}
}

func TestCancelledReader(t *testing.T) {
	p := NewPeers(PeerConfig{Timeout: time.Minute})
	defer p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := p.OpenBlock(ctx, ReadRequest{Block: testBlock(), ClientName: "c", Length: 512,
		Node: badNode(t, func(c net.Conn, br *bufio.Reader) { announced(c, 0); br.ReadByte() }).Id})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWriterAgainstBadNodes(t *testing.T) {
	ok := func(c net.Conn) {
		_ = WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()})
	}
	ack := func(seqno int64, replies ...hdfspb.Status) func(net.Conn, *bufio.Reader) {
		return func(c net.Conn, br *bufio.Reader) {
			ok(c)
			_ = ReadPacket(br, new(Packet))
			_ = WriteAck(c, &Ack{Seqno: seqno, Replies: replies})
			_, _ = io.Copy(io.Discard, br)
		}
	}
	cases := map[string]struct {
		script func(c net.Conn, br *bufio.Reader)
		index  int
		setup  bool
	}{
		"refuses": {func(c net.Conn, _ *bufio.Reader) {
			_ = WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR.Enum(), FirstBadLink: proto.String("10.0.0.9:9866")})
		}, 1, true},
		"blames itself": {func(c net.Conn, _ *bufio.Reader) {
			_ = WriteMessage(c, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_ERROR.Enum()})
		}, 0, true},
		"closes":       {func(net.Conn, *bufio.Reader) {}, 0, true},
		"second fails": {ack(0, hdfspb.Status_SUCCESS, hdfspb.Status_ERROR), 1, false},
		"restarts":     {ack(-2, hdfspb.Status_OOB_RESTART), 0, false},
		"out of order": {ack(5, hdfspb.Status_SUCCESS, hdfspb.Status_SUCCESS), 0, false},
		"never acks":   {func(c net.Conn, br *bufio.Reader) { ok(c); _, _ = io.Copy(io.Discard, br) }, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPeers(PeerConfig{Timeout: time.Second})
			defer p.Close()
			node := badNode(t, tc.script)
			second := proto.Clone(node).(*hdfspb.DatanodeInfoProto)
			second.Id.IpAddr, second.Id.XferPort = proto.String("10.0.0.9"), proto.Uint32(9866)
			lb := &hdfspb.LocatedBlockProto{B: testBlock(), Locs: []*hdfspb.DatanodeInfoProto{node, second}}
			if name == "never acks" { // a shorter pipeline is given up sooner
				lb.Locs = lb.Locs[:1]
			}
			w, err := CreateBlock(context.Background(), WriterConfig{Peers: p, ClientName: "c"}, lb, 1<<20)
			if err == nil {
				if _, err = w.Write([]byte("data")); err == nil {
					err = w.Close()
				}
				w.Abort()
			}
			var pe *PipelineError
			if !errors.As(err, &pe) || pe.Index != tc.index || pe.Setup != tc.setup {
				t.Errorf("%v, want node %d blamed, setup %v", err, tc.index, tc.setup)
			}
		})
	}
}

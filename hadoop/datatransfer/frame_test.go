package datatransfer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

func testBlock() *hdfspb.ExtendedBlockProto {
	return &hdfspb.ExtendedBlockProto{PoolId: proto.String("BP-1-127.0.0.1-1"), BlockId: proto.Uint64(1073741825),
		GenerationStamp: proto.Uint64(1001), NumBytes: proto.Uint64(7)}
}

// The bytes of the heartbeat packet are written down in the protocol's description.
func TestHeartbeatPacketBytes(t *testing.T) {
	p := Packet{Seqno: HeartbeatSeqno}
	p.Frame(0, 0)
	p.Seal()
	want := strings.ReplaceAll("00 00 00 04 00 19 09 0000000000000000 11 ffffffffffffffff 18 00 25 00 00 00 00", " ", "")
	if got := hex.EncodeToString(p.Wire()); got != want {
		t.Errorf("heartbeat is\n%s, want\n%s", got, want)
	}
}

func TestPacketRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 64512} {
		var p Packet
		p.Frame(126*4, 64512)
		data := p.Data()[:n]
		for i := range data {
			data[i] = byte(i * 7)
		}
		sums := DefaultChecksum.SumsLen(n)
		DefaultChecksum.Sum(data, p.Sums()[:sums])
		p.Shrink(sums, n)
		p.Offset, p.Seqno, p.Last, p.Sync = 1024, 5, n == 0, n == 513
		p.Seal()
		if plen := binary.BigEndian.Uint32(p.Wire()); int(plen) != 4+sums+n {
			t.Errorf("PLEN of %d bytes is %d", n, plen)
		}
		var q Packet
		if err := ReadPacket(bytes.NewReader(p.Wire()), &q); err != nil {
			t.Fatal(err)
		}
		if q.Offset != p.Offset || q.Seqno != p.Seqno || q.Last != p.Last || q.Sync != p.Sync || !bytes.Equal(q.Data(), p.Data()) {
			t.Errorf("%d bytes: read %+v, sent %+v", n, q, p)
		}
		if !bytes.Equal(q.Wire(), p.Wire()) {
			t.Errorf("%d bytes: the packet read is not the one sent", n)
		}
		if err := DefaultChecksum.Verify(q.Data(), q.Sums()); err != nil {
			t.Error(err)
		}
		if n > 0 {
			q.Data()[n-1] ^= 1
			if err := DefaultChecksum.Verify(q.Data(), q.Sums()); !errors.Is(err, ErrChecksum) {
				t.Errorf("a flipped bit of %d bytes went by: %v", n, err)
			}
		}
	}
}

func TestBadPackets(t *testing.T) {
	good := func(change func(b []byte) []byte) []byte {
		var p Packet
		p.Frame(4, 3)
		p.Seal()
		return change(append([]byte(nil), p.Wire()...))
	}
	cases := map[string][]byte{
		"2 GB":            good(func(b []byte) []byte { binary.BigEndian.PutUint32(b, 0x7fffffff); return b }),
		"negative":        good(func(b []byte) []byte { binary.BigEndian.PutUint32(b, 0xffffffff); return b }),
		"header negative": good(func(b []byte) []byte { b[4] = 0xff; return b }),
		"more data than there is": good(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[27:], 8)
			return b
		}),
		"data in the last packet": good(func(b []byte) []byte { b[25] = 1; return b }),
		"negative offset":         good(func(b []byte) []byte { b[14] = 0x80; return b }),
		"a field is missing":      append([]byte{0, 0, 0, 4, 0, 2, 0x18, 0}, 0),
	}
	for name, b := range cases {
		var p Packet
		if err := ReadPacket(bytes.NewReader(b), &p); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, want a frame error", name, err)
		}
		if cap(p.buf) > 4<<10 {
			t.Errorf("%s: %d bytes allocated", name, cap(p.buf))
		}
	}
	whole := good(func(b []byte) []byte { return b })
	for n := 1; n < len(whole); n++ {
		if err := ReadPacket(bytes.NewReader(whole[:n]), new(Packet)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestOpRoundTrip(t *testing.T) {
	m := &hdfspb.OpReadBlockProto{Header: clientHeader(testBlock(), nil, "c"), Offset: proto.Uint64(3), Len: proto.Uint64(4)}
	var b bytes.Buffer
	if err := WriteOp(&b, OpReadBlock, m); err != nil {
		t.Fatal(err)
	}
	if head := b.Bytes()[:3]; !bytes.Equal(head, []byte{0, 28, 81}) {
		t.Errorf("a read starts with % x", head)
	}
	op, got, err := ReadOp(bufio.NewReader(&b))
	if err != nil || op != OpReadBlock || !proto.Equal(got, m) {
		t.Errorf("read back %v %v %v", op, got, err)
	}
	for name, in := range map[string][]byte{"version": {0, 27, 81, 0}, "op": {0, 28, 1, 0}, "length": {0, 28, 81, 0xff, 0xff, 0xff, 0xff, 0x0f}} {
		if _, _, err := ReadOp(bufio.NewReader(bytes.NewReader(in))); !errors.Is(err, ErrFrame) {
			t.Errorf("bad %s: %v", name, err)
		}
	}
}

// Acks of both encodings of the statuses, and against the generated message.
func TestAck(t *testing.T) {
	sent := &Ack{Seqno: 17, Replies: []hdfspb.Status{0, 1, 2}, DownstreamNanos: 9}
	var b bytes.Buffer
	if err := WriteAck(&b, sent); err != nil {
		t.Fatal(err)
	}
	m := new(hdfspb.PipelineAckProto)
	if err := ReadMessage(bufio.NewReader(bytes.NewReader(b.Bytes())), maxAckLen, m); err != nil {
		t.Fatal(err)
	}
	if m.GetSeqno() != 17 || !slices.Equal(m.GetReply(), sent.Replies) || len(m.GetFlag()) != 3 || m.GetFlag()[2] != 2 || m.GetDownstreamAckTimeNanos() != 9 {
		t.Errorf("sent %v", m)
	}
	var got Ack
	if err := ReadAck(bufio.NewReader(&b), &got); err != nil || got.Seqno != 17 || !slices.Equal(got.Replies, sent.Replies) || got.Failed() != 2 {
		t.Errorf("read %+v %v", got, err)
	}
	body := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), protowire.EncodeZigZag(-1))
	body = protowire.AppendBytes(protowire.AppendTag(body, 2, protowire.BytesType), []byte{0, 8})
	if err := ReadAck(bufio.NewReader(bytes.NewReader(protowire.AppendBytes(nil, body))), &got); err != nil || got.Seqno != -1 || !slices.Equal(got.Replies, []hdfspb.Status{0, 8}) {
		t.Errorf("packed ack: %+v %v", got, err)
	}
}

func FuzzPacket(f *testing.F) {
	var p Packet
	p.Frame(4, 3)
	p.Seal()
	f.Add(p.Wire())
	f.Add([]byte{0, 0, 0, 4, 0, 2, 0x18, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		if err := ReadPacket(bytes.NewReader(b), &p); err != nil {
			return
		}
		if len(p.Data())+len(p.Sums()) > len(b) || p.Offset < 0 || len(p.Wire()) > len(b) {
			t.Fatalf("%d bytes gave %+v", len(b), p)
		}
		_ = DefaultChecksum.Verify(p.Data(), p.Sums())
	})
}

func FuzzOp(f *testing.F) {
	var b bytes.Buffer
	_ = WriteOp(&b, OpReadBlock, &hdfspb.OpReadBlockProto{Header: clientHeader(testBlock(), nil, "c"), Offset: proto.Uint64(3), Len: proto.Uint64(4)})
	f.Add(b.Bytes())
	f.Add([]byte{0, 28, 80, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		op, m, err := ReadOp(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && (m == nil || opNames[op] == "") {
			t.Fatalf("%v without a message", op)
		}
	})
}

func FuzzAck(f *testing.F) {
	var b bytes.Buffer
	_ = WriteAck(&b, &Ack{Seqno: 3, Replies: []hdfspb.Status{0, 1}})
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Ack
		r := bufio.NewReader(bytes.NewReader(b))
		for ReadAck(r, &a) == nil {
			if len(a.Replies) > maxPipeline {
				t.Fatalf("%d replies", len(a.Replies))
			}
			a.Failed()
		}
	})
}

func FuzzResponse(f *testing.F) {
	var b bytes.Buffer
	_ = WriteMessage(&b, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum()})
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ReadResponse(bufio.NewReader(bytes.NewReader(b))); err == nil && m.Status == nil {
			t.Fatal("a response without a status")
		}
		if s, err := ReadClientStatus(bufio.NewReader(bytes.NewReader(b))); err == nil && len(b) == 0 {
			t.Fatalf("status %v out of nothing", s)
		}
	})
}

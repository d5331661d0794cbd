package datanode

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const statusReceived = datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED

func TestPipelineWriteAndRead(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	for i, n := range []int{0, 1, 511, 512, 513, 64512, 64513, 1<<20 + 7} {
		data := randomBytes(n, byte(i))
		lb := nn.located(int64(100+i), 1001, int64(n), nodes...)
		writeBlock(t, p, lb, data)
		for _, d := range nodes {
			nn.wantStatus(d, int64(100+i), 1001, int64(n), statusReceived)
		}
		wantBytes(t, p, lb, data)
		for _, r := range [][2]int{{0, 1}, {1, 1}, {510, 4}, {511, 513}, {n / 3, n / 2}, {n - 1, 1}, {n, 0}} {
			if r[0] < 0 || r[0]+r[1] > n {
				continue
			}
			got, err := readRange(p, lb, 1, int64(r[0]), int64(r[1]))
			if err != nil || !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
				t.Errorf("range %v of %d bytes: %d bytes, %v", r, n, len(got), err)
			}
		}
	}
	lb := nn.located(107, 1001, 0, nodes...)
	if _, err := readRange(p, lb, 0, 1<<20, 8); !isStatus(err, hdfspb.Status_ERROR) {
		t.Errorf("read beyond the end: %v", err)
	}
	if _, err := readRange(p, withStamp(lb, 1002, 0), 0, 0, 8); !isStatus(err, hdfspb.Status_ERROR) {
		t.Errorf("read of a newer stamp: %v", err)
	}
	if got, err := readRange(p, withStamp(lb, 1000, 0), 0, 0, 8); err != nil || len(got) != 8 {
		t.Errorf("read under an older stamp: %v", err)
	}
	lb.B.PoolId = proto.String("BP-9-127.0.0.1-9")
	if _, err := readRange(p, lb, 0, 0, 8); !isStatus(err, hdfspb.Status_ERROR) {
		t.Errorf("read of another pool: %v", err)
	}
}

func isStatus(err error, st hdfspb.Status) bool {
	var e *datatransfer.StatusError
	return errors.As(err, &e) && e.Status == st && e.Message != ""
}

func TestBlockChecksum(t *testing.T) {
	nn, nodes := cluster(t, 1)
	p := testPeers(t)
	data := randomBytes(100_000, 3)
	lb := nn.located(200, 1001, int64(len(data)), nodes...)
	writeBlock(t, p, lb, data)
	for _, n := range []int{len(data), 51_200, 1000, 0} {
		var sums []byte
		for c := data[:n]; len(c) > 0; c = c[min(512, len(c)):] {
			sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(c[:min(512, len(c))], crc32.MakeTable(crc32.Castagnoli)))
		}
		want := md5.Sum(sums)
		q := datatransfer.ChecksumRequest{Node: lb.Locs[0].Id, Block: withStamp(lb, 1001, int64(n)).B, Type: hdfspb.BlockChecksumTypeProto_MD5CRC}
		got, err := p.BlockChecksum(context.Background(), q)
		if err != nil || !bytes.Equal(got.GetBlockChecksum(), want[:]) || got.GetBytesPerCrc() != 512 || got.GetCrcPerBlock() != 196 {
			t.Errorf("MD5 of %d bytes: %v %v", n, got, err)
		}
		q.Type = hdfspb.BlockChecksumTypeProto_COMPOSITE_CRC
		got, err = p.BlockChecksum(context.Background(), q)
		whole := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data[:n], crc32.MakeTable(crc32.Castagnoli)))
		if err != nil || !bytes.Equal(got.GetBlockChecksum(), whole) {
			t.Errorf("composite CRC of %d bytes: %v %v, want %x", n, got, err, whole)
		}
	}
}

func TestReadWithoutChecksums(t *testing.T) {
	nn, nodes := cluster(t, 1)
	p := testPeers(t)
	data := randomBytes(300_000, 4)
	lb := nn.located(210, 1001, int64(len(data)), nodes...)
	writeBlock(t, p, lb, data)
	q := datatransfer.ReadRequest{Node: lb.Locs[0].Id, Block: lb.B, ClientName: "c", Offset: 777, Length: 200_001, SkipChecksums: true}
	r, err := p.OpenBlock(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data[777:777+200_001]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r.Close()
	flip(t, nodes[0].file(t, 210, ""), 100_000)
	if r, err = p.OpenBlock(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err == nil {
		t.Error("the DataNode sent damaged data to a client that cannot notice")
	}
	r.Close()
}

// A byte flipped on disk is noticed by the client, by the DataNode, and by the
// DataNode that is asked for a copy.
func TestDamageOnDisk(t *testing.T) {
	nn, nodes := cluster(t, 2)
	p := testPeers(t)
	data := randomBytes(500_000, 5)
	lb := nn.located(220, 1001, int64(len(data)), nodes[0])
	writeBlock(t, p, lb, data)
	flip(t, nodes[0].file(t, 220, ""), 333_333)
	_, err := readRange(p, lb, 0, 0, int64(len(data)))
	var bad *datatransfer.ChecksumError
	if !errors.As(err, &bad) || bad.Offset != 333_333/512*512 {
		t.Errorf("read of damaged data: %v", err)
	}
	eventually(t, "the damage is reported", func() (ok bool) {
		nn.do(func() {
			ok = len(nn.bad) == 1 && nn.bad[0].GetB().GetBlockId() == 220 && nn.bad[0].GetLocs()[0].GetId().GetDatanodeUuid() == nodes[0].uuid
		})
		return ok
	})
	if got, err := readRange(p, lb, 0, 0, 300_000); err != nil || !bytes.Equal(got, data[:300_000]) {
		t.Errorf("the part in front of the damage cannot be read: %v", err)
	}
	nn.command(nodes[0], transferTo(lb, nn.node(nodes[1])))
	eventually(t, "the copy is refused", func() bool { return bytes.Contains([]byte(nodes[0].log.String()), []byte("transfer failed")) })
	eventually(t, "nothing of it stays", func() bool { _, err := nodes[1].store.Stat(220); return err != nil })
}

func transferTo(lb *hdfspb.LocatedBlockProto, to ...*hdfspb.DatanodeInfoProto) *datanodepb.DatanodeCommandProto {
	types := make([]hdfspb.StorageTypeProto, len(to))
	for i := range types {
		types[i] = hdfspb.StorageTypeProto_DISK
	}
	return &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: &datanodepb.BlockCommandProto{
		Action: datanodepb.BlockCommandProto_TRANSFER.Enum(), BlockPoolId: lb.B.PoolId, Blocks: []*hdfspb.BlockProto{blockProto(lb)},
		Targets:            []*hdfspb.DatanodeInfosProto{{Datanodes: to}},
		TargetStorageTypes: []*hdfspb.StorageTypesProto{{StorageTypes: types}},
	}}
}

func blockProto(lb *hdfspb.LocatedBlockProto) *hdfspb.BlockProto {
	return &hdfspb.BlockProto{BlockId: lb.B.BlockId, GenStamp: lb.B.GenerationStamp, NumBytes: lb.B.NumBytes}
}

func TestTransferAndInvalidate(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	data := randomBytes(700_001, 6)
	lb := nn.located(230, 1001, int64(len(data)), nodes[0])
	writeBlock(t, p, lb, data)
	nn.command(nodes[0], transferTo(lb, nn.node(nodes[1]), nn.node(nodes[2])))
	all := nn.located(230, 1001, int64(len(data)), nodes...)
	nn.wantStatus(nodes[1], 230, 1001, int64(len(data)), statusReceived)
	nn.wantStatus(nodes[2], 230, 1001, int64(len(data)), statusReceived)
	wantBytes(t, p, all, data)

	invalidate := func(stamp uint64) {
		b := blockProto(lb)
		b.GenStamp = proto.Uint64(stamp)
		nn.command(nodes[0], &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: &datanodepb.BlockCommandProto{
			Action: datanodepb.BlockCommandProto_INVALIDATE.Enum(), BlockPoolId: lb.B.PoolId, Blocks: []*hdfspb.BlockProto{b}}})
	}
	invalidate(1000)
	eventually(t, "a wrong stamp is refused", func() bool { return bytes.Contains([]byte(nodes[0].log.String()), []byte("replica not deleted")) })
	invalidate(1001)
	nn.wantStatus(nodes[0], 230, 1001, int64(len(data)), datanodepb.ReceivedDeletedBlockInfoProto_DELETED)
	if _, err := readRange(p, lb, 0, 0, 1); !isStatus(err, hdfspb.Status_ERROR) {
		t.Errorf("read of a deleted replica: %v", err)
	}
}

func TestBalancerMove(t *testing.T) {
	nn, nodes := cluster(t, 2)
	p := testPeers(t)
	data := randomBytes(300_000, 7)
	lb := nn.located(240, 1001, int64(len(data)), nodes[0])
	writeBlock(t, p, lb, data)
	err := p.ReplaceBlock(context.Background(), datatransfer.ReplaceRequest{Node: nn.node(nodes[1]).Id, Block: lb.B, DeleteHint: nodes[0].uuid,
		Source: nn.node(nodes[0]), StorageType: hdfspb.StorageTypeProto_DISK})
	if err != nil {
		t.Fatal(err)
	}
	nn.wantStatus(nodes[1], 240, 1001, int64(len(data)), statusReceived)
	nn.do(func() {
		if hint := nn.known[nodes[1].uuid][240].GetDeleteHint(); hint != nodes[0].uuid {
			t.Errorf("hint %q", hint)
		}
	})
	wantBytes(t, p, nn.located(240, 1001, int64(len(data)), nodes[1]), data)
}

func TestConcurrentReadersAndWriters(t *testing.T) {
	nn, nodes := cluster(t, 3)
	p := testPeers(t)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 4 {
				id := int64(1000 + g*10 + i)
				data := randomBytes(200_000+g*1000+i, byte(id))
				lb := nn.located(id, 1001, int64(len(data)), nodes...)
				w, err := datatransfer.CreateBlock(context.Background(), writerConf(p), lb, testBlockSize)
				if err == nil {
					_, err = w.ReadFrom(bytes.NewReader(data))
				}
				if err == nil {
					err = w.Close()
				}
				if err != nil {
					t.Error(err)
					return
				}
				for node := range nodes {
					got, err := readRange(p, lb, node, int64(i*100), 150_000)
					if err != nil || !bytes.Equal(got, data[i*100:i*100+150_000]) {
						t.Errorf("blk_%d from node %d: %v", id, node, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestUnsupportedAndGarbage(t *testing.T) {
	nn, nodes := cluster(t, 1)
	for op, m := range map[datatransfer.Op]proto.Message{
		datatransfer.OpRequestFds: &hdfspb.OpRequestShortCircuitAccessProto{MaxVersion: proto.Uint32(1), Header: &hdfspb.BaseHeaderProto{Block: nn.located(1, 1, 0).B}},
		datatransfer.OpCustom:     &hdfspb.OpCustomProto{CustomId: proto.String("x")},
	} {
		c, err := net.Dial("tcp", nodes[0].DataAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := datatransfer.WriteOp(c, op, m); err != nil {
			t.Fatal(err)
		}
		resp, err := datatransfer.ReadResponse(newBufReader(c))
		if err != nil || resp.GetStatus() != hdfspb.Status_ERROR_UNSUPPORTED || resp.GetMessage() == "" {
			t.Errorf("%v: %v %v", op, resp, err)
		}
		c.Close()
	}
	for i, garbage := range [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n"), {0, 28, 80, 0xff, 0xff, 0xff, 0xff, 0x7f}, {0, 28, 81, 2, 1, 2}, randomBytes(5000, 9)} {
		c, err := net.Dial("tcp", nodes[0].DataAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(garbage); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); len(b) > 0 && err == nil {
			t.Errorf("garbage %d was answered: %q", i, b)
		}
		c.Close()
	}
	p := testPeers(t)
	lb := nn.located(250, 1001, 3, nodes...)
	writeBlock(t, p, lb, []byte("abc"))
	wantBytes(t, p, lb, []byte("abc"))
}

// A packet with wrong checksums is refused by the node it reaches first, and
// nothing of it is kept.
func TestBadPacketFromClient(t *testing.T) {
	nn, nodes := cluster(t, 2)
	lb := nn.located(260, 1001, 0, nodes...)
	c, err := net.Dial("tcp", nodes[0].DataAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := &hdfspb.OpWriteBlockProto{Header: &hdfspb.ClientOperationHeaderProto{BaseHeader: &hdfspb.BaseHeaderProto{Block: lb.B}, ClientName: proto.String("c")},
		Targets: lb.Locs[1:], Stage: stageCreate.Enum(), PipelineSize: proto.Uint32(2), MinBytesRcvd: proto.Uint64(0), MaxBytesRcvd: proto.Uint64(0),
		LatestGenerationStamp: proto.Uint64(1001), RequestedChecksum: datatransfer.DefaultChecksum.Proto()}
	if err := datatransfer.WriteOp(c, datatransfer.OpWriteBlock, m); err != nil {
		t.Fatal(err)
	}
	br := newBufReader(c)
	if resp, err := datatransfer.ReadResponse(br); err != nil || resp.GetStatus() != hdfspb.Status_SUCCESS {
		t.Fatal(resp, err)
	}
	send := func(seqno, off int64, damage bool) {
		var p datatransfer.Packet
		p.Frame(8, 1000)
		copy(p.Data(), randomBytes(1000, 1))
		datatransfer.DefaultChecksum.Sum(p.Data(), p.Sums())
		if damage {
			p.Data()[600] ^= 1
		}
		p.Offset, p.Seqno = off, seqno
		p.Seal()
		if _, err := c.Write(p.Wire()); err != nil {
			t.Fatal(err)
		}
	}
	want := func(seqno int64, replies ...hdfspb.Status) {
		t.Helper()
		var a datatransfer.Ack
		if err := datatransfer.ReadAck(br, &a); err != nil || a.Seqno != seqno || fmt.Sprint(a.Replies) != fmt.Sprint(replies) {
			t.Errorf("ack %d %v %v, want %d %v", a.Seqno, a.Replies, err, seqno, replies)
		}
	}
	send(0, 0, false)
	want(0, hdfspb.Status_SUCCESS, hdfspb.Status_SUCCESS)
	send(1, 512, true)
	want(1, hdfspb.Status_ERROR_CHECKSUM)
	if _, err := br.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	for _, d := range nodes {
		eventually(t, "the writer is gone", func() bool {
			i, err := d.store.Stat(260)
			return err == nil && i.Length == 1000 && i.Visible == 1000
		})
	}
}

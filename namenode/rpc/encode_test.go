package rpc

import (
	"encoding/hex"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/wire"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

var (
	pool   = "BP-1"
	sample = &Service{identity: Identity{NamespaceID: 7, ClusterID: "CID", BlockPoolID: pool, CTime: 9}}
	node   = schema.Datanode{UUID: "u", IP: "1.2.3.4", Host: "h", XferPort: 9866, InfoPort: 9864, IpcPort: 9867, Location: "/r"}
	target = blocks.Target{Storage: schema.Storage{UUID: "DS", Type: 2}, Datanode: node}
)

// Golden bytes, taken apart by hand after the tables of the messages.
const (
	goldenFile = "0802" + "1200" + "1805" + "220308a403" + "2a016f" + "320167" + "38e807" + "40d00f" + "5003" + "5810" + "68818001" + "7000" + "800107" + "900100"
	goldenDir  = "0801" + "120164" + "1800" + "220308ed03" + "2a016f" + "320167" + "38e807" + "4000" + "5000" + "5800" + "68818001" + "7003" + "800100" + "900100"
	// DatanodeIDProto in DatanodeInfoProto: id, location, admin state.
	goldenNode = "0a1a" + "0a07312e322e332e34" + "120168" + "1a0175" + "208a4d" + "28884d" + "308b4d" + "3800" + "42022f72" + "5000"
	// ExtendedBlockProto, offset, location, not corrupt, token of four empty fields, type, storage.
	goldenBlock = "0a11" + "0a0442502d31" + "108180808004" + "18e907" + "2005" + "1000" + "1a22" + goldenNode + "2000" + "2a08" + "0a0012001a002200" + "3802" + "42024453"
)

func wantHex(t *testing.T, what string, m proto.Message, want string) {
	t.Helper()
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != want {
		t.Errorf("%s is\n%x, want\n%s", what, got, want)
	}
}

// wantField checks what was appended as field 1.
func wantField(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	f, rest, err := wire.Cut(got)
	if err != nil || len(rest) > 0 || !f.Is(1, wire.Bytes) {
		t.Fatalf("%s is no field 1: %x, %v", what, got, err)
	}
	if hex.EncodeToString(f.B) != want {
		t.Errorf("%s is\n%x, want\n%s", what, f.B, want)
	}
}

func TestGoldenStatus(t *testing.T) {
	in := schema.Inode{ID: 16385, Kind: schema.KindFile, UserName: "o", GroupName: "g", Mode: 0o644, Length: 5, ATime: 2000,
		Replication: 3, BlockSize: 16, StoragePolicy: 7, Name: "never shown"}
	wantField(t, "a file", sample.appendStatus(nil, 1, &namespace.FileStatus{Inode: in, ModTime: 1000}), goldenFile)
	in.Kind, in.Mode, in.StoragePolicy = schema.KindDirectory, 0o755, 0
	l := &namespace.Listing{Entries: []namespace.FileStatus{{Inode: in, Path: "d", ModTime: 1000, ChildrenNum: 3}}, Remaining: 4}
	wantField(t, "a listing", sample.appendListing(nil, 1, l), "0a"+hex.EncodeToString([]byte{byte(len(goldenDir) / 2)})+goldenDir+"1004")
	if sample.appendStatus(nil, 1, nil) != nil || sample.appendListing(nil, 1, nil) != nil {
		t.Error("what is missing must stay so")
	}
}

func TestGoldenBlocks(t *testing.T) {
	b := blocks.LocatedBlock{Block: schema.Block{BlockID: 1073741825, GenerationStamp: 1001, NumBytes: 999}, Size: 5, Targets: []blocks.Target{target}}
	wantHex(t, "a block", encodeBlock(&b, &pool), goldenBlock)
	wantField(t, "a block, appended", appendBlock(nil, 1, &b, pool), goldenBlock)
	wantField(t, "no blocks", appendLocated(nil, 1, &blocks.Located{}, pool), "0800"+"1800"+"2800")
	length := hex.EncodeToString([]byte{byte(len(goldenBlock) / 2)})
	wantField(t, "the last block", appendLocated(nil, 1, &blocks.Located{FileLength: 5, Blocks: []blocks.LocatedBlock{b}, Last: &b, LastComplete: true}, pool),
		"0805"+"12"+length+goldenBlock+"1800"+"22"+length+goldenBlock+"2801")
	lost := blocks.LocatedBlock{Block: b.Block, Corrupt: true}
	if m := encodeBlock(&lost, &pool); !m.GetCorrupt() || m.Locs != nil || m.BlockToken == nil {
		t.Errorf("a lost block %v", m)
	}
}

func TestCommands(t *testing.T) {
	b := blocks.Block{ID: 3, GenerationStamp: 1002, NumBytes: 8}
	bare := "0803" + "10ea07" + "1808"
	wantHex(t, "invalidate", sample.encodeCommand(&blocks.Command{Invalidate: []blocks.Block{b}}),
		"0801"+"1a11"+"0802"+"120442502d31"+"1a07"+bare)
	m := sample.encodeCommand(&blocks.Command{Transfer: []blocks.Transfer{{Block: b, Targets: []blocks.Target{target, target}}}})
	c := m.GetBlkCmd()
	if m.GetCmdType() != datanodepb.DatanodeCommandProto_BlockCommand || c.GetAction() != datanodepb.BlockCommandProto_TRANSFER ||
		len(c.Blocks) != 1 || len(c.Targets) != 1 || len(c.Targets[0].Datanodes) != 2 || len(c.TargetStorageUuids[0].StorageUuids) != 2 ||
		len(c.TargetStorageTypes) != 1 || len(c.TargetStorageTypes[0].StorageTypes) != 2 {
		t.Errorf("transfer %v", m)
	}
	r := blocks.Recovery{Block: blocks.LocatedBlock{Block: schema.Block{BlockID: 3, GenerationStamp: 1002}, Targets: []blocks.Target{target}}, NewStamp: 1003}
	m = sample.encodeCommand(&blocks.Command{Recover: []blocks.Recovery{r}})
	if x := m.GetRecoveryCmd().GetBlocks(); len(x) != 1 || x[0].GetNewGenStamp() != 1003 || x[0].TruncateBlock != nil || len(x[0].Block.Locs) != 1 {
		t.Errorf("recovery %v", m)
	}
	r.Truncate, r.TruncateTo = true, 4
	m = sample.encodeCommand(&blocks.Command{Recover: []blocks.Recovery{r}})
	if x := m.GetRecoveryCmd().GetBlocks()[0].TruncateBlock; x.GetBlockId() != 3 || x.GetGenStamp() != 1003 || x.GetNumBytes() != 4 {
		t.Errorf("truncating recovery %v", m)
	}
	if _, err := proto.Marshal(m); err != nil {
		t.Error(err)
	}
}

// TestFewAllocations keeps the calls that matter cheap.
func TestFewAllocations(t *testing.T) {
	st := &namespace.FileStatus{Inode: schema.Inode{ID: 1, Kind: schema.KindFile, UserName: "o", GroupName: "g"}}
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { sample.appendStatus(dst, 1, st) }); n > 0 {
		t.Errorf("a status takes %v allocations", n)
	}
	b := &blocks.LocatedBlock{Targets: []blocks.Target{target, target, target}}
	if n := testing.AllocsPerRun(100, func() { encodeBlock(b, &pool) }); n > 5 {
		t.Errorf("a block with three replicas takes %v allocations", n)
	}
}

func TestTooOld(t *testing.T) {
	for v, want := range map[string]bool{"2.0.5": true, "1.2.1": true, "2.1.0-beta": false, "3.4.1": false, "hopsql": false, "": false, "10.0": false} {
		if tooOld(v) != want {
			t.Errorf("version %q too old: %v", v, !want)
		}
	}
}

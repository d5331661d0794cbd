package rpc_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/testkit/fsck"
)

// received reports a finished replica.
func (d *datanode) received(b *hdfspb.ExtendedBlockProto) {
	d.s.t.Helper()
	x := &hdfspb.BlockProto{BlockId: b.BlockId, GenStamp: b.GenerationStamp, NumBytes: b.NumBytes}
	must(d.s.t, d.call("blockReceivedAndDeleted", &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: d.reg, BlockPoolId: &identity.BlockPoolID,
		Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: &d.storage, Storage: d.volume(),
			Blocks: []*datanodepb.ReceivedDeletedBlockInfoProto{{Block: x, Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum()}}}}},
		&datanodepb.BlockReceivedAndDeletedResponseProto{}))
}

func (u *user) addBlock(path, client string, id uint64, previous *hdfspb.ExtendedBlockProto) *hdfspb.LocatedBlockProto {
	u.s.t.Helper()
	return ok[hdfspb.AddBlockResponseProto](u, "addBlock", &hdfspb.AddBlockRequestProto{Src: &path, ClientName: &client, FileId: &id, Previous: previous}).Block
}

func (u *user) complete(path, client string, id uint64, last *hdfspb.ExtendedBlockProto) bool {
	u.s.t.Helper()
	return ok[hdfspb.CompleteResponseProto](u, "complete", &hdfspb.CompleteRequestProto{Src: &path, ClientName: &client, Last: last, FileId: &id}).GetResult()
}

func (u *user) locations(path string, offset, length uint64) *hdfspb.LocatedBlocksProto {
	u.s.t.Helper()
	return ok[hdfspb.GetBlockLocationsResponseProto](u, "getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: &path, Offset: &offset, Length: &length}).Locations
}

// check looks whether the rows fit together at the end of a test.
func (s *server) check() {
	s.t.Helper()
	bad, err := fsck.Check(s.t.Context(), s.store)
	must(s.t, err)
	for _, b := range bad {
		s.t.Error(b)
	}
}

// TestWriteAndRead is the life of a file, as a client and a DataNode see it.
func TestWriteAndRead(t *testing.T) {
	s := start(t, nil)
	d := s.join(9)
	u := s.as("hdfs")
	id := u.create("/f", "c").GetFileId()
	var last *hdfspb.ExtendedBlockProto
	for i := range 3 {
		b := u.addBlock("/f", "c", id, last)
		if len(b.Locs) != 1 || b.Locs[0].Id.GetXferPort() != 9 || b.StorageIDs[0] != d.storage || b.StorageTypes[0] != hdfspb.StorageTypeProto_DISK ||
			b.BlockToken == nil || b.B.GetNumBytes() != 0 || b.B.GetPoolId() != identity.BlockPoolID || b.GetOffset() != uint64(16*i) {
			t.Fatalf("block %d: %v", i, b)
		}
		last = proto.Clone(b.B).(*hdfspb.ExtendedBlockProto)
		last.NumBytes = proto.Uint64(16)
		if i == 2 {
			last.NumBytes = proto.Uint64(5)
		}
		d.received(last)
	}
	ok[hdfspb.FsyncResponseProto](u, "fsync", &hdfspb.FsyncRequestProto{Src: proto.String("/f"), Client: proto.String("c"), LastBlockLength: proto.Int64(5), FileId: &id})
	ok[hdfspb.RenewLeaseResponseProto](u, "renewLease", &hdfspb.RenewLeaseRequestProto{ClientName: proto.String("c")})
	open := ok[hdfspb.ListOpenFilesResponseProto](u, "listOpenFiles", &hdfspb.ListOpenFilesRequestProto{Id: proto.Int64(0)})
	if len(open.Entries) != 1 || open.Entries[0].GetPath() != "/f" || open.Entries[0].GetClientName() != "c" || open.GetHasMore() {
		t.Errorf("open files %v", open)
	}
	for range 2 { // a repeated call is true as well
		if !u.complete("/f", "c", id, last) {
			t.Fatal("complete is false")
		}
	}
	if st := u.stat("/f"); st.GetLength() != 37 {
		t.Errorf("length %d", st.GetLength())
	}
	l := u.locations("/f", 0, 1<<40)
	if l.GetFileLength() != 37 || len(l.Blocks) != 3 || !l.GetIsLastBlockComplete() || l.GetUnderConstruction() ||
		l.LastBlock.B.GetNumBytes() != 5 || l.LastBlock.GetOffset() != 32 || len(l.Blocks[0].Locs) != 1 {
		t.Errorf("locations %v", l)
	}
	if l = u.locations("/f", 20, 1); len(l.Blocks) != 1 || l.Blocks[0].GetOffset() != 16 || l.LastBlock == nil {
		t.Errorf("locations of a byte %v", l)
	}
	_, err := call[hdfspb.GetBlockLocationsResponseProto](u, "getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: proto.String("/no"), Offset: proto.Uint64(0), Length: proto.Uint64(1)})
	refused(t, err, notFound, "File does not exist: /no")
	fs := ok[hdfspb.GetLocatedFileInfoResponseProto](u, "getLocatedFileInfo", &hdfspb.GetLocatedFileInfoRequestProto{Src: proto.String("/f")}).Fs
	if len(fs.GetLocations().GetBlocks()) != 3 || fs.Path == nil || len(fs.Path) != 0 {
		t.Errorf("located status %v", fs)
	}
	page := ok[hdfspb.GetListingResponseProto](u, "getListing", &hdfspb.GetListingRequestProto{Src: proto.String("/"), StartAfter: []byte{}, NeedLocation: proto.Bool(true)}).DirList
	if len(page.PartialListing) != 1 || len(page.PartialListing[0].GetLocations().GetBlocks()) != 3 || string(page.PartialListing[0].GetPath()) != "f" {
		t.Errorf("listing with locations %v", page)
	}
	if r := ok[hdfspb.SetReplicationResponseProto](u, "setReplication", &hdfspb.SetReplicationRequestProto{Src: proto.String("/f"), Replication: proto.Uint32(2)}); !r.GetResult() {
		t.Error("setReplication is false")
	}
	if st := u.stat("/f"); st.GetBlockReplication() != 2 {
		t.Errorf("replication %d", st.GetBlockReplication())
	}
	if r := ok[hdfspb.SetReplicationResponseProto](u, "setReplication", &hdfspb.SetReplicationRequestProto{Src: proto.String("/"), Replication: proto.Uint32(2)}); r.GetResult() {
		t.Error("setReplication of a directory is true")
	}
	for _, rep := range []uint32{0, 513, 70000} {
		_, err := call[hdfspb.SetReplicationResponseProto](u, "setReplication", &hdfspb.SetReplicationRequestProto{Src: proto.String("/f"), Replication: &rep})
		refused(t, err, ioException, "replication factor")
	}
	s.check()
}

// TestPipelineAndAppend repairs a pipeline and appends.
func TestPipelineAndAppend(t *testing.T) {
	s := start(t, nil)
	a, b := s.join(1), s.join(2)
	u := s.as("hdfs")
	id := u.create("/f", "c").GetFileId()
	block := u.addBlock("/f", "c", id, nil)
	other := b
	if block.Locs[0].Id.GetDatanodeUuid() == b.reg.DatanodeID.GetDatanodeUuid() {
		other = a
	}
	more := ok[hdfspb.GetAdditionalDatanodeResponseProto](u, "getAdditionalDatanode", &hdfspb.GetAdditionalDatanodeRequestProto{
		Src: proto.String("/f"), Blk: block.B, Existings: block.Locs, ExistingStorageUuids: block.StorageIDs, NumAdditionalNodes: proto.Uint32(1), ClientName: proto.String("c"), FileId: &id}).Block
	if len(more.Locs) != 2 || more.Locs[1].Id.GetDatanodeUuid() != other.reg.DatanodeID.GetDatanodeUuid() {
		t.Errorf("additional DataNode %v", more)
	}
	stamped := ok[hdfspb.UpdateBlockForPipelineResponseProto](u, "updateBlockForPipeline", &hdfspb.UpdateBlockForPipelineRequestProto{Block: block.B, ClientName: proto.String("c")}).Block
	if stamped.B.GetGenerationStamp() <= block.B.GetGenerationStamp() || stamped.BlockToken == nil {
		t.Errorf("a new stamp %v after %v", stamped.B, block.B)
	}
	newer := proto.Clone(stamped.B).(*hdfspb.ExtendedBlockProto)
	newer.NumBytes = proto.Uint64(6)
	update := &hdfspb.UpdatePipelineRequestProto{ClientName: proto.String("c"), OldBlock: block.B, NewBlock: newer,
		NewNodes: []*hdfspb.DatanodeIDProto{other.reg.DatanodeID}, StorageIDs: []string{other.storage}}
	ok[hdfspb.UpdatePipelineResponseProto](u, "updatePipeline", update)
	other.received(newer)
	if !u.complete("/f", "c", id, newer) {
		t.Fatal("complete is false")
	}
	l := u.locations("/f", 0, 100)
	if l.GetFileLength() != 6 || len(l.Blocks[0].Locs) != 1 || l.Blocks[0].Locs[0].Id.GetXferPort() != other.reg.DatanodeID.GetXferPort() {
		t.Errorf("locations %v", l)
	}

	r := ok[hdfspb.AppendResponseProto](u, "append", &hdfspb.AppendRequestProto{Src: proto.String("/f"), ClientName: proto.String("c2")})
	if r.Stat.GetLength() != 6 || r.Block.GetB().GetBlockId() != block.B.GetBlockId() || r.Block.B.GetNumBytes() != 6 {
		t.Errorf("append %v", r)
	}
	_, err := call[hdfspb.AppendResponseProto](u, "append", &hdfspb.AppendRequestProto{Src: proto.String("/f"), ClientName: proto.String("c3"), Flag: proto.Uint32(4)})
	refused(t, err, "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException", "c2")
	if !u.complete("/f", "c2", id, r.Block.B) {
		t.Error("complete after an append without data is false")
	}
	s.check()
}

func TestAbandonAndLeases(t *testing.T) {
	s := start(t, nil)
	d := s.join(1)
	u := s.as("hdfs")
	id := u.create("/f", "c").GetFileId()
	block := u.addBlock("/f", "c", id, nil)
	ok[hdfspb.AbandonBlockResponseProto](u, "abandonBlock", &hdfspb.AbandonBlockRequestProto{B: block.B, Src: proto.String("/f"), Holder: proto.String("c"), FileId: &id})
	if !u.complete("/f", "c", id, nil) {
		t.Error("complete of an empty file is false")
	}
	_, err := call[hdfspb.AddBlockResponseProto](u, "addBlock", &hdfspb.AddBlockRequestProto{Src: proto.String("/f"), ClientName: proto.String("c"), FileId: &id})
	refused(t, err, "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException", "/f")
	if r := ok[hdfspb.RecoverLeaseResponseProto](u, "recoverLease", &hdfspb.RecoverLeaseRequestProto{Src: proto.String("/f"), ClientName: proto.String("x")}); !r.GetResult() {
		t.Error("recoverLease of a closed file is false")
	}
	// A writer that died with a block: the DataNode is told to recover it, and says so.
	id = u.create("/g", "c").GetFileId()
	block = u.addBlock("/g", "c", id, nil)
	must(t, d.report(0, true, blockreport.Replica{ID: int64(block.B.GetBlockId()), Length: 4, GenerationStamp: block.B.GetGenerationStamp(), State: hdfspb.ReplicaStateProto_RBW}))
	if r := ok[hdfspb.RecoverLeaseResponseProto](u, "recoverLease", &hdfspb.RecoverLeaseRequestProto{Src: proto.String("/g"), ClientName: proto.String("x")}); r.GetResult() {
		t.Error("recoverLease of an open file is true")
	}
	var todo *hdfspb.RecoveringBlockProto
	for range 10 {
		for _, c := range d.heartbeat().Cmds {
			if c.GetCmdType() == datanodepb.DatanodeCommandProto_BlockRecoveryCommand {
				todo = c.RecoveryCmd.Blocks[0]
			}
		}
	}
	if todo == nil || todo.Block.B.GetBlockId() != block.B.GetBlockId() || todo.GetNewGenStamp() <= block.B.GetGenerationStamp() || len(todo.Block.Locs) != 1 {
		t.Fatalf("no recovery is asked for: %v", todo)
	}
	done := &datanodepb.CommitBlockSynchronizationRequestProto{Block: block.B, NewGenStamp: todo.NewGenStamp, NewLength: proto.Uint64(4), CloseFile: proto.Bool(true),
		DeleteBlock: proto.Bool(false), NewTaragets: []*hdfspb.DatanodeIDProto{d.reg.DatanodeID}, NewTargetStorages: []string{d.storage}}
	for range 2 { // it may be repeated
		must(t, d.call("commitBlockSynchronization", done, &datanodepb.CommitBlockSynchronizationResponseProto{}))
	}
	if st := u.stat("/g"); st.GetLength() != 4 {
		t.Errorf("length %d after the recovery", st.GetLength())
	}
	if r := ok[hdfspb.IsFileClosedResponseProto](u, "isFileClosed", &hdfspb.IsFileClosedRequestProto{Src: proto.String("/g")}); !r.GetResult() {
		t.Error("the file is open after the recovery")
	}
	s.check()
}

// TestBenchmarkFacts are the peculiarities of NNThroughputBenchmark: no file ids,
// blocks without bytes, a report before the first heartbeat, replicas that nobody
// knows.
func TestBenchmarkFacts(t *testing.T) {
	s := start(t, nil)
	d := s.datanode(1)
	_, err := d.register()
	must(t, err)
	must(t, d.report(0, true)) // before any heartbeat
	d.heartbeat()
	u := s.as("hdfs")
	path := "/nnThroughputBenchmark/create/ThroughputBenchDir0/ThroughputBench0"
	u.create(path, "create-client-0")
	if !u.complete(path, "create-client-0", 0, nil) {
		t.Error("complete without a block is false")
	}
	u.create(path+"1", "client")
	b := u.addBlock(path+"1", "client", 0, nil)
	d.received(b.B)
	if !u.complete(path+"1", "client", 0, b.B) {
		t.Error("complete of a block without bytes is false")
	}
	filler := blockreport.Replica{ID: 1}
	for range 2 {
		must(t, d.report(0, true, filler, blockreport.Replica{ID: int64(b.B.GetBlockId()), GenerationStamp: b.B.GetGenerationStamp()}))
	}
	r := ok[hdfspb.DeleteResponseProto](u, "delete", &hdfspb.DeleteRequestProto{Src: proto.String("/nnThroughputBenchmark"), Recursive: proto.Bool(true)})
	if !r.GetResult() {
		t.Error("delete is false")
	}
}

// TestTruncateAndConcat: both through the wire.
func TestTruncateAndConcat(t *testing.T) {
	s := start(t, nil)
	d := s.join(1)
	u := s.as("hdfs")
	write := func(path string, n int) {
		id := u.create(path, "c").GetFileId()
		var last *hdfspb.ExtendedBlockProto
		for range n {
			last = u.addBlock(path, "c", id, last).B
			last.NumBytes = proto.Uint64(16)
			d.received(last)
		}
		if !u.complete(path, "c", id, last) {
			t.Fatal("complete is false")
		}
	}
	u.mkdirs("/d")
	for path, n := range map[string]int{"/d/a": 2, "/d/b": 1, "/d/e": 3} {
		write(path, n)
	}
	ok[hdfspb.ConcatResponseProto](u, "concat", &hdfspb.ConcatRequestProto{Trg: proto.String("/d/a"), Srcs: []string{"/d/b", "/d/e"}})
	if st := u.stat("/d/a"); st.GetLength() != 96 || u.stat("/d/b") != nil {
		t.Errorf("after concat %v", st)
	}
	tr := ok[hdfspb.TruncateResponseProto](u, "truncate", &hdfspb.TruncateRequestProto{Src: proto.String("/d/a"), NewLength: proto.Uint64(32), ClientName: proto.String("c")})
	if st := u.stat("/d/a"); !tr.GetResult() || st.GetLength() != 32 {
		t.Errorf("truncate at a block: %v, %v", tr.GetResult(), st)
	}
	tr = ok[hdfspb.TruncateResponseProto](u, "truncate", &hdfspb.TruncateRequestProto{Src: proto.String("/d/a"), NewLength: proto.Uint64(20), ClientName: proto.String("c")})
	if tr.GetResult() {
		t.Error("truncate inside a block is done at once")
	}
	found := false
	for range 10 {
		for _, c := range d.heartbeat().Cmds {
			for _, b := range c.GetRecoveryCmd().GetBlocks() {
				found = found || b.GetTruncateBlock().GetNumBytes() == 4
			}
		}
	}
	if !found {
		t.Error("no DataNode is asked to cut the block")
	}
	if log := s.auditLines(10); !containsAll(log, "cmd=concat\tsrc=[/d/b, /d/e]\tdst=/d/a\t", "cmd=truncate\tsrc=/d/a\t") {
		t.Errorf("audit log %s", log)
	}
	s.check()
}

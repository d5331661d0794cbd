package rpc

import (
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
)

// The optional fields of a proto2 message are pointers. The boxes below hold a
// message together with what its fields point to, so that each is one allocation.

// noToken is required where there are no tokens.
var noToken = &ipcpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}

type blockBox struct {
	m       hdfspb.LocatedBlockProto
	b       hdfspb.ExtendedBlockProto
	id      uint64
	stamp   uint64
	size    uint64
	offset  uint64
	corrupt bool
}

func encodeBlock(l *blocks.LocatedBlock, pool *string) *hdfspb.LocatedBlockProto {
	x := &blockBox{id: uint64(l.BlockID), stamp: uint64(l.GenerationStamp), size: uint64(l.Size), offset: uint64(l.Offset), corrupt: l.Corrupt}
	x.b.PoolId, x.b.BlockId, x.b.GenerationStamp, x.b.NumBytes = pool, &x.id, &x.stamp, &x.size
	m := &x.m
	m.B, m.Offset, m.Corrupt, m.BlockToken = &x.b, &x.offset, &x.corrupt, noToken
	if len(l.Targets) == 0 {
		return m
	}
	m.Locs, m.StorageTypes, m.StorageIDs = encodeTargets(l.Targets)
	return m
}

type targetBox struct {
	m      hdfspb.DatanodeInfoProto
	id     hdfspb.DatanodeIDProto
	admin  hdfspb.DatanodeInfoProto_AdminState
	xfer   uint32
	info   uint32
	ipc    uint32
	secure uint32
}

// encodeTargets encodes storages as the three lists that messages keep in step.
func encodeTargets(targets []blocks.Target) ([]*hdfspb.DatanodeInfoProto, []hdfspb.StorageTypeProto, []string) {
	boxes := make([]targetBox, len(targets))
	nodes := make([]*hdfspb.DatanodeInfoProto, len(targets))
	types := make([]hdfspb.StorageTypeProto, len(targets))
	ids := make([]string, len(targets))
	for i := range targets {
		t := &targets[i]
		nodes[i] = boxes[i].fill(&t.Datanode)
		types[i], ids[i] = storageType(t.Storage.Type), t.Storage.UUID
	}
	return nodes, types, ids
}

// fill encodes where a DataNode is, which is all that readers and writers need.
func (b *targetBox) fill(d *schema.Datanode) *hdfspb.DatanodeInfoProto {
	b.xfer, b.info, b.ipc, b.secure = uint32(d.XferPort), uint32(d.InfoPort), uint32(d.IpcPort), uint32(d.InfoSecurePort)
	b.admin = adminState(d.AdminState)
	id := &b.id
	id.IpAddr, id.HostName, id.DatanodeUuid = &d.IP, &d.Host, &d.UUID
	id.XferPort, id.InfoPort, id.IpcPort, id.InfoSecurePort = &b.xfer, &b.info, &b.ipc, &b.secure
	b.m.Id, b.m.Location, b.m.AdminState = id, &d.Location, &b.admin
	return &b.m
}

// adminState is a state as stored; one that clients do not know counts as normal.
func adminState(v int64) hdfspb.DatanodeInfoProto_AdminState {
	if _, ok := hdfspb.DatanodeInfoProto_AdminState_name[int32(v)]; !ok {
		return hdfspb.DatanodeInfoProto_NORMAL
	}
	return hdfspb.DatanodeInfoProto_AdminState(v)
}

// storageType is a type as stored; one that clients do not know counts as a disk.
func storageType(t int64) hdfspb.StorageTypeProto {
	if _, ok := hdfspb.StorageTypeProto_name[int32(t)]; !ok {
		return hdfspb.StorageTypeProto_DISK
	}
	return hdfspb.StorageTypeProto(t)
}

// encodeDatanode encodes a DataNode with its figures.
func encodeDatanode(d *blocks.DatanodeStatus) *hdfspb.DatanodeInfoProto {
	m := new(targetBox).fill(&d.Datanode)
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	m.Capacity, m.DfsUsed, m.NonDfsUsed, m.Remaining = u(d.Capacity), u(d.Used), u(d.NonDFSUsed), u(d.Remaining)
	m.BlockPoolUsed, m.CacheCapacity, m.CacheUsed = u(d.BlockPoolUsed), u(d.CacheCapacity), u(d.CacheUsed)
	m.LastUpdate, m.LastBlockReportTime = u(d.LastContact), u(d.LastReport)
	m.XceiverCount, m.NumBlocks = proto.Uint32(uint32(d.Xceivers)), proto.Uint32(uint32(d.NumBlocks))
	return m
}

// encodeStorage encodes a volume with its figures.
func encodeStorage(v *blocks.StorageStatus) *hdfspb.StorageReportProto {
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	kind, state := storageType(v.Storage.Type), hdfspb.DatanodeStorageProto_NORMAL
	if v.Storage.State == int64(hdfspb.DatanodeStorageProto_READ_ONLY_SHARED) {
		state = hdfspb.DatanodeStorageProto_READ_ONLY_SHARED
	}
	return &hdfspb.StorageReportProto{
		StorageUuid: &v.Storage.UUID, Failed: &v.Failed, Capacity: u(v.Capacity), DfsUsed: u(v.Used), Remaining: u(v.Remaining),
		BlockPoolUsed: u(v.BlockPoolUsed), NonDfsUsed: u(v.NonDFSUsed),
		Storage: &hdfspb.DatanodeStorageProto{StorageUuid: &v.Storage.UUID, State: &state, StorageType: &kind},
	}
}

// decodeBlock names the block of a message; nil stays nil.
func decodeBlock(b *hdfspb.ExtendedBlockProto) *blocks.Block {
	if b == nil {
		return nil
	}
	return &blocks.Block{ID: int64(b.GetBlockId()), GenerationStamp: int64(b.GetGenerationStamp()), NumBytes: int64(b.GetNumBytes())}
}

// nodeUUIDs are the DataNodes of a list.
func nodeUUIDs(nodes []*hdfspb.DatanodeInfoProto) []string {
	out := make([]string, len(nodes))
	for i, d := range nodes {
		out[i] = d.GetId().GetDatanodeUuid()
	}
	return out
}

// idUUIDs are the DataNodes of a list of ids.
func idUUIDs(nodes []*hdfspb.DatanodeIDProto) []string {
	out := make([]string, len(nodes))
	for i, d := range nodes {
		out[i] = d.GetDatanodeUuid()
	}
	return out
}

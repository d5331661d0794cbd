package calls

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const (
	datanodeProtocol = "org.apache.hadoop.hdfs.server.protocol.DatanodeProtocol"
	layoutVersion    = 1<<32 - 57 // of DataNodes of Hadoop 3, as unsigned number
	diskSize         = 1 << 50    // bytes: never full
)

// Datanodes are DataNodes without data: they register, beat, say that they have what was
// written to them, and recover blocks. Each has a disk of every kind that policies ask for.
type Datanodes struct {
	ctx    context.Context
	client *rpc.Client
	addr   string
	pool   string
	nodes  []*datanode

	mu       sync.Mutex
	replicas map[uint64]replica // by the id of their block
}

// A replica is what the DataNodes have of a block.
type replica struct {
	length uint64
	disks  map[string]string // the one that it is on, by DataNode
}

type datanode struct {
	reg   *datanodepb.DatanodeRegistrationProto
	disks []*hdfspb.DatanodeStorageProto
}

// StartDatanodes registers n DataNodes at the NameNode at addr. They end with the test.
func StartDatanodes(tb testing.TB, addr string, n int) *Datanodes {
	tb.Helper()
	d := &Datanodes{ctx: tb.Context(), addr: addr, replicas: map[uint64]replica{},
		client: rpc.NewClient(rpc.ClientConfig{CallTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler)})}
	version := &hdfspb.VersionResponseProto{}
	if err := d.call("versionRequest", &hdfspb.VersionRequestProto{}, version); err != nil {
		tb.Fatal(err)
	}
	d.pool = version.GetInfo().GetBlockPoolID()
	for i := range n {
		node := newDatanode(i, version.GetInfo())
		d.nodes = append(d.nodes, node)
		if err := d.register(node); err != nil {
			tb.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-d.ctx.Done():
				return
			case <-t.C:
				_ = d.Beat() // the next one makes up for it
			}
		}
	})
	tb.Cleanup(func() { wg.Wait(); d.client.Close() })
	return d
}

func (d *Datanodes) call(method string, req, resp proto.Message) error {
	return d.client.Call(d.ctx, d.addr, datanodeProtocol, method, req, resp)
}

func newDatanode(i int, ns *hdfspb.NamespaceInfoProto) *datanode {
	uuid := fmt.Sprintf("calls-%08x-%d", rand.Uint32(), i)
	storage := proto.Clone(ns.GetStorageInfo()).(*hdfspb.StorageInfoProto)
	storage.LayoutVersion = proto.Uint32(layoutVersion)
	n := &datanode{reg: &datanodepb.DatanodeRegistrationProto{
		DatanodeID: &hdfspb.DatanodeIDProto{
			IpAddr: proto.String("127.0.0.1"), HostName: proto.String("localhost"), DatanodeUuid: proto.String(uuid),
			XferPort: proto.Uint32(uint32(1 + i)), InfoPort: proto.Uint32(0), IpcPort: proto.Uint32(0),
		},
		StorageInfo: storage,
		Keys: &hdfspb.ExportedBlockKeysProto{
			IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
			CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)},
		},
		SoftwareVersion: proto.String(ns.GetSoftwareVersion()),
	}}
	for _, kind := range []hdfspb.StorageTypeProto{hdfspb.StorageTypeProto_DISK, hdfspb.StorageTypeProto_SSD, hdfspb.StorageTypeProto_ARCHIVE} {
		n.disks = append(n.disks, &hdfspb.DatanodeStorageProto{StorageUuid: proto.String(fmt.Sprintf("DS-%s-%s", uuid, kind)), StorageType: kind.Enum()})
	}
	return n
}

// register does what a DataNode does first, with empty disks.
func (d *Datanodes) register(n *datanode) error {
	if err := d.call("registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: n.reg}, &datanodepb.RegisterDatanodeResponseProto{}); err != nil {
		return err
	}
	answer, err := d.heartbeat(n, true)
	if err != nil {
		return err
	}
	q := &datanodepb.BlockReportRequestProto{Registration: n.reg, BlockPoolId: &d.pool, Context: &datanodepb.BlockReportContextProto{
		TotalRpcs: proto.Int32(1), CurRpc: proto.Int32(0), Id: proto.Int64(rand.Int64()), LeaseId: answer.FullBlockReportLeaseId}}
	for _, disk := range n.disks {
		empty := &datanodepb.StorageBlockReportProto{Storage: disk}
		blockreport.Encode(empty, func(func(blockreport.Replica) bool) {}, true)
		q.Reports = append(q.Reports, empty)
	}
	return d.call("blockReport", q, &datanodepb.BlockReportResponseProto{})
}

func (d *Datanodes) heartbeat(n *datanode, lease bool) (*datanodepb.HeartbeatResponseProto, error) {
	q := &datanodepb.HeartbeatRequestProto{Registration: n.reg, RequestFullBlockReportLease: &lease}
	for _, disk := range n.disks {
		q.Reports = append(q.Reports, &hdfspb.StorageReportProto{StorageUuid: disk.StorageUuid, Storage: disk,
			Capacity: proto.Uint64(diskSize), Remaining: proto.Uint64(diskSize), DfsUsed: proto.Uint64(0), BlockPoolUsed: proto.Uint64(0)})
	}
	answer := &datanodepb.HeartbeatResponseProto{}
	return answer, d.call("sendHeartbeat", q, answer)
}

// Beat sends a heartbeat of each DataNode and recovers the blocks that it is told to.
func (d *Datanodes) Beat() error {
	for _, n := range d.nodes {
		answer, err := d.heartbeat(n, false)
		if err != nil {
			return err
		}
		for _, cmd := range answer.GetCmds() {
			for _, b := range cmd.GetRecoveryCmd().GetBlocks() {
				if err := d.recover(b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// recover agrees on the length of a block that was written, or is to be cut.
func (d *Datanodes) recover(r *hdfspb.RecoveringBlockProto) error {
	b := proto.Clone(r.GetBlock()).(*hdfspb.LocatedBlockProto)
	d.mu.Lock()
	have := d.replicas[b.GetB().GetBlockId()]
	d.mu.Unlock()
	length := have.length
	if r.TruncateBlock != nil {
		length = r.GetTruncateBlock().GetNumBytes()
	}
	q := &datanodepb.CommitBlockSynchronizationRequestProto{Block: r.GetBlock().GetB(), NewGenStamp: r.NewGenStamp, NewLength: &length,
		CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(length == 0)}
	b.StorageIDs = nil
	for _, l := range b.GetLocs() {
		b.StorageIDs = append(b.StorageIDs, have.disks[l.GetId().GetDatanodeUuid()])
		if length > 0 {
			q.NewTaragets = append(q.NewTaragets, l.GetId())
		}
	}
	if length > 0 {
		q.NewTargetStorages = b.StorageIDs
	}
	if err := d.call("commitBlockSynchronization", q, &datanodepb.CommitBlockSynchronizationResponseProto{}); err != nil || length == 0 {
		return err
	}
	b.B.GenerationStamp, b.B.NumBytes = r.NewGenStamp, &length
	return d.received(b)
}

// received lets all DataNodes of a block report it, with its length.
func (d *Datanodes) received(b *hdfspb.LocatedBlockProto) error {
	if d == nil {
		return nil
	}
	have := replica{b.GetB().GetNumBytes(), map[string]string{}}
	for i, l := range b.GetLocs() {
		have.disks[l.GetId().GetDatanodeUuid()] = b.GetStorageIDs()[i]
	}
	d.mu.Lock()
	d.replicas[b.GetB().GetBlockId()] = have
	d.mu.Unlock()
	info := &datanodepb.ReceivedDeletedBlockInfoProto{
		Block:  &hdfspb.BlockProto{BlockId: b.GetB().BlockId, GenStamp: b.GetB().GenerationStamp, NumBytes: b.GetB().NumBytes},
		Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum(),
	}
	for i, l := range b.GetLocs() {
		for _, n := range d.nodes {
			if n.reg.GetDatanodeID().GetDatanodeUuid() != l.GetId().GetDatanodeUuid() {
				continue
			}
			id := b.GetStorageIDs()[i]
			err := d.call("blockReceivedAndDeleted", &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: n.reg, BlockPoolId: &d.pool,
				Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: &id, Storage: n.disk(id), Blocks: []*datanodepb.ReceivedDeletedBlockInfoProto{info}}},
			}, &datanodepb.BlockReceivedAndDeletedResponseProto{})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *datanode) disk(id string) *hdfspb.DatanodeStorageProto {
	for _, d := range n.disks {
		if d.GetStorageUuid() == id {
			return d
		}
	}
	return n.disks[0]
}

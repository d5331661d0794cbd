package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const (
	datanodeProtocol = "org.apache.hadoop.hdfs.server.protocol.DatanodeProtocol"
	beatInterval     = 3 * time.Second
	diskSize         = 1 << 50    // bytes that a simulated DataNode says it has: never full
	layoutVersion    = 1<<32 - 57 // of DataNodes of Hadoop 3, as unsigned number
	firstPort        = 1          // nobody connects to a simulated DataNode
	writtenBytes     = 1 << 20    // length of each block
)

// datanodes are DataNodes without data: they register with every NameNode, send
// heartbeats, and say that they have received whatever block they are told to.
type datanodes struct {
	client *rpc.Client
	addrs  []string
	byUUID map[string]*datanode
	end    context.CancelFunc
	wg     sync.WaitGroup
}

// datanode is one of them, with one disk.
type datanode struct {
	all  *datanodes
	pool string
	reg  *datanodepb.DatanodeRegistrationProto
	disk *hdfspb.DatanodeStorageProto

	mu      sync.Mutex
	pending *blockBatch // what is not yet reported
	wake    chan struct{}
}

// blockBatch is what one call reports.
type blockBatch struct {
	blocks []*datanodepb.ReceivedDeletedBlockInfoProto
	done   chan struct{} // closed when it is reported, or cannot be
	err    error
}

func newBatch() *blockBatch { return &blockBatch{done: make(chan struct{})} }

// startDataNodes registers n DataNodes at each of the NameNodes.
func startDataNodes(ctx context.Context, addrs []string, n int) (*datanodes, error) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	d := &datanodes{client: rpc.NewClient(rpc.ClientConfig{}), addrs: addrs, byUUID: map[string]*datanode{}, end: end}
	version := new(hdfspb.VersionResponseProto)
	if err := d.client.Call(ctx, addrs[0], datanodeProtocol, "versionRequest", &hdfspb.VersionRequestProto{}, version); err != nil {
		d.close()
		return nil, fmt.Errorf("ask the NameNode who it is: %w", err)
	}
	for i := range n {
		node := d.newNode(i, version.GetInfo())
		for _, addr := range addrs {
			if err := node.register(ctx, addr); err != nil {
				d.close()
				return nil, fmt.Errorf("register a simulated DataNode: %w", err)
			}
		}
		d.byUUID[node.reg.DatanodeID.GetDatanodeUuid()] = node
		d.wg.Go(func() { node.report(ctx) })
		d.wg.Go(func() { node.beat(ctx) })
	}
	return d, nil
}

func (d *datanodes) close() {
	d.end()
	d.client.Close()
	d.wg.Wait()
}

func (d *datanodes) newNode(i int, ns *hdfspb.NamespaceInfoProto) *datanode {
	// Other than before: the NameNode may remember the blocks of an earlier run.
	uuid := fmt.Sprintf("bench-%08x-%d", rand.Uint32(), i)
	storage := proto.Clone(ns.GetStorageInfo()).(*hdfspb.StorageInfoProto)
	storage.LayoutVersion = proto.Uint32(layoutVersion)
	return &datanode{
		all: d, pool: ns.GetBlockPoolID(), pending: newBatch(), wake: make(chan struct{}, 1),
		reg: &datanodepb.DatanodeRegistrationProto{
			DatanodeID: &hdfspb.DatanodeIDProto{
				IpAddr: proto.String("127.0.0.1"), HostName: proto.String("localhost"), DatanodeUuid: proto.String(uuid),
				XferPort: proto.Uint32(uint32(firstPort + i)), InfoPort: proto.Uint32(0), IpcPort: proto.Uint32(0),
			},
			StorageInfo: storage,
			Keys: &hdfspb.ExportedBlockKeysProto{
				IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
				CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)},
			},
			SoftwareVersion: proto.String(ns.GetSoftwareVersion()),
		},
		disk: &hdfspb.DatanodeStorageProto{StorageUuid: proto.String("DS-" + uuid), StorageType: hdfspb.StorageTypeProto_DISK.Enum()},
	}
}

func (n *datanode) call(ctx context.Context, addr, method string, req, resp proto.Message) error {
	return n.all.client.Call(ctx, addr, datanodeProtocol, method, req, resp)
}

// register does what a DataNode does first, with an empty disk.
func (n *datanode) register(ctx context.Context, addr string) error {
	err := n.call(ctx, addr, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: n.reg}, &datanodepb.RegisterDatanodeResponseProto{})
	if err != nil {
		return err
	}
	answer, err := n.heartbeat(ctx, addr, true)
	if err != nil {
		return err
	}
	disk := &datanodepb.StorageBlockReportProto{Storage: n.disk}
	blockreport.Encode(disk, func(func(blockreport.Replica) bool) {}, true)
	return n.call(ctx, addr, "blockReport", &datanodepb.BlockReportRequestProto{
		Registration: n.reg, BlockPoolId: &n.pool, Reports: []*datanodepb.StorageBlockReportProto{disk},
		Context: &datanodepb.BlockReportContextProto{
			TotalRpcs: proto.Int32(1), CurRpc: proto.Int32(0), Id: proto.Int64(rand.Int64()), LeaseId: answer.FullBlockReportLeaseId,
		},
	}, &datanodepb.BlockReportResponseProto{})
}

func (n *datanode) heartbeat(ctx context.Context, addr string, lease bool) (*datanodepb.HeartbeatResponseProto, error) {
	answer := new(datanodepb.HeartbeatResponseProto)
	err := n.call(ctx, addr, "sendHeartbeat", &datanodepb.HeartbeatRequestProto{
		Registration: n.reg, RequestFullBlockReportLease: &lease,
		Reports: []*hdfspb.StorageReportProto{{
			StorageUuid: n.disk.StorageUuid, Storage: n.disk, Capacity: proto.Uint64(diskSize), Remaining: proto.Uint64(diskSize),
			DfsUsed: proto.Uint64(0), BlockPoolUsed: proto.Uint64(0),
		}},
	}, answer)
	return answer, err
}

// beat sends heartbeats to all NameNodes until ctx ends. A failed one is made up
// for by the next.
func (n *datanode) beat(ctx context.Context) {
	t := time.NewTicker(beatInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, addr := range n.all.addrs {
			answer, err := n.heartbeat(ctx, addr, false)
			if err != nil {
				continue
			}
			for _, cmd := range answer.Cmds {
				if b := cmd.GetBlkCmd(); b.GetAction() == datanodepb.BlockCommandProto_INVALIDATE {
					n.deleted(b.Blocks)
				}
			}
		}
	}
}

// deleted reports that blocks are gone, as the NameNode wished.
func (n *datanode) deleted(blocks []*hdfspb.BlockProto) {
	for _, b := range blocks {
		n.add(&datanodepb.ReceivedDeletedBlockInfoProto{Block: b, Status: datanodepb.ReceivedDeletedBlockInfoProto_DELETED.Enum()})
	}
}

// add puts a block to those that the next call reports.
func (n *datanode) add(b *datanodepb.ReceivedDeletedBlockInfoProto) *blockBatch {
	n.mu.Lock()
	batch := n.pending
	batch.blocks = append(batch.blocks, b)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default: // it is awake, and will find this one
	}
	return batch
}

// report tells the first NameNode of blocks until ctx ends: all that came while
// the call before was under way.
func (n *datanode) report(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-n.wake:
		}
		n.mu.Lock()
		batch := n.pending
		n.pending = newBatch()
		n.mu.Unlock()
		if len(batch.blocks) > 0 {
			batch.err = n.call(ctx, n.all.addrs[0], "blockReceivedAndDeleted", &datanodepb.BlockReceivedAndDeletedRequestProto{
				Registration: n.reg, BlockPoolId: &n.pool,
				Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: n.disk.StorageUuid, Storage: n.disk, Blocks: batch.blocks}},
			}, &datanodepb.BlockReceivedAndDeletedResponseProto{})
		}
		close(batch.done)
	}
}

// received lets all DataNodes of a LocatedBlockProto report the block, and waits
// until they have. What it returns is the block, an ExtendedBlockProto.
func (d *datanodes) received(ctx context.Context, located []byte) ([]byte, error) {
	_, block, err := find(located, 1)
	if err != nil {
		return nil, err
	}
	id, _, err := find(block, 2)
	if err != nil {
		return nil, err
	}
	stamp, _, err := find(block, 3)
	if err != nil {
		return nil, err
	}
	info := &datanodepb.ReceivedDeletedBlockInfoProto{
		Block:  &hdfspb.BlockProto{BlockId: &id, GenStamp: &stamp, NumBytes: proto.Uint64(writtenBytes)},
		Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum(),
	}
	var batches [8]*blockBatch
	waiting := batches[:0]
	err = each(located, 3, func(location []byte) error {
		_, node, err := find(location, 1)
		if err != nil {
			return err
		}
		_, uuid, err := find(node, 3)
		if err != nil {
			return err
		}
		if n := d.byUUID[string(uuid)]; n != nil {
			waiting = append(waiting, n.add(info))
		}
		return nil
	})
	if err == nil && len(waiting) == 0 {
		err = errors.New("the NameNode chose DataNodes only that are not simulated: no block can be reported")
	}
	for _, b := range waiting {
		select {
		case <-b.done:
			if err == nil {
				err = b.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return block, err
}

package datanode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

const interDatanodeProtocol = "org.apache.hadoop.hdfs.server.protocol.InterDatanodeProtocol"

// candidate is a replica that takes part in a block recovery.
type candidate struct {
	node *hdfspb.DatanodeInfoProto
	info replicas.Info
}

// recover makes the replicas of a block whose writer is gone equal, as the first
// DataNode that the NameNode asked: it stops them all, chooses a length, has them
// cut and finalized under a new stamp, and tells the NameNode.
func (d *DataNode) recover(ctx context.Context, a *actor, rb *hdfspb.RecoveringBlockProto) {
	name := datatransfer.BlockName(rb.GetBlock().GetB())
	d.log.Info("recovery of a block begins", "block", name, "stamp", rb.GetNewGenStamp(), "replicas", len(rb.GetBlock().GetLocs()))
	if err := d.recoverBlock(ctx, a, rb); err != nil {
		d.log.Warn("recovery of a block failed; the NameNode will ask again", "block", name, "err", err)
		return
	}
	d.log.Info("recovery of a block done", "block", name, "stamp", rb.GetNewGenStamp())
}

func (d *DataNode) recoverBlock(ctx context.Context, a *actor, rb *hdfspb.RecoveringBlockProto) error {
	if err := d.store.Serves(rb.GetBlock().GetB().GetPoolId()); err != nil {
		return err
	}
	if rb.EcPolicy != nil {
		return errors.New("erasure coded blocks are not supported")
	}
	list, err := d.gather(ctx, rb)
	if err != nil {
		return err
	}
	if len(list) == 0 { // nobody has a byte: the block goes
		return d.commit(ctx, a, rb, 0, true, nil, nil)
	}
	list, length, err := agree(list)
	if err != nil {
		return err
	}
	if t := rb.TruncateBlock; t != nil {
		length = min(length, int64(t.GetNumBytes()))
	}
	var nodes []*hdfspb.DatanodeIDProto
	var storages []string
	for _, c := range list {
		storage, err := d.endRecovery(ctx, rb, c, length)
		if err != nil {
			d.log.Warn("replica not recovered", "node", nodeAddr(c.node.GetId()), "err", err)
			continue
		}
		nodes, storages = append(nodes, c.node.GetId()), append(storages, storage)
	}
	if len(nodes) == 0 {
		return errors.New("no replica could be recovered")
	}
	return d.commit(ctx, a, rb, length, false, nodes, storages)
}

// gather stops the replicas and finds out how they are. Those without a byte do
// not count.
func (d *DataNode) gather(ctx context.Context, rb *hdfspb.RecoveringBlockProto) ([]candidate, error) {
	var list []candidate
	var failures []error
	seen := 0
	for _, node := range rb.GetBlock().GetLocs() {
		info, found, err := d.beginRecovery(ctx, rb, node)
		var e *rpc.Exception
		if errors.Is(err, replicas.ErrRecovering) || errors.As(err, &e) && e.Class == classRecovering {
			return nil, err // somebody newer does it
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", nodeAddr(node.GetId()), err))
			continue
		}
		if !found || info.Stamp < rb.GetBlock().GetB().GetGenerationStamp() || info.Length == 0 {
			continue
		}
		seen++
		if info.State <= replicas.RWR {
			list = append(list, candidate{node, info})
		}
	}
	if len(failures) == len(rb.GetBlock().GetLocs()) && len(failures) > 0 {
		return nil, fmt.Errorf("all datanodes failed: %w", errors.Join(failures...))
	}
	for _, err := range failures {
		d.log.Warn("replica left out of a recovery", "err", err)
	}
	if seen > 0 && len(list) == 0 {
		return nil, fmt.Errorf("%d replicas, none of them in a state to recover", seen)
	}
	return list, nil
}

// agree chooses the replicas that stay and their length in bytes: with a
// finalized one its length, else the shortest of the best state.
func agree(list []candidate) ([]candidate, int64, error) {
	best := list[0].info.State
	final := int64(-1)
	for _, c := range list {
		best = min(best, c.info.State)
		if c.info.State != replicas.Finalized {
			continue
		}
		if final >= 0 && final != c.info.Length {
			return nil, 0, fmt.Errorf("inconsistent size of finalized replicas: %d and %d bytes", final, c.info.Length)
		}
		final = c.info.Length
	}
	var chosen []candidate
	length := int64(math.MaxInt64)
	for _, c := range list {
		fits := c.info.State == best
		if best == replicas.Finalized {
			fits = fits || c.info.State == replicas.RBW && c.info.Length == final
		}
		if fits {
			chosen = append(chosen, c)
			length = min(length, c.info.Length)
		}
	}
	return chosen, length, nil
}

func (d *DataNode) isSelf(node *hdfspb.DatanodeInfoProto) bool {
	return node.GetId().GetDatanodeUuid() == d.UUID()
}

// ipcAddr is where another DataNode answers calls.
func (d *DataNode) ipcAddr(node *hdfspb.DatanodeInfoProto) string {
	host := node.GetId().GetIpAddr()
	if d.set.useHostname {
		host = node.GetId().GetHostName()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(node.GetId().GetIpcPort())))
}

func (d *DataNode) beginRecovery(ctx context.Context, rb *hdfspb.RecoveringBlockProto, node *hdfspb.DatanodeInfoProto) (replicas.Info, bool, error) {
	b := rb.GetBlock().GetB()
	if d.isSelf(node) {
		info, err := d.store.BeginRecovery(replicas.Block{ID: int64(b.GetBlockId()), Stamp: b.GetGenerationStamp()}, rb.GetNewGenStamp())
		if errors.Is(err, replicas.ErrNotFound) {
			return info, false, nil
		}
		return info, err == nil, err
	}
	resp := new(hdfspb.InitReplicaRecoveryResponseProto)
	err := d.client.Call(ctx, d.ipcAddr(node), interDatanodeProtocol, "initReplicaRecovery", &hdfspb.InitReplicaRecoveryRequestProto{Block: rb}, resp)
	if err != nil || !resp.GetReplicaFound() {
		return replicas.Info{}, false, err
	}
	return replicas.Info{Block: replicas.Block{ID: int64(resp.GetBlock().GetBlockId()), Stamp: resp.GetBlock().GetGenStamp()},
		Length: int64(resp.GetBlock().GetNumBytes()), State: resp.GetState()}, true, nil
}

func (d *DataNode) endRecovery(ctx context.Context, rb *hdfspb.RecoveringBlockProto, c candidate, length int64) (string, error) {
	b := rb.GetBlock().GetB()
	newID := int64(b.GetBlockId())
	if t := rb.TruncateBlock; t != nil {
		newID = int64(t.GetBlockId())
	}
	if d.isSelf(c.node) {
		return d.endRecoveryHere(c.info.ID, c.info.Length, rb.GetNewGenStamp(), newID, length)
	}
	old := proto.Clone(b).(*hdfspb.ExtendedBlockProto)
	old.GenerationStamp, old.NumBytes = proto.Uint64(c.info.Stamp), proto.Uint64(uint64(c.info.Length))
	req := &hdfspb.UpdateReplicaUnderRecoveryRequestProto{Block: old, RecoveryId: proto.Uint64(rb.GetNewGenStamp()),
		NewLength: proto.Uint64(uint64(length)), NewBlockId: proto.Uint64(uint64(newID))}
	resp := new(hdfspb.UpdateReplicaUnderRecoveryResponseProto)
	err := d.client.Call(ctx, d.ipcAddr(c.node), interDatanodeProtocol, "updateReplicaUnderRecovery", req, resp)
	return resp.GetStorageUuid(), err
}

// endRecoveryHere finalizes a replica of this DataNode and notes it for the NameNodes.
func (d *DataNode) endRecoveryHere(id, oldLength int64, stamp uint64, newID, newLength int64) (string, error) {
	storage, err := d.store.EndRecovery(id, oldLength, stamp, newID, newLength)
	if err != nil {
		return "", err
	}
	if newID == 0 {
		newID = id
	}
	d.tell(storage, replicas.Block{ID: newID, Stamp: stamp}, newLength, datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED, "")
	return storage, nil
}

// commit tells the active NameNode how the recovery ended, or another one if that
// cannot be reached any more.
func (d *DataNode) commit(ctx context.Context, a *actor, rb *hdfspb.RecoveringBlockProto, length int64, drop bool, nodes []*hdfspb.DatanodeIDProto, storages []string) error {
	if now := d.claims.current(); now != nil {
		a = now
	}
	b := proto.Clone(rb.GetBlock().GetB()).(*hdfspb.ExtendedBlockProto)
	req := &datanodepb.CommitBlockSynchronizationRequestProto{Block: b, NewGenStamp: proto.Uint64(rb.GetNewGenStamp()),
		NewLength: proto.Uint64(uint64(length)), CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(drop),
		NewTaragets: nodes, NewTargetStorages: storages}
	tell := func() error {
		return d.client.Call(ctx, a.nn.addr, datanodeProtocol, "commitBlockSynchronization", req, &datanodepb.CommitBlockSynchronizationResponseProto{})
	}
	err, first := tell(), a
	for _, other := range d.crew.all() {
		if answer := (*rpc.Exception)(nil); err == nil || errors.As(err, &answer) || ctx.Err() != nil {
			break
		}
		if other != first && other.live.Load() {
			a = other
			err = tell()
		}
	}
	if err != nil {
		return fmt.Errorf("commitBlockSynchronization at %s: %w", a.nn.name, err)
	}
	return nil
}

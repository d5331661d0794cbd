package datanode

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// obey runs the commands of an answer, in their order. What takes long runs in
// the background, so that heartbeats go on.
func (a *actor) obey(ctx context.Context, cmds []*datanodepb.DatanodeCommandProto) {
	for _, c := range cmds {
		if c.GetCmdType() == datanodepb.DatanodeCommandProto_RegisterCommand {
			a.d.log.Info("asked to register again", "namenode", a.nn.name)
			a.registered = false
			return
		}
	}
	for _, c := range cmds {
		switch c.GetCmdType() {
		case datanodepb.DatanodeCommandProto_NullDatanodeCommand, datanodepb.DatanodeCommandProto_UnusedUpgradeCommand:
			continue
		case datanodepb.DatanodeCommandProto_KeyUpdateCommand:
			continue // keys sign block tokens, which this DataNode does not check
		}
		if a.d.claims.current() != a {
			a.d.log.Warn("command of a NameNode that is not active ignored", "namenode", a.nn.name, "command", c.GetCmdType())
			continue
		}
		a.d.execute(ctx, a, c)
	}
}

// execute runs one command of the active NameNode.
func (d *DataNode) execute(ctx context.Context, a *actor, c *datanodepb.DatanodeCommandProto) {
	switch c.GetCmdType() {
	case datanodepb.DatanodeCommandProto_BlockCommand:
		d.blockCommand(ctx, a, c.GetBlkCmd())
	case datanodepb.DatanodeCommandProto_BlockRecoveryCommand:
		for _, b := range c.GetRecoveryCmd().GetBlocks() {
			d.jobs.Go(func() { d.recover(ctx, a, b) })
		}
	case datanodepb.DatanodeCommandProto_BalancerBandwidthCommand:
		if n := int64(c.GetBalancerCmd().GetBandwidth()); n > 0 {
			d.log.Info("balancer bandwidth", "bytesPerSecond", n)
			d.balance.set(n)
		}
	case datanodepb.DatanodeCommandProto_FinalizeCommand:
		// There is never an upgrade to finalize: files change their layout in no release.
	case datanodepb.DatanodeCommandProto_BlockIdCommand:
		if c.GetBlkIdCmd().GetAction() == datanodepb.BlockIdCommandProto_CACHE {
			d.log.Warn("asked to cache blocks, which this DataNode does not do", "blocks", len(c.GetBlkIdCmd().GetBlockIds()))
		}
	default:
		d.log.Warn("command not supported", "command", c.GetCmdType())
	}
}

func (d *DataNode) blockCommand(ctx context.Context, a *actor, c *datanodepb.BlockCommandProto) {
	if err := d.store.Serves(c.GetBlockPoolId()); err != nil {
		d.log.Warn("command ignored", "err", err)
		return
	}
	switch c.GetAction() {
	case datanodepb.BlockCommandProto_TRANSFER:
		d.transferCommand(ctx, a, c)
	case datanodepb.BlockCommandProto_INVALIDATE:
		d.jobs.Go(func() { d.invalidate(c.GetBlocks()) })
	default:
		d.log.Warn("block command not supported", "action", c.GetAction())
	}
}

// invalidate deletes replicas. A block of length MaxInt64 is not to be reported.
func (d *DataNode) invalidate(blocks []*hdfspb.BlockProto) {
	deleted := 0
	for _, b := range blocks {
		block := replicas.Block{ID: int64(b.GetBlockId()), Stamp: b.GetGenStamp()}
		info, err := d.store.Stat(block.ID)
		if err == nil {
			_, err = d.store.Delete(block)
		}
		if errors.Is(err, replicas.ErrNotFound) {
			continue // deleted before
		}
		if err != nil {
			d.log.Warn("replica not deleted", "blk", block.ID, "stamp", block.Stamp, "err", err)
			continue
		}
		deleted++
		if b.GetNumBytes() != math.MaxInt64 {
			d.tell(info.Storage, block, info.Length, datanodepb.ReceivedDeletedBlockInfoProto_DELETED, "")
		}
	}
	d.log.Info("replicas deleted", "asked", len(blocks), "deleted", deleted)
}

// transferCommand copies replicas to other DataNodes, each through a pipeline of
// its own that nobody acks: the receivers report the replicas themselves.
func (d *DataNode) transferCommand(ctx context.Context, a *actor, c *datanodepb.BlockCommandProto) {
	for i, b := range c.GetBlocks() {
		if i >= len(c.GetTargets()) || len(c.GetTargets()[i].GetDatanodes()) == 0 {
			d.log.Warn("transfer without a target ignored", "blk", int64(b.GetBlockId()))
			continue
		}
		t := transfer{block: replicas.Block{ID: int64(b.GetBlockId()), Stamp: b.GetGenStamp()}, targets: c.GetTargets()[i].GetDatanodes(),
			stage: hdfspb.OpWriteBlockProto_PIPELINE_SETUP_CREATE}
		if i < len(c.GetTargetStorageTypes()) {
			t.types = c.GetTargetStorageTypes()[i].GetStorageTypes()
		}
		if i < len(c.GetTargetStorageUuids()) {
			t.storages = c.GetTargetStorageUuids()[i].GetStorageUuids()
		}
		d.jobs.Go(func() {
			if err := d.transfer(ctx, t); err != nil {
				d.transferFailed(a, t, err)
			}
		})
	}
}

// transferFailed tells the NameNode when the fault is on this side.
func (d *DataNode) transferFailed(a *actor, t transfer, err error) {
	d.log.Warn("transfer failed", "blk", t.block.ID, "to", nodeAddr(t.targets[0].GetId()), "err", err)
	if errors.Is(err, replicas.ErrNotFound) || errors.Is(err, replicas.ErrState) {
		a.out.noteError(datanodepb.ErrorReportRequestProto_INVALID_BLOCK, fmt.Sprintf("Can't send invalid block blk_%d_%d: %v", t.block.ID, t.block.Stamp, err))
	}
}

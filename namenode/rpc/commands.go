package rpc

import (
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/namenode/blocks"
)

// encodeCommand encodes what a DataNode is to do.
func (s *Service) encodeCommand(c *blocks.Command) *datanodepb.DatanodeCommandProto {
	switch {
	case c.Recover != nil:
		m := &datanodepb.BlockRecoveryCommandProto{}
		for i := range c.Recover {
			m.Blocks = append(m.Blocks, s.encodeRecovery(&c.Recover[i]))
		}
		return &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockRecoveryCommand.Enum(), RecoveryCmd: m}
	case c.Transfer != nil:
		return s.blockCommand(encodeTransfers(c.Transfer))
	}
	if c.Bandwidth != 0 {
		return &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BalancerBandwidthCommand.Enum(),
			BalancerCmd: &datanodepb.BalancerBandwidthCommandProto{Bandwidth: proto.Uint64(uint64(c.Bandwidth))}}
	}
	m := &datanodepb.BlockCommandProto{Action: datanodepb.BlockCommandProto_INVALIDATE.Enum()}
	for i := range c.Invalidate {
		m.Blocks = append(m.Blocks, encodeBare(&c.Invalidate[i]))
	}
	return s.blockCommand(m)
}

func (s *Service) blockCommand(m *datanodepb.BlockCommandProto) *datanodepb.DatanodeCommandProto {
	m.BlockPoolId = &s.identity.BlockPoolID
	return &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: m}
}

// encodeTransfers keeps four lists in step: blocks, and for each its targets'
// nodes, storages and types.
func encodeTransfers(transfers []blocks.Transfer) *datanodepb.BlockCommandProto {
	m := &datanodepb.BlockCommandProto{Action: datanodepb.BlockCommandProto_TRANSFER.Enum()}
	for i := range transfers {
		t := &transfers[i]
		nodes, types, ids := encodeTargets(t.Targets)
		m.Blocks = append(m.Blocks, encodeBare(&t.Block))
		m.Targets = append(m.Targets, &hdfspb.DatanodeInfosProto{Datanodes: nodes})
		m.TargetStorageUuids = append(m.TargetStorageUuids, &hdfspb.StorageUuidsProto{StorageUuids: ids})
		m.TargetStorageTypes = append(m.TargetStorageTypes, &hdfspb.StorageTypesProto{StorageTypes: types})
	}
	return m
}

func (s *Service) encodeRecovery(r *blocks.Recovery) *hdfspb.RecoveringBlockProto {
	m := &hdfspb.RecoveringBlockProto{NewGenStamp: proto.Uint64(uint64(r.NewStamp)), Block: encodeBlock(&r.Block, &s.identity.BlockPoolID)}
	if r.Truncate {
		m.TruncateBlock = encodeBare(&blocks.Block{ID: r.Block.BlockID, GenerationStamp: r.NewStamp, NumBytes: r.TruncateTo})
	}
	return m
}

func encodeBare(b *blocks.Block) *hdfspb.BlockProto {
	return &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(b.ID)), GenStamp: proto.Uint64(uint64(b.GenerationStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes))}
}

package rpc

import (
	"context"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/namenodepb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
)

// getBlocks tells the balancer what it may move away from a DataNode.
func (s *Service) getBlocks(ctx context.Context, c *ipc.Call, q *namenodepb.GetBlocksRequestProto) (*namenodepb.GetBlocksResponseProto, error) {
	if err := s.requireSuper(c, "getBlocks"); err != nil {
		return nil, err
	}
	if on, why := s.safe.On(); on {
		return nil, fault.New(fault.SafeMode, "Cannot execute getBlocks. Name node is in safe mode.\n%s", why)
	}
	req := blocks.BalancerRequest{Datanode: q.GetDatanode().GetDatanodeUuid(), Size: int64(q.GetSize()), MinBlock: int64(q.GetMinBlockSize())}
	if q.StorageType != nil {
		req.Type = int64(q.GetStorageType())
	}
	found, err := s.blocks.BlocksOn(ctx, req)
	if err != nil {
		return nil, err
	}
	list := &hdfspb.BlocksWithLocationsProto{}
	for i := range found {
		b := &found[i]
		id := blocks.IDOf(&b.Block)
		m := &hdfspb.BlockWithLocationsProto{Block: encodeBare(&id)}
		for j := range b.Targets {
			t := &b.Targets[j]
			m.DatanodeUuids = append(m.DatanodeUuids, t.Datanode.UUID)
			m.StorageUuids = append(m.StorageUuids, t.Storage.UUID)
			m.StorageTypes = append(m.StorageTypes, storageType(t.Storage.Type))
		}
		list.Blocks = append(list.Blocks, m)
	}
	return &namenodepb.GetBlocksResponseProto{Blocks: list}, nil
}

// setBalancerBandwidth has the DataNodes told how fast the balancer may move blocks.
func (s *Service) setBalancerBandwidth(ctx context.Context, c *ipc.Call, q *hdfspb.SetBalancerBandwidthRequestProto) (*hdfspb.SetBalancerBandwidthResponseProto, error) {
	err := s.requireSuper(c, "setBalancerBandwidth")
	s.audit(c, err, "setBalancerBandwidth", "", "")
	if err != nil {
		return nil, err
	}
	if q.GetBandwidth() <= 0 {
		return nil, fault.New(fault.IllegalArgument, "Balancer bandwidth is %d bytes a second: expected more than 0", q.GetBandwidth())
	}
	return nil, s.blocks.SetBalancerBandwidth(ctx, q.GetBandwidth())
}

// refreshNodes reads the lists of DataNodes and their racks again.
func (s *Service) refreshNodes(ctx context.Context, c *ipc.Call, _ *hdfspb.RefreshNodesRequestProto) (*hdfspb.RefreshNodesResponseProto, error) {
	err := s.requireSuper(c, "refreshNodes")
	s.audit(c, err, "refreshNodes", "", "")
	if err != nil {
		return nil, err
	}
	return nil, s.blocks.RefreshNodes(ctx)
}

package datanode

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// transfer is a copy of a replica to other DataNodes.
type transfer struct {
	block    replicas.Block
	targets  []*hdfspb.DatanodeInfoProto
	types    []hdfspb.StorageTypeProto // one for each target, or fewer
	storages []string                  // one for each target, or fewer
	stage    hdfspb.OpWriteBlockProto_BlockConstructionStage
	client   string // whose pipeline is repaired; "" replicates
}

// transfer sends the copy. For a client it returns when the targets have it; a
// replication has no answer, the targets report to the NameNode.
func (d *DataNode) transfer(ctx context.Context, t transfer) error {
	r, err := d.store.Open(t.block)
	if err != nil {
		return err
	}
	defer r.Close()
	if t.client == "" && (r.State != replicas.Finalized || r.Stamp != t.block.Stamp) {
		return fmt.Errorf("%w: it is %s with stamp %d", replicas.ErrState, r.State, r.Stamp)
	}
	n := r.Length
	if r.State == replicas.RBW {
		n = r.Visible // what follows was not acked, nobody must see it
		if t.stage != stageTransferRBW {
			return fmt.Errorf("%w: it is being written", replicas.ErrState)
		}
	}
	d.xmits.Add(1)
	defer d.xmits.Add(-1)
	c, err := d.dial(ctx, t.targets[0].GetId())
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := c.SetDeadline(time.Now().Add(d.set.socketTimeout)); err != nil {
		return err
	}
	if err := datatransfer.WriteOp(c, datatransfer.OpWriteBlock, d.transferOp(t, r, n)); err != nil {
		return err
	}
	snd := sender{d: d, r: r, wire: r.Sum, conn: c, strict: true}
	if err := snd.runExact(n); err != nil {
		return err
	}
	if t.client == "" {
		d.log.Info("replica sent", "blk", t.block.ID, "bytes", n, "to", nodeAddr(t.targets[0].GetId()))
		return nil
	}
	if err := c.SetReadDeadline(time.Now().Add(d.set.socketTimeout + time.Duration(len(t.targets))*perNode)); err != nil {
		return err
	}
	resp, err := datatransfer.ReadResponse(c.br)
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.RemoteAddr(), err)
	}
	if resp.GetStatus() != hdfspb.Status_SUCCESS {
		return fmt.Errorf("%s answered %s %s", c.RemoteAddr(), resp.GetStatus(), resp.GetMessage())
	}
	return nil
}

func (d *DataNode) transferOp(t transfer, r *replicas.Reader, n int64) *hdfspb.OpWriteBlockProto {
	m := &hdfspb.OpWriteBlockProto{
		Header: &hdfspb.ClientOperationHeaderProto{ClientName: proto.String(t.client),
			BaseHeader: &hdfspb.BaseHeaderProto{Block: &hdfspb.ExtendedBlockProto{PoolId: proto.String(d.store.Pool()),
				BlockId: proto.Uint64(uint64(r.ID)), GenerationStamp: proto.Uint64(r.Stamp), NumBytes: proto.Uint64(uint64(n))},
				Token: emptyToken()}},
		Targets: t.targets[1:], Stage: t.stage.Enum(), PipelineSize: proto.Uint32(uint32(len(t.targets))),
		Source:       &hdfspb.DatanodeInfoProto{Id: d.self.Load()},
		MinBytesRcvd: proto.Uint64(0), MaxBytesRcvd: proto.Uint64(0), LatestGenerationStamp: proto.Uint64(0),
		RequestedChecksum: r.Sum.Proto(), CachingStrategy: &hdfspb.CachingStrategyProto{},
	}
	for i := range t.targets {
		typ := hdfspb.StorageTypeProto_DISK
		if i < len(t.types) {
			typ = t.types[i]
		}
		if i == 0 {
			m.StorageType = typ.Enum()
		} else {
			m.TargetStorageTypes = append(m.TargetStorageTypes, typ)
			m.TargetPinnings = append(m.TargetPinnings, false)
		}
	}
	if len(t.storages) == len(t.targets) {
		m.StorageId, m.TargetStorageIds = proto.String(t.storages[0]), t.storages[1:]
	}
	return m
}

// runExact sends the first n bytes and not one more. If they end inside a chunk,
// that one is verified whole and gets a checksum of what is sent of it.
func (s *sender) runExact(n int64) error {
	if n == s.r.Length || s.r.Sum.Size() == 0 {
		return s.run(0, n)
	}
	bpc := int64(s.r.Sum.BytesPerChecksum)
	whole := n - n%bpc
	if err := s.chunks(0, whole); err != nil {
		return err
	}
	if rest := int(n - whole); rest > 0 {
		var p datatransfer.Packet
		chunk := int(min(bpc, s.r.Length-whole))
		p.Frame(s.r.Sum.Size(), chunk)
		if err := s.r.Read(whole, p.Data(), p.Sums()); err != nil {
			return err
		}
		if err := s.r.Sum.Verify(p.Data(), p.Sums()); err != nil {
			return err
		}
		s.r.Sum.Sum(p.Data()[:rest], p.Sums())
		p.Shrink(s.r.Sum.Size(), rest)
		if err := s.send(&p, whole, false); err != nil {
			return err
		}
	}
	return s.finish(n)
}

// transferBlock copies a replica to the nodes that join a client's pipeline.
func (s *session) transferBlock(m *hdfspb.OpTransferBlockProto) error {
	eb := m.GetHeader().GetBaseHeader().GetBlock()
	fail := func(err error) error {
		return s.refuse(hdfspb.Status_ERROR, fmt.Errorf("transfer of %s: %w", datatransfer.BlockName(eb), err))
	}
	b, err := s.d.blockOf(eb)
	if err != nil {
		return fail(err)
	}
	if len(m.GetTargets()) == 0 {
		return fail(fmt.Errorf("no target is named"))
	}
	info, err := s.d.store.Stat(b.ID)
	if err != nil {
		return fail(err)
	}
	t := transfer{block: b, targets: m.GetTargets(), types: m.GetTargetStorageTypes(), storages: m.GetTargetStorageIds(),
		client: m.GetHeader().GetClientName(), stage: stageTransferFinal}
	if info.State == replicas.RBW {
		t.stage = stageTransferRBW
	}
	if err := s.d.transfer(s.d.quit, t); err != nil {
		return fail(err)
	}
	return s.send(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String("")})
}

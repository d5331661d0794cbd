package datatransfer

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// ChecksumRequest asks a DataNode for the checksum of a block.
type ChecksumRequest struct {
	Node *hdfspb.DatanodeIDProto
	// Block.NumBytes is how many bytes of the block count.
	Block *hdfspb.ExtendedBlockProto
	Token *ipcpb.TokenProto // may be nil
	// Type is MD5CRC or COMPOSITE_CRC.
	Type hdfspb.BlockChecksumTypeProto
}

// BlockChecksum asks one DataNode for the checksum of a block.
func (p *Peers) BlockChecksum(ctx context.Context, q ChecksumRequest) (*hdfspb.OpBlockChecksumResponseProto, error) {
	m := &hdfspb.OpBlockChecksumProto{
		Header:               baseHeader(q.Block, q.Token),
		BlockChecksumOptions: &hdfspb.BlockChecksumOptionsProto{BlockChecksumType: q.Type.Enum()},
	}
	c, resp, stop, err := p.start(ctx, p.Address(q.Node), OpBlockChecksum, m, q.Block)
	if err != nil {
		return nil, err
	}
	if stop() {
		p.put(c)
	}
	if resp.GetChecksumResponse() == nil {
		return nil, frameError("datanode %s answered without a checksum", c.addr)
	}
	return resp.GetChecksumResponse(), nil
}

// TransferRequest asks a DataNode to copy its replica, finished or being written,
// to other nodes, so that they can join a pipeline.
type TransferRequest struct {
	Node         *hdfspb.DatanodeIDProto // has the replica
	Block        *hdfspb.ExtendedBlockProto
	Token        *ipcpb.TokenProto // may be nil
	ClientName   string
	Targets      []*hdfspb.DatanodeInfoProto
	StorageTypes []hdfspb.StorageTypeProto // one for each target
	StorageIDs   []string                  // one for each target, or none
}

// TransferBlock returns when the targets have the bytes. The wait is as long as
// ctx allows: the DataNode answers only after the last byte.
func (p *Peers) TransferBlock(ctx context.Context, q TransferRequest) error {
	m := &hdfspb.OpTransferBlockProto{
		Header:             clientHeader(q.Block, q.Token, q.ClientName),
		Targets:            q.Targets,
		TargetStorageTypes: q.StorageTypes,
		TargetStorageIds:   q.StorageIDs,
	}
	c, err := p.dial(ctx, p.Address(q.Node))
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	// A gigabyte through a slow disk takes minutes; a dead DataNode closes the connection.
	c.timeout = max(c.timeout, transferWait)
	resp, err := c.ask(OpTransferBlock, m)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s of %s at datanode %s: %w", OpTransferBlock, BlockName(q.Block), c.addr, err)
	}
	if resp.GetStatus() != hdfspb.Status_SUCCESS {
		return refusal(OpTransferBlock, c.addr, q.Block, resp)
	}
	return nil
}

// ConnectCopy asks a DataNode for a whole replica on behalf of another DataNode
// (COPY_BLOCK, used by the balancer's REPLACE_BLOCK) and returns a reader of it.
func (p *Peers) ConnectCopy(ctx context.Context, node *hdfspb.DatanodeIDProto, b *hdfspb.ExtendedBlockProto, token *ipcpb.TokenProto) (*CopyStream, error) {
	m := &hdfspb.OpCopyBlockProto{Header: baseHeader(b, token)}
	c, resp, stop, err := p.start(ctx, p.Address(node), OpCopyBlock, m, b)
	if err != nil {
		return nil, err
	}
	sum, err := ParseChecksum(resp.GetReadOpChecksumInfo().GetChecksum())
	if err != nil {
		stop()
		c.Close()
		return nil, err
	}
	return &CopyStream{Checksum: sum, c: c, stop: stop}, nil
}

// CopyStream is the packets of a replica on their way to another DataNode. The
// receiver verifies them.
type CopyStream struct {
	Checksum Checksum

	c    *peer
	stop func() bool
}

// Next reads the next packet; the one with Last set is the end.
func (s *CopyStream) Next(p *Packet) error {
	if err := s.c.expect(s.c.timeout); err != nil {
		return err
	}
	return unexpected(ReadPacket(s.c.br, p))
}

// Close ends the connection.
func (s *CopyStream) Close() error {
	s.stop()
	return s.c.Close()
}

// ReplaceRequest asks a DataNode to fetch a replica from another one (balancer).
type ReplaceRequest struct {
	Node        *hdfspb.DatanodeIDProto // fetches
	Block       *hdfspb.ExtendedBlockProto
	Token       *ipcpb.TokenProto // may be nil
	DeleteHint  string            // uuid of the DataNode whose replica is too many then
	Source      *hdfspb.DatanodeInfoProto
	StorageType hdfspb.StorageTypeProto
}

// ReplaceBlock returns when the replica is there.
func (p *Peers) ReplaceBlock(ctx context.Context, q ReplaceRequest) error {
	m := &hdfspb.OpReplaceBlockProto{Header: baseHeader(q.Block, q.Token), DelHint: proto.String(q.DeleteHint),
		Source: q.Source, StorageType: q.StorageType.Enum()}
	c, _, stop, err := p.start(ctx, p.Address(q.Node), OpReplaceBlock, m, q.Block)
	if err != nil {
		return err
	}
	stop()
	return c.Close()
}

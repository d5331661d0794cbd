package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/hadoop/wire"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// writeMethods are the calls of ClientProtocol by which files are read and written.
func (s *Service) writeMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"getBlockLocations":      handleTo(s.getBlockLocations),
		"create":                 handleTo(s.create),
		"append":                 handleTo(s.append),
		"addBlock":               handleTo(s.addBlock),
		"abandonBlock":           handle(s.abandonBlock),
		"complete":               handleTo(s.complete),
		"fsync":                  handle(s.fsync),
		"renewLease":             handle(s.renewLease),
		"recoverLease":           handle(s.recoverLease),
		"getAdditionalDatanode":  handle(s.getAdditionalDatanode),
		"updateBlockForPipeline": handle(s.updateBlockForPipeline),
		"updatePipeline":         handle(s.updatePipeline),
		"concat":                 handle(s.concat),
		"truncate":               handle(s.truncate),
		"reportBadBlocks":        handle(s.clientBadBlocks),
	}
}

func (s *Service) getBlockLocations(ctx context.Context, c *ipc.Call, q *hdfspb.GetBlockLocationsRequestProto, dst []byte) ([]byte, error) {
	l, err := s.ns.GetBlockLocations(ctx, s.caller(c), q.GetSrc(), int64(q.GetOffset()), int64(q.GetLength()))
	s.audit(c, err, "open", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return appendLocated(dst, 1, l, s.identity.BlockPoolID), nil
}

func (s *Service) create(ctx context.Context, c *ipc.Call, q *hdfspb.CreateRequestProto, dst []byte) ([]byte, error) {
	if err := namespace.CheckPathLength("create", q.GetSrc()); err != nil {
		return nil, err
	}
	if q.GetEcPolicyName() != "" {
		return nil, unsupported("erasure coding (create with policy " + q.GetEcPolicyName() + ")")
	}
	m := modes(q.GetMasked(), q.GetUnmasked())
	r := namespace.CreateRequest{
		Src: q.GetSrc(), Mode: m.Masked, Unmasked: m.Unmasked, ClientName: q.GetClientName(),
		Flags: namespace.CreateFlags(q.GetCreateFlag()), CreateParent: q.GetCreateParent(),
		Replication: int64(int16(q.GetReplication())), BlockSize: int64(q.GetBlockSize()),
	}
	if name := q.GetStoragePolicy(); name != "" {
		if r.StoragePolicy = policyNamed(name); r.StoragePolicy == 0 {
			return nil, fault.New(fault.InvalidArgument, "Cannot find a block policy with the name %s", name)
		}
	}
	who := s.changer(c)
	st, err := s.ns.Create(ctx, who, r)
	s.auditChange(c, who, true, err, "create", r.Src, "")
	if err != nil {
		return nil, err
	}
	return s.appendStatus(dst, 1, st), nil
}

func (s *Service) append(ctx context.Context, c *ipc.Call, q *hdfspb.AppendRequestProto, dst []byte) ([]byte, error) {
	flags := namespace.CreateFlags(q.GetFlag())
	if q.Flag == nil {
		flags = namespace.FlagAppend // clients before 2.7
	}
	b, st, err := s.ns.Append(ctx, s.once(c), q.GetSrc(), q.GetClientName(), flags)
	s.audit(c, err, "append", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	if b != nil {
		dst = appendBlock(dst, 1, b, s.identity.BlockPoolID)
	}
	return s.appendStatus(dst, 2, st), nil
}

func (s *Service) addBlock(ctx context.Context, c *ipc.Call, q *hdfspb.AddBlockRequestProto, dst []byte) ([]byte, error) {
	r := namespace.AddBlockRequest{
		Src: q.GetSrc(), FileID: int64(q.GetFileId()), ClientName: q.GetClientName(),
		Previous: decodeBlock(q.GetPrevious()), Excluded: nodeUUIDs(q.GetExcludeNodes()), Favored: q.GetFavoredNodes(),
	}
	for _, f := range q.GetFlags() {
		switch f {
		case hdfspb.AddBlockFlagProto_NO_LOCAL_WRITE:
			r.Flags |= namespace.FlagNoLocalWrite
		case hdfspb.AddBlockFlagProto_IGNORE_CLIENT_LOCALITY:
			r.Flags |= namespace.FlagIgnoreLocality
		}
	}
	b, err := s.ns.AddBlock(ctx, s.caller(c), r)
	if err != nil {
		return nil, err
	}
	return appendBlock(dst, 1, b, s.identity.BlockPoolID), nil
}

func (s *Service) abandonBlock(ctx context.Context, c *ipc.Call, q *hdfspb.AbandonBlockRequestProto) (*hdfspb.AbandonBlockResponseProto, error) {
	return nil, s.ns.AbandonBlock(ctx, s.caller(c), q.GetSrc(), int64(q.GetFileId()), q.GetHolder(), *decodeBlock(q.GetB()))
}

func (s *Service) complete(ctx context.Context, c *ipc.Call, q *hdfspb.CompleteRequestProto, dst []byte) ([]byte, error) {
	done, err := s.ns.Complete(ctx, s.caller(c), q.GetSrc(), q.GetClientName(), decodeBlock(q.GetLast()), int64(q.GetFileId()))
	return wire.AppendBool(dst, 1, done), err
}

func (s *Service) fsync(ctx context.Context, c *ipc.Call, q *hdfspb.FsyncRequestProto) (*hdfspb.FsyncResponseProto, error) {
	return nil, s.ns.Fsync(ctx, s.caller(c), q.GetSrc(), int64(q.GetFileId()), q.GetClient(), q.GetLastBlockLength())
}

func (s *Service) renewLease(ctx context.Context, c *ipc.Call, q *hdfspb.RenewLeaseRequestProto) (*hdfspb.RenewLeaseResponseProto, error) {
	return nil, s.ns.RenewLease(ctx, s.caller(c), q.GetClientName())
}

func (s *Service) recoverLease(ctx context.Context, c *ipc.Call, q *hdfspb.RecoverLeaseRequestProto) (*hdfspb.RecoverLeaseResponseProto, error) {
	closed, err := s.ns.RecoverLease(ctx, s.caller(c), q.GetSrc(), q.GetClientName())
	return &hdfspb.RecoverLeaseResponseProto{Result: &closed}, err
}

func (s *Service) getAdditionalDatanode(ctx context.Context, c *ipc.Call, q *hdfspb.GetAdditionalDatanodeRequestProto) (*hdfspb.GetAdditionalDatanodeResponseProto, error) {
	b, err := s.ns.AdditionalDatanode(ctx, s.caller(c), namespace.AdditionalRequest{
		Src: q.GetSrc(), FileID: int64(q.GetFileId()), ClientName: q.GetClientName(), Block: *decodeBlock(q.GetBlk()),
		Existing: nodeUUIDs(q.GetExistings()), StorageIDs: q.GetExistingStorageUuids(), Excluded: nodeUUIDs(q.GetExcludes()),
		Count: int(min(q.GetNumAdditionalNodes(), 1<<15)),
	})
	if err != nil {
		return nil, err
	}
	return &hdfspb.GetAdditionalDatanodeResponseProto{Block: encodeBlock(b, &s.identity.BlockPoolID)}, nil
}

func (s *Service) updateBlockForPipeline(ctx context.Context, c *ipc.Call, q *hdfspb.UpdateBlockForPipelineRequestProto) (*hdfspb.UpdateBlockForPipelineResponseProto, error) {
	b, err := s.ns.UpdateBlockForPipeline(ctx, s.caller(c), q.GetClientName(), *decodeBlock(q.GetBlock()))
	if err != nil {
		return nil, err
	}
	return &hdfspb.UpdateBlockForPipelineResponseProto{Block: encodeBlock(b, &s.identity.BlockPoolID)}, nil
}

func (s *Service) updatePipeline(ctx context.Context, c *ipc.Call, q *hdfspb.UpdatePipelineRequestProto) (*hdfspb.UpdatePipelineResponseProto, error) {
	return nil, s.ns.UpdatePipeline(ctx, s.once(c), namespace.UpdatePipelineRequest{
		ClientName: q.GetClientName(), Old: *decodeBlock(q.GetOldBlock()), New: *decodeBlock(q.GetNewBlock()),
		Datanodes: idUUIDs(q.GetNewNodes()), StorageIDs: q.GetStorageIDs(),
	})
}

func (s *Service) concat(ctx context.Context, c *ipc.Call, q *hdfspb.ConcatRequestProto) (*hdfspb.ConcatResponseProto, error) {
	who := s.changer(c)
	err := s.ns.Concat(ctx, who, q.GetTrg(), q.GetSrcs())
	if s.audits != nil {
		s.auditChange(c, who, true, err, "concat", joinPaths(q.GetSrcs()), q.GetTrg())
	}
	return nil, err
}

// joinPaths shows several paths as Java shows a list.
func joinPaths(paths []string) string {
	s := "["
	for i, p := range paths {
		if i > 0 {
			s += ", "
		}
		s += p
	}
	return s + "]"
}

func (s *Service) truncate(ctx context.Context, c *ipc.Call, q *hdfspb.TruncateRequestProto) (*hdfspb.TruncateResponseProto, error) {
	who := s.changer(c)
	done, err := s.ns.Truncate(ctx, who, q.GetSrc(), int64(q.GetNewLength()), q.GetClientName())
	s.auditChange(c, who, true, err, "truncate", q.GetSrc(), "")
	return &hdfspb.TruncateResponseProto{Result: proto.Bool(done)}, err
}

func (s *Service) clientBadBlocks(ctx context.Context, _ *ipc.Call, q *hdfspb.ReportBadBlocksRequestProto) (*hdfspb.ReportBadBlocksResponseProto, error) {
	return nil, s.blocks.BadBlocks(ctx, badReplicas(q.GetBlocks()))
}

// badReplicas decodes a report: each location of a block is a bad replica of it.
func badReplicas(reported []*hdfspb.LocatedBlockProto) []blocks.BadReplica {
	var bad []blocks.BadReplica
	for _, b := range reported {
		for i, d := range b.GetLocs() {
			r := blocks.BadReplica{Block: *decodeBlock(b.GetB()), Datanode: d.GetId().GetDatanodeUuid()}
			if ids := b.GetStorageIDs(); i < len(ids) {
				r.Storage = ids[i]
			}
			bad = append(bad, r)
		}
	}
	return bad
}

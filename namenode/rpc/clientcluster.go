package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/fault"
)

// clusterMethods are the calls of ClientProtocol that operators' tools make.
func (s *Service) clusterMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"getFsStats":                handle(s.getFsStats),
		"getFsReplicatedBlockStats": handle(s.getFsReplicatedBlockStats),
		"getFsECBlockGroupStats":    handle(s.getFsECBlockGroupStats),
		"getDatanodeReport":         handle(s.getDatanodeReport),
		"getDatanodeStorageReport":  handle(s.getDatanodeStorageReport),
		"getSlowDatanodeReport": handle(func(_ context.Context, c *ipc.Call, _ *hdfspb.GetSlowDatanodeReportRequestProto) (*hdfspb.GetSlowDatanodeReportResponseProto, error) {
			// Slow DataNodes are not looked for, so none is known.
			return nil, s.requireSuper(c, "slowDataNodesReport")
		}),
		"setSafeMode":          handle(s.setSafeMode),
		"saveNamespace":        handle(s.saveNamespace),
		"refreshNodes":         handle(s.refreshNodes),
		"setBalancerBandwidth": handle(s.setBalancerBandwidth),
		"listOpenFiles":        handle(s.listOpenFiles),
		"metaSave":             handle(s.saveQueues),

		"listCorruptFileBlocks": handle(s.listCorruptFileBlocks),
	}
}

func (s *Service) getFsStats(context.Context, *ipc.Call, *hdfspb.GetFsStatusRequestProto) (*hdfspb.GetFsStatsResponseProto, error) {
	c, b := s.blocks.Cluster(), s.blocks.Blocks()
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	return &hdfspb.GetFsStatsResponseProto{
		Capacity: u(c.Capacity), Used: u(c.Used), Remaining: u(c.Remaining),
		UnderReplicated: u(b.UnderReplicated), CorruptBlocks: u(b.Corrupt), MissingBlocks: u(b.Missing),
		MissingReplOneBlocks: u(b.MissingOne), BlocksInFuture: u(b.BytesInFuture), PendingDeletionBlocks: u(b.PendingDeletion),
	}, nil
}

func (s *Service) getFsReplicatedBlockStats(context.Context, *ipc.Call, *hdfspb.GetFsReplicatedBlockStatsRequestProto) (*hdfspb.GetFsReplicatedBlockStatsResponseProto, error) {
	b := s.blocks.Blocks()
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	return &hdfspb.GetFsReplicatedBlockStatsResponseProto{
		LowRedundancy: u(b.UnderReplicated), CorruptBlocks: u(b.Corrupt), MissingBlocks: u(b.Missing),
		MissingReplOneBlocks: u(b.MissingOne), BlocksInFuture: u(b.BytesInFuture), PendingDeletionBlocks: u(b.PendingDeletion),
		HighestPrioLowRedundancyBlocks: u(b.HighestPriority),
	}, nil
}

// getFsECBlockGroupStats counts nothing, because there is no erasure coding.
func (s *Service) getFsECBlockGroupStats(context.Context, *ipc.Call, *hdfspb.GetFsECBlockGroupStatsRequestProto) (*hdfspb.GetFsECBlockGroupStatsResponseProto, error) {
	var zero uint64
	return &hdfspb.GetFsECBlockGroupStatsResponseProto{
		LowRedundancy: &zero, CorruptBlocks: &zero, MissingBlocks: &zero,
		BlocksInFuture: &zero, PendingDeletionBlocks: &zero, HighestPrioLowRedundancyBlocks: &zero,
	}, nil
}

func (s *Service) getDatanodeReport(_ context.Context, c *ipc.Call, q *hdfspb.GetDatanodeReportRequestProto) (*hdfspb.GetDatanodeReportResponseProto, error) {
	err := s.requireSuper(c, "datanodeReport")
	s.audit(c, err, "datanodeReport", "", "")
	if err != nil {
		return nil, err
	}
	m := &hdfspb.GetDatanodeReportResponseProto{}
	for _, d := range s.blocks.Datanodes(int(q.GetType())) {
		m.Di = append(m.Di, encodeDatanode(&d))
	}
	return m, nil
}

func (s *Service) getDatanodeStorageReport(_ context.Context, c *ipc.Call, q *hdfspb.GetDatanodeStorageReportRequestProto) (*hdfspb.GetDatanodeStorageReportResponseProto, error) {
	err := s.requireSuper(c, "getDatanodeStorageReport")
	s.audit(c, err, "getDatanodeStorageReport", "", "")
	if err != nil {
		return nil, err
	}
	m := &hdfspb.GetDatanodeStorageReportResponseProto{}
	for _, d := range s.blocks.Datanodes(int(q.GetType())) {
		r := &hdfspb.DatanodeStorageReportProto{DatanodeInfo: encodeDatanode(&d)}
		for i := range d.Storages {
			r.StorageReports = append(r.StorageReports, encodeStorage(&d.Storages[i]))
		}
		m.DatanodeStorageReports = append(m.DatanodeStorageReports, r)
	}
	return m, nil
}

// safeModeCommands are the audit names of setSafeMode.
var safeModeCommands = map[hdfspb.SafeModeActionProto]string{
	hdfspb.SafeModeActionProto_SAFEMODE_LEAVE:      "safemode_leave",
	hdfspb.SafeModeActionProto_SAFEMODE_ENTER:      "safemode_enter",
	hdfspb.SafeModeActionProto_SAFEMODE_GET:        "safemode_get",
	hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT: "safemode_force_exit",
}

func (s *Service) setSafeMode(ctx context.Context, c *ipc.Call, q *hdfspb.SetSafeModeRequestProto) (*hdfspb.SetSafeModeResponseProto, error) {
	cmd := safeModeCommands[q.GetAction()]
	err := s.changeSafeMode(ctx, c, q.GetAction(), cmd)
	s.audit(c, err, cmd, "", "")
	if err != nil {
		return nil, err
	}
	on, _ := s.safe.On()
	return &hdfspb.SetSafeModeResponseProto{Result: &on}, nil
}

func (s *Service) changeSafeMode(ctx context.Context, c *ipc.Call, action hdfspb.SafeModeActionProto, cmd string) error {
	if action == hdfspb.SafeModeActionProto_SAFEMODE_GET {
		return nil
	}
	if err := s.requireSuper(c, cmd); err != nil {
		return err
	}
	if action == hdfspb.SafeModeActionProto_SAFEMODE_ENTER {
		return s.safe.Enter(ctx)
	}
	return s.safe.Leave(ctx)
}

// saveNamespace does nothing where HDFS would write an image: everything that was
// answered is in the store. It keeps HDFS's condition, so that scripts see the same.
func (s *Service) saveNamespace(_ context.Context, c *ipc.Call, _ *hdfspb.SaveNamespaceRequestProto) (*hdfspb.SaveNamespaceResponseProto, error) {
	err := s.requireSuper(c, "saveNamespace")
	s.audit(c, err, "saveNamespace", "", "")
	if err != nil {
		return nil, err
	}
	if on, _ := s.safe.On(); !on {
		return nil, fault.New(fault.IO, "Safe mode should be turned ON in order to create namespace image.")
	}
	return &hdfspb.SaveNamespaceResponseProto{Saved: proto.Bool(true)}, nil
}

// saveQueues has the queues of blocks written to a file on this machine.
func (s *Service) saveQueues(ctx context.Context, c *ipc.Call, q *hdfspb.MetaSaveRequestProto) (*hdfspb.MetaSaveResponseProto, error) {
	err := s.requireSuper(c, "metaSave")
	s.audit(c, err, "metaSave", q.GetFilename(), "")
	if err != nil {
		return nil, err
	}
	if s.metaSave == nil {
		return nil, unsupported("files beside its database (metaSave)")
	}
	return nil, s.metaSave(ctx, q.GetFilename())
}

func (s *Service) listOpenFiles(ctx context.Context, c *ipc.Call, q *hdfspb.ListOpenFilesRequestProto) (*hdfspb.ListOpenFilesResponseProto, error) {
	m := &hdfspb.ListOpenFilesResponseProto{HasMore: proto.Bool(false), Types: q.GetTypes()}
	all := len(q.GetTypes()) == 0
	for _, t := range q.GetTypes() {
		all = all || t == hdfspb.OpenFilesTypeProto_ALL_OPEN_FILES
	}
	list := s.ns.ListBlockingFiles
	if all {
		list = s.ns.ListOpenFiles
	}
	page, more, err := list(ctx, s.caller(c), q.GetId(), q.GetPath())
	s.audit(c, err, "listOpenFiles", "", "")
	for i := range page {
		f := &page[i]
		m.Entries = append(m.Entries, &hdfspb.OpenFilesBatchResponseProto{
			Id: &f.ID, Path: &f.Path, ClientName: &f.ClientName, ClientMachine: &f.ClientMachine})
	}
	m.HasMore = &more
	return m, err
}

func (s *Service) listCorruptFileBlocks(ctx context.Context, c *ipc.Call, q *hdfspb.ListCorruptFileBlocksRequestProto) (*hdfspb.ListCorruptFileBlocksResponseProto, error) {
	page, cookie, err := s.ns.ListCorruptFiles(ctx, s.caller(c), q.GetPath(), q.GetCookie())
	s.audit(c, err, "listCorruptFileBlocks", q.GetPath(), "")
	m := &hdfspb.CorruptFileBlocksProto{Cookie: &cookie}
	for i := range page {
		m.Files = append(m.Files, page[i].Path)
	}
	return &hdfspb.ListCorruptFileBlocksResponseProto{Corrupt: m}, err
}

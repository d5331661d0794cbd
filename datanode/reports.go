package datanode

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// toldWait bounds how long the ack of a finished block waits for the NameNode.
const toldWait = 100 * time.Millisecond

// beat sends a heartbeat and takes what comes back.
func (a *actor) beat(ctx context.Context, now time.Time) error {
	fullDue := !now.Before(a.nextFull) && a.lease == 0
	req := &datanodepb.HeartbeatRequestProto{
		Registration:                a.reg,
		XmitsInProgress:             proto.Uint32(uint32(a.d.xmits.Load())),
		XceiverCount:                proto.Uint32(uint32(a.d.sessions.busy.Load()) + 1), // and the one that accepts
		FailedVolumes:               proto.Uint32(uint32(len(a.d.store.Failed()))),
		CacheCapacity:               proto.Uint64(0),
		CacheUsed:                   proto.Uint64(0),
		RequestFullBlockReportLease: proto.Bool(fullDue),
	}
	for _, st := range a.d.store.Storages() {
		req.Reports = append(req.Reports, storageReport(st))
	}
	if failed := a.d.store.Failed(); len(failed) > 0 {
		req.VolumeFailureSummary = &datanodepb.VolumeFailureSummaryProto{FailedStorageLocations: failed,
			LastVolumeFailureDate: proto.Uint64(uint64(a.d.start.UnixMilli())), EstimatedCapacityLostTotal: proto.Uint64(0)}
	}
	resp := new(datanodepb.HeartbeatResponseProto)
	if err := a.call(ctx, "sendHeartbeat", req, resp); err != nil {
		return err
	}
	a.nextBeat = now.Add(a.d.set.heartbeat)
	a.d.claims.beat(a, resp.GetHaStatus())
	if fullDue {
		a.lease = resp.GetFullBlockReportLeaseId()
	}
	a.obey(ctx, resp.GetCmds())
	return nil
}

func storageProto(st replicas.Storage) *hdfspb.DatanodeStorageProto {
	return &hdfspb.DatanodeStorageProto{StorageUuid: proto.String(st.UUID), StorageType: st.Type.Enum(),
		State: hdfspb.DatanodeStorageProto_NORMAL.Enum()}
}

func storageReport(st replicas.Storage) *hdfspb.StorageReportProto {
	return &hdfspb.StorageReportProto{
		StorageUuid: proto.String(st.UUID), Storage: storageProto(st), Failed: proto.Bool(st.Failed),
		Capacity: proto.Uint64(uint64(st.Capacity)), DfsUsed: proto.Uint64(uint64(st.Used)),
		Remaining: proto.Uint64(uint64(st.Remaining)), BlockPoolUsed: proto.Uint64(uint64(st.Used)),
		NonDfsUsed: proto.Uint64(uint64(st.Other)),
	}
}

// sendIncremental tells what changed since the last time.
func (a *actor) sendIncremental(ctx context.Context) error {
	all, upTo := a.out.take()
	req := &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: a.reg, BlockPoolId: proto.String(a.d.store.Pool())}
	for _, st := range a.d.store.Storages() {
		blocks := all[st.UUID]
		if len(blocks) == 0 {
			continue
		}
		m := &datanodepb.StorageReceivedDeletedBlocksProto{StorageUuid: proto.String(st.UUID), Storage: storageProto(st)}
		for _, b := range blocks {
			m.Blocks = append(m.Blocks, b)
		}
		req.Blocks = append(req.Blocks, m)
	}
	if len(req.Blocks) > 0 {
		if err := a.call(ctx, "blockReceivedAndDeleted", req, &datanodepb.BlockReceivedAndDeletedResponseProto{}); err != nil {
			a.out.putBack(all)
			return err
		}
	}
	a.out.delivered(upTo)
	a.slow.Store(false)
	return nil
}

// sendFull reports all replicas: in one message, or one for each storage if there
// are many. Changes noted before go first, so that the NameNode never hears an
// older word after a newer one.
func (a *actor) sendFull(ctx context.Context) error {
	if err := a.sendIncremental(ctx); err != nil {
		return err
	}
	begin := time.Now()
	lists := a.d.store.Report()
	total := 0
	var parts []*datanodepb.StorageBlockReportProto
	for _, st := range a.d.store.Storages() {
		m := &datanodepb.StorageBlockReportProto{Storage: storageProto(st)}
		blockreport.Encode(m, slices.Values(lists[st.UUID]), a.buffers)
		parts = append(parts, m)
		total += len(lists[st.UUID])
	}
	messages := [][]*datanodepb.StorageBlockReportProto{parts}
	if int64(total) >= a.d.set.splitThreshold {
		messages = nil
		for i := range parts {
			messages = append(messages, parts[i:i+1])
		}
	}
	id := rand.Int64()
	for i, m := range messages {
		resp := new(datanodepb.BlockReportResponseProto)
		req := &datanodepb.BlockReportRequestProto{Registration: a.reg, BlockPoolId: proto.String(a.d.store.Pool()), Reports: m,
			Context: &datanodepb.BlockReportContextProto{TotalRpcs: proto.Int32(int32(len(messages))), CurRpc: proto.Int32(int32(i)),
				Id: proto.Int64(id), LeaseId: proto.Uint64(a.lease), Sorted: proto.Bool(true)}}
		if err := a.call(ctx, "blockReport", req, resp); err != nil {
			return err // the lease is kept: tried again in a moment
		}
		if resp.Cmd != nil {
			a.obey(ctx, []*datanodepb.DatanodeCommandProto{resp.Cmd})
		}
	}
	a.lease = 0
	next := a.d.set.reportInterval
	if a.firstFull { // so that all DataNodes of a cluster started at once do not report at once for ever
		next, a.firstFull = spread(next), false
	}
	a.nextFull = begin.Add(next)
	a.d.log.Info("full block report sent", "namenode", a.nn.name, "blocks", total, "messages", len(messages), "took", time.Since(begin))
	return nil
}

// tell notes a change of a replica for every NameNode.
func (d *DataNode) tell(storage string, b replicas.Block, length int64, status datanodepb.ReceivedDeletedBlockInfoProto_BlockStatus, deleteHint string) {
	m := &received{Status: status.Enum(), Block: &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(b.ID)),
		GenStamp: proto.Uint64(b.Stamp), NumBytes: proto.Uint64(uint64(length))}}
	if deleteHint != "" {
		m.DeleteHint = proto.String(deleteHint)
	}
	for _, a := range d.crew.all() {
		a.out.change(storage, m)
	}
}

// awaitTold waits a moment until the NameNodes know the changes: the one that
// the client talks to is among them. One that took too long is not waited for
// until it has heard something again.
func (d *DataNode) awaitTold() {
	ctx, cancel := context.WithTimeout(d.quit, toldWait)
	defer cancel()
	for _, a := range d.crew.all() {
		if a.live.Load() && !a.slow.Load() && !a.out.await(ctx) {
			a.slow.Store(true)
		}
	}
}

// tellBad reports a replica here as damaged, to every NameNode.
func (d *DataNode) tellBad(info replicas.Info) {
	if now, err := d.store.Stat(info.ID); err != nil || now.Stamp != info.Stamp || now.State != replicas.Finalized || now.Length != info.Length {
		return // changed meanwhile: what was read may have been half of both
	}
	d.log.Error("replica is damaged", "blk", info.ID, "stamp", info.Stamp, "storage", info.Storage)
	for _, st := range d.store.Storages() {
		if st.UUID != info.Storage {
			continue
		}
		for _, a := range d.crew.all() {
			a.out.noteBad(d.located(info, st))
		}
	}
}

// located names a replica of this DataNode as NameNodes want damage reported.
func (d *DataNode) located(info replicas.Info, st replicas.Storage) *hdfspb.LocatedBlockProto {
	return &hdfspb.LocatedBlockProto{
		B: &hdfspb.ExtendedBlockProto{PoolId: proto.String(d.store.Pool()), BlockId: proto.Uint64(uint64(info.ID)),
			GenerationStamp: proto.Uint64(info.Stamp), NumBytes: proto.Uint64(uint64(info.Length))},
		Offset: proto.Uint64(0), Corrupt: proto.Bool(false), BlockToken: emptyToken(),
		Locs:         []*hdfspb.DatanodeInfoProto{{Id: d.self.Load()}},
		StorageTypes: []hdfspb.StorageTypeProto{st.Type}, StorageIDs: []string{st.UUID}, IsCached: []bool{false},
	}
}

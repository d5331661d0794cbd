package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/lifelinepb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/topology"
	"github.com/hopsql/hopsql/schema"
)

// datanodeMethods are the methods of DatanodeProtocol.
func (s *Service) datanodeMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"versionRequest":          handle(s.versionRequest),
		"registerDatanode":        handle(s.registerDatanode),
		"sendHeartbeat":           handle(s.sendHeartbeat),
		"blockReport":             handle(s.blockReport),
		"blockReceivedAndDeleted": handle(s.blockReceivedAndDeleted),
		"cacheReport": handle(func(_ context.Context, _ *ipc.Call, q *datanodepb.CacheReportRequestProto) (*datanodepb.CacheReportResponseProto, error) {
			return nil, s.verify(q.GetRegistration()) // nothing is ever cached by a command
		}),
		"errorReport":                handle(s.errorReport),
		"reportBadBlocks":            handle(s.datanodeBadBlocks),
		"commitBlockSynchronization": handle(s.commitBlockSynchronization),
	}
}

// layoutVersion is that of Hadoop 3.4's NameNode (-67). DataNodes do not look at it.
const layoutVersion = ^uint32(66)

// noKeys says that block tokens are off; every field is required.
var noKeys = &hdfspb.ExportedBlockKeysProto{
	IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
	CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)},
}

func (s *Service) versionRequest(context.Context, *ipc.Call, *hdfspb.VersionRequestProto) (*hdfspb.VersionResponseProto, error) {
	state, _ := s.haState()
	return &hdfspb.VersionResponseProto{Info: &hdfspb.NamespaceInfoProto{
		BuildVersion: &s.build, Unused: proto.Uint32(0), BlockPoolID: &s.identity.BlockPoolID,
		StorageInfo: s.storageInfo(), SoftwareVersion: proto.String(SoftwareVersion),
		Capabilities: proto.Uint64(blockreport.CapabilityBuffers), State: &state,
	}}, nil
}

func (s *Service) storageInfo() *hdfspb.StorageInfoProto {
	return &hdfspb.StorageInfoProto{LayoutVersion: proto.Uint32(layoutVersion), NamespceID: proto.Uint32(uint32(s.identity.NamespaceID)),
		ClusterID: &s.identity.ClusterID, CTime: proto.Uint64(uint64(s.identity.CTime))}
}

// haState is how this NameNode presents itself to DataNodes. They obey one NameNode
// at a time, the one whose number is the largest: the leader's epoch is above it.
func (s *Service) haState() (hdfspb.NNHAStatusHeartbeatProto_State, uint64) {
	leads, epoch := s.leader()
	if leads {
		return hdfspb.NNHAStatusHeartbeatProto_ACTIVE, uint64(epoch) << 32
	}
	return hdfspb.NNHAStatusHeartbeatProto_STANDBY, uint64(epoch) << 32
}

// verify compares the file system that a DataNode belongs to with this one. A
// DataNode that is refused so ends for good.
func (s *Service) verify(reg *datanodepb.DatanodeRegistrationProto) error {
	i := reg.GetStorageInfo()
	if int64(i.GetNamespceID()) == s.identity.NamespaceID && i.GetClusterID() == s.identity.ClusterID && int64(i.GetCTime()) == s.identity.CTime {
		return nil
	}
	return fault.New(fault.Unregistered, "Unregistered server: %s belongs to the cluster %s (namespace %d, cTime %d); this NameNode serves %s (namespace %d, cTime %d)",
		nodeName(reg), i.GetClusterID(), i.GetNamespceID(), i.GetCTime(), s.identity.ClusterID, s.identity.NamespaceID, s.identity.CTime)
}

// addressOf is what a registration says of where its DataNode is. The address is the
// one that this NameNode told it, or "" if it keeps to one that means nothing.
func addressOf(reg *datanodepb.DatanodeRegistrationProto) schema.Datanode {
	d := reg.GetDatanodeID()
	ip := d.GetIpAddr()
	if a := net.ParseIP(ip); a == nil || a.IsLoopback() || a.IsUnspecified() {
		ip = ""
	}
	return schema.Datanode{UUID: d.GetDatanodeUuid(), IP: ip, XferPort: int64(d.GetXferPort())}
}

func nodeName(reg *datanodepb.DatanodeRegistrationProto) string {
	d := reg.GetDatanodeID()
	return fmt.Sprintf("DatanodeRegistration(%s, datanodeUuid=%s)", net.JoinHostPort(d.GetIpAddr(), strconv.Itoa(int(d.GetXferPort()))), d.GetDatanodeUuid())
}

// later keeps a DataNode that is not known here from ending: what the rules call
// unregistered is cured by the Register command of its next heartbeat.
func later(err error) error {
	if errors.Is(err, fault.Unregistered) {
		return fault.Wrap(fault.IO, err)
	}
	return err
}

func (s *Service) registerDatanode(ctx context.Context, c *ipc.Call, q *datanodepb.RegisterDatanodeRequestProto) (*datanodepb.RegisterDatanodeResponseProto, error) {
	reg := q.GetRegistration()
	id := reg.GetDatanodeID()
	id.IpAddr = &c.RemoteIP
	if err := s.verify(reg); err != nil {
		return nil, err
	}
	if tooOld(reg.GetSoftwareVersion()) {
		return nil, fault.New(fault.IncorrectVersion, "The reported DataNode version is too low to communicate with this NameNode. DataNode version: '%s' Minimum DataNode version: '%s'",
			reg.GetSoftwareVersion(), minDatanodeVersion)
	}
	if s.checkHostname {
		if err := resolvable(ctx, c.RemoteIP, id.GetHostName()); err != nil {
			return nil, err
		}
	}
	rack, err := s.rackOf(ctx, id)
	if err != nil {
		return nil, err
	}
	d := schema.Datanode{
		UUID: id.GetDatanodeUuid(), IP: c.RemoteIP, Host: id.GetHostName(), XferPort: int64(id.GetXferPort()),
		InfoPort: int64(id.GetInfoPort()), InfoSecurePort: int64(id.GetInfoSecurePort()), IpcPort: int64(id.GetIpcPort()),
		Version: reg.GetSoftwareVersion(), Location: rack, Registered: time.Now().UnixMilli(),
	}
	if d.UUID == "" || len(d.UUID) > 64 || len(d.Host) > 255 || len(d.Version) > 64 {
		return nil, fault.New(fault.IO, "%s: a name in the registration is empty or too long", nodeName(reg))
	}
	if err := s.blocks.Register(ctx, d); err != nil {
		return nil, later(err)
	}
	reg.StorageInfo, reg.Keys = s.storageInfo(), noKeys
	s.log.Info("DataNode registered", "datanode", nodeName(reg), "host", d.Host, "version", d.Version)
	return &datanodepb.RegisterDatanodeResponseProto{Registration: reg}, nil
}

// rackOf returns the rack of a DataNode that registers.
func (s *Service) rackOf(ctx context.Context, id *hdfspb.DatanodeIDProto) (string, error) {
	if s.racks == nil {
		return topology.DefaultRack, nil
	}
	rack, ok := s.racks.Rack(ctx, id.GetIpAddr(), id.GetHostName())
	if !ok && s.rackNeeded {
		return "", fault.New(fault.IO, "Unresolved topology mapping for host %s", id.GetIpAddr())
	}
	return rack, nil
}

const minDatanodeVersion = "2.1.0-beta"

// tooOld reports whether a DataNode's version is below 2.1. One that is no version
// is not.
func tooOld(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err1 := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (x < 2 || x == 2 && y < 1)
}

// resolvable looks for the name of a DataNode's address, as HDFS does so that
// later look-ups are quick. An address of this machine always has one.
func resolvable(ctx context.Context, ip, host string) error {
	addr := net.ParseIP(ip)
	if addr.IsLoopback() || isLocal(addr) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, ip)
	if err == nil && len(names) > 0 {
		return nil
	}
	var dns *net.DNSError
	if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		// The name server did not answer: the DataNode may try again.
		return fault.New(fault.IO, "the name of %s cannot be looked up now: %v", ip, err)
	}
	return fault.New(fault.Disallowed, "Datanode denied communication with namenode because hostname cannot be resolved (ip=%s, hostname=%s); "+
		"dfs.namenode.datanode.registration.ip-hostname-check=false lets it in", ip, host)
}

func isLocal(ip net.IP) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

func (s *Service) sendHeartbeat(ctx context.Context, _ *ipc.Call, q *datanodepb.HeartbeatRequestProto) (*datanodepb.HeartbeatResponseProto, error) {
	if err := s.verify(q.GetRegistration()); err != nil {
		return nil, err
	}
	if err := s.blocks.Superseded(addressOf(q.GetRegistration())); err != nil {
		return nil, err
	}
	state, txid := s.haState()
	hb := decodeHeartbeat(q)
	// Those that do not lead count the replicas of a full report, no more.
	hb.WantLease, hb.Standby = q.GetRequestFullBlockReportLease(), state != hdfspb.NNHAStatusHeartbeatProto_ACTIVE
	reply, err := s.blocks.Heartbeat(ctx, hb)
	if err != nil {
		return nil, later(err)
	}
	m := &datanodepb.HeartbeatResponseProto{HaStatus: &hdfspb.NNHAStatusHeartbeatProto{State: &state, Txid: &txid}}
	if reply.Register {
		m.Cmds = []*datanodepb.DatanodeCommandProto{{CmdType: datanodepb.DatanodeCommandProto_RegisterCommand.Enum(),
			RegisterCmd: &datanodepb.RegisterCommandProto{}}}
		return m, nil
	}
	m.FullBlockReportLeaseId = proto.Uint64(uint64(reply.Lease))
	for i := range reply.Commands {
		m.Cmds = append(m.Cmds, s.encodeCommand(&reply.Commands[i]))
	}
	return m, nil
}

// sendLifeline is a heartbeat that asks for nothing, by a DataNode whose heartbeats
// come late.
func (s *Service) sendLifeline(_ context.Context, _ *ipc.Call, q *datanodepb.HeartbeatRequestProto) (*lifelinepb.LifelineResponseProto, error) {
	if err := s.verify(q.GetRegistration()); err != nil {
		return nil, err
	}
	if err := s.blocks.Superseded(addressOf(q.GetRegistration())); err != nil {
		return nil, err
	}
	s.blocks.Lifeline(decodeHeartbeat(q))
	return nil, nil
}

func decodeHeartbeat(q *datanodepb.HeartbeatRequestProto) blocks.HeartbeatReport {
	hb := blocks.HeartbeatReport{
		Datanode: q.GetRegistration().GetDatanodeID().GetDatanodeUuid(), Transfers: int(q.GetXmitsInProgress()),
		Xceivers: int(q.GetXceiverCount()), FailedVolumes: int(q.GetFailedVolumes()),
		CacheCapacity: int64(q.GetCacheCapacity()), CacheUsed: int64(q.GetCacheUsed()),
	}
	for _, r := range q.GetReports() {
		hb.Storages = append(hb.Storages, decodeUsage(r))
	}
	return hb
}

// decodeStorage names a volume. Old messages have only its UUID.
func decodeStorage(st *hdfspb.DatanodeStorageProto, uuid string) blocks.StorageRef {
	ref := blocks.StorageRef{UUID: uuid, Type: int64(st.GetStorageType()), State: int64(st.GetState())}
	if st != nil {
		ref.UUID = st.GetStorageUuid()
	}
	return ref
}

func decodeUsage(r *hdfspb.StorageReportProto) blocks.StorageUsage {
	u := blocks.StorageUsage{
		StorageRef: decodeStorage(r.GetStorage(), r.GetStorageUuid()), Failed: r.GetFailed(), Capacity: int64(r.GetCapacity()), //nolint:staticcheck // old DataNodes send only the UUID
		Used: int64(r.GetDfsUsed()), Remaining: int64(r.GetRemaining()), BlockPoolUsed: int64(r.GetBlockPoolUsed()),
		NonDFSUsed: int64(r.GetNonDfsUsed()),
	}
	if r.NonDfsUsed == nil {
		u.NonDFSUsed = max(0, u.Capacity-u.Used-u.Remaining)
	}
	return u
}

func (s *Service) blockReport(ctx context.Context, _ *ipc.Call, q *datanodepb.BlockReportRequestProto) (*datanodepb.BlockReportResponseProto, error) {
	if err := s.verifyPool(q.GetRegistration(), q.GetBlockPoolId()); err != nil {
		return nil, err
	}
	uuid := q.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	began, total := time.Now(), 0
	lastCall := q.Context == nil || q.GetContext().GetCurRpc() >= q.GetContext().GetTotalRpcs()-1
	for i, r := range q.GetReports() {
		rep := blocks.FullReport{Datanode: uuid, Storage: decodeStorage(r.GetStorage(), ""), Lease: int64(q.GetContext().GetLeaseId()),
			Last: lastCall && i == len(q.GetReports())-1}
		err := blockreport.Each(r, func(x blockreport.Replica) error {
			rep.Replicas = append(rep.Replicas, blocks.ReportedReplica{State: int8(x.State),
				Block: blocks.Block{ID: x.ID, GenerationStamp: int64(x.GenerationStamp), NumBytes: x.Length}})
			return nil
		})
		if err != nil {
			return nil, fault.New(fault.IO, "block report of storage %s: %v", rep.Storage.UUID, err)
		}
		q.Reports[i] = nil // a report can be large, and its replicas are decoded now
		total += len(rep.Replicas)
		if err := s.blocks.FullReport(ctx, rep); err != nil {
			return nil, later(err)
		}
	}
	s.log.Debug("block report", "datanode", uuid, "storages", len(q.GetReports()), "replicas", total, "took", time.Since(began))
	return nil, nil
}

func (s *Service) verifyPool(reg *datanodepb.DatanodeRegistrationProto, pool string) error {
	if err := s.verify(reg); err != nil {
		return err
	}
	if err := s.blocks.Superseded(addressOf(reg)); err != nil {
		return err
	}
	if pool != s.identity.BlockPoolID {
		return fault.New(fault.IO, "the report of %s is for block pool %s, not for %s", nodeName(reg), pool, s.identity.BlockPoolID)
	}
	return nil
}

func (s *Service) blockReceivedAndDeleted(ctx context.Context, _ *ipc.Call, q *datanodepb.BlockReceivedAndDeletedRequestProto) (*datanodepb.BlockReceivedAndDeletedResponseProto, error) {
	if err := s.verifyPool(q.GetRegistration(), q.GetBlockPoolId()); err != nil {
		return nil, err
	}
	report := make([]blocks.Events, len(q.GetBlocks()))
	for i, st := range q.GetBlocks() {
		report[i].Storage = decodeStorage(st.GetStorage(), st.GetStorageUuid()) //nolint:staticcheck // old DataNodes send only the UUID
		report[i].Events = make([]blocks.Event, len(st.GetBlocks()))
		for j, b := range st.GetBlocks() {
			x := b.GetBlock()
			report[i].Events[j] = blocks.Event{Kind: int(b.GetStatus()), Hint: b.GetDeleteHint(),
				Block: blocks.Block{ID: int64(x.GetBlockId()), GenerationStamp: int64(x.GetGenStamp()), NumBytes: int64(x.GetNumBytes())}}
		}
	}
	return nil, later(s.blocks.Incremental(ctx, q.GetRegistration().GetDatanodeID().GetDatanodeUuid(), report))
}

func (s *Service) errorReport(_ context.Context, _ *ipc.Call, q *datanodepb.ErrorReportRequestProto) (*datanodepb.ErrorReportResponseProto, error) {
	reg := q.GetRegistartion()
	if err := s.verify(reg); err != nil {
		return nil, err
	}
	s.log.Warn("a DataNode reports an error", "datanode", nodeName(reg), "code", q.GetErrorCode(), "message", q.GetMsg())
	s.blocks.ErrorReport(reg.GetDatanodeID().GetDatanodeUuid(), int(q.GetErrorCode()), q.GetMsg())
	return nil, nil
}

func (s *Service) datanodeBadBlocks(ctx context.Context, _ *ipc.Call, q *datanodepb.ReportBadBlocksRequestProto) (*datanodepb.ReportBadBlocksResponseProto, error) {
	return nil, later(s.blocks.ReportedBadBlocks(ctx, badReplicas(q.GetBlocks())))
}

func (s *Service) commitBlockSynchronization(ctx context.Context, _ *ipc.Call, q *datanodepb.CommitBlockSynchronizationRequestProto) (*datanodepb.CommitBlockSynchronizationResponseProto, error) {
	return nil, s.ns.CommitBlockSynchronization(ctx, blocks.Synchronization{
		Block: *decodeBlock(q.GetBlock()), NewStamp: int64(q.GetNewGenStamp()), NewLength: int64(q.GetNewLength()),
		CloseFile: q.GetCloseFile(), Delete: q.GetDeleteBlock(),
		Datanodes: idUUIDs(q.GetNewTaragets()), StorageIDs: q.GetNewTargetStorages(),
	})
}

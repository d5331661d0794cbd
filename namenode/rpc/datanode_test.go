package rpc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/protocols/namenodepb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/rpc"
)

// datanode is a DataNode of one volume that says what a test wants.
type datanode struct {
	*user
	reg     *datanodepb.DatanodeRegistrationProto
	storage string
}

// datanode makes a DataNode that has read who the NameNode is.
func (s *server) datanode(n int) *datanode {
	s.t.Helper()
	u := s.as("hdfs")
	var v hdfspb.VersionResponseProto
	must(s.t, u.c.Call(s.t.Context(), s.addr, rpc.DatanodeProtocol, "versionRequest", &hdfspb.VersionRequestProto{}, &v))
	id := &hdfspb.DatanodeIDProto{IpAddr: proto.String("0.0.0.0"), HostName: proto.String("localhost"), DatanodeUuid: proto.String(fmt.Sprint("uuid-", n)),
		XferPort: proto.Uint32(uint32(n)), InfoPort: proto.Uint32(9864), IpcPort: proto.Uint32(9867)}
	keys := &hdfspb.ExportedBlockKeysProto{IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
		CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)}}
	return &datanode{u, &datanodepb.DatanodeRegistrationProto{DatanodeID: id, StorageInfo: v.Info.StorageInfo, Keys: keys, SoftwareVersion: proto.String("3.4.1")}, fmt.Sprint("DS-", n)}
}

func (d *datanode) call(method string, req, resp proto.Message) error {
	return d.c.Call(d.s.t.Context(), d.s.addr, rpc.DatanodeProtocol, method, req, resp)
}

func (d *datanode) register() (*datanodepb.DatanodeRegistrationProto, error) {
	var resp datanodepb.RegisterDatanodeResponseProto
	err := d.call("registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: d.reg}, &resp)
	return resp.Registration, err
}

func (d *datanode) volume() *hdfspb.DatanodeStorageProto {
	return &hdfspb.DatanodeStorageProto{StorageUuid: &d.storage, StorageType: hdfspb.StorageTypeProto_DISK.Enum()}
}

func (d *datanode) heartbeat() *datanodepb.HeartbeatResponseProto {
	d.s.t.Helper()
	var resp datanodepb.HeartbeatResponseProto
	must(d.s.t, d.call("sendHeartbeat", &datanodepb.HeartbeatRequestProto{Registration: d.reg, RequestFullBlockReportLease: proto.Bool(true),
		Reports: []*hdfspb.StorageReportProto{{StorageUuid: &d.storage, Storage: d.volume(), Capacity: proto.Uint64(1 << 40), Remaining: proto.Uint64(1 << 39),
			DfsUsed: proto.Uint64(5), BlockPoolUsed: proto.Uint64(5)}}}, &resp))
	return &resp
}

func (d *datanode) report(lease uint64, buffers bool, replicas ...blockreport.Replica) error {
	r := &datanodepb.StorageBlockReportProto{Storage: d.volume()}
	blockreport.Encode(r, slices.Values(replicas), buffers)
	return d.call("blockReport", &datanodepb.BlockReportRequestProto{Registration: d.reg, BlockPoolId: &identity.BlockPoolID,
		Reports: []*datanodepb.StorageBlockReportProto{r},
		Context: &datanodepb.BlockReportContextProto{TotalRpcs: proto.Int32(1), CurRpc: proto.Int32(0), Id: proto.Int64(1), LeaseId: &lease}},
		&datanodepb.BlockReportResponseProto{})
}

// join brings a DataNode up as a real one does.
func (s *server) join(n int) *datanode {
	s.t.Helper()
	d := s.datanode(n)
	if _, err := d.register(); err != nil {
		s.t.Fatal(err)
	}
	r := d.heartbeat()
	if r.GetFullBlockReportLeaseId() == 0 || len(r.Cmds) != 0 {
		s.t.Fatalf("the first heartbeat is answered with %v", r)
	}
	must(s.t, d.report(r.GetFullBlockReportLeaseId(), true))
	return d
}

func TestVersionRequest(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	for _, protocol := range []string{rpc.DatanodeProtocol, rpc.NamenodeProtocol} {
		for _, leads := range []bool{true, false} {
			s.leads.Store(leads)
			var v hdfspb.VersionResponseProto
			must(t, u.c.Call(t.Context(), s.addr, protocol, "versionRequest", &hdfspb.VersionRequestProto{}, &v))
			i := v.Info
			if i.GetBlockPoolID() != identity.BlockPoolID || i.StorageInfo.GetClusterID() != identity.ClusterID || i.StorageInfo.GetNamespceID() != 77 ||
				i.StorageInfo.GetCTime() != 5 || i.GetCapabilities()&1 == 0 || !strings.HasPrefix(i.GetSoftwareVersion(), "3.4.") ||
				int32(i.StorageInfo.GetLayoutVersion()) != -67 || (i.GetState() == hdfspb.NNHAStatusHeartbeatProto_ACTIVE) != leads {
				t.Errorf("%s: %v", protocol, i)
			}
		}
	}
}

func TestRegistration(t *testing.T) {
	s := start(t, nil)
	d := s.datanode(1)
	hb := d.heartbeat()
	if len(hb.Cmds) != 1 || hb.Cmds[0].GetCmdType() != datanodepb.DatanodeCommandProto_RegisterCommand || hb.HaStatus == nil {
		t.Fatalf("an unknown DataNode's heartbeat is answered with %v", hb)
	}
	err := d.report(0, true)
	refused(t, err, ioException, "") // anything worse would end a DataNode for good
	reg, err := d.register()
	must(t, err)
	if reg.DatanodeID.GetIpAddr() != "127.0.0.1" || reg.DatanodeID.GetDatanodeUuid() != "uuid-1" || reg.Keys.GetIsBlockTokenEnabled() || reg.Keys.CurrentKey == nil {
		t.Errorf("registration %v", reg)
	}
	hb = d.heartbeat()
	if len(hb.Cmds) != 0 || hb.GetFullBlockReportLeaseId() == 0 || hb.HaStatus.GetState() != hdfspb.NNHAStatusHeartbeatProto_ACTIVE || hb.HaStatus.GetTxid() != 3<<32 {
		t.Errorf("heartbeat %v", hb)
	}
	must(t, d.report(hb.GetFullBlockReportLeaseId(), true))

	s.leads.Store(false)
	hb = d.heartbeat()
	if hb.HaStatus.GetState() != hdfspb.NNHAStatusHeartbeatProto_STANDBY || len(hb.Cmds) != 0 {
		t.Errorf("a heartbeat to a NameNode that does not lead is answered with %v", hb)
	}
}

func TestRefusedDataNodes(t *testing.T) {
	s := start(t, nil)
	d := s.datanode(1)
	d.reg.StorageInfo.ClusterID = proto.String("CID-other")
	_, err := d.register()
	refused(t, err, "org.apache.hadoop.hdfs.protocol.UnregisteredNodeException", "belongs to the cluster CID-other")
	err = d.call("sendHeartbeat", &datanodepb.HeartbeatRequestProto{Registration: d.reg}, &datanodepb.HeartbeatResponseProto{})
	refused(t, err, "org.apache.hadoop.hdfs.protocol.UnregisteredNodeException", "CID-other")

	d = s.datanode(1)
	d.reg.SoftwareVersion = proto.String("2.0.5-alpha")
	_, err = d.register()
	refused(t, err, "org.apache.hadoop.hdfs.server.common.IncorrectVersionException", "2.0.5-alpha")

	d = s.datanode(1)
	d.reg.DatanodeID.DatanodeUuid = proto.String("")
	_, err = d.register()
	refused(t, err, ioException, "empty or too long")
}

func TestReports(t *testing.T) {
	s := start(t, nil)
	d := s.join(1)
	// Replicas that nobody knows, in both encodings, and a report that is cut.
	strange := []blockreport.Replica{{ID: 1}, {ID: 2, Length: 7, GenerationStamp: 1}}
	for _, buffers := range []bool{true, false} {
		must(t, d.report(0, buffers, strange...))
	}
	r := &datanodepb.StorageBlockReportProto{Storage: d.volume(), NumberOfBlocks: proto.Uint64(9), BlocksBuffers: [][]byte{{2}}}
	req := &datanodepb.BlockReportRequestProto{Registration: d.reg, BlockPoolId: &identity.BlockPoolID, Reports: []*datanodepb.StorageBlockReportProto{r}}
	refused(t, d.call("blockReport", req, &datanodepb.BlockReportResponseProto{}), ioException, "block report of storage DS-1")
	req.BlockPoolId = proto.String("BP-other")
	refused(t, d.call("blockReport", req, &datanodepb.BlockReportResponseProto{}), ioException, "BP-other")

	events := &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: d.reg, BlockPoolId: &identity.BlockPoolID,
		Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: &d.storage, Storage: d.volume(), Blocks: []*datanodepb.ReceivedDeletedBlockInfoProto{
			{Block: &hdfspb.BlockProto{BlockId: proto.Uint64(5), GenStamp: proto.Uint64(1), NumBytes: proto.Uint64(1)}, Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum()},
			{Block: &hdfspb.BlockProto{BlockId: proto.Uint64(6), GenStamp: proto.Uint64(1)}, Status: datanodepb.ReceivedDeletedBlockInfoProto_DELETED.Enum()}}}}}
	must(t, d.call("blockReceivedAndDeleted", events, &datanodepb.BlockReceivedAndDeletedResponseProto{}))
	must(t, d.call("errorReport", &datanodepb.ErrorReportRequestProto{Registartion: d.reg, ErrorCode: proto.Uint32(0), Msg: proto.String("x")}, &datanodepb.ErrorReportResponseProto{}))
	must(t, d.call("cacheReport", &datanodepb.CacheReportRequestProto{Registration: d.reg, BlockPoolId: &identity.BlockPoolID}, &datanodepb.CacheReportResponseProto{}))
	block := &hdfspb.ExtendedBlockProto{PoolId: &identity.BlockPoolID, BlockId: proto.Uint64(99), GenerationStamp: proto.Uint64(1)}
	bad := &datanodepb.ReportBadBlocksRequestProto{Blocks: []*hdfspb.LocatedBlockProto{{B: block, Offset: proto.Uint64(0), Corrupt: proto.Bool(true),
		BlockToken: &ipcpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")},
		Locs:       []*hdfspb.DatanodeInfoProto{{Id: d.reg.DatanodeID}}}}}
	must(t, d.call("reportBadBlocks", bad, &datanodepb.ReportBadBlocksResponseProto{}))
}

func TestClusterReports(t *testing.T) {
	s := start(t, nil)
	s.join(1)
	s.join(2)
	u := s.as("hdfs")
	st := ok[hdfspb.GetFsStatsResponseProto](u, "getFsStats", &hdfspb.GetFsStatusRequestProto{})
	if st.GetCapacity() != 2<<40 || st.GetRemaining() != 2<<39 || st.GetUsed() != 10 || st.MissingReplOneBlocks == nil || st.PendingDeletionBlocks == nil {
		t.Errorf("stats %v", st)
	}
	ok[hdfspb.GetFsReplicatedBlockStatsResponseProto](u, "getFsReplicatedBlockStats", &hdfspb.GetFsReplicatedBlockStatsRequestProto{})
	ask := func(u *user, kind hdfspb.DatanodeReportTypeProto) ([]*hdfspb.DatanodeInfoProto, error) {
		r, err := call[hdfspb.GetDatanodeReportResponseProto](u, "getDatanodeReport", &hdfspb.GetDatanodeReportRequestProto{Type: &kind})
		return r.GetDi(), err
	}
	live, err := ask(u, hdfspb.DatanodeReportTypeProto_LIVE)
	must(t, err)
	if len(live) != 2 || live[0].Id.GetIpAddr() != "127.0.0.1" || live[0].GetCapacity() != 1<<40 || live[0].GetLastUpdate() == 0 || live[0].GetLocation() != "/default-rack" || live[0].NonDfsUsed == nil {
		t.Errorf("live %v", live)
	}
	dead, err := ask(u, hdfspb.DatanodeReportTypeProto_DEAD)
	if len(dead) != 0 || err != nil {
		t.Errorf("dead %v, %v", dead, err)
	}
	_, err = ask(s.as("alice"), hdfspb.DatanodeReportTypeProto_LIVE)
	refused(t, err, accessControl, "Superuser privilege is required for operation datanodeReport")
	reports := ok[hdfspb.GetDatanodeStorageReportResponseProto](u, "getDatanodeStorageReport",
		&hdfspb.GetDatanodeStorageReportRequestProto{Type: hdfspb.DatanodeReportTypeProto_LIVE.Enum()}).DatanodeStorageReports
	if len(reports) != 2 || len(reports[0].StorageReports) != 1 || reports[0].StorageReports[0].Storage.GetStorageType() != hdfspb.StorageTypeProto_DISK ||
		!strings.HasPrefix(reports[0].StorageReports[0].GetStorageUuid(), "DS-") { //nolint:staticcheck // required on the wire
		t.Errorf("storage reports %v", reports)
	}
}

func TestToolProtocols(t *testing.T) {
	s := start(t, nil)
	u, alice := s.as("hdfs"), s.as("alice")
	on := func(u *user, protocol, method string, req, resp proto.Message) error {
		return u.c.Call(t.Context(), s.addr, protocol, method, req, resp)
	}
	var keys namenodepb.GetBlockKeysResponseProto
	must(t, on(u, rpc.NamenodeProtocol, "getBlockKeys", &namenodepb.GetBlockKeysRequestProto{}, &keys))
	if keys.Keys.GetIsBlockTokenEnabled() || keys.Keys.CurrentKey == nil {
		t.Errorf("keys %v", keys.Keys)
	}
	var fin namenodepb.IsUpgradeFinalizedResponseProto
	must(t, on(u, rpc.NamenodeProtocol, "isUpgradeFinalized", &namenodepb.IsUpgradeFinalizedRequestProto{}, &fin))
	var tx namenodepb.GetTransactionIdResponseProto
	must(t, on(u, rpc.NamenodeProtocol, "getTransactionId", &namenodepb.GetTransactionIdRequestProto{}, &tx))
	if !fin.GetIsUpgradeFinalized() || tx.GetTxId() != 3<<32 {
		t.Errorf("finalized %v, transaction %d", fin.GetIsUpgradeFinalized(), tx.GetTxId())
	}
	refused(t, on(u, rpc.NamenodeProtocol, "rollEditLog", &namenodepb.RollEditLogRequestProto{}, discard()), unsupported, "edit log")

	var ha ipcpb.GetServiceStatusResponseProto
	must(t, on(u, rpc.HAServiceProtocol, "getServiceStatus", &ipcpb.GetServiceStatusRequestProto{}, &ha))
	if ha.GetState() != ipcpb.HAServiceStateProto_ACTIVE || !ha.GetReadyToBecomeActive() {
		t.Errorf("service status %v", &ha)
	}
	must(t, on(u, rpc.HAServiceProtocol, "monitorHealth", &ipcpb.MonitorHealthRequestProto{}, discard()))
	req := &ipcpb.TransitionToStandbyRequestProto{ReqInfo: &ipcpb.HAStateChangeRequestInfoProto{ReqSource: ipcpb.HARequestSource_REQUEST_BY_USER.Enum()}}
	refused(t, on(u, rpc.HAServiceProtocol, "transitionToStandby", req, discard()), "org.apache.hadoop.ha.ServiceFailedException", "transitionToStandby: every NameNode")
	refused(t, on(alice, rpc.HAServiceProtocol, "transitionToStandby", req, discard()), accessControl, "alice")

	var g ipcpb.GetGroupsForUserResponseProto
	must(t, on(alice, rpc.GetUserMappings, "getGroupsForUser", &ipcpb.GetGroupsForUserRequestProto{User: proto.String("alice")}, &g))
	if !slices.Equal(g.Groups, []string{"users"}) {
		t.Errorf("groups %q", g.Groups)
	}
	must(t, on(u, rpc.RefreshUserMappings, "refreshUserToGroupsMappings", &ipcpb.RefreshUserToGroupsMappingsRequestProto{}, discard()))
	refused(t, on(alice, rpc.RefreshUserMappings, "refreshUserToGroupsMappings", &ipcpb.RefreshUserToGroupsMappingsRequestProto{}, discard()), accessControl, "alice")
	must(t, on(u, rpc.RefreshCallQueue, "refreshCallQueue", &ipcpb.RefreshCallQueueRequestProto{}, discard()))
	refused(t, on(u, rpc.RefreshAuthorization, "refreshServiceAcl", &ipcpb.RefreshServiceAclRequestProto{}, discard()),
		"org.apache.hadoop.security.authorize.AuthorizationException", "Service Level Authorization not enabled!")
	refused(t, on(u, rpc.GenericRefresh, "refresh", &ipcpb.GenericRefreshRequestProto{Identifier: proto.String("k")}, discard()), "java.lang.IllegalArgumentException", "Identifier 'k'")
	var props hdfspb.ListReconfigurablePropertiesResponseProto
	must(t, on(u, rpc.ReconfigurationProtocol, "listReconfigurableProperties", &hdfspb.ListReconfigurablePropertiesRequestProto{}, &props))
	var status hdfspb.GetReconfigurationStatusResponseProto
	must(t, on(u, rpc.ReconfigurationProtocol, "getReconfigurationStatus", &hdfspb.GetReconfigurationStatusRequestProto{}, &status))
	refused(t, on(u, rpc.ReconfigurationProtocol, "startReconfiguration", &hdfspb.StartReconfigurationRequestProto{}, discard()), unsupported, "startReconfiguration")
}

func TestProxyUsers(t *testing.T) {
	s := start(t, map[string]string{
		"hadoop.proxyuser.oozie.users": "alice", "hadoop.proxyuser.oozie.hosts": "127.0.0.1",
		"hadoop.proxyuser.hue.groups": "users", "hadoop.proxyuser.hue.hosts": "10.0.0.0/8,127.0.0.0/8",
		"hadoop.proxyuser.far.users": "*", "hadoop.proxyuser.far.hosts": "10.0.0.1",
		"hadoop.proxyuser.no.where.users": "*", "hadoop.proxyuser.name.users": "*", "hadoop.proxyuser.name.hosts": "localhost",
	})
	try := func(real, name string) error {
		_, err := call[hdfspb.GetFileInfoResponseProto](s.proxied(real, name), "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")})
		return err
	}
	const authorization = "org.apache.hadoop.security.authorize.AuthorizationException"
	for _, good := range [][2]string{{"oozie", "alice"}, {"hue", "bob"}, {"name", "x"}, {"", "x"}} {
		must(t, try(good[0], good[1]))
	}
	for _, bad := range [][3]string{
		{"oozie", "bob", "User: oozie is not allowed to impersonate bob"},
		{"hue", "root", "User: hue is not allowed to impersonate root"},
		{"oozie", "oozie", "User: oozie is not allowed to impersonate oozie"},
		{"eve", "alice", "User: eve is not allowed to impersonate alice"},
		{"far", "alice", "Unauthorized connection for super-user: far from IP /127.0.0.1"},
		{"no.where", "alice", "Unauthorized connection for super-user: no.where from IP /127.0.0.1"},
	} {
		err := try(bad[0], bad[1])
		var x *ipc.Exception
		if !errors.As(err, &x) || x.Class != authorization || x.Message != bad[2] {
			t.Errorf("%s as %s: %v", bad[0], bad[1], err)
		}
	}
	if log := s.auditLines(1); !strings.Contains(log, "ugi=alice (auth:PROXY) via oozie (auth:SIMPLE)\t") {
		t.Errorf("audit log %s", log)
	}
	s.conf.Store(conf.New(map[string]string{"hadoop.proxyuser.eve.users": "*", "hadoop.proxyuser.eve.hosts": "*"}))
	must(t, s.as("hdfs").c.Call(t.Context(), s.addr, rpc.RefreshUserMappings, "refreshSuperUserGroupsConfiguration",
		&ipcpb.RefreshSuperUserGroupsConfigurationRequestProto{}, discard()))
	must(t, try("eve", "alice"))
	if try("oozie", "alice") == nil {
		t.Error("an old rule is still there after a refresh")
	}
	s.conf.Store(conf.New(map[string]string{"hadoop.proxyuser.eve.hosts": "10.0.0.0/99"}))
	err := s.as("hdfs").c.Call(t.Context(), s.addr, rpc.RefreshUserMappings, "refreshSuperUserGroupsConfiguration",
		&ipcpb.RefreshSuperUserGroupsConfigurationRequestProto{}, discard())
	refused(t, err, ioException, "hadoop.proxyuser.eve.hosts")
	must(t, try("eve", "alice"))
}

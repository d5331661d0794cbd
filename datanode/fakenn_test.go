package datanode

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/discovery"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

var testIdentity = replicas.Identity{ClusterID: "CID-test", NamespaceID: 4711, Pool: "BP-4711-127.0.0.1-1"}

// fakeNN is as much of a NameNode as a DataNode needs: it registers, believes
// reports and hands out commands.
type fakeNN struct {
	t      testing.TB
	server *rpc.Server
	addr   string

	mu       sync.Mutex
	id       replicas.Identity
	state    hdfspb.NNHAStatusHeartbeatProto_State
	txid     uint64
	caps     uint64
	deny     error
	nodes    map[string]*hdfspb.DatanodeInfoProto          // by uuid
	known    map[string]map[int64]*received                // by uuid, of incremental reports
	full     map[string]map[int64]blockreport.Replica      // by uuid, of the last full report
	fulls    map[string]int                                // full reports
	beats    map[string]*datanodepb.HeartbeatRequestProto  // the last ones
	commands map[string][]*datanodepb.DatanodeCommandProto // to be handed out
	bad      []*hdfspb.LocatedBlockProto                   // reported damaged
	errors   []string                                      // error reports
	commits  []*datanodepb.CommitBlockSynchronizationRequestProto
	stuck    chan struct{}               // ends commits, if there is one
	regs     map[string]int              // registrations, by uuid
	living   []*hopsqlpb.ActiveNodeProto // who else serves; it does not know the protocol without
}

func startNN(t testing.TB) *fakeNN { return startNNAt(t, "127.0.0.1:0") }

func startNNAt(t testing.TB, addr string) *fakeNN {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := rpc.NewServer(rpc.ServerConfig{Listener: ln, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNN{t: t, server: s, addr: ln.Addr().String(), id: testIdentity, txid: 1, caps: 1,
		nodes: map[string]*hdfspb.DatanodeInfoProto{}, known: map[string]map[int64]*received{}, full: map[string]map[int64]blockreport.Replica{},
		fulls: map[string]int{}, beats: map[string]*datanodepb.HeartbeatRequestProto{}, commands: map[string][]*datanodepb.DatanodeCommandProto{}, regs: map[string]int{}}
	s.Register(datanodeProtocol, map[string]rpc.Method{
		"versionRequest":             rpc.Handle(n.versionRequest),
		"registerDatanode":           rpc.Handle(n.registerDatanode),
		"sendHeartbeat":              rpc.Handle(n.sendHeartbeat),
		"blockReport":                rpc.Handle(n.blockReport),
		"blockReceivedAndDeleted":    rpc.Handle(n.blockReceivedAndDeleted),
		"reportBadBlocks":            rpc.Handle(n.reportBadBlocks),
		"errorReport":                rpc.Handle(n.errorReport),
		"commitBlockSynchronization": rpc.Handle(n.commitBlockSynchronization),
	})
	s.Register(discovery.Protocol, map[string]rpc.Method{discovery.Method: rpc.Handle(n.getActiveNamenodes)})
	go func() {
		if err := s.Serve(); err != nil {
			t.Errorf("fake NameNode: %v", err)
		}
	}()
	t.Cleanup(n.stop)
	return n
}

func (n *fakeNN) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n.server.Shutdown(ctx)
}

// do runs f with the NameNode's state.
func (n *fakeNN) do(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *fakeNN) versionRequest(context.Context, *rpc.Call, *hdfspb.VersionRequestProto) (*hdfspb.VersionResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &hdfspb.VersionResponseProto{Info: &hdfspb.NamespaceInfoProto{BuildVersion: proto.String("x"), Unused: proto.Uint32(0),
		BlockPoolID: proto.String(n.id.Pool), SoftwareVersion: proto.String("3.4.3"), Capabilities: proto.Uint64(n.caps), State: n.state.Enum(),
		StorageInfo: &hdfspb.StorageInfoProto{LayoutVersion: proto.Uint32(0xffffffbd), NamespceID: proto.Uint32(n.id.NamespaceID),
			ClusterID: proto.String(n.id.ClusterID), CTime: proto.Uint64(n.id.CTime)}}}, nil
}

func (n *fakeNN) registerDatanode(_ context.Context, c *rpc.Call, q *datanodepb.RegisterDatanodeRequestProto) (*datanodepb.RegisterDatanodeResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deny != nil {
		return nil, n.deny
	}
	reg := q.GetRegistration()
	if int32(reg.GetStorageInfo().GetLayoutVersion()) != -57 {
		return nil, fmt.Errorf("layout version %d", int32(reg.GetStorageInfo().GetLayoutVersion()))
	}
	reg.DatanodeID.IpAddr = proto.String(c.RemoteIP)
	n.regs[reg.GetDatanodeID().GetDatanodeUuid()]++
	n.nodes[reg.GetDatanodeID().GetDatanodeUuid()] = &hdfspb.DatanodeInfoProto{Id: reg.DatanodeID, Location: proto.String("/default-rack")}
	return &datanodepb.RegisterDatanodeResponseProto{Registration: reg}, nil
}

func (n *fakeNN) sendHeartbeat(_ context.Context, _ *rpc.Call, q *datanodepb.HeartbeatRequestProto) (*datanodepb.HeartbeatResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	uuid := q.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	n.beats[uuid] = q
	resp := &datanodepb.HeartbeatResponseProto{HaStatus: &hdfspb.NNHAStatusHeartbeatProto{State: n.state.Enum(), Txid: proto.Uint64(n.txid)}}
	if n.nodes[uuid] == nil {
		resp.Cmds = []*datanodepb.DatanodeCommandProto{{CmdType: datanodepb.DatanodeCommandProto_RegisterCommand.Enum(), RegisterCmd: &datanodepb.RegisterCommandProto{}}}
		return resp, nil
	}
	if q.GetRequestFullBlockReportLease() {
		resp.FullBlockReportLeaseId = proto.Uint64(77)
	}
	resp.Cmds = n.commands[uuid]
	delete(n.commands, uuid)
	return resp, nil
}

func (n *fakeNN) blockReport(_ context.Context, _ *rpc.Call, q *datanodepb.BlockReportRequestProto) (*datanodepb.BlockReportResponseProto, error) {
	uuid := q.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	all := map[int64]blockreport.Replica{}
	for _, r := range q.GetReports() {
		list, err := blockreport.Decode(r)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			all[b.ID] = b
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fulls[uuid]++
	if q.GetContext().GetCurRpc() > 0 {
		maps.Copy(all, n.full[uuid])
	}
	n.full[uuid] = all
	return &datanodepb.BlockReportResponseProto{}, nil
}

func (n *fakeNN) blockReceivedAndDeleted(_ context.Context, _ *rpc.Call, q *datanodepb.BlockReceivedAndDeletedRequestProto) (*datanodepb.BlockReceivedAndDeletedResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	uuid := q.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	if n.known[uuid] == nil {
		n.known[uuid] = map[int64]*received{}
	}
	for _, st := range q.GetBlocks() {
		for _, b := range st.GetBlocks() {
			n.known[uuid][int64(b.GetBlock().GetBlockId())] = b
		}
	}
	return nil, nil
}

func (n *fakeNN) reportBadBlocks(_ context.Context, _ *rpc.Call, q *datanodepb.ReportBadBlocksRequestProto) (*datanodepb.ReportBadBlocksResponseProto, error) {
	n.do(func() { n.bad = append(n.bad, q.GetBlocks()...) })
	return nil, nil
}

func (n *fakeNN) errorReport(_ context.Context, _ *rpc.Call, q *datanodepb.ErrorReportRequestProto) (*datanodepb.ErrorReportResponseProto, error) {
	n.do(func() { n.errors = append(n.errors, q.GetMsg()) })
	return nil, nil
}

func (n *fakeNN) commitBlockSynchronization(_ context.Context, _ *rpc.Call, q *datanodepb.CommitBlockSynchronizationRequestProto) (*datanodepb.CommitBlockSynchronizationResponseProto, error) {
	n.do(func() { n.commits = append(n.commits, q) })
	if n.stuck != nil {
		<-n.stuck
	}
	return nil, nil
}

func (n *fakeNN) getActiveNamenodes(context.Context, *rpc.Call, *hopsqlpb.GetActiveNamenodesRequestProto) (*hopsqlpb.GetActiveNamenodesResponseProto, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.living == nil {
		return nil, &rpc.Exception{Class: "org.apache.hadoop.ipc.RpcNoSuchProtocolException", Message: "Unknown protocol: " + discovery.Protocol}
	}
	return &hopsqlpb.GetActiveNamenodesResponseProto{Namenodes: n.living}, nil
}

// command hands a command to a DataNode at its next heartbeat.
func (n *fakeNN) command(d *testNode, c *datanodepb.DatanodeCommandProto) {
	n.do(func() { n.commands[d.uuid] = append(n.commands[d.uuid], c) })
}

// node is a DataNode as the NameNode would put it into a located block.
func (n *fakeNN) node(d *testNode) *hdfspb.DatanodeInfoProto {
	n.mu.Lock()
	defer n.mu.Unlock()
	return proto.Clone(n.nodes[d.uuid]).(*hdfspb.DatanodeInfoProto)
}

// located is a block on some DataNodes.
func (n *fakeNN) located(id int64, stamp uint64, length int64, nodes ...*testNode) *hdfspb.LocatedBlockProto {
	lb := &hdfspb.LocatedBlockProto{B: &hdfspb.ExtendedBlockProto{PoolId: proto.String(testIdentity.Pool), BlockId: proto.Uint64(uint64(id)),
		GenerationStamp: proto.Uint64(stamp), NumBytes: proto.Uint64(uint64(length))},
		Offset: proto.Uint64(0), Corrupt: proto.Bool(false), BlockToken: emptyToken()}
	for _, d := range nodes {
		lb.Locs = append(lb.Locs, n.node(d))
		lb.StorageTypes = append(lb.StorageTypes, hdfspb.StorageTypeProto_DISK)
	}
	return lb
}

// wantStatus waits until a DataNode has reported a block with a status.
func (n *fakeNN) wantStatus(d *testNode, id int64, stamp uint64, length int64, st datanodepb.ReceivedDeletedBlockInfoProto_BlockStatus) {
	n.t.Helper()
	var last *received
	eventually(n.t, fmt.Sprintf("blk_%d_%d %v with %d bytes reported", id, stamp, st, length), func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		last = n.known[d.uuid][id]
		return last != nil && last.GetStatus() == st && last.GetBlock().GetGenStamp() == stamp && int64(last.GetBlock().GetNumBytes()) == length
	})
	if n.t.Failed() {
		n.t.Logf("last report: %v", last)
	}
}

// wantFull waits until the last full report of a DataNode has exactly these replicas.
func (n *fakeNN) wantFull(d *testNode, want map[int64]blockreport.Replica) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("full report %v", want), func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return maps.Equal(n.full[d.uuid], want) && n.fulls[d.uuid] > 0
	})
}

// forget makes the NameNode drop what it knows of a DataNode, as after its own restart.
func (n *fakeNN) forget(d *testNode) {
	n.do(func() {
		delete(n.nodes, d.uuid)
		delete(n.full, d.uuid)
		delete(n.known, d.uuid)
		delete(n.fulls, d.uuid)
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}

package datanode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/blockreport"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
)

func finalizedReplica(id int64, stamp uint64, n int64) blockreport.Replica {
	return blockreport.Replica{ID: id, GenerationStamp: stamp, Length: n, State: replicas.Finalized}
}

func TestRestart(t *testing.T) {
	for _, caps := range []uint64{1, 0} { // both forms of the report
		nn := startNN(t)
		nn.caps = caps
		dir := t.TempDir()
		d := startNode(t, nn, dir)
		p := testPeers(t)
		data := randomBytes(100_000, 1)
		writeBlock(t, p, nn.located(400, 1001, 0, d), data)
		writeBlock(t, p, nn.located(401, 1002, 0, d), nil)
		w := newBlock(t, p, nn.located(402, 1003, 0, d))
		mustWrite(t, w, data[:1000])
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		nn.forget(d)
		again := startNode(t, nn, dir)
		if again.uuid != d.uuid {
			t.Error("another uuid after the restart")
		}
		nn.wantFull(again, map[int64]blockreport.Replica{400: finalizedReplica(400, 1001, 100_000), 401: finalizedReplica(401, 1002, 0),
			402: {ID: 402, GenerationStamp: 1003, Length: 1000, State: replicas.RWR}})
		wantBytes(t, p, nn.located(400, 1001, 0, again), data)
		wantBytes(t, p, nn.located(401, 1002, 0, again), nil)
		if _, err := readRange(p, nn.located(402, 1003, 0, again), 0, 0, 1); !isStatus(err, hdfspb.Status_ERROR) {
			t.Errorf("an unfinished block can be read after a restart: %v", err)
		}
		nn.command(again, recoverCommand(nn.located(402, 1003, 0, again), 1004))
		nn.wantCommit(402, 1004, 1000, false, 1)
		wantBytes(t, p, nn.located(402, 1004, 0, again), data[:1000])
	}
}

// A NameNode that restarts, forgetting the DataNode, learns everything again; what
// happened meanwhile is kept for it.
func TestNameNodeRestart(t *testing.T) {
	nn, nodes := cluster(t, 1)
	p := testPeers(t)
	d := nodes[0]
	lb := nn.located(410, 1001, 0, d)
	lb2 := nn.located(411, 1002, 0, d)
	writeBlock(t, p, lb, []byte("before"))
	nn.wantStatus(d, 410, 1001, 6, statusReceived)
	nn.stop()
	writeBlock(t, p, lb2, []byte("meanwhile"))
	eventually(t, "the outage is noticed", func() bool { return strings.Contains(d.log.String(), "out of reach") })
	nn2 := startNNAt(t, nn.addr)
	nn2.wantStatus(d, 411, 1002, 9, statusReceived)
	nn2.wantFull(d, map[int64]blockreport.Replica{410: finalizedReplica(410, 1001, 6), 411: finalizedReplica(411, 1002, 9)})
	if n := strings.Count(d.log.String(), "out of reach"); n != 1 {
		t.Errorf("%d lines about one outage", n)
	}
}

func TestHeartbeatContents(t *testing.T) {
	nn, nodes := cluster(t, 1)
	p := testPeers(t)
	writeBlock(t, p, nn.located(420, 1001, 0, nodes[0]), make([]byte, 1024))
	eventually(t, "used space is reported", func() (ok bool) {
		nn.do(func() {
			b := nn.beats[nodes[0].uuid]
			if len(b.GetReports()) != 1 {
				return
			}
			r := b.GetReports()[0]
			ok = r.GetDfsUsed() == 1024+7+8 && r.GetBlockPoolUsed() == r.GetDfsUsed() && r.GetCapacity() > 0 &&
				r.GetRemaining() > 0 && r.GetRemaining() <= r.GetCapacity() && strings.HasPrefix(r.GetStorage().GetStorageUuid(), "DS-") &&
				b.GetXceiverCount() >= 1 && b.GetRegistration().GetDatanodeID().GetIpAddr() == "127.0.0.1"
		})
		return ok
	})
}

// Of two NameNodes the one with the higher claim is obeyed.
func TestTwoNameNodes(t *testing.T) {
	nn1, nn2 := startNN(t), startNN(t)
	nn2.state = hdfspb.NNHAStatusHeartbeatProto_STANDBY
	d := startNode(t, nn1, t.TempDir(), "dfs.nameservices", "ns", "dfs.ha.namenodes.ns", "a,b",
		"dfs.namenode.rpc-address.ns.a", nn1.addr, "dfs.namenode.rpc-address.ns.b", nn2.addr)
	eventually(t, "both know the DataNode", func() bool {
		n := 0
		for _, nn := range []*fakeNN{nn1, nn2} {
			nn.do(func() { n += min(1, nn.fulls[d.uuid]) })
		}
		return n == 2
	})
	p := testPeers(t)
	for i := range 4 {
		writeBlock(t, p, nn1.located(int64(430+i), 1001, 0, d), []byte("x"))
		nn1.wantStatus(d, int64(430+i), 1001, 1, statusReceived)
		nn2.wantStatus(d, int64(430+i), 1001, 1, statusReceived)
	}
	invalidate := func(nn *fakeNN, id int64) {
		nn.command(d, &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: &datanodepb.BlockCommandProto{
			Action: datanodepb.BlockCommandProto_INVALIDATE.Enum(), BlockPoolId: proto.String(testIdentity.Pool),
			Blocks: []*hdfspb.BlockProto{{BlockId: proto.Uint64(uint64(id)), GenStamp: proto.Uint64(1001), NumBytes: proto.Uint64(1)}}}})
	}
	gone := func(id int64) bool { _, err := d.store.Stat(id); return err != nil }
	taken := func(nn *fakeNN) func() bool {
		return func() (ok bool) {
			nn.do(func() { ok = len(nn.commands[d.uuid]) == 0 })
			return ok
		}
	}
	invalidate(nn2, 430) // a standby
	eventually(t, "the command is taken", taken(nn2))
	invalidate(nn1, 431)
	eventually(t, "the active one is obeyed", func() bool { return gone(431) })
	if gone(430) {
		t.Error("a standby was obeyed")
	}
	nn2.do(func() { nn2.state, nn2.txid = hdfspb.NNHAStatusHeartbeatProto_ACTIVE, 1 }) // no newer claim
	time.Sleep(300 * time.Millisecond)
	invalidate(nn2, 430)
	eventually(t, "the command is taken", taken(nn2))
	nn2.do(func() { nn2.txid = 2 })
	eventually(t, "the newer claim wins", func() bool { return d.claims.current() != nil && d.claims.current().nn.addr == nn2.addr })
	if gone(430) {
		t.Error("an old claim was obeyed")
	}
	invalidate(nn2, 432)
	eventually(t, "the new active one is obeyed", func() bool { return gone(432) })
	nn2.do(func() { nn2.state = hdfspb.NNHAStatusHeartbeatProto_STANDBY })
	eventually(t, "nobody is active", func() bool { return d.claims.current() == nil })
}

// runAlone runs a DataNode that is expected to end by itself.
func runAlone(t *testing.T, c *conf.Config) error {
	t.Helper()
	d, err := New(c, WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = d.Run(ctx)
	if ctx.Err() != nil {
		t.Error("it did not end by itself")
	}
	return err
}

func TestRefusals(t *testing.T) {
	nn := startNN(t)
	dir := t.TempDir()
	d := startNode(t, nn, dir)
	oneLine := func(what string, err error, words ...string) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
			return
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not name %s", what, err, w)
			}
		}
	}
	oneLine("folder in use", runAlone(t, nodeConf(nn.addr, dir)), "in use by another DataNode", dir)
	oneLine("port in use", runAlone(t, nodeConf(nn.addr, t.TempDir(), "dfs.datanode.ipc.address", d.IPCAddr().String())),
		"dfs.datanode.ipc.address", d.IPCAddr().String(), "address already in use")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	other := startNN(t)
	other.id.ClusterID = "CID-other"
	err := runAlone(t, nodeConf(other.addr, dir))
	oneLine("another cluster", err, "CID-other", "CID-test", dir)
	if !errors.Is(err, replicas.ErrIdentity) {
		t.Errorf("kind of %v", err)
	}
	other.do(func() { other.id = testIdentity; other.id.NamespaceID++ })
	oneLine("another namespace", runAlone(t, nodeConf(other.addr, dir)), "namespaceID", "4711", "4712")
	nn.do(func() {
		nn.deny = &rpc.Exception{Class: "org.apache.hadoop.hdfs.server.protocol.DisallowedDatanodeException", Message: "not on my list"}
	})
	oneLine("excluded", runAlone(t, nodeConf(nn.addr, dir)), "not on my list", nn.addr)
	for key, bad := range map[string]string{"dfs.datanode.data.dir": "[TAPE]/x", "dfs.heartbeat.interval": "soon", "fs.defaultFS": "file:///",
		"dfs.datanode.failed.volumes.tolerated": "x", "dfs.datanode.address": "nonsense"} {
		oneLine(key, runAlone(t, nodeConf(nn.addr, t.TempDir(), key, bad)), key, bad)
	}
	oneLine("unwritable folder", runAlone(t, nodeConf(nn.addr, "/proc/nothing")), "/proc/nothing")
	nn.do(func() { nn.deny = nil })
	startNode(t, nn, dir) // after all that the folder is as it was
}

func TestClientDatanodeProtocol(t *testing.T) {
	nn, nodes := cluster(t, 1)
	d := nodes[0]
	c := rpc.NewClient(rpc.ClientConfig{})
	defer c.Close()
	call := func(method string, q, r proto.Message) error {
		return c.Call(context.Background(), d.IPCAddr().String(), clientDatanodeProtocol, method, q, r)
	}
	info := new(hdfspb.GetDatanodeInfoResponseProto)
	if err := call("getDatanodeInfo", &hdfspb.GetDatanodeInfoRequestProto{}, info); err != nil || info.GetLocalInfo().GetSoftwareVersion() != Version {
		t.Error(info, err)
	}
	vols := new(hdfspb.GetVolumeReportResponseProto)
	if err := call("getVolumeReport", &hdfspb.GetVolumeReportRequestProto{}, vols); err != nil || len(vols.GetVolumeInfo()) != 1 || vols.GetVolumeInfo()[0].GetPath() != d.dir {
		t.Error(vols, err)
	}
	eventually(t, "the first full report", func() (ok bool) { nn.do(func() { ok = nn.fulls[d.uuid] == 1 }); return ok })
	if err := call("triggerBlockReport", &hdfspb.TriggerBlockReportRequestProto{Incremental: proto.Bool(false)}, &hdfspb.TriggerBlockReportResponseProto{}); err != nil {
		t.Error(err)
	}
	eventually(t, "a second full report", func() (ok bool) { nn.do(func() { ok = nn.fulls[d.uuid] == 2 }); return ok })
	var e *rpc.Exception
	err := call("deleteBlockPool", &hdfspb.DeleteBlockPoolRequestProto{BlockPool: proto.String("x"), Force: proto.Bool(true)}, &hdfspb.DeleteBlockPoolResponseProto{})
	if !errors.As(err, &e) || e.Class != classUnsupported {
		t.Error(err)
	}
	err = call("getReplicaVisibleLength", &hdfspb.GetReplicaVisibleLengthRequestProto{Block: nn.located(1, 1, 0).B}, &hdfspb.GetReplicaVisibleLengthResponseProto{})
	if !errors.As(err, &e) || e.Class != classNotFound {
		t.Error(err)
	}
	resp, err := http.Get("http://" + d.HTTPAddr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var st status
	if b, err := io.ReadAll(resp.Body); err != nil || json.Unmarshal(b, &st) != nil || st.DatanodeUUID != d.uuid || st.Active != nn.addr {
		t.Errorf("%s %v", b, err)
	}
}

// Connections that say nothing neither stop the DataNode nor keep it from working.
func TestIdleConnections(t *testing.T) {
	nn, nodes := cluster(t, 1, "dfs.datanode.max.transfer.threads", "50")
	for range 200 {
		c, err := net.Dial("tcp", nodes[0].DataAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	eventually(t, "the rest is refused", func() bool { return strings.Contains(nodes[0].log.String(), "max.transfer.threads") })
	if err := nodes[0].stop(); err != nil {
		t.Fatal(err)
	}
	_ = nn
}

func TestReserved(t *testing.T) {
	nn := startNN(t)
	d := startNode(t, nn, t.TempDir(), "dfs.datanode.du.reserved", "1e")
	_, err := datatransfer.CreateBlock(context.Background(), writerConf(testPeers(t)), nn.located(440, 1001, 0, d), testBlockSize)
	if pe := broken(t, err); !strings.Contains(pe.Error(), "no space") {
		t.Error(err)
	}
	eventually(t, "no room is reported", func() (ok bool) {
		nn.do(func() {
			r := nn.beats[d.uuid].GetReports()
			ok = len(r) == 1 && r[0].GetRemaining() == 0 && r[0].GetCapacity() == 0
		})
		return ok
	})
}

func TestNameNodeAddresses(t *testing.T) {
	cases := []struct {
		kv   map[string]string
		want string
	}{
		{map[string]string{"fs.defaultFS": "hdfs://h"}, "[{h:8020 h:8020}]"},
		{map[string]string{"fs.defaultFS": "hdfs://h:1", "dfs.namenode.rpc-address": "i:2"}, "[{i:2 i:2}]"},
		{map[string]string{"fs.defaultFS": "hdfs://h:1", "dfs.namenode.rpc-address": "i:2", "dfs.namenode.servicerpc-address": "j:3"}, "[{j:3 j:3}]"},
		{map[string]string{"fs.defaultFS": "hdfs://ns", "dfs.nameservices": "ns", "dfs.ha.namenodes.ns": "a,b", "dfs.namenode.rpc-address.ns.a": "i:2",
			"dfs.namenode.rpc-address.ns.b": "k", "dfs.namenode.servicerpc-address.ns.a": "j:3"}, "[{a/j:3 j:3} {b/k:8020 k:8020}]"},
		{map[string]string{"fs.defaultFS": "hdfs://ns", "dfs.nameservices": "ns", "dfs.namenode.rpc-address.ns": "i:2"}, "[{i:2 i:2}]"},
		{map[string]string{"dfs.nameservices": "x,ns", "dfs.internal.nameservices": "ns", "dfs.namenode.rpc-address.ns": "i:2"}, "[{i:2 i:2}]"},
		{map[string]string{"dfs.nameservices": "x,ns"}, ""},
		{map[string]string{"fs.defaultFS": "file:///"}, ""},
		{map[string]string{"dfs.nameservices": "ns", "dfs.ha.namenodes.ns": "a"}, ""},
	}
	for _, c := range cases {
		got, err := nameNodes(conf.New(c.kv))
		if c.want == "" && err == nil || c.want != "" && (err != nil || fmt.Sprint(got) != c.want) {
			t.Errorf("%v: %v %v, want %s", c.kv, got, err, c.want)
		}
	}
}

// When a client hears that a block is finished the NameNode has heard it, too.
func TestNameNodeHearsFirst(t *testing.T) {
	nn, nodes := cluster(t, 2)
	p := testPeers(t)
	for i := range 20 {
		id := int64(450 + i)
		writeBlock(t, p, nn.located(id, 1001, 0, nodes...), []byte("small"))
		nn.do(func() {
			if b := nn.known[nodes[1].uuid][id]; b.GetStatus() != statusReceived {
				t.Errorf("blk_%d was acked, the NameNode knows %v", id, b)
			}
		})
	}
}

// An operator has writers evicted and the DataNode stopped; nobody else does.
func TestOrders(t *testing.T) {
	nn, nodes := cluster(t, 1)
	d := nodes[0]
	call := func(user, method string, q, r proto.Message) error {
		c := rpc.NewClient(rpc.ClientConfig{User: user})
		defer c.Close()
		return c.Call(context.Background(), d.IPCAddr().String(), clientDatanodeProtocol, method, q, r)
	}
	evict := func(user string) error {
		return call(user, "evictWriters", &hdfspb.EvictWritersRequestProto{}, &hdfspb.EvictWritersResponseProto{})
	}
	stop := func(user string, upgrade bool) error {
		return call(user, "shutdownDatanode", &hdfspb.ShutdownDatanodeRequestProto{ForUpgrade: &upgrade}, &hdfspb.ShutdownDatanodeResponseProto{})
	}
	var e *rpc.Exception
	for what, err := range map[string]error{"evict": evict("mallory-the-stranger"), "stop": stop("mallory-the-stranger", false)} {
		if !errors.As(err, &e) || e.Class != classAccess {
			t.Errorf("%s by a stranger: %v", what, err)
		}
	}
	w, err := datatransfer.CreateBlock(context.Background(), writerConf(testPeers(t)), nn.located(440, 1001, 0, d), testBlockSize)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := evict(""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the writer has lost its DataNode", func() bool { _, err := w.Write(make([]byte, 1000)); return err != nil || w.Flush() != nil })
	if err := stop("", true); !errors.As(err, &e) || e.Class != classUnsupported {
		t.Errorf("stop for an upgrade: %v", err)
	}
	if err := stop("", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the DataNode stops", func() bool {
		c, err := net.Dial("tcp", d.IPCAddr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

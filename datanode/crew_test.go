package datanode

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/hopsqlpb"
)

// living is the list that NameNodes give of themselves; ids begin with first.
func living(t testing.TB, first int64, nns ...*fakeNN) []*hopsqlpb.ActiveNodeProto {
	list := []*hopsqlpb.ActiveNodeProto{}
	for i, nn := range nns {
		host, port, err := net.SplitHostPort(nn.addr)
		n, err2 := strconv.Atoi(port)
		if err != nil || err2 != nil {
			t.Fatal(nn.addr)
		}
		list = append(list, &hopsqlpb.ActiveNodeProto{Id: proto.Int64(first + int64(i)), RpcIpAddress: &host, RpcHostname: proto.String("localhost"), RpcPort: proto.Int32(int32(n))})
	}
	return list
}

func (n *fakeNN) registrations(d *testNode) (count int) {
	n.do(func() { count = n.regs[d.uuid] })
	return count
}

func (d *testNode) namenodes() (addrs []string) {
	for _, a := range d.crew.all() {
		addrs = append(addrs, a.nn.addr)
	}
	return addrs
}

// A DataNode that knows one NameNode registers with all of them, reports to
// all, and leaves those that are gone.
func TestFindsNameNodes(t *testing.T) {
	nn1, nn2, nn3 := startNN(t), startNN(t), startNN(t)
	standby := hdfspb.NNHAStatusHeartbeatProto_STANDBY
	nn2.state, nn3.state = standby, standby
	nn1.do(func() { nn1.living = living(t, 1, nn1, nn2) })
	nn2.do(func() { nn2.living = living(t, 1, nn1, nn2) })
	d := startNode(t, nn1, t.TempDir())
	d.crew.mu.Lock()
	d.crew.goneFor = 300 * time.Millisecond
	d.crew.mu.Unlock()
	eventually(t, "it registers with the second", func() bool { return nn2.registrations(d) == 1 })
	writeBlock(t, testPeers(t), nn1.located(700, 1001, 0, d), []byte("x"))
	nn1.wantStatus(d, 700, 1001, 1, statusReceived)
	nn2.wantStatus(d, 700, 1001, 1, statusReceived)

	all := living(t, 1, nn1, nn2, nn3)
	nn1.do(func() { nn1.living = all })
	eventually(t, "it registers with the third", func() bool { return nn3.registrations(d) == 1 })
	nn1.stop() // the one that is configured
	nn2.do(func() { nn2.living = all[1:] })
	nn3.do(func() { nn3.living = all[1:] })
	writeBlock(t, testPeers(t), nn2.located(701, 1002, 0, d), []byte("xy"))
	nn2.wantStatus(d, 701, 1002, 2, statusReceived)
	nn3.wantStatus(d, 701, 1002, 2, statusReceived)
	nn2.do(func() { nn2.living = all[1:2] })
	nn3.do(func() { nn3.living = all[1:2] })
	eventually(t, "the third is left", func() bool { return len(d.crew.all()) == 2 })
	if got, want := fmt.Sprint(d.namenodes()), fmt.Sprint([]string{nn1.addr, nn2.addr}); got != want {
		t.Errorf("actors for %s, want %s: what is configured stays", got, want)
	}
	for _, nn := range []*fakeNN{nn1, nn2, nn3} {
		if n := nn.registrations(d); n != 1 {
			t.Errorf("%d registrations at %s", n, nn.addr)
		}
	}
}

// A NameNode that is configured by another name than the one that it has on the
// list is not another one.
func TestOneActorForEachNameNode(t *testing.T) {
	nn := startNN(t)
	nn.do(func() { nn.living = living(t, 1, nn) })
	_, port, _ := net.SplitHostPort(nn.addr)
	d := startNode(t, nn, t.TempDir(), "fs.defaultFS", "hdfs://localhost:"+port)
	eventually(t, "the list was taken", func() (ok bool) {
		d.crew.mu.Lock()
		defer d.crew.mu.Unlock()
		for _, m := range d.crew.members {
			ok = ok || m.id == 1
		}
		return ok
	})
	if n := len(d.crew.all()); n != 1 {
		t.Errorf("%d actors: %v", n, d.namenodes())
	}
}

// A NameNode that is found and refuses is left alone until another process is there.
func TestFoundNameNodeRefuses(t *testing.T) {
	nn1, nn2 := startNN(t), startNN(t)
	nn2.id.ClusterID = "CID-other"
	nn1.do(func() { nn1.living = living(t, 1, nn1, nn2) })
	d := startNode(t, nn1, t.TempDir())
	eventually(t, "it is given up", func() bool { return strings.Contains(d.log.String(), "NameNode given up") && len(d.crew.all()) == 1 })
	time.Sleep(300 * time.Millisecond) // some more lists
	if n := strings.Count(d.log.String(), "NameNode given up"); n != 1 {
		t.Errorf("tried %d times", n)
	}
	nn2.do(func() { nn2.id = testIdentity })
	nn1.do(func() { nn1.living = living(t, 2, nn1, nn2) })
	eventually(t, "it registers with the next process there", func() bool { return nn2.registrations(d) == 1 })
}

// A NameNode that is restarted is registered with again without waiting for the
// next heartbeat; others that are out of reach don't matter.
func TestQuickReturn(t *testing.T) {
	nn := startNN(t)
	d := startNode(t, nn, t.TempDir(), "dfs.heartbeat.interval", "1h", "dfs.namenodes.rpc.addresses", "127.0.0.1:1,192.0.2.1:8020")
	nn.stop()
	eventually(t, "the outage is noticed", func() bool { return strings.Contains(d.log.String(), "out of reach, trying on\" namenode="+nn.addr) })
	again := startNNAt(t, nn.addr)
	began := time.Now()
	eventually(t, "it registers again", func() bool { return again.registrations(d) == 1 })
	t.Logf("registered after %v", time.Since(began))
	eventually(t, "the full report", func() (ok bool) { again.do(func() { ok = again.fulls[d.uuid] == 1 }); return ok })
}

// What is kept for a NameNode that is away is bounded; a full report replaces it.
func TestChangesAreBounded(t *testing.T) {
	o := newOutbox()
	note := func(id int) {
		o.change("DS-1", &received{Status: datanodepb.ReceivedDeletedBlockInfoProto_DELETED.Enum(), Block: &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(id))}})
	}
	for id := range maxChanges {
		note(id)
	}
	taken, _ := o.take()
	if len(taken["DS-1"]) != maxChanges || o.takeLost() {
		t.Fatalf("%d changes kept, want %d", len(taken["DS-1"]), maxChanges)
	}
	note(maxChanges)
	o.putBack(taken) // one too many
	if left, _ := o.take(); len(left["DS-1"]) != 0 || !o.takeLost() || o.takeLost() {
		t.Errorf("%d changes kept, want none and a full report", len(left["DS-1"]))
	}

	nn, nodes := cluster(t, 1)
	fulls := func() (n int) { nn.do(func() { n = nn.fulls[nodes[0].uuid] }); return n }
	eventually(t, "the first full report", func() bool { return fulls() == 1 })
	out := nodes[0].crew.all()[0].out
	out.mu.Lock()
	out.lost = true
	out.mu.Unlock()
	eventually(t, "another full report", func() bool { return fulls() == 2 })
}

func TestNameNodesOfHopsFSKeys(t *testing.T) {
	for kv, want := range map[[4]string]string{
		{"fs.defaultFS", "hdfs://h", "dfs.namenodes.rpc.addresses", "h:8020, i:1"}:            "[{h:8020 h:8020} {i:1 i:1}]",
		{"dfs.namenodes.servicerpc.addresses", "i:2,j", "dfs.namenodes.rpc.addresses", "k:1"}: "[{i:2 i:2} {j:8020 j:8020}]",
		{"fs.defaultFS", "hdfs://h", "dfs.namenodes.servicerpc.addresses", ":9"}:              "error",
		{"fs.defaultFS", "file:///", "dfs.namenodes.servicerpc.addresses", "192.0.2.1:9"}:     "[{192.0.2.1:9 192.0.2.1:9}]",
		{"fs.defaultFS", "hdfs://h", "dfs.namenode.servicerpc-address", "h:9"}:                "[{h:9 h:9}]",
	} {
		got, err := nameNodes(conf.New(map[string]string{kv[0]: kv[1], kv[2]: kv[3]}))
		if text := fmt.Sprint(got); err != nil && want != "error" || err == nil && text != want {
			t.Errorf("%v: %s, %v; want %s", kv, text, err, want)
		}
	}
}

// One NameNode that hangs does not slow down what another one is told.
func TestHangingNameNode(t *testing.T) {
	nn := startNN(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := startNode(t, nn, t.TempDir(), "dfs.namenodes.rpc.addresses", l.Addr().String())
	writeBlock(t, testPeers(t), nn.located(710, 1001, 0, d), []byte("x"))
	nn.wantStatus(d, 710, 1001, 1, statusReceived)
}

// The end of a recovery is told to another NameNode when the active one goes away.
func TestCommitGoesOnElsewhere(t *testing.T) {
	nn1, nn2 := startNN(t), startNN(t)
	nn1.stuck = make(chan struct{})
	t.Cleanup(func() { close(nn1.stuck) })
	nn2.state = hdfspb.NNHAStatusHeartbeatProto_STANDBY
	d := startNode(t, nn1, t.TempDir(), "dfs.namenodes.rpc.addresses", nn2.addr)
	eventually(t, "both know it", func() bool { return nn1.registrations(d) == 1 && nn2.registrations(d) == 1 })
	lb := nn1.located(720, 1001, 0, d)
	writeBlock(t, testPeers(t), lb, []byte("abc"))
	nn1.command(d, recoverCommand(lb, 1002))
	nn1.wantCommit(720, 1002, 3, false, 1)
	nn1.stop() // without an answer
	nn2.wantCommit(720, 1002, 3, false, 1)
}

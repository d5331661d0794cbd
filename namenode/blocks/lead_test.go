package blocks_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

func beat(t *testing.T, n *fakecluster.NameNode, d *fakecluster.Datanode) blocks.HeartbeatReply {
	t.Helper()
	reply, err := n.Reg.Heartbeat(ctx, blocks.HeartbeatReport{Datanode: d.Row.UUID, WantLease: true,
		Storages: []blocks.StorageUsage{{StorageRef: d.Storage, Capacity: 1 << 40, Remaining: 1 << 39}}})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// TestTakeOver: a new leader has every DataNode register, and uses it meanwhile.
func TestTakeOver(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	second := c.Second()
	c.Lead(second)
	d := c.DN[0]
	for range 2 { // the answer may get lost
		if r := beat(t, second, d); !r.Register || len(r.Commands) != 0 || r.Lease != 0 {
			t.Fatalf("a heartbeat to the new leader is answered with %+v", r)
		}
	}
	if got := second.Reg.Choose(blocks.Placement{Count: 2, BlockSize: mib, Policy: 7}); len(got) != 2 {
		t.Errorf("%d of 2 DataNodes can be chosen", len(got))
	}
	if err := second.Reg.Register(ctx, d.Row); err != nil {
		t.Fatal(err)
	}
	if r := beat(t, second, d); r.Register || r.Lease == 0 {
		t.Errorf("after it registered: %+v", r)
	}
}

// TestResign: commands go with the lead, the reasons for them stay.
func TestResign(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	second := c.Second()
	b := c.Write("/f", 3, mib)[0]
	if _, err := second.NS.SetReplication(ctx, fakecluster.Root, "/f", 1); err != nil {
		t.Fatal(err)
	}
	c.Tick()
	c.Tick() // the deletions wait for heartbeats now
	c.Lead(second)
	for _, d := range c.DN {
		if r := beat(t, c.NN[0], d); r.Register || len(r.Commands) != 0 {
			t.Errorf("who led before says %+v", r)
		}
	}
	if r := beat(t, second, c.DN[0]); !r.Register {
		t.Errorf("the new leader says %+v", r)
	}
	c.Live(9 * time.Second)
	if c.Holders(b.ID) != 1 || len(c.Rows(schema.Invalidations)) != 0 {
		t.Errorf("%d replicas, want 1; queue %v", c.Holders(b.ID), c.Rows(schema.Invalidations))
	}
}

// TestStandbyGetsNoCommands: the DataNode was told that another NameNode leads,
// before the registry was.
func TestStandbyGetsNoCommands(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	c.Write("/f", 1, mib)
	if _, err := c.NS.Delete(ctx, fakecluster.Root, "/f", false); err != nil {
		t.Fatal(err)
	}
	c.Tick()
	hb := blocks.HeartbeatReport{Datanode: c.DN[0].Row.UUID, Standby: true, Storages: []blocks.StorageUsage{{StorageRef: c.DN[0].Storage}}}
	if r, err := c.Reg.Heartbeat(ctx, hb); err != nil || len(r.Commands) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	hb.Standby = false
	if r, err := c.Reg.Heartbeat(ctx, hb); err != nil || len(r.Commands) != 1 {
		t.Errorf("its deletion is lost: %+v, %v", r, err)
	}
}

// TestFullReportBesideNews: the DataNode made its report before it received a block,
// and told the NameNode that waits for it first.
func TestFullReportBesideNews(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
		second := c.Second()
		d := c.DN[0]
		old := d.FullReportOf()
		st, err := second.NS.Create(ctx, fakecluster.Root, createRequest("/f", "w", 1))
		if err != nil {
			t.Fatal(err)
		}
		lb, err := second.NS.AddBlock(ctx, fakecluster.Root, addRequest("/f", "w", st.ID))
		if err != nil {
			t.Fatal(err)
		}
		b := blocks.IDOf(&lb.Block)
		b.NumBytes = 9
		event := blocks.Event{Kind: blocks.Received, Block: b}
		d.Replicas[b.ID] = blocks.ReportedReplica{Block: b, State: blocks.ReportFinalized}
		d.ReportTo(second, event)
		if done, err := second.NS.Complete(ctx, fakecluster.Root, "/f", "w", &b, st.ID); !done || err != nil {
			t.Fatal(done, err)
		}
		if err := c.Reg.FullReport(ctx, old); err != nil {
			t.Fatal(err)
		}
		if good(c, b.ID) != 1 {
			t.Fatal("an old report took the replica away")
		}
		if arrives {
			d.ReportTo(c.NN[0], event)
		}
		c.Pass(9 * time.Second)
		c.Tick()
		if good(c, b.ID) != 1 {
			t.Error("gone before the news could arrive")
		}
		c.Pass(2 * time.Second)
		c.Tick()
		if want := map[bool]int{true: 1, false: 0}[arrives]; good(c, b.ID) != want {
			t.Errorf("news arrive: %v; then there are %d good replicas", arrives, good(c, b.ID))
		}
	}
}

// TestFullReportAtWhoDoesNotLead is counted, and changes nothing.
func TestFullReportAtWhoDoesNotLead(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	second := c.Second()
	b := c.Write("/f", 1, mib)[0]
	rep := c.DN[0].FullReportOf()
	rep.Replicas = []blocks.ReportedReplica{{Block: blocks.Block{ID: 7}}, {Block: blocks.Block{ID: 8}}}
	calls := second.Store.Calls()
	if err := second.Reg.FullReport(ctx, rep); err != nil {
		t.Fatal(err)
	}
	if n := second.Store.Calls() - calls; n != 0 || good(c, b.ID) != 1 {
		t.Errorf("it took %d round trips, %d good replicas", n, good(c, b.ID))
	}
	if st := second.Reg.Datanodes(blocks.ListLive); len(st) != 1 || st[0].NumBlocks != 2 || st[0].LastReport == 0 {
		t.Errorf("its view of the DataNode: %+v", st)
	}
}

// TestDeletionsAreTheLeaders: others only forget what they kept.
func TestDeletionsAreTheLeaders(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	second := c.Second()
	b := c.Write("/f", 2, mib)[0]
	d := c.DN[0]
	event := blocks.Event{Kind: blocks.Deleted, Block: b}
	d.ReportTo(second, event)
	if good(c, b.ID) != 2 {
		t.Error("who does not lead took a replica away")
	}
	d.ReportTo(c.NN[0], event)
	if good(c, b.ID) != 1 {
		t.Error("the leader did not take the replica away")
	}
	delete(d.Replicas, b.ID)
}

// TestReceivedAndDeleted: the leader kept that a replica came when it hears that it
// went.
func TestReceivedAndDeleted(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	c.Second()
	b := c.Write("/f", 1, mib)[0]
	d := c.DN[0]
	if _, has := d.Replicas[b.ID]; has {
		d = c.DN[1]
	}
	// As a balancer does: no NameNode waits for it.
	c.Pass(2 * time.Hour)
	c.Beat()
	d.Report(blocks.Event{Kind: blocks.Received, Block: b})
	d.Report(blocks.Event{Kind: blocks.Deleted, Block: b})
	c.Pass(5 * time.Second)
	c.Tick()
	if n := len(c.Replicas(b.ID)); n != 1 {
		t.Errorf("%d replicas, want 1", n)
	}
}

// TestOldNewsAreIgnored: the leader looks at a report when the block has been appended
// to since, and so does a NameNode that is asked for the first time.
func TestOldNewsAreIgnored(t *testing.T) {
	for _, apply := range []func(c *fakecluster.Cluster, third *fakecluster.NameNode, block int64) error{
		func(c *fakecluster.Cluster, _ *fakecluster.NameNode, _ int64) error {
			c.Pass(1500 * time.Millisecond) // the old one is due, the new one is not
			return c.Reg.Attend(ctx)
		},
		func(_ *fakecluster.Cluster, third *fakecluster.NameNode, block int64) error {
			_, err := third.Reg.Await(ctx, block)
			return err
		},
	} {
		c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
		second, third := c.Second(), c.Second()
		st, err := second.NS.Create(ctx, fakecluster.Root, createRequest("/f", "w", 1))
		if err != nil {
			t.Fatal(err)
		}
		lb, err := second.NS.AddBlock(ctx, fakecluster.Root, addRequest("/f", "w", st.ID))
		if err != nil {
			t.Fatal(err)
		}
		b := c.Fill(lb, 9)
		if done, err := second.NS.Complete(ctx, fakecluster.Root, "/f", "w", &b, st.ID); !done || err != nil {
			t.Fatal(done, err)
		}
		c.Pass(time.Second)
		if _, _, err := second.NS.Append(ctx, fakecluster.Root, "/f", "w", 0); err != nil {
			t.Fatal(err)
		}
		up, err := second.NS.UpdateBlockForPipeline(ctx, fakecluster.Root, "w", b)
		if err != nil {
			t.Fatal(err)
		}
		next := blocks.Block{ID: b.ID, GenerationStamp: up.GenerationStamp, NumBytes: 9}
		if err := second.NS.UpdatePipeline(ctx, fakecluster.Root, updateRequest("w", b, next, lb.Targets)); err != nil {
			t.Fatal(err)
		}
		next.NumBytes = 12
		third.Deaf = true // to the new report, so that it knows the old one only
		c.DN[0].Store(next)
		if done, err := second.NS.Complete(ctx, fakecluster.Root, "/f", "w", &next, st.ID); !done || err != nil {
			t.Fatal(done, err)
		}
		if err := apply(c, third, b.ID); err != nil {
			t.Fatal(err)
		}
		if reps := c.Replicas(b.ID); len(reps) != 1 || reps[0].State != schema.ReplicaFinalized || reps[0].GenerationStamp != next.GenerationStamp ||
			len(c.Rows(schema.Invalidations)) != 0 {
			t.Errorf("replicas %+v, deletions %v", reps, c.Rows(schema.Invalidations))
		}
	}
}

// TestBadBlocksOutliveTheLeader: DataNodes tell all NameNodes once.
func TestBadBlocksOutliveTheLeader(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	second := c.Second()
	b := c.Write("/f", 2, mib)[0]
	bad := []blocks.BadReplica{{Block: b, Datanode: c.Locate("/f").Blocks[0].Targets[0].Datanode.UUID}}
	c.Kill(c.NN[0])
	if err := second.Reg.ReportedBadBlocks(ctx, bad); err != nil {
		t.Fatal(err)
	}
	if good(c, b.ID) != 2 {
		t.Fatal("who does not lead marked it")
	}
	c.Lead(second)
	c.Pass(3 * time.Second)
	if err := second.Reg.Attend(ctx); err != nil {
		t.Fatal(err)
	}
	if good(c, b.ID) != 1 {
		t.Error("nobody marked the replica as corrupt")
	}
}

// TestInboxIsBounded: what does not fit is applied by the leader at once, and
// dropped by the others.
func TestInboxIsBounded(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	second := c.Second()
	var flood []blocks.Event
	for i := range 1 << 16 {
		flood = append(flood, blocks.Event{Kind: blocks.Received, Block: blocks.Block{ID: int64(-1 - i)}})
	}
	c.DN[0].Report(flood...)
	if n := len(c.Rows(schema.Invalidations)); n != 0 {
		t.Fatalf("%d events were applied at once", n)
	}
	one := blocks.Event{Kind: blocks.Received, Block: blocks.Block{ID: -1 << 20}}
	c.DN[0].ReportTo(second, one)
	if n := len(c.Rows(schema.Invalidations)); n != 0 {
		t.Error("who does not lead applied an event of nobody's block")
	}
	c.DN[0].ReportTo(c.NN[0], one)
	if n := len(c.Rows(schema.Invalidations)); n != 1 {
		t.Errorf("%d events were applied, want the one that found no room", n)
	}
}

func standby(err error) bool { return errors.Is(err, fault.Standby) }

// TestJoining: a NameNode that starts beside another one is not in safe mode, reads,
// and sends writers on until its DataNodes have come.
func TestJoining(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2, Safe: &blocks.SafeOptions{Threshold: 0.999, Extension: 30 * time.Second}})
	check(t, c)
	c.Write("/f", 2, mib)
	second := c.AddNameNode()
	look := func() (on, joining bool) {
		t.Helper()
		if err := second.Safe.Check(ctx); err != nil {
			t.Fatal(err)
		}
		on, _ = second.Safe.On()
		return on, second.Safe.Joining()
	}
	if on, joining := look(); on || !joining {
		t.Fatalf("safe mode %v, joining %v", on, joining)
	}
	if err := second.NS.Mkdirs(ctx, fakecluster.Root, "/d", 0o755, true); !standby(err) {
		t.Errorf("mkdirs: %v", err)
	}
	if l, err := second.NS.GetBlockLocations(ctx, fakecluster.Root, "/f", 0, mib); err != nil || len(l.Blocks[0].Targets) != 2 {
		t.Errorf("locations %+v, %v", l, err)
	}
	c.DN[0].BeatTo(second) // Register
	c.DN[0].BeatTo(second)
	if _, joining := look(); !joining {
		t.Error("one of two DataNodes has come, and it writes")
	}
	if err := c.Safe.Enter(ctx); err != nil {
		t.Fatal(err)
	}
	if on, joining := look(); !on || joining {
		t.Errorf("manual safe mode: on %v, joining %v", on, joining)
	}
	if err := c.Safe.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	c.DN[1].BeatTo(second)
	c.DN[1].BeatTo(second)
	if on, joining := look(); on || joining {
		t.Errorf("all DataNodes have come: safe mode %v, joining %v", on, joining)
	}
	if err := second.NS.Mkdirs(ctx, fakecluster.Root, "/d", 0o755, true); err != nil {
		t.Error(err)
	}
}

// TestJoiningEnds though a DataNode of the table is dead; and it goes on when the
// others die meanwhile.
func TestJoiningEnds(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2, Safe: &blocks.SafeOptions{Threshold: 0.999}})
	check(t, c)
	c.Write("/f", 2, mib)
	second := c.AddNameNode()
	state := func() (on, joining bool) {
		t.Helper()
		if err := second.Safe.Check(ctx); err != nil {
			t.Fatal(err)
		}
		on, _ = second.Safe.On()
		return on, second.Safe.Joining()
	}
	state()
	c.Pass(9 * time.Second) // by now the first one is known to live
	state()
	c.Kill(c.NN[0])
	c.Lead(second)
	if on, joining := state(); on || !joining {
		t.Fatalf("alone: safe mode %v, joining %v", on, joining)
	}
	c.DN[0].Down = true
	c.Pass(22 * time.Second)
	c.DN[1].BeatTo(second)
	c.DN[1].BeatTo(second)
	if on, joining := state(); on || joining {
		t.Errorf("after half a minute: safe mode %v, joining %v", on, joining)
	}
}

// TestAddBlockWithoutDatanodes: they beat at another NameNode.
func TestAddBlockWithoutDatanodes(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	second := c.AddNameNode()
	st := c.Create("/f", "w", 1)
	_, err := second.NS.AddBlock(ctx, fakecluster.Root, addRequest("/f", "w", st.ID))
	if !standby(err) {
		t.Errorf("with another NameNode: %v", err)
	}
	c.Kill(c.NN[0])
	_, err = second.NS.AddBlock(ctx, fakecluster.Root, addRequest("/f", "w", st.ID))
	if err == nil || !strings.Contains(err.Error(), "could only be written to 0 of the 1 minReplication nodes") {
		t.Errorf("alone: %v", err)
	}
}

// TestAllStartAtOnce: then there is nobody to join, and safe mode ends for all when
// it ends for one.
func TestAllStartAtOnce(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Safe: &blocks.SafeOptions{Threshold: 1, Extension: 30 * time.Second}})
	check(t, c)
	c.Write("/f", 1, mib)
	second := c.AddNameNode()
	c.Restart()
	if on, _ := check(t, c); !on {
		t.Fatal("the first one is not in safe mode")
	}
	if err := second.Safe.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if on, _ := second.Safe.On(); !on || second.Safe.Joining() {
		t.Errorf("the second: safe mode %v, joining %v", on, second.Safe.Joining())
	}
	c.Beat()
	c.Beat()
	check(t, c)
	c.Pass(31 * time.Second)
	if on, why := check(t, c); on {
		t.Fatal(why)
	}
	if err := second.Safe.Check(ctx); err != nil {
		t.Fatal(err)
	}
	if on, _ := second.Safe.On(); on || second.Safe.Joining() {
		t.Errorf("the second stays behind: safe mode %v, joining %v", on, second.Safe.Joining())
	}
}

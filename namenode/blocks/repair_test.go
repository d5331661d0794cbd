package blocks_test

import (
	"context"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

const mib = 1 << 20

// good counts the finalized rows of a block.
func good(c *fakecluster.Cluster, block int64) int {
	n := 0
	for _, rep := range c.Replicas(block) {
		if rep.State == schema.ReplicaFinalized {
			n++
		}
	}
	return n
}

func TestDeadDatanodeIsReplaced(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	b := c.Write("/f", 3, mib)[0]
	var victim *fakecluster.Datanode
	for _, d := range c.DN {
		if _, ok := d.Replicas[b.ID]; ok {
			victim = d
		}
	}
	victim.Down = true
	c.Live(10 * time.Minute)
	if n := len(c.Rows(schema.Reconstructions)); n != 0 || c.Holders(b.ID) != 2 {
		t.Fatalf("before it is dead: %d queued, %d holders", n, c.Holders(b.ID))
	}
	c.Live(time.Minute)
	if c.Holders(b.ID) != 3 {
		t.Fatalf("a minute after it died there are %d replicas", c.Holders(b.ID))
	}
	c.Live(15 * time.Second)
	if n := len(c.Rows(schema.Reconstructions)); n != 0 {
		t.Errorf("%d blocks still queued", n)
	}
	if n := len(c.Locate("/f").Blocks[0].Targets); n != 3 {
		t.Errorf("%d locations, want 3", n)
	}
	// It comes back: now there is one replica too many.
	victim.Down = false
	c.Live(time.Minute)
	if c.Holders(b.ID) != 3 || good(c, b.ID) != 3 || len(c.Rows(schema.Invalidations)) != 0 {
		t.Errorf("after its return: %d replicas, %d rows, %d deletions queued", c.Holders(b.ID), good(c, b.ID), len(c.Rows(schema.Invalidations)))
	}
}

func TestRepairGoesOnAfterRestart(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	var all []blocks.Block
	for i := range 10 {
		all = append(all, c.Write("/f"+string(rune('0'+i)), 3, mib)[0])
	}
	c.DN[0].Down = true
	c.Live(11*time.Minute - 3*time.Second)
	c.Restart() // in the middle of it, perhaps
	c.Live(12 * time.Minute)
	for _, b := range all {
		if c.Holders(b.ID) != 3 {
			t.Errorf("block %s has %d replicas", b, c.Holders(b.ID))
		}
	}
}

func TestLostTransferIsTriedAgain(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	b := c.Write("/f", 2, mib)[0]
	c.DN[0].Down = true
	c.Live(11 * time.Minute)
	c.AddDatanode("10.0.0.9", 9866)
	c.DN[1].Silent = true // the command is lost
	c.Live(30 * time.Second)
	rows := c.Rows(schema.Reconstructions)
	if len(rows) != 1 || schema.ReconstructionOf(rows[0]).PendingUntil == 0 {
		t.Fatalf("queue: %v", rows)
	}
	c.DN[1].Silent = false
	c.Live(time.Minute)
	if c.Holders(b.ID) != 1 {
		t.Fatal("it was copied before the copy was overdue")
	}
	c.Live(5 * time.Minute)
	if c.Holders(b.ID) != 2 || len(c.Rows(schema.Reconstructions)) != 0 {
		t.Errorf("%d replicas, queue %v", c.Holders(b.ID), c.Rows(schema.Reconstructions))
	}
}

func TestMissingBlockComesBack(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	b := c.Write("/f", 1, mib)[0]
	for _, d := range c.DN {
		_, has := d.Replicas[b.ID]
		d.Down = has
	}
	c.Live(11 * time.Minute)
	if s := c.Reg.Blocks(); s.Missing != 1 || s.MissingOne != 1 || s.UnderReplicated != 0 {
		t.Errorf("stats %+v", s)
	}
	if l := c.Locate("/f"); len(l.Blocks) != 1 || len(l.Blocks[0].Targets) != 0 {
		t.Errorf("locations %+v", l)
	}
	for _, d := range c.DN {
		d.Down = false
	}
	c.Live(15 * time.Second)
	if s := c.Reg.Blocks(); s.Missing != 0 {
		t.Errorf("stats %+v", s)
	}
	if n := len(c.Locate("/f").Blocks[0].Targets); n != 1 {
		t.Errorf("%d locations", n)
	}
}

func TestSetReplication(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	b := c.Write("/f", 2, mib)[0]
	for _, want := range []int{4, 1, 3} {
		if _, err := c.NS.SetReplication(context.Background(), fakecluster.Root, "/f", int64(want)); err != nil {
			t.Fatal(err)
		}
		c.Live(30 * time.Second)
		if c.Holders(b.ID) != want || good(c, b.ID) != want || len(c.Locate("/f").Blocks[0].Targets) != want {
			t.Errorf("setrep %d: %d replicas, %d rows", want, c.Holders(b.ID), good(c, b.ID))
		}
	}
	if n := len(c.Rows(schema.Reconstructions)) + len(c.Rows(schema.Invalidations)); n != 0 {
		t.Errorf("%d rows left in the queues", n)
	}
}

func TestCorruptReplicaIsReplaced(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	b := c.Write("/f", 2, mib)[0]
	l := c.Locate("/f").Blocks[0]
	bad := blocks.BadReplica{Block: b, Datanode: l.Targets[0].Datanode.UUID, Storage: l.Targets[0].Storage.UUID}
	if err := c.Reg.BadBlocks(context.Background(), []blocks.BadReplica{bad}); err != nil {
		t.Fatal(err)
	}
	if l := c.Locate("/f").Blocks[0]; l.Corrupt || len(l.Targets) != 1 {
		t.Errorf("with one bad replica: %+v", l)
	}
	c.Named(bad.Datanode).Silent = true // it keeps the bad replica for now
	c.Tick()
	if s := c.Reg.Blocks(); s.Corrupt != 1 || s.UnderReplicated != 1 || s.HighestPriority != 1 {
		t.Errorf("stats %+v", s)
	}
	c.Live(15 * time.Second)
	if l := c.Locate("/f").Blocks[0]; len(l.Targets) != 2 {
		t.Errorf("repaired: %+v", l)
	}
	c.Named(bad.Datanode).Silent = false
	c.Live(25 * time.Minute)
	if c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas, the bad one should be deleted", c.Holders(b.ID))
	}
}

func TestLastCorruptReplicaStays(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	b := c.Write("/f", 1, mib)[0]
	l := c.Locate("/f").Blocks[0]
	bad := blocks.BadReplica{Block: b, Datanode: l.Targets[0].Datanode.UUID}
	if err := c.Reg.BadBlocks(context.Background(), []blocks.BadReplica{bad}); err != nil {
		t.Fatal(err)
	}
	c.Live(time.Minute)
	if l := c.Locate("/f").Blocks[0]; !l.Corrupt || len(l.Targets) != 1 || c.Holders(b.ID) != 1 {
		t.Errorf("%+v, %d replicas", l, c.Holders(b.ID))
	}
	if s := c.Reg.Blocks(); s.Corrupt != 1 || s.Missing != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestDeletedFilesAreInvalidated(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Blocks: blocks.Options{InvalidateLimit: 5}})
	b := c.Write("/f", 3, mib, mib, mib, mib, mib, mib, mib, 5)
	c.DN[1].Silent = true
	if ok, err := c.NS.Delete(context.Background(), fakecluster.Root, "/f", false); !ok || err != nil {
		t.Fatal(ok, err)
	}
	c.Tick()
	if n := c.Reg.Blocks().PendingDeletion; n != 24 {
		t.Errorf("%d deletions pending, want 24", n)
	}
	c.Live(3 * time.Second)
	if n := len(c.DN[0].Replicas); n != 3 {
		t.Errorf("after one heartbeat %d replicas are left, want 8 - 5", n)
	}
	c.Live(9 * time.Second)
	if n := len(c.Rows(schema.Invalidations)); n != 8 {
		t.Errorf("%d deletions queued, want those of the silent DataNode", n)
	}
	c.DN[1].Silent = false
	c.Live(11 * time.Minute) // sent again after a time
	if n := len(c.Rows(schema.Invalidations)); n != 0 || c.Holders(b[0].ID) != 0 {
		t.Errorf("%d deletions queued, %d replicas", n, c.Holders(b[0].ID))
	}
}

// TestDeletionThatNeverComes: the DataNode has no such replica and says nothing.
func TestDeletionThatNeverComes(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 3)
	c.AddBlock("/f", "w", st.ID, nil)
	if _, err := c.NS.Delete(context.Background(), fakecluster.Root, "/f", false); err != nil {
		t.Fatal(err)
	}
	c.Live(25 * time.Minute)
	if n := len(c.Rows(schema.Invalidations)); n != 0 {
		t.Errorf("%d deletions are queued for ever", n)
	}
}

func TestReplacedDatanodeIsForgotten(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	b := c.Write("/f", 2, mib)[0]
	var old *fakecluster.Datanode
	for _, d := range c.DN {
		if _, ok := d.Replicas[b.ID]; ok {
			old = d
		}
	}
	old.Down = true
	c.AddDatanode(old.Row.IP, old.Row.XferPort) // another UUID on the same address
	c.Live(time.Minute)
	for _, d := range c.Reg.Datanodes(blocks.ListAll) {
		if d.UUID == old.Row.UUID {
			t.Error("the replaced DataNode is still listed")
		}
	}
	if n := len(c.Rows(schema.Datanodes)); n != 3 || len(c.Rows(schema.Storages)) != 3 {
		t.Errorf("%d DataNodes, %d storages", n, len(c.Rows(schema.Storages)))
	}
	if c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
}

func TestFailedVolume(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	b := c.Write("/f", 2, mib)[0]
	var d *fakecluster.Datanode
	for _, o := range c.DN {
		if _, ok := o.Replicas[b.ID]; ok {
			d = o
		}
	}
	d.Storage.UUID = "DS-new" // the old volume is no longer listed
	d.Replicas = map[int64]blocks.ReportedReplica{}
	d.FullReport()
	c.Live(2 * time.Minute)
	if c.Holders(b.ID) != 2 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
}

func TestFatalDiskError(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	b := c.Write("/f", 3, mib)[0]
	for _, d := range c.DN {
		if _, ok := d.Replicas[b.ID]; ok {
			d.Down = true
			c.Reg.ErrorReport(d.Row.UUID, 3, "all volumes failed")
			break
		}
	}
	c.Live(30 * time.Second)
	if c.Holders(b.ID) != 3 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
}

func TestReportOfUnregisteredDatanode(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	err := c.Reg.Incremental(context.Background(), "nobody", []blocks.Events{{Storage: blocks.StorageRef{UUID: "x"}}})
	if fault.KindOf(err) != fault.IO || err == nil {
		t.Errorf("incremental: %v", err)
	}
	err = c.Reg.FullReport(context.Background(), blocks.FullReport{Datanode: "nobody", Storage: blocks.StorageRef{UUID: "x"}})
	if fault.KindOf(err) != fault.IO || err == nil {
		t.Errorf("full: %v", err)
	}
	reply, err := c.Reg.Heartbeat(context.Background(), blocks.HeartbeatReport{Datanode: "nobody"})
	if err != nil || !reply.Register {
		t.Errorf("heartbeat: %+v, %v", reply, err)
	}
}

package blocks_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

var ctx = context.Background()

// TestBenchmarkReports does what NNThroughputBenchmark's blockReport does: DataNodes
// of one address that report before they beat, beat once, hold zero-length blocks
// and report replicas that do not exist, again and again.
func TestBenchmarkReports(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: fakecluster.None})
	for i := range 10 {
		d := c.AddDatanode("127.0.0.1", int64(i+1))
		d.Capacity = 100 << 20
		d.Beat()
	}
	st := c.Create("/bench", "client", 3)
	var last *blocks.Block
	for range 20 {
		lb := c.AddBlock("/bench", "client", st.ID, last)
		if len(lb.Targets) != 3 {
			t.Fatalf("%d targets", len(lb.Targets))
		}
		b := c.Fill(lb, 0)
		last = &b
	}
	c.Complete("/bench", "client", st.ID, last)
	d := c.DN[0]
	known := len(d.Replicas)
	rep := blocks.FullReport{Datanode: d.Row.UUID, Storage: d.Storage}
	for _, r := range d.Replicas {
		rep.Replicas = append(rep.Replicas, r)
	}
	for i := range 100 {
		rep.Replicas = append(rep.Replicas, blocks.ReportedReplica{Block: blocks.Block{ID: int64(i + 1)}})
	}
	rand.Shuffle(len(rep.Replicas), func(i, j int) { rep.Replicas[i], rep.Replicas[j] = rep.Replicas[j], rep.Replicas[i] })
	for i := range 3 {
		var changes int
		c.Store.Observe(func(call faulty.Call) { changes += len(call.Changes) })
		if err := c.Reg.FullReport(ctx, rep); err != nil {
			t.Fatal(err)
		}
		c.Store.Observe(nil)
		if n := len(c.Rows(schema.Invalidations)); n != 100 {
			t.Errorf("report %d: %d replicas to delete, want the 100 unknown ones", i, n)
		}
		if want := []int{100, 0, 0}[i]; changes != want {
			t.Errorf("report %d wrote %d rows, want %d", i, changes, want)
		}
	}
	n := 0
	for _, row := range c.Rows(schema.Replicas) {
		if s := schema.ReplicaOf(row); s.State == schema.ReplicaFinalized {
			n++
		}
	}
	if n != 60 || known == 0 {
		t.Errorf("%d good replicas, want 60; the DataNode had %d", n, known)
	}
}

func TestFullReportFindsWhatIsNew(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	c.DN[2].Silent = true // its incremental reports are lost
	b := c.Write("/f", 3, mib, 7)
	if good(c, b[0].ID) != 2 {
		t.Fatal("the silent DataNode's replica is known")
	}
	c.DN[2].FullReport()
	if good(c, b[0].ID) != 3 || good(c, b[1].ID) != 3 {
		t.Errorf("replicas %+v %+v", c.Replicas(b[0].ID), c.Replicas(b[1].ID))
	}
}

func TestFullReportCompletesCommittedBlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	c.DN[0].Silent = true
	st := c.Create("/f", "w", 1)
	b := c.Fill(c.AddBlock("/f", "w", st.ID, nil), 100)
	done, err := c.NS.Complete(ctx, fakecluster.Root, "/f", "w", &b, st.ID)
	if done || err != nil {
		t.Fatalf("complete without a replica: %v, %v", done, err)
	}
	if row := c.Block(b.ID); row.State != schema.BlockCommitted || row.NumBytes != 100 {
		t.Fatalf("block %+v", row)
	}
	c.DN[0].FullReport()
	c.Complete("/f", "w", st.ID, &b)
}

func TestFullReportFindsWhatIsGone(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	b := c.Write("/f", 3, mib)[0]
	for _, d := range c.DN {
		if _, ok := d.Replicas[b.ID]; ok {
			delete(d.Replicas, b.ID)
			d.FullReport()
			break
		}
	}
	if good(c, b.ID) != 2 {
		t.Fatalf("%d rows", good(c, b.ID))
	}
	c.Live(15 * time.Second)
	if c.Holders(b.ID) != 3 {
		t.Errorf("%d replicas", c.Holders(b.ID))
	}
}

// TestFullReportLeavesWhatIsBeingWritten: the place of a new block is not taken
// away because the DataNode has nothing of it yet.
func TestFullReportLeavesWhatIsBeingWritten(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	for _, d := range c.DN {
		d.FullReport()
	}
	if n := len(c.Replicas(lb.BlockID)); n != 3 {
		t.Fatalf("%d places are left", n)
	}
	c.Start(lb, 10)
	for _, d := range c.DN {
		d.FullReport()
	}
	if n := len(c.Replicas(lb.BlockID)); n != 3 || len(c.Rows(schema.Invalidations)) != 0 {
		t.Errorf("%d places, %v", n, c.Rows(schema.Invalidations))
	}
	b := c.Fill(lb, 20)
	c.Complete("/f", "w", st.ID, &b)
}

// TestOldAndShortReplicas: what does not fit a complete block is corrupt, and goes
// when there are enough good replicas.
func TestOldAndShortReplicas(t *testing.T) {
	for name, bad := range map[string]blocks.ReportedReplica{
		"old stamp":  {Block: blocks.Block{GenerationStamp: schema.FirstGenStamp - 1, NumBytes: mib}, State: blocks.ReportFinalized},
		"new stamp":  {Block: blocks.Block{GenerationStamp: schema.FirstGenStamp + 1, NumBytes: mib}, State: blocks.ReportFinalized},
		"short":      {Block: blocks.Block{GenerationStamp: schema.FirstGenStamp, NumBytes: mib - 1}, State: blocks.ReportFinalized},
		"cut off":    {Block: blocks.Block{GenerationStamp: schema.FirstGenStamp, NumBytes: 5}, State: blocks.ReportRWR},
		"old writer": {Block: blocks.Block{GenerationStamp: schema.FirstGenStamp - 1, NumBytes: 5}, State: blocks.ReportRBW},
	} {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
			b := c.Write("/f", 3, mib)[0]
			var d *fakecluster.Datanode
			for _, o := range c.DN {
				if _, ok := o.Replicas[b.ID]; ok {
					d = o
				}
			}
			bad.ID = b.ID
			d.Replicas[b.ID] = bad
			d.FullReport()
			if good(c, b.ID) != 2 {
				t.Errorf("rows %+v", c.Replicas(b.ID))
			}
			if n := len(c.Locate("/f").Blocks[0].Targets); n != 2 {
				t.Errorf("%d locations", n)
			}
			if n := len(c.Rows(schema.Invalidations)); n != 0 && bad.GenerationStamp >= b.GenerationStamp {
				t.Errorf("it is deleted before there are enough good ones")
			}
			c.Live(time.Minute)
			if _, still := d.Replicas[b.ID]; c.Holders(b.ID) != 3 || good(c, b.ID) != 3 || still && d.Replicas[b.ID] == bad {
				t.Errorf("after a minute: %d holders, rows %+v, bad one there: %v", c.Holders(b.ID), c.Replicas(b.ID), still)
			}
		})
	}
}

// TestStaleReplicaOfBlockBeingWritten: a DataNode that left the pipeline must not
// lose its old replica while nothing else is finalized.
func TestStaleReplicaOfBlockBeingWritten(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	b := c.Start(lb, 10)
	up, err := c.NS.UpdateBlockForPipeline(ctx, fakecluster.Root, "w", b)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Named(lb.Targets[2].Datanode.UUID)
	next := blocks.Block{ID: b.ID, GenerationStamp: up.GenerationStamp, NumBytes: 10}
	pipeline(t, c, "w", b, next, lb.Targets[:2])
	d.Replicas[b.ID] = blocks.ReportedReplica{Block: b, State: blocks.ReportFinalized}
	d.FullReport()
	c.Live(9 * time.Second)
	if _, ok := d.Replicas[b.ID]; !ok {
		t.Fatal("it was deleted while the block is being written")
	}
	for _, target := range lb.Targets[:2] {
		c.Named(target.Datanode.UUID).Store(next)
	}
	c.Complete("/f", "w", st.ID, &next)
	c.Live(time.Minute)
	if c.Holders(b.ID) != 3 || d.Replicas[b.ID].GenerationStamp != next.GenerationStamp {
		t.Errorf("%d holders, the third has %+v", c.Holders(b.ID), d.Replicas[b.ID])
	}
}

func pipeline(t *testing.T, c *fakecluster.Cluster, client string, old, next blocks.Block, targets []blocks.Target) {
	t.Helper()
	r := updateRequest(client, old, next, targets)
	if err := c.NS.UpdatePipeline(ctx, fakecluster.Root, r); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		c.Named(target.Datanode.UUID).Begin(next)
	}
}

// TestReplicaOnAnotherVolume: a DataNode may choose another volume than the one it
// was given.
func TestReplicaOnAnotherVolume(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	st := c.Create("/f", "w", 1)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	b := blocks.IDOf(&lb.Block)
	b.NumBytes = 9
	events := []blocks.Events{{Storage: blocks.StorageRef{UUID: "DS-other", Type: blocks.TypeDisk},
		Events: []blocks.Event{{Kind: blocks.Receiving, Block: b}, {Kind: blocks.Received, Block: b}}}}
	if err := c.Reg.Incremental(ctx, c.DN[0].Row.UUID, events); err != nil {
		t.Fatal(err)
	}
	c.Complete("/f", "w", st.ID, &b)
	if reps := c.Replicas(b.ID); len(reps) != 1 || reps[0].State != schema.ReplicaFinalized {
		t.Errorf("rows %+v", reps)
	}
}

// TestIncrementalIsCheap counts the round trips of a report whose rows are hinted,
// alone and with many blocks.
func TestIncrementalIsCheap(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	d := c.DN[0]
	var events []blocks.Event
	for i := range 40 {
		path := "/d/f" + string(rune('a'+i))
		st := c.Create(path, "w", 1)
		b := blocks.IDOf(&c.AddBlock(path, "w", st.ID, nil).Block)
		b.NumBytes = 5
		events = append(events, blocks.Event{Kind: blocks.Received, Block: b})
	}
	var ops []faulty.Op
	c.Store.Observe(func(call faulty.Call) {
		ops = append(ops, call.Op)
		time.Sleep(time.Millisecond) // as a real store takes
	})
	d.Report(events[0])
	if want := []faulty.Op{faulty.Fetch, faulty.Commit}; !slices.Equal(ops, want) {
		t.Errorf("one block: %v, want %v", ops, want)
	}
	ops = nil
	d.Report(events[1:]...)
	if len(ops) > 20 {
		t.Errorf("39 blocks took %d round trips: %v", len(ops), ops)
	}
	ops = nil
	var gone []blocks.Event
	for i := range 300 {
		gone = append(gone, blocks.Event{Kind: blocks.Deleted, Block: blocks.Block{ID: int64(i + 7)}})
	}
	d.Report(gone...)
	if len(ops) > 3 {
		t.Errorf("300 deletions of unknown blocks took %d round trips: %v", len(ops), ops)
	}
	c.Store.Observe(nil)
}

// TestReportsBesideFailingStore fails every round trip of a report once.
func TestReportsBesideFailingStore(t *testing.T) {
	for i := 1; i < 12; i++ {
		c := fakecluster.New(t, fakecluster.Options{Datanodes: 3})
		st := c.Create("/f", "w", 3)
		b := c.Fill(c.AddBlock("/f", "w", st.ID, nil), 10)
		c.Store.FailAt(i, faulty.Fault{Kind: dal.Conflict})
		c.Complete("/f", "w", st.ID, &b)
		for _, d := range c.DN {
			d.FullReport()
		}
		d := c.DN[0]
		delete(d.Replicas, b.ID)
		d.Report(blocks.Event{Kind: blocks.Deleted, Block: b})
		c.Store.Reset()
		c.Live(6 * time.Second)
	}
}

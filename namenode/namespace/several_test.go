package namespace_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// traffic is what a NameNode asked of the store.
type traffic struct {
	reads   int // round trips without a lock
	locks   int // round trips that lock
	written int // rows
}

// watch counts the traffic of a NameNode from now on. What the engine writes for
// itself is left out.
func watch(n *fakecluster.NameNode) func() traffic {
	var mu sync.Mutex
	var sum traffic
	n.Store.Observe(func(call faulty.Call) {
		mu.Lock()
		defer mu.Unlock()
		switch call.Op {
		case faulty.Read:
			sum.reads++
		case faulty.Fetch:
			sum.locks++
		}
		for _, ch := range call.Changes {
			if ch.Table != schema.BatchMarkers {
				sum.written++
			}
		}
	})
	return func() traffic {
		mu.Lock()
		defer mu.Unlock()
		n.Store.Observe(nil)
		return sum
	}
}

// openAt opens files at a NameNode, each with a block that is not yet reported, and
// returns the blocks.
func openAt(t *testing.T, n *fakecluster.NameNode, path string, count int) (all []blocks.Block) {
	t.Helper()
	for i := range count {
		name := fmt.Sprintf("%s%d", path, i)
		st, err := n.NS.Create(bg, root, namespace.CreateRequest{Src: name, Mode: 0o644, ClientName: "w",
			Flags: namespace.FlagCreate, CreateParent: true, Replication: 1, BlockSize: mib})
		if err != nil {
			t.Fatal(err)
		}
		lb, err := n.NS.AddBlock(bg, root, namespace.AddBlockRequest{Src: name, ClientName: "w", FileID: st.ID})
		if err != nil {
			t.Fatal(err)
		}
		b := blocks.IDOf(&lb.Block)
		b.NumBytes = 100
		all = append(all, b)
	}
	return all
}

func received(all []blocks.Block) (events []blocks.Event) {
	for _, b := range all {
		events = append(events, blocks.Event{Kind: blocks.Received, Block: b})
	}
	return events
}

// TestReportsAreWrittenOnce: a report of k blocks goes to three NameNodes. The one
// that allocated them writes one row for each; the leader finds that with one read,
// and the third does nothing.
func TestReportsAreWrittenOnce(t *testing.T) {
	const k = 40
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Store: open(t)})
			second := c.Second()
			c.Second()
			all := openAt(t, second, "/f", k)
			var counts []func() traffic
			for _, n := range c.NN {
				counts = append(counts, watch(n))
			}
			c.DN[0].Report(received(all)...)
			c.Pass(3 * time.Second)
			for range 3 {
				if err := c.Reg.Attend(bg); err != nil {
					t.Fatal(err)
				}
			}
			leader, allocator, other := counts[0](), counts[1](), counts[2]()
			if allocator.written != k {
				t.Errorf("the NameNode that allocated the blocks wrote %d rows, want %d", allocator.written, k)
			}
			// One read of the replicas, and three idle looks for recoveries.
			if want := (traffic{reads: 1 + 3}); leader != want {
				t.Errorf("the leader: %+v, want %+v", leader, want)
			}
			if other != (traffic{}) {
				t.Errorf("the third NameNode: %+v, want nothing", other)
			}
			for _, row := range c.Rows(schema.Replicas) {
				if rep := schema.ReplicaOf(row); rep.State != schema.ReplicaFinalized {
					t.Errorf("replica %+v", rep)
				}
			}
		})
	}
}

// TestAllocatorDies: nobody waits for its blocks any more. The leader takes them in
// a little later; a call at any NameNode has them at once.
func TestAllocatorDies(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Store: open(t)})
			second, third := c.Second(), c.Second()
			all := openAt(t, second, "/f", 2)
			c.Kill(second)
			c.DN[0].Report(received(all)...)
			if done, err := third.NS.Complete(bg, root, "/f0", "w", &all[0], 0); !done || err != nil {
				t.Errorf("complete at a NameNode that kept the report: %v, %v", done, err)
			}
			if err := c.Reg.Attend(bg); err != nil {
				t.Fatal(err)
			}
			if rep := c.Replicas(all[1].ID); rep[0].State != schema.ReplicaExpected {
				t.Error("the leader did not wait for whom the block concerns")
			}
			c.Pass(2 * time.Second)
			if err := c.Reg.Attend(bg); err != nil {
				t.Fatal(err)
			}
			if rep := c.Replicas(all[1].ID); rep[0].State != schema.ReplicaFinalized {
				t.Errorf("after two seconds: %+v", rep)
			}
		})
	}
}

// TestAddBlockAppliesWhatItLacks: the block before the last has its replicas only in
// the memory of the NameNode that is asked now.
func TestAddBlockAppliesWhatItLacks(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	second, third := c.Second(), c.Second()
	st := c.Create("/f", "w", 1)
	var last *blocks.Block
	at := []*fakecluster.NameNode{second, second, third}
	for i, n := range at {
		lb, err := n.NS.AddBlock(bg, root, namespace.AddBlockRequest{Src: "/f", ClientName: "w", FileID: st.ID, Previous: last})
		if err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		second.Deaf = true // it answered, and hears nothing any more
		b := c.Fill(lb, 100)
		last = &b
	}
	if done, err := third.NS.Complete(bg, root, "/f", "w", last, st.ID); !done || err != nil {
		t.Errorf("complete: %v, %v", done, err)
	}
}

// TestLeaderDies: what only it was told comes to the next one with a full report.
func TestLeaderDies(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Store: open(t)})
			second, third := c.Second(), c.Second()
			all := openAt(t, c.NN[0], "/f", 3)
			second.Deaf, third.Deaf = true, true
			for _, b := range all[:2] {
				c.DN[0].Replicas[b.ID] = blocks.ReportedReplica{Block: b, State: blocks.ReportFinalized}
			}
			c.Store.Observe(nil)
			c.Store.FailAt(1, faulty.Fault{Kind: dal.Permanent})
			_ = c.Reg.Incremental(bg, c.DN[0].Row.UUID, []blocks.Events{{Storage: c.DN[0].Storage, Events: received(all[:1])}})
			c.Store.Reset()
			c.Kill(c.NN[0])
			second.Deaf, third.Deaf = false, false
			c.Lead(second)
			if got := second.Reg.Datanodes(blocks.ListLive); len(got) != 1 {
				t.Error("the DataNode is not used until it has registered")
			}
			c.Beat() // Register, and with it a full report
			for i, b := range all {
				want := int64(schema.ReplicaFinalized)
				if i == 2 {
					want = schema.ReplicaExpected
				}
				if reps := c.Replicas(b.ID); len(reps) != 1 || reps[0].State != want {
					t.Errorf("block %d: %+v", i, reps)
				}
			}
		})
	}
}

// TestHousekeepingGoesOn: the purge of a tree, deletions of replicas and the recovery
// of a file that one leader began are finished by the next.
func TestHousekeepingGoesOn(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Store: open(t)})
			for i := range 300 {
				c.Create(fmt.Sprintf("/tree/%d/f%d", i%3, i), "w", 1)
			}
			for i := range 5 {
				c.Write(fmt.Sprintf("/tree/data%d", i), 3, 100)
			}
			st := c.Create("/open", "dead", 3)
			b := c.Start(c.AddBlock("/open", "dead", st.ID, nil), 70)
			second := c.Second()
			if _, err := c.NS.Delete(bg, root, "/tree", true); err != nil {
				t.Fatal(err)
			}
			if _, err := c.NS.PurgeSome(bg); err != nil {
				t.Fatal(err)
			}
			if closed, err := c.NS.RecoverLease(bg, root, "/open", "x"); closed || err != nil {
				t.Fatal(closed, err)
			}
			c.Tick() // deletions and the recovery wait for heartbeats here
			c.Kill(c.NN[0])
			c.Lead(second)
			for done := false; !done; {
				var err error
				if done, err = second.NS.PurgeSome(bg); err != nil {
					t.Fatal(err)
				}
			}
			c.Live(18 * time.Second)
			if n := len(c.Rows(schema.Purge)) + len(c.Rows(schema.Invalidations)) + len(c.Rows(schema.Reconstructions)); n != 0 {
				t.Errorf("%d rows of work are left", n)
			}
			if in := len(c.Rows(schema.Inodes)); in != 2 {
				t.Errorf("%d inodes are left, want the root and one file", in)
			}
			if closed, err := second.NS.RecoverLease(bg, root, "/open", "x"); !closed || err != nil {
				t.Errorf("the file is not closed: %v, %v", closed, err)
			}
			if row := c.Block(b.ID); row.State != schema.BlockComplete || row.NumBytes != 70 {
				t.Errorf("block %+v", row)
			}
		})
	}
}

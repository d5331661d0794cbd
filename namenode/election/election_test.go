package election

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

const interval = 2 * time.Second

// clock is moved by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); c.t = c.t.Add(d); c.mu.Unlock() }

// cluster is a store and what its NameNodes share.
type cluster struct {
	t     *testing.T
	store dal.Store
	clock *clock
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, store: memstore.New(), clock: &clock{t: time.Unix(1000, 0)}}
	if err := c.store.Admin().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.set(schema.VarNamespaceID, 7)
	c.set(schema.VarEpoch, 0)
	c.set(schema.VarNextNodeID, 1)
	return c
}

func (c *cluster) set(name string, value int64) {
	c.t.Helper()
	v := schema.Variable{Name: name, Value: value}
	tx, err := c.store.Begin(c.t.Context())
	if err == nil {
		err = tx.Commit(c.t.Context(), []dal.Change{{Op: dal.Put, Table: schema.Variables, Key: schema.Variables.Key(v.Row()), Row: v.Row()}})
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// join adds a NameNode at addr.
func (c *cluster) join(addr string, alone bool) *Node {
	c.t.Helper()
	id, err := NewID(c.t.Context(), c.store)
	if err != nil {
		c.t.Fatal(err)
	}
	eng, err := txn.New(c.store, txn.Options{NodeID: id})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(eng.Close)
	n, err := Join(c.t.Context(), Config{Engine: eng, NamespaceID: 7, Interval: interval, Missed: 3, Alone: alone, Now: c.clock.now,
		Self: schema.Namenode{ID: id, RPCAddress: addr}})
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

func (c *cluster) beat(nodes ...*Node) {
	c.t.Helper()
	for _, n := range nodes {
		if err := n.Beat(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// rows are the ids in the heartbeat table.
func (c *cluster) rows() []int64 {
	c.t.Helper()
	all, err := rows(c.t.Context(), c.store)
	if err != nil {
		c.t.Fatal(err)
	}
	var ids []int64
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

func want(t *testing.T, n *Node, leads bool, epoch int64) {
	t.Helper()
	if l, e := n.Leader(); l != leads || e != epoch {
		t.Errorf("NameNode %d: leads %v in epoch %d, want %v in %d", n.row.ID, l, e, leads, epoch)
	}
}

func TestFirstLeadsAndSecondTakesOver(t *testing.T) {
	c := newCluster(t)
	a := c.join("a:1", false)
	want(t, a, true, 1)
	b := c.join("b:1", false)
	want(t, b, false, 1)
	for range 5 {
		c.clock.pass(interval)
		c.beat(a, b)
		want(t, a, true, 1)
		want(t, b, false, 1)
	}
	// a hangs: it stops leading by itself before b takes over.
	for range 3 {
		c.clock.pass(interval)
		c.beat(b)
	}
	want(t, a, false, 1)
	want(t, b, false, 1)
	c.clock.pass(interval)
	c.beat(b)
	want(t, b, true, 2)
	if dead := b.DeadFor(time.Minute); len(dead) != 0 {
		t.Errorf("dead for a minute: %v", dead)
	}
	// a comes back and does not take the lead from b.
	c.beat(a, b)
	want(t, a, false, 2)
	want(t, b, true, 2)
}

// TestNeverTwoLeaders lets three NameNodes beat and hang at random times: at no
// moment two of them lead.
func TestNeverTwoLeaders(t *testing.T) {
	c := newCluster(t)
	nodes := []*Node{c.join("a:1", false), c.join("b:1", false), c.join("d:1", false)}
	led := map[int64]int64{} // epoch: id
	x := uint32(1)
	for range 3000 {
		x = x*1664525 + 1013904223
		c.clock.pass(time.Duration(x>>8%uint32(interval/time.Millisecond)) * time.Millisecond / 2)
		if n := nodes[x>>20%3]; x>>27 != 0 {
			c.beat(n)
		} else {
			c.clock.pass(4 * interval)
		}
		leaders := 0
		for _, n := range nodes {
			leads, epoch := n.Leader()
			if !leads {
				continue
			}
			leaders++
			if other, ok := led[epoch]; ok && other != n.row.ID {
				t.Fatalf("epoch %d has two leaders, %d and %d", epoch, other, n.row.ID)
			}
			led[epoch] = n.row.ID
		}
		if leaders > 1 {
			t.Fatalf("%d NameNodes lead", leaders)
		}
	}
	if len(led) < 5 {
		t.Errorf("only %d epochs: the test does not test", len(led))
	}
}

func TestRestartAtTheSameAddress(t *testing.T) {
	c := newCluster(t)
	c.join("a:1", false) // killed
	a := c.join("a:1", false)
	want(t, a, true, 2)
	if ids := c.rows(); len(ids) != 1 || ids[0] != 2 {
		t.Errorf("rows %v, want the new one only", ids)
	}
	c.join("b:1", false) // killed
	only := c.join("x:1", true)
	want(t, only, true, 3)
	if ids := c.rows(); len(ids) != 1 {
		t.Errorf("rows %v where only one process can be", ids)
	}
}

func TestLeaveAndForget(t *testing.T) {
	c := newCluster(t)
	a, b := c.join("a:1", false), c.join("b:1", false)
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, a, false, 1)
	c.beat(b)
	want(t, b, true, 2) // nobody waits for a NameNode that said goodbye
	d := c.join("d:1", false)
	c.beat(b)
	c.clock.pass(10 * time.Minute)
	c.beat(b)
	dead := b.DeadFor(10 * time.Minute)
	if len(dead) != 1 || dead[0].ID != d.row.ID {
		t.Fatalf("dead: %v", dead)
	}
	c.beat(d) // it was only slow
	if err := b.Forget(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	if len(c.rows()) != 2 {
		t.Error("a NameNode that counts again was forgotten")
	}
	c.beat(b)
	c.clock.pass(10 * time.Minute)
	c.beat(b)
	if err := b.Forget(t.Context(), b.DeadFor(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if ids := c.rows(); len(ids) != 1 || ids[0] != b.row.ID {
		t.Errorf("rows %v", ids)
	}
}

func TestReplaced(t *testing.T) {
	c := newCluster(t)
	a := c.join("a:1", false)
	c.set(schema.VarNamespaceID, 8)
	if err := a.Beat(t.Context()); !errors.Is(err, ErrReplaced) {
		t.Errorf("heartbeat into another file system: %v", err)
	}
	if err := a.Run(t.Context()); !errors.Is(err, ErrReplaced) {
		t.Errorf("Run: %v", err)
	}
}

func TestAlive(t *testing.T) {
	c := newCluster(t)
	look := func() []schema.Namenode {
		alive, err := Alive(t.Context(), c.store, 10*time.Millisecond, 3)
		if err != nil {
			t.Fatal(err)
		}
		return alive
	}
	if got := look(); len(got) != 0 {
		t.Errorf("an empty table: %v", got)
	}
	a := c.join("a:1", false)
	if got := look(); len(got) != 0 {
		t.Errorf("a row that does not move: %v", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = a.Beat(ctx) // its end is the context's
			time.Sleep(time.Millisecond)
		}
	}()
	if got := look(); len(got) != 1 || got[0].RPCAddress != "a:1" {
		t.Errorf("a row that moves: %v", got)
	}
	stop()
	<-done
}

package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	mu    sync.Mutex
	told  []string // by the hooks
}

func (c *cluster) note(s string) { c.mu.Lock(); c.told = append(c.told, s); c.mu.Unlock() }

// toldOnly compares what the hooks told since the last time.
func (c *cluster) toldOnly(want ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.told, want) {
		c.t.Errorf("hooks: %q, want %q", c.told, want)
	}
	c.told = nil
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

func (c *cluster) set(name string, value int64) { c.t.Helper(); c.put(c.t, name, value) }

func (c *cluster) put(t testing.TB, name string, value int64) {
	t.Helper()
	v := schema.Variable{Name: name, Value: value}
	tx, err := c.store.Begin(t.Context())
	if err == nil {
		err = tx.Commit(t.Context(), []dal.Change{{Op: dal.Put, Table: schema.Variables, Key: schema.Variables.Key(v.Row()), Row: v.Row()}})
	}
	if err != nil {
		t.Fatal(err)
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
	n, err := Join(c.t.Context(), Config{Store: c.store, Engine: eng, NamespaceID: 7, Interval: interval, Alone: alone, Now: c.clock.now,
		OnLead: func(epoch int64) { c.note(fmt.Sprintf("%d leads in %d", id, epoch)) },
		OnLose: func() { c.note(fmt.Sprintf("%d does not lead", id)) },
		Load:   func() int64 { return 10 * id },
		Logger: slog.New(slog.DiscardHandler), Self: schema.Namenode{ID: id, RPCAddress: addr}})
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

// TestTakeover: the death of the leader is noticed in the round in which its counter
// has stood still for two, and in that round the next one leads: three rounds after
// the last heartbeat at most.
func TestTakeover(t *testing.T) {
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
	c.toldOnly("1 leads in 1")
	c.clock.pass(interval / 2)
	c.beat(a) // its last one, which b sees half a round later
	c.clock.pass(interval / 2)
	c.beat(b)
	c.clock.pass(interval)
	c.beat(b)
	want(t, a, true, 1)
	want(t, b, false, 1)
	c.clock.pass(interval - interval/16) // rounds are never quite as long as they should be
	want(t, a, false, 1)                 // by its own clock
	c.beat(b)
	want(t, b, true, 2)
	c.toldOnly("2 leads in 2")
	// a was only stopped. It goes on as a plain NameNode, though it is the older one.
	c.beat(a, b)
	want(t, a, false, 2)
	want(t, b, true, 2)
	for range 3 {
		c.clock.pass(interval)
		c.beat(a, b)
		want(t, a, false, 2)
		want(t, b, true, 2)
	}
	c.toldOnly("1 does not lead")
}

// TestLapseMakesANewEpoch: who had to say that it does not lead may lead again, but
// not in the same epoch: DataNodes would not believe it.
func TestLapseMakesANewEpoch(t *testing.T) {
	c := newCluster(t)
	a := c.join("a:1", false)
	fenced := a.Fence(t.Context())
	c.clock.pass(10 * interval) // stopped, or without a store
	want(t, a, false, 1)
	c.beat(a)
	want(t, a, true, 2)
	c.toldOnly("1 leads in 1", "1 does not lead", "1 leads in 2")
	if err := a.cfg.Engine.Update(fenced, change); !errors.Is(err, ErrNotLeader) {
		t.Errorf("work of epoch 1 in epoch 2: %v", err)
	}
	if err := a.cfg.Engine.Update(a.Fence(t.Context()), change); err != nil {
		t.Error(err)
	}
}

// change writes a row.
func change(tx *txn.Tx) error {
	tx.Put(schema.Leases, (&schema.Lease{Holder: "h", Renewed: tx.Now()}).Row())
	return nil
}

// TestAPauseOfTheStoreKillsNobody: after it, all count again before anybody is dead.
func TestAPauseOfTheStoreKillsNobody(t *testing.T) {
	c := newCluster(t)
	a, b := c.join("a:1", false), c.join("b:1", false)
	c.beat(a, b)
	c.clock.pass(30 * interval)
	c.beat(b) // it is the first to reach the store again
	want(t, b, false, 1)
	if dead := b.Dead(); len(dead) != 0 {
		t.Errorf("dead: %v", dead)
	}
	c.beat(a)
	want(t, a, true, 2)
	c.clock.pass(interval)
	c.beat(a, b)
	want(t, b, false, 2)

	// Also where the leader is not the oldest: it goes on, and nobody else.
	for range 2 {
		c.clock.pass(interval)
		c.beat(b)
	}
	c.beat(a, b)
	want(t, b, true, 3)
	c.clock.pass(30 * interval)
	c.beat(a, b)
	want(t, a, false, 3)
	want(t, b, true, 4)
}

func TestLivingAndDead(t *testing.T) {
	c := newCluster(t)
	a, b, d := c.join("a:1", false), c.join("b:1", false), c.join("d:1", false)
	c.beat(a, b, d)
	living := func(n *Node) (ids []int64) {
		for _, m := range n.Living() {
			if m.Leader {
				ids = append(ids, -m.ID)
			} else {
				ids = append(ids, m.ID)
			}
			if m.Load != 10*m.ID {
				t.Errorf("the load of %d is %d", m.ID, m.Load)
			}
		}
		return ids
	}
	for _, n := range []*Node{a, b, d} {
		c.beat(n)
		if got := living(n); !slices.Equal(got, []int64{-1, 2, 3}) {
			t.Errorf("%d sees %v", n.row.ID, got)
		}
	}
	for range 2 {
		c.clock.pass(interval)
		c.beat(b, d)
	}
	if got := living(d); !slices.Equal(got, []int64{-2, 3}) {
		t.Errorf("after the death of 1: %v", got)
	}
	dead := b.Dead()
	if len(dead) != 1 || dead[0].ID != 1 {
		t.Fatalf("dead: %v", dead)
	}
	if err := d.Forget(t.Context(), dead); !errors.Is(err, ErrNotLeader) {
		t.Errorf("one that does not lead removes rows: %v", err)
	}
	c.beat(a) // it was only slow
	if err := b.Forget(t.Context(), dead); err != nil || len(c.rows()) != 3 {
		t.Errorf("a NameNode that counts again was forgotten; %v", err)
	}
	c.beat(b)
	for range 2 {
		c.clock.pass(interval)
		c.beat(b, d)
	}
	if err := b.Forget(t.Context(), b.Dead()); err != nil {
		t.Fatal(err)
	}
	if ids := c.rows(); !slices.Equal(ids, []int64{2, 3}) {
		t.Errorf("rows %v", ids)
	}
	c.beat(a, b) // it writes its row again
	if ids := c.rows(); !slices.Equal(ids, []int64{1, 2, 3}) {
		t.Errorf("rows %v", ids)
	}
	want(t, a, false, 2)
	want(t, b, true, 2)
	if got := living(b); !slices.Equal(got, []int64{1, -2, 3}) {
		t.Errorf("with 1 back: %v", got)
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

func TestLeave(t *testing.T) {
	c := newCluster(t)
	a, b := c.join("a:1", false), c.join("b:1", false)
	fenced := a.Fence(t.Context())
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, a, false, 1)
	if err := a.cfg.Engine.Update(fenced, change); !errors.Is(err, ErrNotLeader) {
		t.Errorf("work after it left: %v", err)
	}
	c.beat(b)
	want(t, b, true, 2) // nobody waits for a NameNode that said goodbye
	c.beat(a)
	if ids := c.rows(); !slices.Equal(ids, []int64{2}) {
		t.Errorf("rows %v", ids)
	}
	c.toldOnly("1 leads in 1", "1 does not lead", "2 leads in 2")
	if err := a.Run(t.Context()); err != nil {
		t.Errorf("Run after it left: %v", err)
	}
}

// TestServe: calls of clients end where others may have taken the NameNode for dead,
// and are as if nothing had happened where there are no others.
func TestServe(t *testing.T) {
	c := newCluster(t)
	a := c.join("a:1", false)
	serve := a.Serve(t.Context())
	do := func(ctx context.Context) error { return a.cfg.Engine.Update(ctx, change) }
	early, err := serve()
	if err != nil {
		t.Fatal(err)
	}
	c.clock.pass(5 * interval)
	if late, err := serve(); err != nil || do(early) != nil || do(late) != nil {
		t.Errorf("alone: %v", err)
	}
	b := c.join("b:1", false)
	c.beat(a, b)
	early, err = serve()
	if err != nil {
		t.Fatal(err)
	}
	if err := do(early); err != nil {
		t.Error(err)
	}
	c.clock.pass(2 * interval)
	if _, err := serve(); !errors.Is(err, ErrAway) {
		t.Errorf("a call after the last heartbeat: %v", err)
	}
	if err := do(early); !errors.Is(err, ErrAway) {
		t.Errorf("a change after the last heartbeat: %v", err)
	}
	if early.Err() != nil {
		t.Error("ended before anybody noticed")
	}
	c.beat(a)
	if late, err := serve(); err != nil || do(late) != nil {
		t.Errorf("after the next heartbeat: %v", err)
	}
	<-early.Done()
	if err := do(early); !errors.Is(err, ErrAway) && !errors.Is(err, context.Canceled) {
		t.Errorf("a change that is late: %v", err)
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

// epoch reads the newest epoch.
func (c *cluster) epoch() int64 {
	c.t.Helper()
	got, err := c.store.Read(c.t.Context(), []dal.Fetch{{Table: schema.Variables, Keys: []schema.Key{variable(schema.VarEpoch)}}})
	if err != nil {
		c.t.Fatal(err)
	}
	return schema.VariableOf(got[0].Rows[0]).Value
}

// TestFenceTrustsNoClock: the row decides, even where this machine slept so deeply
// that its clock stood still.
func TestFenceTrustsNoClock(t *testing.T) {
	c := newCluster(t)
	a := c.join("a:1", false)
	fenced := a.Fence(t.Context())
	if err := a.cfg.Engine.Update(fenced, change); err != nil {
		t.Fatal(err)
	}
	c.set(schema.VarEpoch, 2) // a new leader's
	want(t, a, true, 1)
	if err := a.cfg.Engine.Update(fenced, change); !errors.Is(err, ErrNotLeader) {
		t.Errorf("work of epoch 1 in epoch 2: %v", err)
	}
	c.beat(a)
	want(t, a, false, 2)
}

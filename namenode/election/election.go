// Package election keeps the heartbeat table: which NameNodes of a store are alive,
// and which one leads. Clocks of different machines are never compared: a NameNode
// is alive while others see its counter move. The lead stays with its holder until
// the others find it dead or its row gone; then the living one with the smallest id
// follows, and by that time the earlier one knows by its own clock that it does not
// lead any more. The epoch that a leader writes when it begins is larger than all
// before it, and has its id as text: DataNodes and transactions tell by it who is
// the newest. The package knows nothing of what a leader does.
package election

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Errors of a NameNode that may not do what was asked.
var (
	// ErrReplaced: the file system in the store is not the one that this NameNode
	// joined. It was formatted, or restored, under a running NameNode.
	ErrReplaced = errors.New("the file system in the store was replaced by another one")
	// ErrNotLeader: this NameNode does not lead, or not under the epoch that the
	// work was begun in.
	ErrNotLeader = errors.New("this NameNode is not the leader")
	// ErrAway: this NameNode could not write a heartbeat for so long that others may
	// take it for dead, and they serve.
	ErrAway = errors.New("this NameNode lost the metadata store; others serve")
)

// Config says who joins.
type Config struct {
	// Store takes the heartbeats: they do not wait in the queues of the engine.
	Store  dal.Store
	Engine *txn.Engine
	// Self is this NameNode's row; its id comes from NewID.
	Self schema.Namenode
	// NamespaceID is that of the file system joined.
	NamespaceID int64
	// Interval is the time between two heartbeats (dfs.leader.check.interval); 2 s.
	Interval time.Duration
	// Missed is how many rounds without a heartbeat make a NameNode dead
	// (dfs.leader.missed.hb); 2.
	Missed int
	// Alone: the store admits one process at a time, so all other rows are left over.
	Alone bool
	// OnLead is called before this NameNode leads under a new epoch, Leads as soon as it
	// does, OnLose after it ceased to; never two at once. None may wait for the store.
	OnLead func(epoch int64)
	Leads  func()
	OnLose func()
	// Load is the number of calls in progress, for others to see; nil for none.
	Load   func() int64
	Now    func() time.Time // monotonic
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	if c.Interval == 0 {
		c.Interval = 2 * time.Second
	}
	if c.Missed == 0 {
		c.Missed = 2
	}
	if c.OnLead == nil {
		c.OnLead = func(int64) {}
	}
	if c.Leads == nil {
		c.Leads = func() {}
	}
	if c.OnLose == nil {
		c.OnLose = func() {}
	}
	if c.Load == nil {
		c.Load = func() int64 { return 0 }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// A Node is this NameNode's part in the election. Safe for many goroutines.
type Node struct {
	cfg Config

	beats   sync.Mutex      // one heartbeat at a time
	leaving context.Context // ends with Leave
	leave   context.CancelFunc

	hooks sync.Mutex // one change of the lead at a time; before mu
	mu    sync.Mutex
	row   schema.Namenode
	seen  map[int64]sight // other NameNodes
	alive []Member        // at the last heartbeat
	leads bool
	epoch int64     // the newest one known
	until time.Time // when others may take this NameNode for dead
	term  context.Context
	end   context.CancelFunc // of term
}

// sight is when another NameNode's counter was seen to move, and how many
// heartbeats of this one have found it standing still since.
type sight struct {
	row    schema.Namenode
	at     time.Time
	rounds int
}

// A Member is a NameNode that lives.
type Member struct {
	schema.Namenode
	Leader bool
}

// Join writes this NameNode's row and removes those that cannot be alive: all
// others if it is Alone, and those with its RPC address, which only one process can
// listen on.
func Join(ctx context.Context, cfg Config) (*Node, error) {
	cfg.setDefaults()
	n := &Node{cfg: cfg, row: cfg.Self, seen: map[int64]sight{}}
	n.leaving, n.leave = context.WithCancel(context.Background())
	n.term, n.end = context.WithCancel(context.Background())
	err := repeat(func() error { return n.replace(ctx) })
	if err == nil {
		err = repeat(func() error { return n.Beat(ctx) })
	}
	if err != nil {
		return nil, fmt.Errorf("join the NameNodes of this store: %w", err)
	}
	return n, nil
}

// repeat calls f again when another NameNode was in its way.
func repeat(f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if try == 20 || !dal.Is(err, dal.Conflict) && !dal.Is(err, dal.UnknownOutcome) {
			return err
		}
	}
}

// Run beats until ctx ends or this NameNode leaves. It returns early with
// ErrReplaced.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go n.watch(ctx)
	said := false
	for wait := n.cfg.Interval; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-n.leaving.Done():
			return nil
		case <-time.After(wait):
		}
		began := time.Now()
		err := n.Beat(ctx)
		wait = max(0, n.cfg.Interval-time.Since(began))
		switch {
		case errors.Is(err, ErrReplaced):
			return err
		case err == nil:
			said = false
		case ctx.Err() == nil && n.leaving.Err() == nil:
			// Soon again: a round that is missed brings this NameNode close to its end.
			wait = n.cfg.Interval / 8
			if !said {
				n.cfg.Logger.Warn("the heartbeat of this NameNode could not be written; it is tried again", "err", err)
			}
			said = true
		}
	}
}

// watch notices that heartbeats fail to appear while one hangs.
func (n *Node) watch(ctx context.Context) {
	tick := time.NewTicker(max(n.cfg.Interval/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.lapse()
		}
	}
}

// lapse draws the consequences once the own clock says that others may take this
// NameNode for dead.
func (n *Node) lapse() {
	n.hooks.Lock()
	defer n.hooks.Unlock()
	n.mu.Lock()
	lost := false
	if !n.cfg.Now().Before(n.until) {
		lost, n.leads = n.leads, false
		if n.others() {
			n.end()
		}
	}
	epoch := n.epoch
	n.mu.Unlock()
	if lost {
		n.cfg.Logger.Warn("this NameNode does not lead any more: no heartbeat of it could be written", "id", n.row.ID, "epoch", epoch)
		n.cfg.OnLose()
	}
}

// others reports whether another NameNode lived at the last heartbeat. The caller
// holds n.mu.
func (n *Node) others() bool { return len(n.alive) > 1 }

// Leader reports whether this NameNode leads, and the newest epoch that it knows.
// It says no as soon as others might take it for dead.
func (n *Node) Leader() (leads bool, epoch int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leads && n.cfg.Now().Before(n.until), n.epoch
}

// Others reports whether other NameNodes lived at the last heartbeat of this one.
func (n *Node) Others() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.others()
}

// Living returns the NameNodes that lived at the last heartbeat of this one, itself
// among them, by id.
func (n *Node) Living() []Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.alive)
}

// Dead returns the other NameNodes whose rows are there and whose counters stand
// still.
func (n *Node) Dead() []schema.Namenode {
	n.mu.Lock()
	defer n.mu.Unlock()
	var dead []schema.Namenode
	for _, s := range n.seen {
		if n.dead(s) {
			dead = append(dead, s.row)
		}
	}
	slices.SortFunc(dead, func(a, b schema.Namenode) int { return cmp.Compare(a.ID, b.ID) })
	return dead
}

// Fence returns a context for work of the leader: an Update under it changes nothing
// and fails with ErrNotLeader unless this NameNode leads, under the epoch of now.
func (n *Node) Fence(ctx context.Context) context.Context {
	leads, epoch := n.Leader()
	self := strconv.FormatInt(n.row.ID, 10)
	return txn.WithGuard(ctx, func(tx *txn.Tx) error {
		if still, now := n.Leader(); !leads || !still || now != epoch {
			return ErrNotLeader
		}
		row, err := tx.Get(schema.Variables, variable(schema.VarEpoch), dal.Shared)
		if err != nil {
			return err
		}
		if row == nil {
			return ErrReplaced
		}
		if v := schema.VariableOf(row); v.Value != epoch || v.Text != self {
			return ErrNotLeader
		}
		return nil
	})
}

// Serve returns what begins each client's call: it gives the context for the call,
// which ends with ctx. It fails with ErrAway, and the contexts that it gave end, when
// this NameNode has lost the store while others serve. Changes under them that were
// not written by then fail with ErrAway, also when the process was stopped and goes
// on: the client may have turned to another NameNode.
func (n *Node) Serve(ctx context.Context) (begin func() (context.Context, error)) {
	// All calls of a term share a context.
	type shared struct{ term, ctx context.Context }
	var newest atomic.Pointer[shared]
	return func() (context.Context, error) {
		n.mu.Lock()
		term := n.term
		away := n.away(term)
		n.mu.Unlock()
		if away {
			return nil, ErrAway
		}
		s := newest.Load()
		if s == nil || s.term != term {
			s = &shared{term, n.during(ctx, term)}
			newest.Store(s)
		}
		return s.ctx, nil
	}
}

// during returns a context that ends with ctx and with a term, and lets nothing be
// changed after the term.
func (n *Node) during(ctx, term context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(term, cancel)
	return txn.WithGuard(ctx, func(*txn.Tx) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.away(term) {
			return ErrAway
		}
		return nil
	})
}

// away reports whether others may have taken this NameNode for dead since a term
// began. The caller holds n.mu.
func (n *Node) away(term context.Context) bool {
	return term.Err() != nil || n.others() && !n.cfg.Now().Before(n.until)
}

// Leave removes this NameNode's row, so that nobody waits for its death. It does not
// lead from now on, and writes no heartbeat any more.
func (n *Node) Leave(ctx context.Context) error {
	n.leave()
	n.hooks.Lock()
	n.mu.Lock()
	led := n.leads
	n.leads = false
	n.mu.Unlock()
	if led {
		n.cfg.OnLose()
	}
	n.hooks.Unlock()
	n.beats.Lock()
	defer n.beats.Unlock()
	return repeat(func() error {
		return n.commit(ctx, []dal.Change{{Op: dal.Delete, Table: schema.Namenodes, Key: schema.KeyOf(schema.Int(n.row.ID))}})
	})
}

// Forget removes the rows of NameNodes that are dead. It is the leader's.
func (n *Node) Forget(ctx context.Context, dead []schema.Namenode) error {
	return n.cfg.Engine.Update(n.Fence(ctx), func(tx *txn.Tx) error {
		for _, d := range dead {
			key := schema.KeyOf(schema.Int(d.ID))
			row, err := tx.Get(schema.Namenodes, key, dal.Exclusive)
			if err != nil {
				return err
			}
			// One that counts again is not dead.
			if row != nil && schema.NamenodeOf(row).Counter == d.Counter {
				tx.Delete(schema.Namenodes, key)
			}
		}
		return nil
	})
}

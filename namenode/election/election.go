// Package election keeps the heartbeat table: which NameNodes of a store are alive,
// and which one leads. Clocks of different machines are never compared: a NameNode
// is alive while others see its counter move. A NameNode leads until the others find
// it dead, then the oldest of them follows; by that time it knows itself that it
// does not lead any more. The epoch that a leader writes when it begins is larger
// than all before it, and has its id as text: DataNodes and transactions tell by it
// who is the newest. The package knows nothing of what a leader does.
package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// ErrReplaced: the file system in the store is not the one that this NameNode
// joined. It was formatted, or restored, under a running NameNode.
var ErrReplaced = errors.New("the file system in the store was replaced by another one")

// Config says who joins.
type Config struct {
	Engine *txn.Engine
	// Self is this NameNode's row; its id comes from NewID.
	Self schema.Namenode
	// NamespaceID is that of the file system joined.
	NamespaceID int64
	// Interval is the time between two heartbeats (dfs.leader.check.interval); 2 s.
	Interval time.Duration
	// Missed is how many intervals without a heartbeat make a NameNode dead
	// (dfs.leader.missed.hb); 3.
	Missed int
	// Alone: the store admits one process at a time, so all other rows are left over.
	Alone  bool
	Now    func() time.Time // monotonic
	Logger *slog.Logger
}

// A Node is this NameNode's part in the election. Safe for many goroutines.
type Node struct {
	cfg Config

	mu     sync.Mutex
	row    schema.Namenode
	seen   map[int64]sight // other NameNodes
	leads  bool
	epoch  int64     // the newest one known
	until  time.Time // when others may take this NameNode for dead
	closed bool
}

// sight is when another NameNode's counter was seen to move.
type sight struct {
	row schema.Namenode
	at  time.Time
}

// NewID takes an id for a NameNode, which no other one ever gets.
func NewID(ctx context.Context, store dal.Store) (int64, error) {
	for try := 0; ; try++ {
		id, err := takeID(ctx, store)
		// An id whose fate is not known is lost, never used twice.
		if (dal.Is(err, dal.Conflict) || dal.Is(err, dal.UnknownOutcome)) && try < 20 {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("take an id for this NameNode: %w", err)
		}
		return id, nil
	}
}

func takeID(ctx context.Context, store dal.Store) (int64, error) {
	tx, err := store.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	key := schema.KeyOf(schema.Str(schema.VarNextNodeID))
	got, err := tx.Fetch(ctx, []dal.Fetch{{Table: schema.Variables, Keys: []schema.Key{key}, Lock: dal.Exclusive}})
	if err != nil {
		return 0, err
	}
	if len(got[0].Rows) == 0 {
		return 0, fmt.Errorf("there is no variable %q: the store is not formatted", schema.VarNextNodeID)
	}
	v := schema.VariableOf(got[0].Rows[0])
	id := v.Value
	v.Value++
	return id, tx.Commit(ctx, []dal.Change{{Op: dal.Put, Table: schema.Variables, Key: key, Row: v.Row()}})
}

// Join writes this NameNode's row and removes those that cannot be alive: all
// others if it is Alone, and those with its RPC address, which only one process can
// listen on.
func Join(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Interval == 0 {
		cfg.Interval = 2 * time.Second
	}
	if cfg.Missed == 0 {
		cfg.Missed = 3
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	n := &Node{cfg: cfg, row: cfg.Self, seen: map[int64]sight{}}
	err := cfg.Engine.Update(ctx, func(tx *txn.Tx) error {
		others, err := scan(tx)
		if err != nil {
			return err
		}
		for _, o := range others {
			if o.ID != cfg.Self.ID && (cfg.Alone || o.RPCAddress == cfg.Self.RPCAddress) {
				tx.Delete(schema.Namenodes, schema.KeyOf(schema.Int(o.ID)))
			}
		}
		return nil
	})
	if err == nil {
		err = n.Beat(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("join the NameNodes of this store: %w", err)
	}
	return n, nil
}

// maxNodes bounds how many rows are read.
const maxNodes = 1000

func scan(tx *txn.Tx) ([]schema.Namenode, error) {
	got, err := tx.Scan(txn.Range{Index: schema.Namenodes.Primary, Limit: maxNodes})
	if err != nil {
		return nil, err
	}
	rows := make([]schema.Namenode, len(got.Rows))
	for i, r := range got.Rows {
		rows[i] = schema.NamenodeOf(r)
	}
	return rows, nil
}

// Run beats until ctx ends. It returns early with ErrReplaced.
func (n *Node) Run(ctx context.Context) error {
	tick := time.NewTicker(n.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := n.Beat(ctx)
		switch {
		case errors.Is(err, ErrReplaced):
			return err
		case err != nil && ctx.Err() == nil:
			n.cfg.Logger.Warn("the heartbeat of this NameNode could not be written", "err", err)
		}
	}
}

// beat is what one heartbeat read.
type beat struct {
	others []schema.Namenode
	epoch  int64
	leads  bool
}

// Beat writes one heartbeat, looks at those of the others, and takes or gives up
// the lead. Run calls it; tests may.
func (n *Node) Beat(ctx context.Context) error {
	start := n.cfg.Now()
	n.mu.Lock()
	n.row.Counter++
	row, led, epoch := n.row, n.leads, n.epoch
	n.mu.Unlock()
	var b beat
	err := n.cfg.Engine.Update(ctx, func(tx *txn.Tx) (err error) {
		b, err = n.write(tx, row, led, epoch)
		return err
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notice(b.others, start)
	if b.leads && !n.leads {
		n.cfg.Logger.Info("this NameNode leads now", "id", row.ID, "epoch", b.epoch)
	}
	if !b.leads && n.leads {
		n.cfg.Logger.Warn("this NameNode does not lead any more", "id", row.ID, "epoch", b.epoch)
	}
	n.leads, n.epoch = b.leads, b.epoch
	// Others count from when they see this heartbeat, which is later.
	n.until = start.Add(time.Duration(n.cfg.Missed)*n.cfg.Interval - n.cfg.Interval/4)
	return nil
}

// write is the transaction of a heartbeat.
func (n *Node) write(tx *txn.Tx, row schema.Namenode, led bool, epoch int64) (b beat, err error) {
	tx.Want(txn.Row(schema.Variables, variable(schema.VarNamespaceID), dal.None), txn.Row(schema.Variables, variable(schema.VarEpoch), dal.None))
	id, err := get(tx, schema.VarNamespaceID, dal.None)
	if err != nil {
		return b, err
	}
	if id == nil || id.Value != n.cfg.NamespaceID {
		return b, ErrReplaced
	}
	if b.others, err = scan(tx); err != nil {
		return b, err
	}
	now, err := get(tx, schema.VarEpoch, dal.None)
	if err != nil {
		return b, err
	}
	if now == nil {
		return b, ErrReplaced
	}
	b.epoch, b.leads = now.Value, led && now.Value == epoch
	if !b.leads && n.mayLead(b.others, row.ID, now.Text) {
		if now, err = get(tx, schema.VarEpoch, dal.Exclusive); err != nil {
			return b, err
		}
		if b.epoch == now.Value {
			now.Value, now.Text = now.Value+1, strconv.FormatInt(row.ID, 10)
			tx.Put(schema.Variables, now.Row())
			b.leads, b.epoch = true, now.Value
		}
	}
	tx.Put(schema.Namenodes, row.Row())
	return b, nil
}

func variable(name string) schema.Key { return schema.KeyOf(schema.Str(name)) }

// get returns a variable, nil if there is none.
func get(tx *txn.Tx, name string, lock dal.Lock) (*schema.Variable, error) {
	row, err := tx.Get(schema.Variables, variable(name), lock)
	if err != nil || row == nil {
		return nil, err
	}
	v := schema.VariableOf(row)
	return &v, nil
}

// mayLead reports whether the NameNode id is the oldest of those that may be alive,
// and the leader of the newest epoch is not among them. One that was never seen
// before may be alive.
func (n *Node) mayLead(others []schema.Namenode, id int64, leader string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range others {
		if o.ID == id || o.ID > id && strconv.FormatInt(o.ID, 10) != leader {
			continue
		}
		if s, ok := n.seen[o.ID]; !ok || s.row.Counter != o.Counter || n.alive(s) {
			return false
		}
	}
	return true
}

// alive reports whether a counter moved not long ago. The caller holds n.mu.
func (n *Node) alive(s sight) bool {
	return n.cfg.Now().Sub(s.at) <= time.Duration(n.cfg.Missed)*n.cfg.Interval
}

// notice takes in what a heartbeat read. The caller holds n.mu.
func (n *Node) notice(others []schema.Namenode, at time.Time) {
	there := map[int64]bool{}
	for _, o := range others {
		there[o.ID] = true
		if o.ID == n.row.ID {
			continue
		}
		if s, ok := n.seen[o.ID]; !ok || s.row.Counter != o.Counter {
			n.seen[o.ID] = sight{row: o, at: at}
		}
	}
	for id := range n.seen {
		if !there[id] {
			delete(n.seen, id)
		}
	}
}

// Leader reports whether this NameNode leads, and the newest epoch that it knows.
// It says no as soon as others might take it for dead.
func (n *Node) Leader() (leads bool, epoch int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leads && !n.closed && n.cfg.Now().Before(n.until), n.epoch
}

// DeadFor returns the other NameNodes whose counters have not moved for at least d.
func (n *Node) DeadFor(d time.Duration) []schema.Namenode {
	n.mu.Lock()
	defer n.mu.Unlock()
	var dead []schema.Namenode
	for _, s := range n.seen {
		if !n.alive(s) && n.cfg.Now().Sub(s.at) >= d {
			dead = append(dead, s.row)
		}
	}
	return dead
}

// Leave removes this NameNode's row, so that nobody waits for its death. Call it
// once Run has returned.
func (n *Node) Leave(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	return n.cfg.Engine.Update(ctx, func(tx *txn.Tx) error {
		key := schema.KeyOf(schema.Int(n.row.ID))
		row, err := tx.Get(schema.Namenodes, key, dal.Exclusive)
		if err == nil && row != nil {
			tx.Delete(schema.Namenodes, key)
		}
		return err
	})
}

// Forget removes the rows of NameNodes that are dead.
func (n *Node) Forget(ctx context.Context, dead []schema.Namenode) error {
	return n.cfg.Engine.Update(ctx, func(tx *txn.Tx) error {
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

// Alive watches the heartbeat table of a store for missed intervals and returns the
// NameNodes whose counters moved. It returns at once if there are no rows, or as
// soon as one moves.
func Alive(ctx context.Context, store dal.Store, interval time.Duration, missed int) ([]schema.Namenode, error) {
	first, err := rows(ctx, store)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	was := map[int64]int64{}
	for _, r := range first {
		was[r.ID] = r.Counter
	}
	t := time.NewTicker(interval / 2)
	defer t.Stop()
	for range 2 * missed {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
		now, err := rows(ctx, store)
		if err != nil {
			return nil, err
		}
		var alive []schema.Namenode
		for _, r := range now {
			if c, ok := was[r.ID]; !ok || c != r.Counter {
				alive = append(alive, r)
			}
		}
		if len(alive) > 0 {
			return alive, nil
		}
	}
	return nil, nil
}

func rows(ctx context.Context, store dal.Store) ([]schema.Namenode, error) {
	got, err := store.Read(ctx, []dal.Fetch{{Table: schema.Namenodes, Scan: &dal.Scan{Limit: maxNodes}}})
	if err != nil {
		return nil, err
	}
	out := make([]schema.Namenode, len(got[0].Rows))
	for i, r := range got[0].Rows {
		out[i] = schema.NamenodeOf(r)
	}
	return out, nil
}

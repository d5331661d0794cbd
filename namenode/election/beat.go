package election

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// maxNodes bounds how many rows are read.
const maxNodes = 1000

// slowest is the least that a heartbeat is waited for.
const slowest = time.Second

// beat is what one heartbeat read and wrote.
type beat struct {
	rows   []schema.Namenode
	at     time.Time // when they had been read
	epoch  int64
	leader string // id of the leader of that epoch
	leads  bool   // it is this NameNode, now or still
}

// Beat writes one heartbeat, looks at those of the others, and takes or gives up
// the lead. Run calls it; tests may.
func (n *Node) Beat(ctx context.Context) error {
	n.beats.Lock()
	defer n.beats.Unlock()
	if n.leaving.Err() != nil {
		return nil
	}
	n.lapse()
	ctx, cancel := context.WithTimeout(ctx, max(n.cfg.Interval, slowest))
	defer cancel()
	defer context.AfterFunc(n.leaving, cancel)()
	start := n.cfg.Now()
	n.mu.Lock()
	n.row.Counter++
	n.row.Load = n.cfg.Load()
	row, led := n.row, n.leads
	n.mu.Unlock()
	lock := dal.None
	if led {
		lock = dal.Shared // a new leader waits for this, or this one for it and sees it
	}
	b, err := n.write(ctx, row, lock)
	if err != nil {
		return err
	}
	n.notice(&b)
	if !led && n.mayLead(&b) {
		claim, err := n.write(ctx, row, dal.Exclusive)
		if err != nil {
			n.take(&b, start)
			return err
		}
		b = claim
	}
	n.take(&b, start)
	return nil
}

// write is the transaction of a heartbeat. The lock is that of the epoch's row:
// Shared for who leads, Exclusive to take the lead if that is still possible.
func (n *Node) write(ctx context.Context, row schema.Namenode, lock dal.Lock) (b beat, err error) {
	tx, err := n.cfg.Store.Begin(ctx)
	if err != nil {
		return b, err
	}
	defer tx.Rollback()
	got, err := tx.Fetch(ctx, []dal.Fetch{
		{Table: schema.Variables, Keys: []schema.Key{variable(schema.VarEpoch)}, Lock: lock},
		{Table: schema.Variables, Keys: []schema.Key{variable(schema.VarNamespaceID)}},
		{Table: schema.Namenodes, Scan: &dal.Scan{Limit: maxNodes}},
	})
	if err != nil {
		return b, err
	}
	if len(got[0].Rows) == 0 || len(got[1].Rows) == 0 || schema.VariableOf(got[1].Rows[0]).Value != n.cfg.NamespaceID {
		return b, ErrReplaced
	}
	epoch := schema.VariableOf(got[0].Rows[0])
	b = beat{rows: make([]schema.Namenode, len(got[2].Rows)), at: n.cfg.Now(), epoch: epoch.Value, leader: epoch.Text}
	for i, r := range got[2].Rows {
		b.rows[i] = schema.NamenodeOf(r)
	}
	changes := []dal.Change{{Op: dal.Put, Table: schema.Namenodes, Key: schema.KeyOf(schema.Int(row.ID)), Row: row.Row()}}
	self := strconv.FormatInt(row.ID, 10)
	switch {
	case lock == dal.Shared:
		b.leads = b.leader == self && b.epoch == n.known()
	case lock == dal.Exclusive && n.mayLead(&b):
		epoch.Value, epoch.Text = epoch.Value+1, self
		b.leads, b.epoch, b.leader = true, epoch.Value, self
		changes = append([]dal.Change{{Op: dal.Put, Table: schema.Variables, Key: variable(schema.VarEpoch), Row: epoch.Row()}}, changes...)
	}
	return b, tx.Commit(ctx, changes)
}

func (n *Node) known() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.epoch
}

func variable(name string) schema.Key { return schema.KeyOf(schema.Str(name)) }

// notice takes in the counters that a heartbeat read.
func (n *Node) notice(b *beat) {
	n.mu.Lock()
	defer n.mu.Unlock()
	there := map[int64]bool{}
	for _, o := range b.rows {
		there[o.ID] = true
		if o.ID == n.row.ID {
			continue
		}
		s, ok := n.seen[o.ID]
		if !ok || s.row.Counter != o.Counter {
			s = sight{row: o, at: b.at}
		} else {
			s.rounds++
		}
		n.seen[o.ID] = s
	}
	for id := range n.seen {
		if !there[id] {
			delete(n.seen, id)
		}
	}
}

// dead reports whether a counter has stood still for so long that its NameNode does
// not lead any more. Rounds count as well as time: after a pause of this NameNode,
// or of the store, others get their chance to be seen. The caller holds n.mu.
func (n *Node) dead(s sight) bool {
	return s.rounds >= n.cfg.Missed && n.cfg.Now().Sub(s.at) >= n.lease(8)
}

// lease is how long a heartbeat keeps a NameNode alive, less a part of an interval:
// a NameNode gives up by its own clock before others give it up by theirs.
func (n *Node) lease(part time.Duration) time.Duration {
	return time.Duration(n.cfg.Missed)*n.cfg.Interval - n.cfg.Interval/part
}

// mayLead reports whether the newest leader is this NameNode, or is gone and this is
// the oldest of those that may be alive. One that was never seen before may be alive.
func (n *Node) mayLead(b *beat) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b.leader == strconv.FormatInt(n.row.ID, 10) {
		return true
	}
	for _, o := range b.rows {
		if o.ID == n.row.ID || o.ID > n.row.ID && strconv.FormatInt(o.ID, 10) != b.leader {
			continue
		}
		if s, ok := n.seen[o.ID]; !ok || s.row.Counter != o.Counter || !n.dead(s) {
			return false
		}
	}
	return true
}

// take draws the consequences of a heartbeat that was begun at start.
func (n *Node) take(b *beat, start time.Time) {
	n.lapse() // it may have taken too long
	n.hooks.Lock()
	defer n.hooks.Unlock()
	n.mu.Lock()
	lost := n.leads && !b.leads
	gained := !n.leads && b.leads && b.epoch > n.epoch && n.leaving.Err() == nil
	n.epoch = b.epoch
	n.leads = n.leads && b.leads
	// Others count from when they see this heartbeat, which is later.
	n.until = start.Add(n.lease(4))
	if n.term.Err() != nil {
		n.term, n.end = context.WithCancel(context.Background())
	}
	n.alive = n.alive[:0:0]
	n.alive = append(n.alive, n.member(n.row, b))
	for _, s := range n.seen {
		if !n.dead(s) {
			n.alive = append(n.alive, n.member(s.row, b))
		}
	}
	slices.SortFunc(n.alive, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	n.mu.Unlock()
	switch {
	case lost:
		n.cfg.Logger.Warn("this NameNode does not lead any more: another one does", "id", n.row.ID, "epoch", b.epoch, "leader", b.leader)
		n.cfg.OnLose()
	case gained:
		n.cfg.Logger.Info("this NameNode leads now", "id", n.row.ID, "epoch", b.epoch)
		n.cfg.OnLead(b.epoch)
		n.mu.Lock()
		n.leads = true
		n.mu.Unlock()
		n.cfg.Leads()
	}
}

func (n *Node) member(row schema.Namenode, b *beat) Member {
	return Member{row, strconv.FormatInt(row.ID, 10) == b.leader}
}

// replace removes the rows of NameNodes in whose place this one is.
func (n *Node) replace(ctx context.Context) error {
	all, err := rows(ctx, n.cfg.Store)
	if err != nil {
		return err
	}
	var changes []dal.Change
	for _, o := range all {
		if o.ID != n.row.ID && (n.cfg.Alone || o.RPCAddress == n.row.RPCAddress) {
			changes = append(changes, dal.Change{Op: dal.Delete, Table: schema.Namenodes, Key: schema.KeyOf(schema.Int(o.ID))})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return n.commit(ctx, changes)
}

func (n *Node) commit(ctx context.Context, changes []dal.Change) error {
	tx, err := n.cfg.Store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return tx.Commit(ctx, changes)
}

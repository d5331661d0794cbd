package blocks

import (
	"context"
	"math/rand/v2"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// examined is the most rows of the queue that one Tick looks at under their locks.
const examined = 200

// reconstruct works on the blocks that wait in reconstructions, the most urgent
// first, as far as the DataNodes can take it. Recoveries are left to Attend.
func (r *Registry) reconstruct(ctx context.Context) error {
	if first, err := r.scan(ctx, schema.ReconstructByUrgent, "", "", 1); err != nil || len(first) == 0 {
		return err
	}
	budget := max(1, r.opt.WorkMultiplier*r.Cluster().Live)
	left := examined
	for p := int64(2 * tierLast); p < 2*tiers && left > 0; p++ {
		rows, err := r.queued(ctx, p, min(left, max(budget, 32)))
		if err != nil {
			return err
		}
		var tasks []func() error
		for _, row := range rows {
			q := schema.ReconstructionOf(row)
			if !r.due(q) {
				continue
			}
			copies := p/2 >= tierLast && p/2 <= tierShort || p/2 == tierMisplaced
			if copies && budget == 0 {
				break
			}
			if copies {
				budget--
			}
			left--
			tasks = append(tasks, func() error { return r.examine(ctx, q.BlockID) })
		}
		if err := inParallel(tasks); err != nil {
			return err
		}
	}
	return nil
}

// queued returns rows of one priority, going round from Tick to Tick so that those
// that cannot be helped do not hide the others.
func (r *Registry) queued(ctx context.Context, priority int64, limit int) ([]schema.Row, error) {
	w := &r.work
	rows, err := r.scan(ctx, schema.ReconstructByUrgent, schema.KeyOf(schema.Int(priority)), w.cursors[priority], limit)
	if err != nil {
		return nil, err
	}
	w.cursors[priority] = ""
	if len(rows) == limit {
		w.cursors[priority] = schema.ReconstructByUrgent.KeyOf(rows[limit-1])
	}
	return rows, nil
}

// A job is a copy to be made, found by examine.
type job struct {
	source   string // UUID of the DataNode
	transfer Transfer
	recovery *Recovery // in place of the others
}

// examine looks at one queued block under its lock and does what is needed: has it
// copied, lets go of surplus replicas, has its recovery asked for once more, or
// takes it off the queue.
func (r *Registry) examine(ctx context.Context, block int64) error {
	seed := r.seed()
	var found *job
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		found = nil
		h, err := hold(tx, block, txn.Row(schema.Reconstructions, queueKey(block), dal.None))
		if err != nil {
			return err
		}
		row, err := tx.Get(schema.Reconstructions, queueKey(block), dal.None)
		if err != nil || row == nil {
			return err
		}
		if h != nil && h.Block.State == schema.BlockUnderRecovery {
			q := schema.ReconstructionOf(row)
			q.PendingUntil = tx.Now() + recoveryAgain
			tx.Put(schema.Reconstructions, q.Row())
			rec := r.recovery(h, 0)
			found = &job{recovery: &rec}
			return nil
		}
		if h == nil || h.Block.State != schema.BlockComplete {
			tx.Delete(schema.Reconstructions, queueKey(block)) // completing it queues it again
			return nil
		}
		found, err = r.repair(tx, h, schema.ReconstructionOf(row), seeded(seed))
		return err
	})
	if err != nil || found == nil {
		return err
	}
	if found.recovery != nil {
		r.StartRecovery(*found.recovery)
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[found.source]; n != nil {
		n.copies = append(n.copies, found.transfer)
		r.Expect(block)
	}
	return nil
}

// repair decides what to do about a complete block that is queued as q.
func (r *Registry) repair(tx *txn.Tx, h *Held, q schema.Reconstruction, rng *rand.Rand) (*job, error) {
	if tx.Now()-q.Since > r.opt.PendingTimeout.Milliseconds() {
		// Those that were expected when the block was completed will not come.
		h.drop(tx, func(rep *schema.Replica) bool { return rep.State == schema.ReplicaExpected })
	}
	t := r.count(h)
	want := r.wanted(h, t)
	r.discard(tx, h, t, want)
	need := Placement{Count: int(want) - t.live - t.expected}
	if int64(t.live) >= want {
		r.trim(tx, h, t, "")
		if !r.misplaced(h, t) {
			tx.Delete(schema.Reconstructions, queueKey(h.Block.BlockID))
			return nil, nil
		}
		need = Placement{Count: 1, NewRack: true}
	}
	old := q
	q.Priority, q.InodeID = r.urgency(h, t, want), h.Inode.ID
	var found *job
	if r.due(q) && t.live+t.leaving+t.resting > 0 {
		var err error
		if found, err = r.plan(tx, h, need, rng); err != nil {
			return nil, err
		}
		q.PendingUntil = 0
		if found != nil {
			q.PendingUntil = tx.Now() + r.opt.PendingTimeout.Milliseconds()
		}
	}
	if q != old {
		tx.Put(schema.Reconstructions, q.Row())
	}
	return found, nil
}

// plan chooses a source and targets for copies of a block; nil if there are none
// now. need says how many, and whether on another rack.
func (r *Registry) plan(tx *txn.Tx, h *Held, need Placement, rng *rand.Rand) (*job, error) {
	if need.Count <= 0 {
		return nil, nil
	}
	source := r.source(h, rng)
	if source == "" {
		return nil, nil
	}
	ids := make([]int64, len(h.Replicas))
	for i, rep := range h.Replicas {
		ids[i] = rep.StorageID
	}
	policy, err := r.inherited(tx, &h.Inode)
	if err != nil {
		return nil, err
	}
	need.Existing, need.BlockSize, need.Policy = r.Targets(ids), max(h.Block.NumBytes, 1), policy
	need.Copying, need.Seed = true, rng.Uint64()
	targets := r.Choose(need)
	// A storage that is still to delete an old replica of the block would delete
	// the new one too.
	keys := make([]schema.Key, len(targets))
	for i, t := range targets {
		keys[i] = invalidationKey(t.Storage.StorageID, h.Block.BlockID)
	}
	rows, err := getAll(tx, schema.Invalidations, keys)
	if err != nil {
		return nil, err
	}
	free := targets[:0:0]
	for i, t := range targets {
		if rows[i] == nil {
			free = append(free, t)
		}
	}
	if len(free) == 0 {
		return nil, nil
	}
	return &job{source: source, transfer: Transfer{Block: IDOf(&h.Block), Targets: free}}, nil
}

// source chooses a live DataNode with a good replica that is not busy copying, one
// that is to leave first: nobody writes to it.
func (r *Registry) source(h *Held, rng *rand.Rand) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	var fit, leaving []string
	for i := range h.Replicas {
		rep := &h.Replicas[i]
		s := r.storages[rep.StorageID]
		if s == nil || !h.good(rep) || !r.counts(rep.StorageID, now) {
			continue
		}
		if n := s.node; n.registered && !r.dead(n, now) && len(n.copies)+n.transfers < r.opt.MaxStreams {
			fit = append(fit, n.row.UUID)
			if n.row.AdminState == adminDecommissioning || n.row.AdminState == adminEntering {
				leaving = append(leaving, n.row.UUID)
			}
		}
	}
	if len(leaving) > 0 {
		fit = leaving
	}
	if len(fit) == 0 {
		return ""
	}
	return fit[rng.IntN(len(fit))]
}

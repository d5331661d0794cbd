package blocks

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// corrupted is the Kind of an Event that a DataNode reported with BadBlocks; it is
// not on the wire.
const corrupted = 100

// byBlock sorts notes by block. order has the blocks as they come up.
func byBlock(notes []note) (sorted map[int64][]note, order []int64) {
	sorted = map[int64][]note{}
	for _, n := range notes {
		id := n.event.ID
		if len(sorted[id]) == 0 {
			order = append(order, id)
		}
		sorted[id] = append(sorted[id], n)
	}
	return sorted, order
}

// events applies events of one block in order.
func (r *Registry) events(ctx context.Context, notes []note) error {
	for _, n := range notes {
		if err := r.event(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) event(ctx context.Context, n note) error {
	e := n.event
	switch e.Kind {
	case Received:
		return r.received(ctx, n)
	case Deleted:
		err := r.eng.Update(r.fenced(ctx), func(tx *txn.Tx) error { return r.gone(tx, n.storage, e.Block) })
		if err == nil {
			r.deletionDone(n.storage, e.ID)
		}
		return err
	case corrupted:
		return r.eng.Update(ctx, func(tx *txn.Tx) error { return r.corrupt(tx, n.storage, e.ID) })
	}
	return fault.New(fault.InvalidArgument, "unknown status %d of block %s", e.Kind, e.Block)
}

func (r *Registry) received(ctx context.Context, n note) error {
	rep := ReportedReplica{Block: n.event.Block, State: ReportFinalized}
	var out outcome
	err := r.eng.Update(ctx, func(tx *txn.Tx) error {
		out = outcome{}
		if !r.leads() && r.now()-n.at > keepFor {
			return nil // this process was stopped meanwhile, and the leader did it
		}
		old, err := outrun(tx, n)
		if err != nil || old {
			return err
		}
		out, err = r.apply(tx, n.storage, rep, n.event.Hint)
		return err
	})
	if err != nil {
		return err
	}
	if out.whole {
		r.inbox.settled(n.event.ID)
	}
	if !n.counted {
		r.arrived(n.storage, out.fresh)
	}
	return nil
}

// outrun reports whether the rows know of a newer replica than an event that was kept
// for a while: a DataNode never goes back to an older stamp.
func outrun(tx *txn.Tx, n note) (bool, error) {
	if !n.counted {
		return false, nil
	}
	h, err := hold(tx, n.event.ID, txn.Row(schema.Invalidations, invalidationKey(n.storage, n.event.ID), dal.None))
	if err != nil || h == nil {
		return false, err
	}
	rep := h.on(n.storage)
	return rep != nil && rep.GenerationStamp > n.event.GenerationStamp, nil
}

// shown reports whether the row of a replica has what an event says, or newer.
func shown(row schema.Replica, e Event) bool {
	return row.GenerationStamp > e.GenerationStamp || agrees(row, ReportedReplica{Block: e.Block, State: ReportFinalized})
}

// Expect notes that a call at this NameNode is about a block: what DataNodes report
// of its replicas from now on is taken into the rows here, at once.
func (r *Registry) Expect(block int64) { r.inbox.expect(block, r.now()) }

// Await is Expect for a call that lacks replicas of some blocks: it applies what was
// reported of them before and left to the leader. It returns whether there was any.
func (r *Registry) Await(ctx context.Context, blocks ...int64) (bool, error) {
	var tasks []func() error
	for _, id := range blocks {
		notes := r.inbox.await(id, r.now())
		if len(notes) == 0 {
			continue
		}
		tasks = append(tasks, func() error {
			err := r.events(ctx, notes)
			if err != nil {
				r.inbox.putBack(notes)
			}
			return err
		})
	}
	return len(tasks) > 0, inParallel(tasks)
}

// leftToLeader is how long a NameNode whose calls wait for a block has to apply
// what is reported of it before the leader looks after it, in ms.
const leftToLeader = 2000

// applyLeftovers takes into the rows what was reported a moment ago and nobody else
// did: one read for many events shows which.
func (r *Registry) applyLeftovers(ctx context.Context) error {
	return r.applyUntil(ctx, r.now()-leftToLeader)
}

// Flush takes into the rows what a leader still keeps. One that stops in order calls
// it: the next one may stop soon, too, and what nobody keeps comes again only with the
// full reports.
func (r *Registry) Flush(ctx context.Context) error {
	if !r.leads() {
		return nil
	}
	return r.applyUntil(ctx, r.now())
}

func (r *Registry) applyUntil(ctx context.Context, before int64) error {
	for {
		notes := r.inbox.due(before, reportChunk)
		if len(notes) == 0 {
			return nil
		}
		missing, err := r.missing(ctx, notes)
		if err != nil {
			r.inbox.putBack(notes)
			return err
		}
		sorted, order := byBlock(missing)
		var tasks []func() error
		for _, id := range order {
			tasks = append(tasks, func() error {
				err := r.events(ctx, sorted[id])
				if err != nil {
					r.inbox.putBack(sorted[id])
				}
				return err
			})
		}
		if err := inParallel(tasks); err != nil {
			return err
		}
	}
}

// missing returns those of the notes that the rows do not show.
func (r *Registry) missing(ctx context.Context, notes []note) ([]note, error) {
	var out []note
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		out = nil
		keys := make([]schema.Key, len(notes))
		for i, n := range notes {
			keys[i] = schema.KeyOf(schema.Int(n.storage), schema.Int(n.event.ID))
			tx.Want(txn.Prefix(schema.ReplicasByStorage, keys[i]))
		}
		for i, n := range notes {
			rows, err := tx.Lookup(schema.ReplicasByStorage, keys[i])
			if err != nil {
				return err
			}
			if n.event.Kind != Received || len(rows) != 1 || !shown(schema.ReplicaOf(rows[0]), n.event) {
				out = append(out, n)
			}
		}
		return nil
	})
	return out, err
}

// BadBlocks marks replicas as corrupt that a reader found to be so. Those that are
// not known are left out.
func (r *Registry) BadBlocks(ctx context.Context, bad []BadReplica) error {
	var tasks []func() error
	for _, b := range bad {
		for _, storage := range r.storagesOf(b.Datanode, b.Storage) {
			tasks = append(tasks, func() error {
				return r.event(ctx, note{storage: storage, event: Event{Block: b.Block, Kind: corrupted}})
			})
		}
	}
	return inParallel(tasks)
}

// ReportedBadBlocks is BadBlocks for what a DataNode reports, to all NameNodes: the
// leader does it, the others keep it in mind for the case that they lead soon.
func (r *Registry) ReportedBadBlocks(ctx context.Context, bad []BadReplica) error {
	if r.leads() {
		return r.BadBlocks(ctx, bad)
	}
	for _, b := range bad {
		for _, storage := range r.storagesOf(b.Datanode, b.Storage) {
			e := Event{Block: b.Block, Kind: corrupted}
			if !r.inbox.keep(storage, e, r.now(), false) {
				return r.BadBlocks(ctx, bad)
			}
		}
	}
	return nil
}

// corrupt marks the replica on a storage as corrupt.
func (r *Registry) corrupt(tx *txn.Tx, storage, block int64) error {
	h, err := hold(tx, block, txn.Row(schema.Reconstructions, queueKey(block), dal.None))
	if err != nil || h == nil {
		return err
	}
	rep := h.on(storage)
	if rep == nil || rep.State != schema.ReplicaFinalized {
		return nil
	}
	return r.spoil(tx, h, storage, Block{ID: block, GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes})
}

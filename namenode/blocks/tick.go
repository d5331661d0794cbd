package blocks

import (
	"context"
	"errors"
	"fmt"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// work is what Tick is at. It is only kept so that a Tick goes on where the last one
// stopped; everything that matters is in rows.
type work struct {
	scans        map[int64]*scan       // storages whose replicas are lost, by id
	reviews      map[int64]*scan       // storages whose blocks are looked at, by id
	drains       map[string]*drain     // DataNodes that are to leave, by UUID
	done         map[int64]bool        // storages that were scanned and are still lost
	deletesAfter schema.Key            // place in invalidations
	cursors      [2 * tiers]schema.Key // place in reconstructions by priority
	epoch        int64                 // that all this belongs to
}

// Bounds of one Tick.
const (
	tickScans = 4    // storages scanned side by side
	scanPages = 4    // pages of each
	scanPage  = 500  // replicas of a page
	walkPage  = 1000 // rows of a queue
	walkPages = 8
)

// Tick does a bounded piece of the background work: it finds dead DataNodes, has
// blocks copied and replicas deleted; in safe mode it only finds dead DataNodes. One
// NameNode calls it every dfs.namenode.redundancy.interval.seconds, one call at a
// time, Attend beside it. What one NameNode left another one goes on with.
func (r *Registry) Tick(ctx context.Context) error {
	if e := r.epoch.Load(); r.work.epoch != e {
		r.work = work{epoch: e}
	}
	if r.strange.Load() {
		if err := r.Load(ctx); err != nil {
			return err
		}
	}
	lost, removed := r.findLost()
	if err := r.Sync(ctx); err != nil {
		return err
	}
	errs := []error{r.govern(ctx)}
	if r.inSafeMode() {
		return errs[0]
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"look for lost replicas", func() error { return r.scanLost(ctx, lost) }},
		{"forget removed storages", func() error { return r.forgetRemoved(ctx, removed) }},
		{"spread blocks over racks", func() error { return r.spreadOut(ctx) }},
		{"look at blocks", func() error { return r.reviewSome(ctx) }},
		{"empty DataNodes", func() error { return r.drainSome(ctx) }},
		{"hand out deletions", func() error { return r.handOutDeletions(ctx) }},
		{"have blocks copied", func() error { return r.reconstruct(ctx) }},
	} {
		if err := step.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.what, err))
		}
	}
	return errors.Join(errs...)
}

// findLost returns the storages whose replicas count as lost, and those that are
// to be forgotten. A DataNode found dead must register again.
func (r *Registry) findLost() (lost, removed []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for _, n := range r.nodes {
		if n.row.AdminState != adminRemoved && !n.lost && r.dead(n, now) {
			n.lost = true
			n.copies, n.recoveries, n.deletions = nil, nil, map[int64]*deletion{}
			r.endLease(n)
			r.opt.Logger.Warn("a DataNode is dead", "datanode", n.row.UUID, "address", n.row.IP, "port", n.row.XferPort)
		}
	}
	for id, s := range r.storages {
		switch {
		case s.row.State == storageRemoved:
			removed = append(removed, id)
		case s.node.row.AdminState == adminInMaintenance && !r.broken(s, now):
		case s.node.lost || r.broken(s, now):
			lost = append(lost, id)
		}
	}
	r.countRacks()
	return lost, removed
}

// scanLost queues the blocks that have a replica on a lost storage, a bounded piece
// at a time. A storage that comes back in between needs no care: the queue is
// looked at block by block.
func (r *Registry) scanLost(ctx context.Context, lost []int64) error {
	w := &r.work
	isLost := make(map[int64]bool, len(lost))
	for _, id := range lost {
		isLost[id] = true
	}
	if w.scans == nil {
		w.scans, w.done = map[int64]*scan{}, map[int64]bool{}
	}
	for id := range w.done {
		if !isLost[id] {
			delete(w.done, id)
		}
	}
	for id := range w.scans {
		if !isLost[id] {
			delete(w.scans, id)
		}
	}
	for _, id := range lost {
		if len(w.scans) >= tickScans {
			break
		}
		if !w.done[id] && w.scans[id] == nil {
			w.scans[id] = &scan{}
		}
	}
	for id, s := range w.scans {
		for range scanPages {
			found, more, err := s.page(ctx, r, id)
			if err != nil {
				return err
			}
			if err := r.enqueue(ctx, found, r.short); err != nil {
				return err
			}
			if !more {
				delete(w.scans, id)
				w.done[id] = true
				break
			}
		}
	}
	return nil
}

// forgetRemoved deletes the replicas of storages that were removed, and at last the
// storages and their DataNodes, a bounded piece at a time.
func (r *Registry) forgetRemoved(ctx context.Context, removed []int64) error {
	for _, id := range removed[:min(len(removed), tickScans)] {
		reps, err := r.replicasOn(ctx, id, "")
		if err != nil {
			return err
		}
		var tasks []func() error
		for _, rep := range reps {
			tasks = append(tasks, func() error {
				return r.eng.Update(ctx, func(tx *txn.Tx) error { return r.forgetReplica(tx, rep) })
			})
		}
		if err := inParallel(tasks); err != nil {
			return err
		}
		if len(reps) < scanPage {
			if err := r.forgetStorage(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Registry) forgetReplica(tx *txn.Tx, rep schema.Replica) error {
	h, err := hold(tx, rep.BlockID)
	if err != nil {
		return err
	}
	if h == nil {
		tx.Delete(schema.Replicas, schema.Replicas.Key(rep.Row()))
		return nil
	}
	h.drop(tx, func(o *schema.Replica) bool { return o.StorageID == rep.StorageID })
	return r.balance(tx, h, "")
}

package blocks

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// reportPage is how many replica rows are compared at once.
const reportPage = 2000

// FullReport compares the replicas of a storage with the rows of it, and applies
// the differences before it returns, or where they may be news of another NameNode
// a little later: see doubt. A NameNode that does not lead only counts them. A
// DataNode sends its incremental reports in order with its full ones, and none while
// a full one is on its way. After an error part of the differences is applied; the
// DataNode sends the report again.
func (r *Registry) FullReport(ctx context.Context, rep FullReport) error {
	ids, err := r.registeredStorages(ctx, rep.Datanode, []StorageRef{rep.Storage})
	if err != nil {
		return err
	}
	if r.leads() {
		if err := r.compare(r.fenced(ctx), ids[rep.Storage.UUID], rep.Replicas); err != nil {
			return fmt.Errorf("full report of %s: %w", rep.Datanode, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.storages[ids[rep.Storage.UUID]]; s != nil {
		s.blocks, s.scheduled, s.last = int64(len(rep.Replicas)), 0, 0
		for i := range rep.Replicas {
			s.last = max(s.last, rep.Replicas[i].ID)
		}
		s.node.reported = r.now()
		if rep.Last {
			r.endLease(s.node)
		}
	}
	return nil
}

// compare applies a full report of a storage. It sorts the replicas in place.
func (r *Registry) compare(ctx context.Context, storage int64, reported []ReportedReplica) error {
	byID := func(a, b ReportedReplica) int { return cmp.Compare(a.ID, b.ID) }
	if !slices.IsSortedFunc(reported, byID) {
		slices.SortFunc(reported, byID)
	}
	c := comparison{r: r, storage: storage, reported: reported}
	if err := c.run(ctx); err != nil {
		return err
	}
	now := r.now()
	for i := range c.doubts {
		c.doubts[i].since = now
	}
	return r.contradicted(ctx, r.doubts.add(c.doubts))
}

// A comparison is one full report on its way through the rows of its storage.
type comparison struct {
	r        *Registry
	storage  int64
	reported []ReportedReplica // sorted by block id
	doubts   []doubt
}

func (c *comparison) run(ctx context.Context) error {
	rest := c.reported
	var after schema.Key
	for more := true; more; {
		rows, err := c.page(ctx, after)
		if err != nil {
			return err
		}
		more = len(rows) == reportPage
		var extra, differ []ReportedReplica
		var gone []schema.Replica
		for _, row := range rows {
			k := 0
			for k < len(rest) && rest[k].ID < row.BlockID {
				k++
			}
			extra = append(extra, rest[:k]...)
			rest = rest[k:]
			switch {
			case len(rest) == 0 || rest[0].ID != row.BlockID:
				if !c.doubt(row, nil) {
					gone = append(gone, row)
				}
			default:
				if !agrees(row, rest[0]) && !c.doubt(row, &rest[0]) {
					differ = append(differ, rest[0])
				}
				rest = rest[1:]
			}
		}
		if more {
			after = schema.ReplicasByStorage.KeyOf(rows[len(rows)-1].Row())
		} else {
			extra = append(extra, rest...)
		}
		if err := c.settle(ctx, extra, differ, gone); err != nil {
			return err
		}
	}
	return c.obsolete(ctx)
}

// doubt reports whether a row that the report contradicts may be newer than the
// report, and keeps the doubt.
func (c *comparison) doubt(row schema.Replica, reported *ReportedReplica) bool {
	if row.State != schema.ReplicaFinalized || !c.r.others() {
		return false
	}
	d := doubt{row: row}
	if reported != nil {
		rep := *reported // the report itself is large, and may go
		d.reported = &rep
	}
	c.doubts = append(c.doubts, d)
	return true
}

func (c *comparison) page(ctx context.Context, after schema.Key) ([]schema.Replica, error) {
	rows, err := c.r.scan(ctx, schema.ReplicasByStorage, schema.KeyOf(schema.Int(c.storage)), after, reportPage)
	reps := make([]schema.Replica, len(rows))
	for i, row := range rows {
		reps[i] = schema.ReplicaOf(row)
	}
	return reps, err
}

// agrees reports whether a row needs no change after this report of its replica.
func agrees(row schema.Replica, rep ReportedReplica) bool {
	switch rep.State {
	case ReportFinalized:
		return row.State != schema.ReplicaExpected && row.GenerationStamp == rep.GenerationStamp && row.NumBytes == rep.NumBytes
	case ReportRBW:
		return row.GenerationStamp <= rep.GenerationStamp
	case ReportRWR:
		return row.State == schema.ReplicaCorrupt
	}
	return true
}

// settle applies the differences of one page.
func (c *comparison) settle(ctx context.Context, extra, differ []ReportedReplica, gone []schema.Replica) error {
	for len(extra) > 0 {
		chunk := extra[:min(len(extra), reportChunk)]
		extra = extra[len(chunk):]
		known, err := c.unknown(ctx, chunk)
		if err != nil {
			return err
		}
		differ = append(differ, known...)
	}
	var tasks []func() error
	for _, rep := range differ {
		tasks = append(tasks, func() error {
			return c.r.eng.Update(ctx, func(tx *txn.Tx) error {
				_, err := c.r.apply(tx, c.storage, rep, "")
				return err
			})
		})
	}
	for _, row := range gone {
		tasks = append(tasks, func() error {
			return c.r.eng.Update(ctx, func(tx *txn.Tx) error { return c.r.vanished(tx, row) })
		})
	}
	return inParallel(tasks)
}

// unknown queues the deletion of replicas whose blocks do not exist, and returns
// those whose blocks do.
func (c *comparison) unknown(ctx context.Context, reps []ReportedReplica) ([]ReportedReplica, error) {
	ids := make([]int64, len(reps))
	for i, rep := range reps {
		ids[i] = rep.ID
	}
	blocks, err := c.r.known(ctx, ids)
	if err != nil {
		return nil, err
	}
	var known, strange []ReportedReplica
	for _, rep := range reps {
		if _, ok := blocks[rep.ID]; ok {
			known = append(known, rep)
		} else if rep.State != ReportTemporary && rep.State != ReportRUR {
			strange = append(strange, rep)
		}
	}
	if len(strange) == 0 {
		return known, nil
	}
	return known, c.r.eng.Update(ctx, func(tx *txn.Tx) error {
		for _, rep := range strange {
			tx.Want(txn.Row(schema.Invalidations, invalidationKey(c.storage, rep.ID), dal.None))
		}
		for _, rep := range strange {
			row, err := tx.Get(schema.Invalidations, invalidationKey(c.storage, rep.ID), dal.None)
			if err != nil {
				return err
			}
			if row == nil || schema.InvalidationOf(row).GenerationStamp != rep.GenerationStamp {
				Invalidate(tx, schema.Replica{StorageID: c.storage, BlockID: rep.ID,
					GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes})
			}
		}
		return nil
	})
}

// vanished deletes the row of a replica that its storage does not report. One that
// a writer is about to make is not there yet.
func (r *Registry) vanished(tx *txn.Tx, seen schema.Replica) error {
	h, err := hold(tx, seen.BlockID)
	if err != nil || h == nil {
		return err
	}
	rep := h.on(seen.StorageID)
	if rep == nil || *rep != seen || rep.State == schema.ReplicaExpected && h.Block.State != schema.BlockComplete {
		return nil
	}
	h.drop(tx, func(rep *schema.Replica) bool { return rep.StorageID == seen.StorageID })
	return r.balance(tx, h, "")
}

// obsolete removes queued deletions of replicas that the storage does not have.
func (c *comparison) obsolete(ctx context.Context) error {
	var after schema.Key
	for {
		rows, err := c.r.scan(ctx, schema.Invalidations.Primary, schema.KeyOf(schema.Int(c.storage)), after, reportPage)
		if err != nil {
			return err
		}
		var old []schema.Invalidation
		for _, row := range rows {
			inv := schema.InvalidationOf(row)
			i, ok := slices.BinarySearchFunc(c.reported, inv.BlockID, func(rep ReportedReplica, id int64) int { return cmp.Compare(rep.ID, id) })
			if !ok || c.reported[i].GenerationStamp != inv.GenerationStamp {
				old = append(old, inv)
			}
		}
		if len(old) > 0 {
			err := c.r.eng.Update(ctx, func(tx *txn.Tx) error {
				for _, inv := range old {
					tx.Delete(schema.Invalidations, invalidationKey(inv.StorageID, inv.BlockID))
				}
				return nil
			})
			if err != nil {
				return err
			}
			for _, inv := range old {
				c.r.deletionDone(inv.StorageID, inv.BlockID)
			}
		}
		if len(rows) < reportPage {
			return nil
		}
		after = schema.Invalidations.Primary.KeyOf(rows[len(rows)-1])
	}
}

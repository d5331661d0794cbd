package blocks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A census finds out whether enough blocks can be read with the DataNodes that are
// there. It looks only at the replicas on storages that are not there, and goes on
// from call to call.
type census struct {
	enough bool // the last answer
	empty  bool // there are no replicas at all

	absent  []int64 // storages whose replicas are being looked at, sorted
	at      int     // which of them
	after   schema.Key
	missing int64 // blocks with too few replicas elsewhere
	whole   bool  // all of absent was looked at

	total      int64 // blocks
	totalAfter schema.Key
	counted    bool
}

// censusTime bounds the work of one call.
const censusTime = 300 * time.Millisecond

// advance does a bounded piece of work and updates enough and empty.
func (c *census) advance(ctx context.Context, r *Registry, threshold float64) error {
	absent, present := r.absentStorages()
	if !slices.Equal(absent, c.absent) || c.absent == nil {
		*c = census{absent: absent, total: c.total, totalAfter: c.totalAfter, counted: c.counted}
	}
	if len(absent) == 0 || !present {
		rows, err := r.scan(ctx, schema.Replicas.Primary, "", "", 1)
		if err != nil {
			return err
		}
		c.empty = len(rows) == 0
		c.enough = c.empty || len(absent) == 0
		return nil
	}
	stop := time.Now().Add(censusTime)
	for !c.whole && time.Now().Before(stop) {
		if err := c.page(ctx, r); err != nil {
			return err
		}
	}
	for c.missing > 0 && !c.counted && time.Now().Before(stop) {
		rows, err := r.scan(ctx, schema.Blocks.Primary, "", c.totalAfter, reportPage)
		if err != nil {
			return err
		}
		c.total += int64(len(rows))
		c.counted = len(rows) < reportPage
		if !c.counted {
			c.totalAfter = schema.Blocks.Primary.KeyOf(rows[len(rows)-1])
		}
	}
	c.enough = c.whole && (c.missing == 0 || c.counted && c.missing <= c.total-int64(float64(c.total)*threshold))
	return nil
}

// page looks at the next replicas on an absent storage.
func (c *census) page(ctx context.Context, r *Registry) error {
	reps, err := r.replicasOn(ctx, c.absent[c.at], c.after)
	if err != nil {
		return err
	}
	var missing int64
	err = r.eng.View(ctx, func(tx *txn.Tx) error {
		missing = 0
		siblings := make([]schema.Key, len(reps))
		for i, rep := range reps {
			siblings[i] = schema.KeyOf(schema.Int(rep.InodeID), schema.Int(rep.BlockID))
			tx.Want(txn.Prefix(schema.Replicas.Primary, siblings[i]))
		}
		for i, rep := range reps {
			rows, err := tx.Lookup(schema.Replicas.Primary, siblings[i])
			if err != nil {
				return err
			}
			if c.lacks(r, rep, rows) {
				missing++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.missing += missing
	if len(reps) == scanPage {
		c.after = schema.ReplicasByStorage.KeyOf(reps[scanPage-1].Row())
		return nil
	}
	c.at, c.after = c.at+1, ""
	c.whole = c.at == len(c.absent)
	return nil
}

// lacks reports whether a block has too few replicas on storages that are there.
// Of its replicas on absent storages only the first one says so.
func (c *census) lacks(r *Registry, rep schema.Replica, siblings []schema.Row) bool {
	if rep.State != schema.ReplicaFinalized {
		return false
	}
	present := int64(0)
	for _, row := range siblings {
		o := schema.ReplicaOf(row)
		if o.State != schema.ReplicaFinalized {
			continue
		}
		_, absent := slices.BinarySearch(c.absent, o.StorageID)
		if absent && o.StorageID < rep.StorageID {
			return false
		}
		if !absent {
			present++
		}
	}
	return present < r.opt.MinReplication
}

// absentStorages returns the storages whose DataNodes are not there, sorted, and
// whether any storage is there.
func (r *Registry) absentStorages() (absent []int64, present bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	absent = []int64{}
	for id, s := range r.storages {
		switch {
		case s.row.State == storageRemoved:
		case r.alive(s.node, now) && !r.broken(s, now):
			present = true
		default:
			absent = append(absent, id)
		}
	}
	slices.SortFunc(absent, cmp.Compare[int64])
	return absent, present
}

// text says how far the count is.
func (c *census) text(threshold float64) string {
	need := int64(float64(c.total) * threshold)
	safe := c.total - c.missing
	switch {
	case c.enough && c.counted:
		return fmt.Sprintf("The reported blocks %d has reached the threshold %.4f of total blocks %d. ", safe, threshold, c.total)
	case c.enough:
		return fmt.Sprintf("The DataNodes of all blocks are there, which reaches the threshold %.4f. ", threshold)
	case c.whole && c.counted:
		return fmt.Sprintf("The reported blocks %d needs additional %d blocks to reach the threshold %.4f of total blocks %d.\n",
			safe, need-safe, threshold, c.total)
	}
	return fmt.Sprintf("%d storages with blocks have not registered; they are needed to reach the threshold %.4f.\n", len(c.absent), threshold)
}

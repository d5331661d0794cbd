package blocks

import (
	"context"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// scan returns up to limit rows of x, or of the part with prefix, after a key.
func (r *Registry) scan(ctx context.Context, x *schema.Index, prefix, after schema.Key, limit int) ([]schema.Row, error) {
	page := txn.Range{Index: x, Prefix: prefix, After: after, Limit: limit}
	var rows []schema.Row
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		got, err := tx.Scan(page)
		rows = got.Rows
		return err
	})
	return rows, err
}

// handOutDeletions puts queued deletions where the next heartbeats of their
// DataNodes find them. A DataNode that has enough for now is passed over.
func (r *Registry) handOutDeletions(ctx context.Context) error {
	if err := r.giveUpDeletions(ctx); err != nil {
		return err
	}
	w := &r.work
	for range walkPages {
		rows, err := r.scan(ctx, schema.Invalidations.Primary, "", w.deletesAfter, walkPage)
		if err != nil {
			return err
		}
		full := r.offerDeletions(rows)
		if len(rows) < walkPage {
			w.deletesAfter = ""
			return nil
		}
		last := schema.InvalidationOf(rows[len(rows)-1])
		w.deletesAfter = invalidationKey(last.StorageID, last.BlockID)
		if full[last.StorageID] {
			w.deletesAfter = invalidationKey(last.StorageID, 1<<63-1)
		}
	}
	return nil
}

// giveUpDeletions takes deletions off the queue that were sent in vain.
func (r *Registry) giveUpDeletions(ctx context.Context) error {
	r.mu.Lock()
	old := r.givenUp[:min(len(r.givenUp), reportChunk)]
	r.givenUp = r.givenUp[len(old):]
	r.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	keys := make([]schema.Key, len(old))
	for i, inv := range old {
		keys[i] = invalidationKey(inv.StorageID, inv.BlockID)
	}
	return r.eng.Update(ctx, func(tx *txn.Tx) error {
		rows, err := getAll(tx, schema.Invalidations, keys)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if row != nil && schema.InvalidationOf(row).GenerationStamp == old[i].GenerationStamp {
				tx.Delete(schema.Invalidations, keys[i])
			}
		}
		return nil
	})
}

// offerDeletions gives queue rows to their DataNodes. It returns the storages that
// take no more now.
func (r *Registry) offerDeletions(rows []schema.Row) map[int64]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := map[int64]bool{}
	now := r.now()
	for _, row := range rows {
		inv := schema.InvalidationOf(row)
		s := r.storages[inv.StorageID]
		if s == nil || !s.node.registered || r.dead(s.node, now) {
			full[inv.StorageID] = true
			continue
		}
		if d := s.node.deletions[inv.BlockID]; d != nil && d.block.GenerationStamp == inv.GenerationStamp {
			continue
		}
		if len(s.node.deletions) >= 5*r.opt.InvalidateLimit {
			full[inv.StorageID] = true
			continue
		}
		s.node.deletions[inv.BlockID] = &deletion{storage: inv.StorageID,
			block: Block{ID: inv.BlockID, GenerationStamp: inv.GenerationStamp, NumBytes: inv.NumBytes}}
	}
	return full
}

// deletionDone takes a deletion that is no longer wanted, or was carried out, off
// the list of its DataNode.
func (r *Registry) deletionDone(storage, block int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.storages[storage]
	if s == nil {
		return
	}
	s.blocks = max(0, s.blocks-1)
	if d := s.node.deletions[block]; d != nil && d.storage == storage {
		delete(s.node.deletions, block)
	}
}

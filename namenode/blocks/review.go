package blocks

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// markReview has the blocks on storages looked at, one by one, by whoever leads. The
// mark is in the rows, so that it outlives a NameNode.
func markReview(tx *txn.Tx, storages []int64) error {
	return setStorages(tx, storages, storageNormal, storageReview)
}

// setStorages changes the state of those storages that are in another one.
func setStorages(tx *txn.Tx, ids []int64, from, to int64) error {
	for _, id := range ids {
		tx.Want(txn.Row(schema.Storages, schema.KeyOf(schema.Int(id)), dal.Exclusive))
	}
	for _, id := range ids {
		row, err := tx.Get(schema.Storages, schema.KeyOf(schema.Int(id)), dal.Exclusive)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		if s := schema.StorageOf(row); s.State == from {
			s.State = to
			tx.Put(schema.Storages, s.Row())
		}
	}
	return nil
}

// reviewed takes a change of setStorages over into memory. The caller holds mu.
func (r *Registry) reviewed(ids []int64, to int64) {
	for _, id := range ids {
		if s := r.storages[id]; s != nil && s.row.State != storageRemoved {
			s.row.State = to
		}
	}
}

// review asks for a look at the blocks on some storages.
func (r *Registry) review(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := r.eng.Update(ctx, func(tx *txn.Tx) error { return markReview(tx, ids) }); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reviewed(ids, storageReview)
	return nil
}

// reviewSome looks at the blocks on marked storages, a bounded piece at a time: those
// with too few or too many replicas, or on one rack only, are queued.
func (r *Registry) reviewSome(ctx context.Context) error {
	w := &r.work
	marked := r.marked()
	if w.reviews == nil {
		w.reviews = map[int64]*scan{}
	}
	for _, id := range marked[:min(len(marked), tickScans)] {
		s := w.reviews[id]
		if s == nil {
			s = &scan{}
			w.reviews[id] = s
		}
		for range scanPages {
			found, more, err := s.page(ctx, r, id)
			if err != nil {
				return err
			}
			if err := r.enqueue(ctx, found, r.uneven); err != nil {
				return err
			}
			if more {
				continue
			}
			delete(w.reviews, id)
			err = r.eng.Update(ctx, func(tx *txn.Tx) error { return setStorages(tx, []int64{id}, storageReview, storageNormal) })
			if err != nil {
				return err
			}
			r.mu.Lock()
			r.reviewed([]int64{id}, storageNormal)
			r.mu.Unlock()
			break
		}
	}
	return nil
}

// marked returns the storages to be reviewed, those under way first.
func (r *Registry) marked() []int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var begun, others []int64
	for id, s := range r.storages {
		switch {
		case s.row.State != storageReview:
		case r.work.reviews[id] != nil:
			begun = append(begun, id)
		default:
			others = append(others, id)
		}
	}
	return append(begun, others...)
}

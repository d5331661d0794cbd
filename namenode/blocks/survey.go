package blocks

import (
	"context"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A scan goes through the replicas of a storage, page by page.
type scan struct{ after schema.Key }

// page returns the blocks of the next replicas on a storage, as far as they can be
// seen without locks: who takes a block off the queue looks again. more is false
// behind the last page.
func (s *scan) page(ctx context.Context, r *Registry, id int64) (found []*Held, more bool, err error) {
	reps, err := r.replicasOn(ctx, id, s.after)
	if err != nil || len(reps) == 0 {
		return nil, false, err
	}
	if found, err = r.survey(ctx, reps); err != nil {
		return nil, false, err
	}
	s.after = schema.ReplicasByStorage.KeyOf(reps[len(reps)-1].Row())
	return found, len(reps) == scanPage, nil
}

// survey reads the blocks of some replicas. Those that are gone are left out.
func (r *Registry) survey(ctx context.Context, reps []schema.Replica) ([]*Held, error) {
	var out []*Held
	err := r.eng.View(ctx, func(tx *txn.Tx) error {
		out = nil
		blocks, siblings, inodes := make([]schema.Key, len(reps)), make([]schema.Key, len(reps)), make([]schema.Key, len(reps))
		for i, rep := range reps {
			blocks[i] = schema.KeyOf(schema.Int(rep.BlockID))
			siblings[i] = schema.KeyOf(schema.Int(rep.InodeID), schema.Int(rep.BlockID))
			inodes[i] = schema.KeyOf(schema.Int(rep.InodeID))
			tx.Want(txn.Prefix(schema.BlocksByID, blocks[i]), txn.Prefix(schema.Replicas.Primary, siblings[i]),
				txn.Prefix(schema.InodesByID, inodes[i]))
		}
		for i := range reps {
			block, err := tx.Lookup(schema.BlocksByID, blocks[i])
			if err != nil {
				return err
			}
			inode, err := tx.Lookup(schema.InodesByID, inodes[i])
			if err != nil {
				return err
			}
			rows, err := tx.Lookup(schema.Replicas.Primary, siblings[i])
			if err != nil {
				return err
			}
			if len(block) == 0 || len(inode) == 0 {
				continue
			}
			h := &Held{Inode: schema.InodeOf(inode[0]), Block: schema.BlockOf(block[0])}
			for _, row := range rows {
				h.Replicas = append(h.Replicas, schema.ReplicaOf(row))
			}
			out = append(out, h)
		}
		return nil
	})
	return out, err
}

// enqueue queues those of the blocks that lack something, unless they are queued.
func (r *Registry) enqueue(ctx context.Context, found []*Held, lacks func(*Held, tally) bool) error {
	var short []schema.Reconstruction
	for _, h := range found {
		if h.Block.State != schema.BlockComplete {
			continue // looked at when it completes
		}
		if t := r.count(h); lacks(h, t) {
			short = append(short, schema.Reconstruction{BlockID: h.Block.BlockID, InodeID: h.Inode.ID, Priority: r.urgency(h, t, r.wanted(h, t))})
		}
	}
	if len(short) == 0 {
		return nil
	}
	return r.eng.Update(ctx, func(tx *txn.Tx) error {
		keys := make([]schema.Key, len(short))
		for i, q := range short {
			keys[i] = queueKey(q.BlockID)
		}
		rows, err := getAll(tx, schema.Reconstructions, keys)
		if err != nil {
			return err
		}
		for i, q := range short {
			if rows[i] == nil {
				q.Since = tx.Now()
				tx.Put(schema.Reconstructions, q.Row())
			}
		}
		return nil
	})
}

// short reports whether a block has too few good replicas.
func (r *Registry) short(h *Held, t tally) bool { return int64(t.live) < r.wanted(h, t) }

// uneven reports whether a block has too few or too many replicas, or will have when a
// DataNode comes back, or all on one rack.
func (r *Registry) uneven(h *Held, t tally) bool {
	return r.short(h, t) || t.lost > 0 || int64(t.live) > h.Inode.Replication || r.misplaced(h, t)
}

// replicasOn returns a page of the replicas on a storage.
func (r *Registry) replicasOn(ctx context.Context, id int64, after schema.Key) ([]schema.Replica, error) {
	rows, err := r.scan(ctx, schema.ReplicasByStorage, schema.KeyOf(schema.Int(id)), after, scanPage)
	reps := make([]schema.Replica, len(rows))
	for i, row := range rows {
		reps[i] = schema.ReplicaOf(row)
	}
	return reps, err
}

package blocks

import (
	"cmp"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Tiers of the priority of a row in reconstructions, the most urgent first. The
// priority is twice the tier, plus 1 if the block has a corrupt replica, so that
// the queue can be counted without reading blocks.
const (
	tierRecover    = iota // not a matter of replicas: its recovery may have got lost
	tierLast              // one good replica is left of several
	tierBad               // less than a third of the wanted replicas
	tierShort             // fewer than wanted
	tierMissing           // no good replica
	tierMissingOne        // no good replica of a block that should have one
	tierSurplus           // too many replicas, or corrupt ones that can go
	tierMisplaced         // enough, but all on one rack
	tiers
)

// othersFollow is how long the copies of one block may lie apart, in ms.
const othersFollow = 15_000

func queueKey(block int64) schema.Key { return schema.KeyOf(schema.Int(block)) }

// queue asks for a block to be looked at by Tick.
func queue(tx *txn.Tx, h *Held, priority int64) {
	q := schema.Reconstruction{BlockID: h.Block.BlockID, InodeID: h.Block.InodeID, Priority: priority, Since: tx.Now()}
	tx.Put(schema.Reconstructions, q.Row())
}

// Completed queues a block that has just become complete and has too few or too
// many replicas. Those still expected count: their DataNodes were given the data.
func (r *Registry) Completed(tx *txn.Tx, h *Held) {
	t := r.count(h)
	want := r.wanted(h, t)
	if int64(t.live+t.expected) < want || int64(t.live) > h.Inode.Replication || t.corrupt > 0 || int64(t.live) >= want && r.misplaced(h, t) {
		queue(tx, h, r.urgency(h, t, want))
	}
}

// balance brings a complete block towards the wanted number of replicas after one
// of them changed: it queues what is missing and lets go of what is too much.
// hint is the DataNode whose replica should go first, "" for none.
func (r *Registry) balance(tx *txn.Tx, h *Held, hint string) error {
	if h.Block.State != schema.BlockComplete {
		return nil
	}
	row, err := tx.Get(schema.Reconstructions, queueKey(h.Block.BlockID), dal.None)
	if err != nil {
		return err
	}
	t := r.count(h)
	want := r.wanted(h, t)
	r.discard(tx, h, t, want)
	enough := int64(t.live) >= want
	if enough {
		r.trim(tx, h, t, hint)
	}
	if enough && !r.misplaced(h, t) {
		if row != nil {
			tx.Delete(schema.Reconstructions, queueKey(h.Block.BlockID))
		}
		return nil
	}
	p := r.urgency(h, t, want)
	switch {
	case row != nil:
		q := schema.ReconstructionOf(row)
		old := q
		q.Priority = p
		// If copies are under way this may be one of them. The others follow soon, or
		// there was no place for them then.
		q.PendingUntil = min(q.PendingUntil, tx.Now()+othersFollow)
		if q != old {
			tx.Put(schema.Reconstructions, q.Row())
		}
	case enough || int64(t.live+t.expected) < want:
		queue(tx, h, p)
	}
	return nil
}

// trim lets go of what a block with enough good replicas does not need: replicas
// beyond the wanted number, and rows of lost ones. If their storage comes back it
// reports them, and they are let go then.
func (r *Registry) trim(tx *txn.Tx, h *Held, t tally, hint string) {
	for _, id := range r.surplus(h, t.live-int(h.Inode.Replication), hint) {
		rep := *h.on(id)
		rep.State = schema.ReplicaExcess
		h.put(tx, rep)
		Invalidate(tx, rep)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	h.drop(tx, func(rep *schema.Replica) bool {
		return rep.State == schema.ReplicaFinalized && !r.remains(rep.StorageID, now)
	})
}

// discard has corrupt replicas deleted that are of no use any more: all of them once
// there are enough good ones; else, with the minimum of good ones, those that are
// too many or stem from a pipeline that failed, so that their DataNodes can take a
// copy (HDFS: markBlockAsCorrupt).
func (r *Registry) discard(tx *txn.Tx, h *Held, t tally, want int64) {
	live := int64(t.live)
	enough := live >= want
	safe := live >= r.opt.MinReplication
	h.drop(tx, func(rep *schema.Replica) bool {
		outdated := rep.GenerationStamp < h.Block.GenerationStamp
		if rep.State != schema.ReplicaCorrupt || !enough && !(safe && (outdated || live+int64(t.corrupt) > want)) {
			return false
		}
		Invalidate(tx, *rep)
		return true
	})
}

// surplus chooses n good replicas to go: that of hint, second ones on a DataNode,
// those on racks that have several, those on the fullest storages.
func (r *Registry) surplus(h *Held, n int, hint string) []int64 {
	if n <= 0 {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	type place struct {
		id         int64
		node, rack string
		remaining  float64
	}
	var all []place
	for i := range h.Replicas {
		rep := &h.Replicas[i]
		if s := r.storages[rep.StorageID]; s != nil && s.node.row.AdminState == adminNormal && h.good(rep) && r.counts(rep.StorageID, now) {
			all = append(all, place{rep.StorageID, s.node.row.UUID, s.node.row.Location, s.free()})
		}
	}
	var out []int64
	for range n {
		nodes, racks := map[string]int{}, map[string]int{}
		for _, p := range all {
			nodes[p.node]++
			racks[p.rack]++
		}
		rank := func(p place) int {
			switch {
			case p.node == hint:
				return 0
			case nodes[p.node] > 1:
				return 1
			case racks[p.rack] > 1:
				return 2
			}
			return 3
		}
		if len(all) < 2 {
			break // never the last one
		}
		slices.SortFunc(all, func(a, b place) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.remaining, b.remaining), cmp.Compare(a.id, b.id))
		})
		out = append(out, all[0].id)
		all = all[1:]
	}
	return out
}

// free is the part of a volume that is free.
func (s *storage) free() float64 {
	if s.usage.Capacity <= 0 {
		return 0
	}
	return float64(s.usage.Remaining) / float64(s.usage.Capacity)
}

// Adjust queues the blocks of a file whose number of replicas is not rep, after
// the file's replication was changed from old to rep. in is the file's inode row,
// which the caller holds exclusively.
func Adjust(tx *txn.Tx, in *schema.Inode, f *File, old, rep int64) {
	if old == rep {
		return
	}
	for i := range f.Blocks {
		h := f.Held(in, &f.Blocks[i])
		if h.Block.State != schema.BlockComplete {
			continue // looked at when it completes
		}
		var t tally
		for j := range h.Replicas {
			if h.good(&h.Replicas[j]) {
				t.live++
			}
		}
		if int64(t.live) != rep {
			queue(tx, h, t.priority(rep))
		}
	}
}

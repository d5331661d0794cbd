package blocks

import (
	"context"

	"github.com/hopsql/hopsql/schema"
)

// A drain goes through the blocks of a DataNode that is to leave, again and again until
// none needs it.
type drain struct {
	storages []int64
	scan     scan
	left     Leaving // of this pass
}

// Leaving counts the blocks that hold up a DataNode that is to leave.
type Leaving struct {
	UnderReplicated int64 // too few replicas elsewhere
	Only            int64 // no replica elsewhere
	Open            int64 // of these, in files that are open
}

// drainSome goes on with the DataNodes that are to leave, a bounded piece at a time.
func (r *Registry) drainSome(ctx context.Context) error {
	w := &r.work
	leaving := r.leaving()
	if w.drains == nil {
		w.drains = map[string]*drain{}
	}
	for uuid := range w.drains {
		if _, ok := leaving[uuid]; !ok {
			delete(w.drains, uuid)
		}
	}
	for uuid, state := range leaving {
		d := w.drains[uuid]
		if d == nil {
			if len(w.drains) >= tickScans {
				continue // its turn comes
			}
			d = &drain{storages: r.volumesOf(uuid)}
			w.drains[uuid] = d
		}
		done, err := d.advance(ctx, r, state)
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		delete(w.drains, uuid) // if it is not empty, the next pass begins with the next Tick
		r.noteLeaving(uuid, d.left)
		if d.left.UnderReplicated > 0 {
			continue
		}
		next := int64(adminDecommissioned)
		if state == adminEntering {
			next = adminInMaintenance
		}
		if err := r.setAdmin(ctx, uuid, next); err != nil {
			return err
		}
	}
	return nil
}

// leaving returns the DataNodes that are to leave, with their states.
func (r *Registry) leaving() map[string]int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := map[string]int64{}
	for uuid, n := range r.nodes {
		if s := n.row.AdminState; s == adminDecommissioning || s == adminEntering {
			out[uuid] = s
		}
	}
	return out
}

func (r *Registry) noteLeaving(uuid string, l Leaving) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[uuid]; n != nil {
		n.leaving = l
	}
}

// advance looks at some pages and queues what is short. done is true at the end of a
// pass.
func (d *drain) advance(ctx context.Context, r *Registry, state int64) (done bool, err error) {
	for range scanPages {
		if len(d.storages) == 0 {
			return true, nil
		}
		found, more, err := d.scan.page(ctx, r, d.storages[0])
		if err != nil {
			return false, err
		}
		if err := r.enqueue(ctx, found, r.short); err != nil {
			return false, err
		}
		for _, h := range found {
			d.weigh(r, h, d.storages[0], state)
		}
		if !more {
			d.storages, d.scan = d.storages[1:], scan{}
		}
	}
	return false, nil
}

// weigh counts a block if it still needs the DataNode.
func (d *drain) weigh(r *Registry, h *Held, storage, state int64) {
	rep := h.on(storage)
	if rep == nil || rep.State == schema.ReplicaCorrupt || rep.State == schema.ReplicaExcess {
		return
	}
	t := r.count(h)
	if r.sufficient(h, t, state) {
		return
	}
	d.left.UnderReplicated++
	if t.live == 0 {
		d.left.Only++
	}
	if h.Inode.ClientName != "" {
		d.left.Open++
	}
}

// sufficient reports whether a block can do without a DataNode in a state (HDFS:
// isSufficient).
func (r *Registry) sufficient(h *Held, t tally, state int64) bool {
	live := int64(t.live)
	switch {
	case h.Block.State != schema.BlockComplete:
		return live >= r.opt.MinReplication
	case live >= r.wanted(h, t):
		return true
	}
	// A cluster may be too small for the replication of some files.
	return state == adminDecommissioning && live >= r.opt.Replication && r.opt.Replication > 0
}

// HoldsUp reports whether a file that is open has a replica on a DataNode that is being
// decommissioned.
func (r *Registry) HoldsUp(f *File) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, reps := range f.Replicas {
		for _, rep := range reps {
			if s := r.storages[rep.StorageID]; s != nil && s.node.row.AdminState == adminDecommissioning {
				return true
			}
		}
	}
	return false
}

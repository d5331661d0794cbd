package blocks

import (
	"context"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
)

// A BalancerRequest asks which blocks the balancer may move away from a DataNode.
type BalancerRequest struct {
	Datanode string // UUID
	Size     int64  // bytes that the blocks should sum up to
	MinBlock int64  // blocks with fewer bytes are left out
	Type     int64  // of the storages, 0 for any
}

// mostPages bounds the work of one call of BlocksOn.
const mostPages = 40

// BlocksOn returns complete blocks on a DataNode, from a random one on, with all
// replicas that can be read.
func (r *Registry) BlocksOn(ctx context.Context, q BalancerRequest) ([]LocatedBlock, error) {
	if q.Size <= 0 {
		return nil, fault.New(fault.IllegalArgument, "Unexpected not positive size: %d", q.Size)
	}
	if q.MinBlock < 0 {
		return nil, fault.New(fault.IllegalArgument, "Unexpected not positive size: %d", q.MinBlock)
	}
	storages, known := r.storagesWith(q)
	if !known {
		return nil, fault.New(fault.InvalidArgument, "Datanode %s not found.", q.Datanode)
	}
	rng := seeded(r.seed())
	rng.Shuffle(len(storages), func(i, j int) { storages[i], storages[j] = storages[j], storages[i] })
	b := balancing{r: r, q: q, pages: mostPages}
	for _, id := range storages {
		// From a random block to the end, and round to it.
		start := schema.FirstBlockID + rng.Int64N(max(1, r.lastOn(id)-schema.FirstBlockID))
		if err := b.collect(ctx, id, start, 1<<63-1); err != nil {
			return nil, err
		}
		if err := b.collect(ctx, id, 0, start); err != nil {
			return nil, err
		}
	}
	return b.found, nil
}

// storagesWith returns the storages of the DataNode that the balancer may look at.
func (r *Registry) storagesWith(q BalancerRequest) (ids []int64, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := r.nodes[q.Datanode]
	if n == nil || n.row.AdminState == adminRemoved {
		return nil, false
	}
	now := r.now()
	for id, s := range n.storages {
		if s.row.State != storageRemoved && !r.broken(s, now) && (q.Type == 0 || s.row.Type == q.Type) {
			ids = append(ids, id)
		}
	}
	return ids, true
}

// lastOn is the largest block id on a storage, as far as its full report told.
func (r *Registry) lastOn(storage int64) int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if s := r.storages[storage]; s != nil {
		return s.last
	}
	return 0
}

// A balancing is one call of BlocksOn.
type balancing struct {
	r     *Registry
	q     BalancerRequest
	found []LocatedBlock
	size  int64
	pages int
}

// collect gathers blocks on a storage with ids from first to before last.
func (b *balancing) collect(ctx context.Context, storage, first, last int64) error {
	s := scan{after: schema.KeyOf(schema.Int(storage), schema.Int(first-1))}
	for more := true; more && b.size < b.q.Size && b.pages > 0; b.pages-- {
		var held []*Held
		var err error
		if held, more, err = s.page(ctx, b.r, storage); err != nil {
			return err
		}
		for _, h := range held {
			if h.Block.BlockID >= last {
				return nil
			}
			rep := h.on(storage)
			if rep == nil || !h.good(rep) || h.Block.State != schema.BlockComplete || h.Block.NumBytes < b.q.MinBlock || b.size >= b.q.Size {
				continue
			}
			b.found = append(b.found, b.r.LocateBlock(h, 0, ""))
			b.size += h.Block.NumBytes
		}
	}
	return nil
}

package blocks

import (
	"cmp"
	"context"
	"slices"

	"github.com/hopsql/hopsql/schema"
)

// queueStats are the counts of the queues, published when a pass through them is
// complete.
type queueStats struct {
	BlockStats
	queued int64
}

// countQueue goes on counting reconstructions.
func (r *Registry) countQueue(ctx context.Context) error {
	w := &r.work
	if w.queueAfter == "" {
		w.counting = queueStats{}
	}
	for range walkPages {
		rows, err := r.scan(ctx, schema.ReconstructByUrgent, "", w.queueAfter, walkPage)
		if err != nil {
			return err
		}
		for _, row := range rows {
			w.counting.add(schema.ReconstructionOf(row), r.now())
		}
		if len(rows) < walkPage {
			w.queueAfter = ""
			break
		}
		w.queueAfter = schema.ReconstructByUrgent.KeyOf(rows[len(rows)-1])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.queueAfter == "" {
		w.counting.PendingDeletion = r.stats.PendingDeletion
		r.stats = w.counting
	} else {
		r.stats.queued = max(1, r.stats.queued)
	}
	return nil
}

func (s *queueStats) add(q schema.Reconstruction, now int64) {
	s.queued++
	switch q.Priority / 2 {
	case tierLast:
		s.HighestPriority++
		s.UnderReplicated++
	case tierBad, tierShort:
		s.UnderReplicated++
	case tierMissingOne:
		s.MissingOne++
		s.Missing++
	case tierMissing:
		s.Missing++
	}
	if q.Priority%2 == 1 {
		s.Corrupt++
	}
	if q.PendingUntil > now {
		s.Pending++
	}
}

// Blocks returns the counts of blocks that need attention.
func (r *Registry) Blocks() BlockStats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.stats.BlockStats
}

// Cluster returns the sums over the live DataNodes.
func (r *Registry) Cluster() ClusterStats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var c ClusterStats
	now := r.now()
	for _, n := range r.nodes {
		if n.row.AdminState == adminRemoved {
			continue
		}
		if !r.alive(n, now) {
			c.Dead++
			continue
		}
		c.Live++
		if r.stale(n, now) {
			c.Stale++
		}
		c.Xceivers += n.xceivers
		for _, s := range n.storages {
			c.Capacity += s.usage.Capacity
			c.Used += s.usage.Used
			c.Remaining += s.usage.Remaining
			c.BlockPoolUsed += s.usage.BlockPoolUsed
			c.NonDFSUsed += s.usage.NonDFSUsed
		}
	}
	return c
}

// alive reports whether a DataNode registered and was heard of not too long ago.
func (r *Registry) alive(n *node, now int64) bool {
	return n.registered && n.heard != 0 && !r.dead(n, now)
}

// Datanodes returns the DataNodes of a kind, ListAll and its neighbours, in order
// of their addresses.
func (r *Registry) Datanodes(kind int) []DatanodeStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []DatanodeStatus
	now := r.now()
	for _, n := range r.nodes {
		alive := r.alive(n, now)
		if n.row.AdminState == adminRemoved || !listed(kind, alive, n.row.AdminState) {
			continue
		}
		out = append(out, r.status(n, now))
	}
	slices.SortFunc(out, func(a, b DatanodeStatus) int {
		return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(a.XferPort, b.XferPort), cmp.Compare(a.UUID, b.UUID))
	})
	return out
}

func listed(kind int, alive bool, admin int64) bool {
	switch kind {
	case ListLive:
		return alive
	case ListDead:
		return !alive
	case ListDecommissioning:
		return alive && admin == 1
	case ListEnteringMaintenance:
		return alive && admin == 3
	case ListInMaintenance:
		return alive && admin == 4
	}
	return true
}

func (r *Registry) status(n *node, now int64) DatanodeStatus {
	st := DatanodeStatus{Datanode: n.row, Alive: r.alive(n, now), Stale: r.stale(n, now), LastContact: n.heard,
		LastReport: n.reported, Xceivers: n.xceivers, CacheCapacity: n.cacheSize, CacheUsed: n.cacheUsed}
	for _, s := range n.storages {
		if s.row.State == storageRemoved {
			continue
		}
		st.NumBlocks += s.blocks
		if st.Alive {
			st.Capacity += s.usage.Capacity
			st.Used += s.usage.Used
			st.NonDFSUsed += s.usage.NonDFSUsed
			st.Remaining += s.usage.Remaining
			st.BlockPoolUsed += s.usage.BlockPoolUsed
		}
		usage := s.usage
		usage.StorageRef = StorageRef{UUID: s.row.UUID, Type: s.row.Type, State: s.row.State}
		usage.Failed = s.failed
		st.Storages = append(st.Storages, StorageStatus{Storage: s.row, StorageUsage: usage})
	}
	slices.SortFunc(st.Storages, func(a, b StorageStatus) int { return cmp.Compare(a.StorageID, b.StorageID) })
	return st
}

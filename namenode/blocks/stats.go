package blocks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hopsql/hopsql/schema"
)

// counts is the counting of the queues in the store, which goes on from call to call.
type counts struct {
	mu      sync.Mutex
	deletes bool       // reconstructions are done, invalidations are being counted
	after   schema.Key // where it is
	now     BlockStats // so far
}

// Count goes on counting the queues in the store, a bounded piece at a time, for
// Blocks. Every NameNode calls it now and then, and learns with it of storages that
// came up elsewhere.
func (r *Registry) Count(ctx context.Context) error {
	if !r.leads() { // who leads does it in Tick
		if err := r.Sync(ctx); err != nil {
			return err
		}
		if r.strange.Load() {
			if err := r.Load(ctx); err != nil {
				return err
			}
		}
	}
	c := &r.counting
	c.mu.Lock()
	defer c.mu.Unlock()
	for range walkPages {
		x := schema.ReconstructByUrgent
		if c.deletes {
			x = schema.Invalidations.Primary
		}
		rows, err := r.scan(ctx, x, "", c.after, walkPage)
		if err != nil {
			return fmt.Errorf("count blocks: %w", err)
		}
		for _, row := range rows {
			if c.deletes {
				c.now.PendingDeletion++
			} else {
				c.now.add(schema.ReconstructionOf(row), r.now())
			}
		}
		if len(rows) == walkPage {
			c.after = x.KeyOf(rows[len(rows)-1])
			continue
		}
		c.after, c.deletes = "", !c.deletes
		if !c.deletes {
			r.mu.Lock()
			r.stats, c.now = c.now, BlockStats{}
			r.mu.Unlock()
			return nil
		}
	}
	return nil
}

func (s *BlockStats) add(q schema.Reconstruction, now int64) {
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
	case tierMisplaced:
		s.UnderReplicated++
		s.Misplaced++
	}
	if q.Priority%2 == 1 {
		s.Corrupt++
	}
	if q.PendingUntil > now {
		s.Pending++
	}
}

// Blocks returns the counts of blocks that need attention, as the last complete
// Count found them.
func (r *Registry) Blocks() BlockStats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.stats
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
		alive := r.alive(n, now)
		c.States.add(n.row.AdminState, alive)
		if !alive {
			c.Dead++
			continue
		}
		c.Live++
		if r.stale(n, now) {
			c.Stale++
		}
		c.Xceivers += n.xceivers
		c.FailedVolumes += n.failures
		if n.row.AdminState != adminNormal {
			continue // its room is of no use to anybody
		}
		c.InService++
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

func (s *States) add(state int64, alive bool) {
	switch {
	case state == adminDecommissioning && alive:
		s.Decommissioning++
	case state == adminDecommissioned && alive:
		s.DecommissionedLive++
	case state == adminDecommissioned:
		s.DecommissionedDead++
	case state == adminEntering && alive:
		s.Entering++
	case state == adminInMaintenance && alive:
		s.MaintenanceLive++
	case state == adminInMaintenance:
		s.MaintenanceDead++
	}
}

// alive reports whether a DataNode registered and was heard of not too long ago.
func (r *Registry) alive(n *node, now int64) bool {
	return n.registered && n.heard != 0 && !r.dead(n, now)
}

// joinTime is how long DataNodes have to come to a NameNode that joins others, in
// heartbeats: those that live know of it by then.
const joinBeats = 10

func (r *Registry) joinTime() time.Duration { return joinBeats * r.opt.Heartbeat }

// gathered reports whether all DataNodes of the store have sent a heartbeat here.
func (r *Registry) gathered() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, n := range r.nodes {
		if n.row.AdminState != adminRemoved && !n.beats {
			return false
		}
	}
	return true
}

// lacks reports whether DataNodes serve others but have not come to this NameNode:
// it is young, or cut off from all of them.
func (r *Registry) lacks() bool {
	if !r.others() || r.gathered() {
		return false
	}
	return r.Cluster().Live == 0 || r.now()-r.started < 2*r.joinTime().Milliseconds()
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
		return admin == adminDecommissioning
	case ListEnteringMaintenance:
		return admin == adminEntering
	case ListInMaintenance:
		return admin == adminInMaintenance
	}
	return true
}

func (r *Registry) status(n *node, now int64) DatanodeStatus {
	st := DatanodeStatus{Datanode: n.row, Alive: r.alive(n, now), Stale: r.stale(n, now), LastContact: n.heard,
		LastReport: n.reported, Leaving: n.leaving, FailedVolumes: n.failures, Xceivers: n.xceivers, CacheCapacity: n.cacheSize, CacheUsed: n.cacheUsed}
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

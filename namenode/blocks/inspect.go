package blocks

import (
	"slices"

	"github.com/hopsql/hopsql/schema"
)

// A Condition says what a replica is good for.
type Condition uint8

// The conditions of a replica, the first that fits.
const (
	ReplicaLive Condition = iota
	ReplicaIsDecommissioned
	ReplicaIsDecommissioning
	ReplicaEnteringMaintenance
	ReplicaInMaintenance
	ReplicaIsCorrupt
	ReplicaIsExcess
	ReplicaOnStale // good, on a DataNode that was not heard of lately
	ReplicaExpecting
	conditions
)

// An Inspection is a block with everything that is known of its replicas.
type Inspection struct {
	Block    schema.Block
	Replicas []Inspected
	Count    [conditions]int // of the replicas by condition; stale ones are among the live
	Corrupt  bool            // it is complete and only corrupt replicas are known
	// Racks that the good replicas are on, or the corrupt ones if there are no others,
	// and on how many they should be.
	Racks, RacksWanted int
}

// An Inspected is a replica on a storage whose DataNode is not dead, or is under
// maintenance.
type Inspected struct {
	Target
	Condition Condition
}

// Total is the number of good replicas, wherever they are.
func (i *Inspection) Total() int {
	return i.Count[ReplicaLive] + i.Count[ReplicaIsDecommissioned] + i.Count[ReplicaIsDecommissioning] +
		i.Count[ReplicaEnteringMaintenance] + i.Count[ReplicaInMaintenance]
}

// Good returns where the good replicas are.
func (i *Inspection) Good() []Target {
	var out []Target
	for _, rep := range i.Replicas {
		switch rep.Condition {
		case ReplicaIsCorrupt, ReplicaIsExcess, ReplicaExpecting:
		default:
			out = append(out, rep.Target)
		}
	}
	return out
}

// Inspect takes the replicas of a block apart as an operator wants to see them, in order
// of their storages.
func (r *Registry) Inspect(h *Held) Inspection {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	i := Inspection{Block: h.Block, RacksWanted: 1}
	racks, bad := map[string]bool{}, map[string]bool{}
	for k := range h.Replicas {
		rep := &h.Replicas[k]
		s := r.storages[rep.StorageID]
		if s == nil {
			r.strange.Store(true)
			continue
		}
		if !r.remains(rep.StorageID, now) {
			continue
		}
		c, ok := r.condition(h, rep, s, now)
		if !ok {
			continue
		}
		i.Replicas = append(i.Replicas, Inspected{Target{Storage: s.row, Datanode: s.node.row}, c})
		i.Count[c]++
		if c == ReplicaOnStale {
			i.Count[ReplicaLive]++
		}
		switch c {
		case ReplicaIsCorrupt:
			bad[s.node.row.Location] = true
		case ReplicaIsExcess:
		default:
			racks[s.node.row.Location] = true
		}
	}
	if i.Racks = len(racks); i.Racks == 0 {
		i.Racks = len(bad)
	}
	if r.racks > 1 && h.Inode.Replication > 1 {
		i.RacksWanted = 2
	}
	i.Corrupt = h.Block.State == schema.BlockComplete && i.Total() == 0 && i.Count[ReplicaIsCorrupt] > 0
	slices.SortFunc(i.Replicas, func(a, b Inspected) int { return int(a.Storage.StorageID - b.Storage.StorageID) })
	return i
}

// condition is that of a replica on a storage that is there; ok is false for one that is
// of no use. The caller holds mu.
func (r *Registry) condition(h *Held, rep *schema.Replica, s *storage, now int64) (c Condition, ok bool) {
	switch {
	case rep.State == schema.ReplicaCorrupt:
		return ReplicaIsCorrupt, true
	case rep.State == schema.ReplicaExcess:
		return ReplicaIsExcess, true
	case rep.State == schema.ReplicaExpected:
		return ReplicaExpecting, h.Block.State != schema.BlockComplete
	case !h.good(rep):
		return 0, false
	}
	switch s.node.row.AdminState {
	case adminDecommissioned:
		return ReplicaIsDecommissioned, true
	case adminDecommissioning:
		return ReplicaIsDecommissioning, true
	case adminEntering:
		return ReplicaEnteringMaintenance, true
	case adminInMaintenance:
		return ReplicaInMaintenance, true
	}
	if r.stale(s.node, now) {
		return ReplicaOnStale, true
	}
	return ReplicaLive, true
}

// Racks is the number of racks of the DataNodes that are not dead.
func (r *Registry) Racks() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.racks
}

// MinReplication is how many good replicas a block needs to count as whole.
func (r *Registry) MinReplication() int64 { return r.opt.MinReplication }

package blocks

import "github.com/hopsql/hopsql/schema"

// tally counts the replicas of a block.
type tally struct {
	live     int // good, on storages that count
	expected int // being written, on storages that count
	corrupt  int
	leaving  int // good, on DataNodes that are decommissioned or are about to be
	resting  int // good, on DataNodes under maintenance, also dead ones, or about to be
	lost     int // good, on storages that do not count
	racks    int // on which the live ones are
}

// count takes the replicas apart by what they are good for. The caller must not
// hold r.mu.
func (r *Registry) count(h *Held) tally {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.now()
	var t tally
	var racks [4]string // few are enough to know whether there are several
	for i := range h.Replicas {
		rep := &h.Replicas[i]
		s := r.storages[rep.StorageID]
		admin := int64(adminNormal)
		if s != nil {
			admin = s.node.row.AdminState
		}
		good := h.good(rep)
		switch {
		case rep.State == schema.ReplicaCorrupt:
			t.corrupt++
		case good && admin == adminInMaintenance && !r.broken(s, now):
			t.resting++
		case !r.counts(rep.StorageID, now):
			if good {
				t.lost++
			}
		case admin == adminEntering && good:
			t.resting++
		case admin != adminNormal && good:
			t.leaving++
		case admin != adminNormal:
		case good:
			t.live++
			if s != nil {
				t.rack(&racks, s.node.row.Location)
			}
		case rep.State == schema.ReplicaExpected:
			t.expected++
		}
	}
	return t
}

// rack counts a rack that is not among those seen.
func (t *tally) rack(seen *[4]string, rack string) {
	for i := range min(t.racks, len(seen)) {
		if seen[i] == rack {
			return
		}
	}
	if t.racks < len(seen) {
		seen[t.racks] = rack
		t.racks++
	}
}

// Live is the number of good replicas on DataNodes that are in service and not dead.
func (r *Registry) Live(h *Held) int64 { return int64(r.count(h).live) }

// wanted is how many live replicas a block should have: its replication, less what
// comes back after maintenance, as far as dfs.namenode.maintenance.replication.min
// allows.
func (r *Registry) wanted(h *Held, t tally) int64 {
	want := h.Inode.Replication
	if t.resting > 0 {
		want = max(want-int64(t.resting), min(r.opt.MinMaintenance, want))
	}
	return want
}

// misplaced reports whether a block with enough replicas has all of them on one
// rack though there are others.
func (r *Registry) misplaced(h *Held, t tally) bool {
	if h.Inode.Replication < 2 || t.live < 2 || t.racks != 1 || t.leaving+t.resting > 0 {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.racks > 1
}

// priority is the urgency of a block that should have want replicas.
func (t tally) priority(want int64) int64 {
	live := int64(t.live)
	tier := tierShort
	switch {
	case live == 0 && t.leaving+t.resting > 0:
		tier = tierLast
	case live == 0 && want == 1:
		tier = tierMissingOne
	case live == 0:
		tier = tierMissing
	case live >= want:
		tier = tierSurplus
	case live == 1:
		tier = tierLast
	case live*3 < want:
		tier = tierBad
	}
	p := int64(2 * tier)
	if t.corrupt > 0 {
		p++
	}
	return p
}

// urgency is priority, for a block that may be misplaced.
func (r *Registry) urgency(h *Held, t tally, want int64) int64 {
	p := t.priority(want)
	if p/2 == tierSurplus && r.misplaced(h, t) {
		p += 2 * (tierMisplaced - tierSurplus)
	}
	return p
}

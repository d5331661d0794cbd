package fsck

import "github.com/hopsql/hopsql/schema"

// policyTypes are the types of storage of the first replica and of the rest, for each
// storage policy. RAM disks (4) do not count.
var policyTypes = map[int64][]int64{15: {1}, 14: {6}, 12: {2}, 10: {2, 1}, 7: {1}, 5: {1, 3}, 2: {3}, 1: {5, 1}}

// used is what a tree counts.
type used struct {
	names, space int64
	types        map[int64]int64
}

// checkQuotas wants every directory with a quota to know what its tree uses, and every
// other one not to say so.
func (r *rows) checkQuotas() {
	totals := map[int64]*used{}
	for _, in := range r.order {
		if in.Flags&schema.FlagHasQuota != 0 {
			totals[in.ID] = &used{types: map[int64]int64{}}
		}
		if in.Flags&schema.FlagHasTypeQuota != 0 && in.Flags&schema.FlagHasQuota == 0 {
			r.say("directory %d (%q) has a quota by type of storage and no flag for a quota", in.ID, in.Name)
		}
	}
	for _, in := range r.order {
		r.count(in, totals)
	}
	limits := map[int64]schema.TypeQuota{}
	for _, row := range r.tables[schema.TypeQuotas] {
		t := schema.TypeQuotaOf(row)
		limits[t.ID] = t
		if !r.exists(t.ID) {
			r.say("type_quotas has a row for %d, which is not there", t.ID)
		}
	}
	for _, in := range r.order {
		d, u := r.dirs[in.ID], totals[in.ID]
		if u == nil {
			u = &used{}
		}
		if d.NSUsed != u.names || d.DSUsed != u.space {
			r.say("directory %d (%q) uses %d names and %d bytes and says %d and %d", in.ID, in.Name, u.names, u.space, d.NSUsed, d.DSUsed)
		}
		t, ok := limits[in.ID]
		if flag := in.Flags&schema.FlagHasTypeQuota != 0; flag != ok {
			r.say("directory %d (%q): flag for quotas by type of storage %v, quotas %v", in.ID, in.Name, flag, ok)
		}
		for kind, says := range map[int64]int64{1: t.DiskUsed, 2: t.SSDUsed, 3: t.ArchiveUsed, 5: t.ProvidedUsed, 6: t.NVDIMMUsed} {
			if ok && says != u.types[kind] {
				r.say("directory %d (%q) uses %d bytes of storage type %d and says %d", in.ID, in.Name, u.types[kind], kind, says)
			}
		}
	}
}

// count adds one inode to the totals of the directories above it that have quotas.
func (r *rows) count(in schema.Inode, totals map[int64]*used) {
	size := in.Length
	if blocks := r.blocks[in.ID]; len(blocks) > 0 {
		last := blocks[len(blocks)-1]
		if last.State == schema.BlockUnderConstruction || last.State == schema.BlockUnderRecovery {
			size += in.BlockSize - last.NumBytes
		}
	}
	policy := in.StoragePolicy
	var above []*used
	seen := map[int64]bool{}
	for at := in; !seen[at.ID]; {
		seen[at.ID] = true
		if policy == 0 {
			policy = at.StoragePolicy
		}
		if u := totals[at.ID]; u != nil {
			above = append(above, u)
		}
		parent, ok := r.inodes[at.ParentID]
		if !ok {
			break
		}
		at = parent
	}
	for _, u := range above {
		u.names++
		if in.Kind != schema.KindFile {
			continue
		}
		u.space += size * in.Replication
		types := policyTypes[policy]
		for i := range in.Replication {
			if len(types) > 0 {
				u.types[types[min(int(i), len(types)-1)]] += size
			}
		}
	}
}

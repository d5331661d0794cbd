package blocks

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/hopsql/hopsql/namenode/topology"
	"github.com/hopsql/hopsql/schema"
)

// Locate returns what a reader at host needs to know of length bytes of a file of
// the given length, from offset. The blocks cover the range without holes. The
// length that an open file has for readers ends before its last block, if that is
// not complete: they ask a DataNode how much of it is there.
func (r *Registry) Locate(f *File, fileLength int64, open bool, offset, length int64, host string) *Located {
	l := &Located{FileLength: fileLength, UnderConstruction: open, LastComplete: true}
	last := f.Last()
	if last == nil {
		return l
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	order := r.orderFor(host)
	end := offset + length
	if end < offset {
		end = 1<<63 - 1
	}
	var pos int64
	for i := range f.Blocks {
		b := &f.Blocks[i]
		if b == last && b.State != schema.BlockComplete {
			l.LastComplete = false
			l.FileLength = pos
		}
		inRange := covers(pos, b.NumBytes, offset, end)
		if b == last && !l.LastComplete && pos < end && len(l.Blocks) > 0 {
			inRange = true // its end is not known here
		}
		if i == 0 && b.NumBytes == 0 {
			inRange = true // as in HDFS, wherever the reader wants to begin
		}
		if inRange || b == last {
			lb := r.locateBlock(f.Held(nil, b), pos, order)
			if b == last {
				l.Last = &lb
			}
			if inRange {
				l.Blocks = append(l.Blocks, lb)
			}
		}
		pos += b.NumBytes
	}
	return l
}

// covers reports whether a block of size bytes at pos has a part of [offset, end).
func covers(pos, size, offset, end int64) bool { return pos < end && pos+size > offset }

// LocateBlock returns one block with its replicas, for a writer.
func (r *Registry) LocateBlock(h *Held, offset int64, host string) LocatedBlock {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.locateBlock(h, offset, r.orderFor(host))
}

// locateBlock gathers the replicas of a block that may be read: good ones, those
// being written while it is not complete, and only if all are corrupt, those. The
// caller holds mu.
func (r *Registry) locateBlock(h *Held, offset int64, order func(*node) int) LocatedBlock {
	lb := LocatedBlock{Block: h.Block, Offset: offset, Size: h.Block.NumBytes}
	now := r.now()
	type place struct {
		t     Target
		order int
	}
	var good, corrupt []place
	for i := range h.Replicas {
		rep := &h.Replicas[i]
		s := r.storages[rep.StorageID]
		if s == nil {
			r.strange.Store(true)
			continue
		}
		if r.dead(s.node, now) || r.broken(s, now) || s.node.row.AdminState == adminInMaintenance {
			continue
		}
		p := place{Target{Storage: s.row, Datanode: s.node.row}, order(s.node)}
		switch {
		case rep.State == schema.ReplicaCorrupt:
			corrupt = append(corrupt, p)
		case rep.State == schema.ReplicaExcess:
		case h.Block.State != schema.BlockComplete || h.good(rep):
			good = append(good, p)
		}
	}
	if len(good) == 0 && len(corrupt) > 0 {
		good, lb.Corrupt = corrupt, true
	}
	rand.Shuffle(len(good), func(i, j int) { good[i], good[j] = good[j], good[i] })
	slices.SortStableFunc(good, func(a, b place) int { return cmp.Compare(a.order, b.order) })
	for _, p := range good {
		lb.Targets = append(lb.Targets, p.t)
	}
	return lb
}

// orderFor returns the order in which a reader at host should try DataNodes: those on
// its machine, on its rack, and so on by the switches between; behind them those that
// were not heard of lately, those about to go under maintenance and those that are
// decommissioned. The rack of a host is that of a DataNode there, or the one that the
// operator's script or table says. The caller holds mu.
func (r *Registry) orderFor(host string) func(*node) int {
	const far = 1 << 20
	now := r.now()
	rack := ""
	if host != "" {
		for _, n := range r.nodes {
			if n.on(host) && !r.dead(n, now) {
				rack = n.row.Location
				break
			}
		}
		if rack == "" {
			rack = r.opt.Racks.Guess(host)
		}
	}
	return func(n *node) int {
		switch {
		case n.row.AdminState == adminDecommissioned:
			return 3 * far
		case n.row.AdminState == adminEntering:
			return 2 * far
		case r.stale(n, now):
			return far
		case n.on(host):
			return 0
		case rack != "":
			return 1 + topology.Distance(rack, n.row.Location)
		}
		return far - 1
	}
}

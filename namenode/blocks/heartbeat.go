package blocks

import (
	"cmp"
	"context"
	"slices"

	"github.com/hopsql/hopsql/schema"
)

// Heartbeat notes that a DataNode lives and, at the leader, hands out what it must
// do. A DataNode that did not register here since this NameNode started, or began to
// lead, or that was found dead, is told to register and nothing else.
func (r *Registry) Heartbeat(ctx context.Context, hb HeartbeatReport) (HeartbeatReply, error) {
	r.mu.RLock()
	n := r.nodes[hb.Datanode]
	known := n != nil && n.registered && !n.lost
	r.mu.RUnlock()
	if !known {
		return HeartbeatReply{Register: true}, nil
	}
	if err := r.stillWelcome(n); err != nil {
		return HeartbeatReply{}, err
	}
	refs := make([]StorageRef, len(hb.Storages))
	for i, s := range hb.Storages {
		refs[i] = s.StorageRef
	}
	ids, err := r.registeredStorages(ctx, hb.Datanode, refs)
	if err != nil {
		return HeartbeatReply{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.roll(now)
	n.beats, n.heard, n.xceivers, n.transfers = true, now, hb.Xceivers, hb.Transfers
	n.cacheSize, n.cacheUsed = hb.CacheCapacity, hb.CacheUsed
	for _, u := range hb.Storages {
		if s := r.storages[ids[u.UUID]]; s != nil {
			s.usage, s.seen, s.failed = u, now, u.Failed
		}
	}
	if hb.FailedVolumes > n.failures {
		for _, s := range n.storages { // what it does not list any more is what failed
			s.failed = s.failed || s.seen < now
		}
	}
	n.failures = hb.FailedVolumes
	if r.leads() && n.again {
		return HeartbeatReply{Register: true}, nil
	}
	var reply HeartbeatReply
	if r.leads() && !hb.Standby {
		reply.Commands = r.commands(n, now)
	}
	if hb.WantLease {
		reply.Lease = r.grantLease(n, now)
	}
	return reply, nil
}

// Lifeline takes a sign of life of a DataNode whose heartbeats come late. One that is not
// registered, or has not sent a heartbeat since, is not taken for alive by it.
func (r *Registry) Lifeline(hb HeartbeatReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[hb.Datanode]
	if n == nil || !n.registered || n.lost || !n.beats {
		return
	}
	n.heard, n.xceivers, n.transfers = r.now(), hb.Xceivers, hb.Transfers
}

// stillWelcome refuses a DataNode that was taken off the lists of hosts: it ends.
func (r *Registry) stillWelcome(n *node) error {
	r.mu.RLock()
	row := n.row
	r.mu.RUnlock()
	err := r.admit(&row)
	if err != nil {
		r.mu.Lock()
		n.registered, n.lost = false, true
		r.mu.Unlock()
	}
	return err
}

// grantLease lets a DataNode send a full report, 0 if too many do already. The
// caller holds mu. Reports without a lease are taken too: the lease only spreads
// them.
func (r *Registry) grantLease(n *node, now int64) int64 {
	if n.lease != 0 && n.leaseEnds > now {
		return n.lease
	}
	r.endLease(n)
	if r.leases >= r.opt.ReportLeases {
		r.leases = 0
		for _, o := range r.nodes {
			if o.lease == 0 {
				continue
			}
			if o.leaseEnds <= now || o.row.AdminState == adminRemoved {
				o.lease = 0
				continue
			}
			r.leases++
		}
		if r.leases >= r.opt.ReportLeases {
			return 0
		}
	}
	n.lease = int64(r.rng.Uint64()>>1) | 1
	n.leaseEnds = now + r.opt.ReportLeaseTime.Milliseconds()
	r.leases++
	return n.lease
}

// endLease takes a lease back. The caller holds mu.
func (r *Registry) endLease(n *node) {
	if n.lease != 0 {
		n.lease = 0
		r.leases--
	}
}

// A deletion is a replica that a DataNode is to delete.
type deletion struct {
	storage int64
	block   Block
	sent    int64 // ms, 0 for not yet
	tries   int
}

// A deletion that was not reported done after resendAfter, in ms, is sent again.
// After sendTries it is given up: most likely the DataNode never had the replica. If
// it has, its next full report tells.
const (
	resendAfter = 10 * 60_000
	sendTries   = 2
)

// commands takes what a DataNode is to do now off its queues. The caller holds mu.
func (r *Registry) commands(n *node, now int64) []Command {
	var out []Command
	if k := min(len(n.copies), max(0, 2*r.opt.MaxStreams-n.transfers)); k > 0 {
		out = append(out, Command{Transfer: slices.Clone(n.copies[:k])})
		n.copies = n.copies[k:]
	}
	if len(n.recoveries) > 0 {
		out = append(out, Command{Recover: n.recoveries})
		n.recoveries = nil
	}
	if n.bandwidth != 0 {
		out = append(out, Command{Bandwidth: n.bandwidth})
		n.bandwidth = 0
	}
	var gone []Block
	for id, d := range n.deletions {
		switch {
		case d.sent != 0 && now-d.sent <= resendAfter:
		case d.tries < sendTries:
			gone = append(gone, d.block)
		default:
			r.givenUp = append(r.givenUp, schema.Invalidation{StorageID: d.storage, BlockID: id, GenerationStamp: d.block.GenerationStamp})
			delete(n.deletions, id)
		}
	}
	if len(gone) == 0 {
		return out
	}
	slices.SortFunc(gone, func(a, b Block) int { return cmp.Compare(a.ID, b.ID) })
	gone = gone[:min(len(gone), r.opt.InvalidateLimit)]
	for _, b := range gone {
		n.deletions[b.ID].sent = now
		n.deletions[b.ID].tries++
	}
	return append(out, Command{Invalidate: gone})
}

// Placed notes that a new block goes to the targets, so that others are chosen
// while its size is not yet in their heartbeats.
func (r *Registry) Placed(targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range targets {
		if s := r.storages[t.Storage.StorageID]; s != nil {
			s.scheduled++
		}
	}
}

// rollAfter is how long a placement may wait for its report, in ms.
const rollAfter = 10 * 60_000

// roll forgets placements that were never reported, such as abandoned blocks. The
// caller holds mu.
func (r *Registry) roll(now int64) {
	if now-r.rolled < rollAfter {
		return
	}
	r.rolled = now
	for _, s := range r.storages {
		s.scheduled = 0
	}
}

// arrived undoes Placed for a storage and, if the replica was not known before,
// counts it. Reports go to all NameNodes, so each of them undoes the placements of
// others too: scheduled is a guess.
func (r *Registry) arrived(storage int64, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.storages[storage]
	if s == nil {
		return
	}
	s.scheduled = max(0, s.scheduled-1)
	if fresh {
		s.blocks++
	}
}

// StartRecovery has a live DataNode among the targets lead the recovery of a
// block. It returns false if there is none, or if this NameNode does not lead: then
// the leader finds the recovery among the rows.
func (r *Registry) StartRecovery(rec Recovery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.leads() {
		return false
	}
	now := r.now()
	var live []Target
	var primary *node
	for _, t := range rec.Block.Targets {
		n := r.nodes[t.Datanode.UUID]
		if n == nil || !n.registered || r.dead(n, now) || r.stale(n, now) {
			continue
		}
		live = append(live, t)
		if primary == nil || n.heard > primary.heard {
			primary = n
		}
	}
	if primary == nil {
		return false
	}
	rec.Block.Targets = live
	primary.recoveries = append(primary.recoveries, rec)
	return true
}

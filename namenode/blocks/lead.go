package blocks

import "context"

// TakeOver begins the leader's work under an epoch, with empty queues. Every
// DataNode is told to register at its next heartbeat, and is used as before
// meanwhile: its full report follows, so nothing is lost that it reported to an
// earlier leader and that one did not write.
func (r *Registry) TakeOver(epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropCommands()
	for _, n := range r.nodes {
		n.again = true
	}
	r.doubts.clear()
	r.strange.Store(true) // the earlier leader may have removed some
	r.took.Store(r.now())
	r.epoch.Store(epoch)
}

// Resign ends the leader's work: what was queued for DataNodes is dropped, and
// nothing is handed out any more. The rows still have the reasons for it.
func (r *Registry) Resign() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch.Store(0)
	r.dropCommands()
	r.doubts.clear()
}

// dropCommands empties the queues of all DataNodes. The caller holds mu.
func (r *Registry) dropCommands() {
	for _, n := range r.nodes {
		n.copies, n.recoveries, n.deletions = nil, nil, map[int64]*deletion{}
	}
	r.givenUp = nil
}

// leads reports whether this NameNode commands the DataNodes.
func (r *Registry) leads() bool { return r.epoch.Load() != 0 }

// others reports whether other NameNodes serve from the store.
func (r *Registry) others() bool { return r.opt.Others != nil && r.opt.Others() }

// fenced returns a context in which changes fail once another NameNode leads.
func (r *Registry) fenced(ctx context.Context) context.Context {
	if r.opt.Fence == nil {
		return ctx
	}
	return r.opt.Fence(ctx)
}

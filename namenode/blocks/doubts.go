package blocks

import (
	"context"
	"sync"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Bounds of the doubts.
const (
	doubtAfter = 10_000 // ms; some heartbeats
	mostDoubts = 100_000
)

// A doubt is a replica row that a full report contradicts. The DataNode made the
// report at one time, and tells each NameNode of changes on a connection of its
// own: another NameNode may have written the row for what happened since. If that
// is so, the news of it come here right behind the report, and the doubt goes.
// Otherwise the report is right.
type doubt struct {
	row      schema.Replica
	reported *ReportedReplica // nil: the storage has no replica of the block
	since    int64            // ms
}

// place names a replica.
type place struct{ storage, block int64 }

func (d *doubt) place() place { return place{d.row.StorageID, d.row.BlockID} }

// doubts are the rows that are in doubt. Safe for many goroutines.
type doubts struct {
	mu  sync.Mutex
	all map[place]doubt
}

func (d *doubts) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = nil
}

// add returns those that it has no room for.
func (d *doubts) add(some []doubt) (rest []doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[place]doubt{}
	}
	room := min(len(some), max(0, mostDoubts-len(d.all)))
	for _, x := range some[:room] {
		d.all[x.place()] = x
	}
	return some[room:]
}

// dispel forgets the doubt about a replica.
func (d *doubts) dispel(storage, block int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, place{storage, block})
}

// settled forgets a doubt, unless a newer report raised it again.
func (d *doubts) settled(x doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[x.place()].since == x.since {
		delete(d.all, x.place())
	}
}

// due returns up to most of those that are old enough.
func (d *doubts) due(before int64, most int) (old []doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.all {
		if x.since <= before && len(old) < most {
			old = append(old, x)
		}
	}
	return old
}

// settleDoubts takes full reports at their word where nothing came to contradict
// them.
func (r *Registry) settleDoubts(ctx context.Context) error {
	for {
		old := r.doubts.due(r.now()-doubtAfter, reportChunk)
		if err := r.contradicted(ctx, old); err != nil || len(old) < reportChunk {
			return err
		}
	}
}

// contradicted applies what full reports say of some rows, if the rows are still
// the same.
func (r *Registry) contradicted(ctx context.Context, some []doubt) error {
	var tasks []func() error
	for _, d := range some {
		tasks = append(tasks, func() error {
			err := r.eng.Update(ctx, func(tx *txn.Tx) error { return r.contradict(tx, d) })
			if err == nil {
				r.doubts.settled(d)
			}
			return err
		})
	}
	return inParallel(tasks)
}

func (r *Registry) contradict(tx *txn.Tx, d doubt) error {
	if d.reported == nil {
		return r.vanished(tx, d.row)
	}
	h, err := hold(tx, d.row.BlockID)
	if err != nil || h == nil {
		return err
	}
	if rep := h.on(d.row.StorageID); rep == nil || *rep != d.row {
		return nil
	}
	_, err = r.apply(tx, d.row.StorageID, *d.reported, "")
	return err
}

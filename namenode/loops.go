package namenode

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Times of the background work.
const (
	safeInterval   = time.Second
	attendInterval = time.Second
	purgeInterval  = time.Second
	sweepInterval  = 10 * time.Second
	// markersKeptFor is how long the batch markers of a NameNode that is gone are
	// kept: longer than any connection can hold up a commit whose outcome somebody
	// may still ask for.
	markersKeptFor = time.Hour
)

// sweepRows is the most rows of one transaction of the sweeps.
const sweepRows = 500

// startLoops starts the background work. What only one NameNode does is left to the
// leader, and fenced: once another one leads, it changes nothing any more.
func (p *process) startLoops() {
	ctx, quit := context.WithCancel(context.Background())
	p.quit = quit
	p.loops.Go(func() {
		if err := p.node.Run(ctx); err != nil {
			p.broken <- err
		}
	})
	p.every(ctx, "safe mode", safeInterval, false, p.safe.Check)
	p.every(ctx, "reports and recoveries", attendInterval, true, p.blocks.Attend)
	p.every(ctx, "block work", p.set.tick, true, p.blocks.Tick)
	p.every(ctx, "block counts", p.set.tick, false, p.blocks.Count)
	p.every(ctx, "lease recovery", p.set.leases, true, p.ns.RecoverExpired)
	p.every(ctx, "purge of deleted files", purgeInterval, true, p.purge)
	p.every(ctx, "clock", clockInterval, false, p.clock.compare)
	s := &sweeper{engine: p.engine, now: p.clock.now, gone: map[int64]time.Time{}}
	p.every(ctx, "retry cache", sweepInterval, true, s.retryCache)
	p.every(ctx, "batch markers", sweepInterval, true, s.markers)
	p.every(ctx, "dead NameNodes", p.set.interval, true, p.forgetDead)
	if p.set.trash.keep > 0 {
		t := &emptier{fs: p.ns, user: p.set.namespace.Owner, set: p.set.trash, now: p.clock.now, log: p.log}
		p.every(ctx, "trash", trashInterval, true, t.round)
	}
}

// every calls f now and then until ctx ends, and what is the leader's also as soon as
// this NameNode leads. An error is logged when it is new.
func (p *process) every(ctx context.Context, what string, d time.Duration, leaderOnly bool, f func(context.Context) error) {
	p.loops.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		last := ""
		taken := p.taken.next()
		for lead := leaderOnly; ; {
			if !lead {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				case <-taken:
					taken = p.taken.next()
				}
			}
			lead = false
			work := ctx
			if leaderOnly {
				if leads, _ := p.node.Leader(); !leads {
					continue
				}
				work = p.node.Fence(ctx)
			}
			err := f(work)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil, errors.Is(err, election.ErrNotLeader):
				last = ""
			case err.Error() != last:
				last = err.Error()
				p.log.Warn("background work failed; it will be tried again", "what", what, "err", err)
			}
		}
	})
}

// A broadcast wakes all that wait for the next of something.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{}
}

// next returns what is closed at the next tell.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *broadcast) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

// purge removes what is below deleted directories until nothing is left.
func (p *process) purge(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := p.ns.PurgeSome(ctx)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// forgetDead removes the rows of NameNodes that are dead. One that was only slow
// writes its row again.
func (p *process) forgetDead(ctx context.Context) error {
	dead := p.node.Dead()
	if len(dead) == 0 {
		return nil
	}
	return p.node.Forget(ctx, dead)
}

// sweeper removes rows that nobody needs any more, in bounded transactions.
type sweeper struct {
	engine *txn.Engine
	now    func() time.Time
	gone   map[int64]time.Time // NameNodes with markers and no row, since when
}

// retryCache removes the answers that no client can ask for any more.
func (s *sweeper) retryCache(ctx context.Context) error {
	for ctx.Err() == nil {
		now := s.now().UnixMilli()
		more := false
		err := s.engine.Update(ctx, func(tx *txn.Tx) error {
			more = false
			got, err := tx.Scan(txn.Range{Index: schema.RetryCacheByExpires, Limit: sweepRows})
			if err != nil {
				return err
			}
			for _, r := range got.Rows {
				if schema.RetryEntryOf(r).Expires >= now {
					return nil
				}
				tx.Delete(schema.RetryCache, schema.RetryCache.Key(r))
			}
			more = len(got.Rows) == sweepRows
			return nil
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// markers removes the batch markers of NameNodes that have been gone for long.
// Those that run remove their own.
func (s *sweeper) markers(ctx context.Context) error {
	owners, alive, err := s.markerOwners(ctx)
	if err != nil {
		return err
	}
	found := map[int64]bool{}
	for _, id := range owners {
		found[id] = true
		since, ok := s.gone[id]
		switch {
		case alive[id]:
			delete(s.gone, id)
		case !ok:
			s.gone[id] = s.now()
		case s.now().Sub(since) > markersKeptFor:
			if err := s.removeMarkers(ctx, id); err != nil {
				return err
			}
		}
	}
	for id := range s.gone {
		if !found[id] {
			delete(s.gone, id)
		}
	}
	return nil
}

// markerOwners returns the NameNodes that have markers, and those that have a row
// in the heartbeat table.
func (s *sweeper) markerOwners(ctx context.Context) (owners []int64, alive map[int64]bool, err error) {
	const most = 1000
	err = s.engine.View(ctx, func(tx *txn.Tx) error {
		alive = map[int64]bool{}
		got, err := tx.Scan(txn.Range{Index: schema.Namenodes.Primary, Limit: most})
		for _, r := range got.Rows {
			alive[schema.NamenodeOf(r).ID] = true
		}
		return err
	})
	var after schema.Key
	for err == nil && len(owners) < most {
		id := int64(-1)
		err = s.engine.View(ctx, func(tx *txn.Tx) error {
			id = -1
			got, err := tx.Scan(txn.Range{Index: schema.BatchMarkers.Primary, After: after, Limit: 1})
			if err == nil && len(got.Rows) == 1 {
				id = schema.BatchMarkerOf(got.Rows[0]).NamenodeID
			}
			return err
		})
		if id < 0 {
			break
		}
		owners = append(owners, id)
		after = lastMarker(id)
	}
	return owners, alive, err
}

// lastMarker is the largest key that a marker of a NameNode can have.
func lastMarker(id int64) schema.Key {
	const most = 1<<63 - 1
	return schema.KeyOf(schema.Int(id), schema.Int(most), schema.Int(most))
}

func (s *sweeper) removeMarkers(ctx context.Context, id int64) error {
	for ctx.Err() == nil {
		more := false
		err := s.engine.Update(ctx, func(tx *txn.Tx) error {
			got, err := tx.Scan(txn.Range{Index: schema.BatchMarkers.Primary, Prefix: schema.KeyOf(schema.Int(id)), Limit: sweepRows})
			if err != nil {
				return err
			}
			for _, r := range got.Rows {
				tx.Delete(schema.BatchMarkers, schema.BatchMarkers.Key(r))
			}
			more = len(got.Rows) == sweepRows
			return nil
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

package txn

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A lane is a queue of calls that change rows and the goroutine that runs them,
// one batch at a time. Calls on one directory share a lane, so that a NameNode does
// not wait for its own locks.
type lane struct {
	e     *Engine
	index int
	mu    sync.Mutex
	queue []*call
	wake  chan struct{}
	shut  bool
	led   bool         // a caller runs a batch: see lead
	batch int64        // number of the newest marker that was tried
	last  int64        // number of the newest marker that is committed; 0 for none
	swept int64        // markers below are gone, or never were there
	began atomic.Int64 // when the batch under way began, by clock; 0 for none
}

func newLane(e *Engine, index int) *lane {
	return &lane{e: e, index: index, wake: make(chan struct{}, 1)}
}

// laneOf chooses the lane of a call: by its directory, among as many lanes as the
// calls that wait are worth. A large batch costs the store much less than several small
// ones, so one lane is enough until there is a crowd or a batch is held up. Where
// guards keep the batches of all NameNodes apart, a directory has one lane for good.
func (e *Engine) laneOf(c *call) *lane {
	n := len(e.lanes)
	if n > 1 && !e.traits.Guards {
		n = min(n, 1+int(e.queue.Load())/e.opt.Crowd)
		if began := e.lanes[0].began.Load(); n == 1 && began != 0 && clock()-time.Duration(began) > slowBatch {
			n = len(e.lanes)
		}
	}
	if n == 1 {
		return e.lanes[0]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.lane))
	return e.lanes[h.Sum32()%uint32(n)]
}

func (l *lane) push(cs ...*call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.shut:
		return ErrClosed
	case len(l.queue) >= l.e.opt.MaxQueue:
		return ErrBusy
	}
	for _, c := range cs {
		c.queued = l.e.queued()
	}
	l.queue = append(l.queue, cs...)
	l.e.queue.Add(int64(len(cs)))
	l.rouse()
	return nil
}

func (l *lane) close() {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	l.rouse()
}

// rouse has the lane's goroutine look at the queue.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// lead runs a call that meets nobody in the goroutine of its caller, and reports whether
// it did; see Engine.leadRead.
func (l *lane) lead(c *call) bool {
	if !l.e.mayLead(c) {
		return false
	}
	l.mu.Lock()
	if l.shut || l.led || len(l.queue) > 0 || l.began.Load() != 0 {
		l.mu.Unlock()
		return false
	}
	l.led = true
	l.e.laneWG.Add(1)
	l.mu.Unlock()
	// Also after a panic of the function, which ends here only its own call.
	defer func() {
		l.mu.Lock()
		l.led = false
		l.mu.Unlock()
		l.rouse()
		l.e.laneWG.Done()
	}()
	c.queued = l.e.queued()
	l.serve([]*call{c})
	return true
}

// serve answers a batch of calls, or queues them again.
func (l *lane) serve(batch []*call) {
	now := l.e.begin(Writes)
	defer l.e.end(Writes)
	for _, c := range batch {
		l.e.waited(Writes, c.queued, now)
	}
	l.process(batch)
}

func (l *lane) loop() {
	for range l.wake {
		for {
			batch := l.take()
			if len(batch) == 0 {
				break
			}
			l.serve(batch)
			l.began.Store(0)
		}
		l.mu.Lock()
		shut := l.shut
		l.mu.Unlock()
		if shut {
			return
		}
	}
}

// take removes the next batch from the queue. A call that asked to be alone is.
func (l *lane) take() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.led {
		return nil // who leads rouses the lane afterwards
	}
	var batch []*call
	keys, i := 0, 0
	for i < len(l.queue) && len(batch) < l.e.opt.MaxCalls && keys < l.e.traits.MaxKeys {
		c := l.queue[i]
		if l.e.traits.Guards && c.alone && len(batch) > 0 {
			break
		}
		i++
		switch {
		case c.ctx.Err() != nil:
			c.finish(c.ctx.Err())
			continue
		case l.shut:
			c.finish(ErrClosed)
			continue
		}
		batch = append(batch, c)
		keys += c.wants.len()
		if l.e.traits.Guards && c.alone {
			break
		}
	}
	l.queue = append(l.queue[:0], l.queue[i:]...)
	l.e.queue.Add(-int64(i))
	if len(batch) > 0 {
		l.began.Store(int64(clock()))
	}
	return batch
}

// process runs a batch until every call of it is answered or queued again.
func (l *lane) process(calls []*call) {
	start := l.e.opt.Now()
	for n := 1; ; n++ {
		if calls = present(calls); len(calls) == 0 {
			return
		}
		later, err := l.attempt(calls)
		if err == nil {
			l.again(later)
			return
		}
		l.e.retrying(Writes, err)
		kind, patience := dal.KindOf(err), false
		switch kind {
		case dal.Duplicate, dal.Conflict:
			for _, c := range calls {
				c.collided = c.collided || kind == dal.Duplicate
			}
			if n >= 3 && len(calls) > 1 {
				l.halve(calls)
				return
			}
			patience = n < 100
		case dal.Unavailable:
			patience = true
		default:
			if len(calls) > 1 {
				l.halve(calls)
				return
			}
		}
		if patience && l.e.opt.Now().Sub(start) > l.e.opt.Patience {
			patience = false
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if n == 1 && kind == dal.Unavailable {
			l.e.opt.Logger.Warn("writing to the store failed, trying again", "err", err)
		}
		if patience && !(n == 1 && kind == dal.Duplicate) {
			if stop := l.e.backoff(l.e.ctx, n); stop != nil {
				err, patience = stop, false
			}
		}
		if !patience {
			for _, c := range calls {
				c.finish(err)
			}
			return
		}
	}
}

// present finishes the calls whose callers have gone, and returns the others. What a
// caller may have asked somebody else for by now must not be done late.
func present(calls []*call) []*call {
	there := calls[:0:0]
	for _, c := range calls {
		if err := c.ctx.Err(); err != nil {
			c.finish(err)
			continue
		}
		there = append(there, c)
	}
	return there
}

// halve cuts a batch that keeps failing, so that one bad call cannot keep failing
// its neighbours.
func (l *lane) halve(calls []*call) {
	mid := len(calls) / 2
	l.process(calls[:mid])
	l.process(calls[mid:])
}

// again queues calls that this batch could not serve: they know better now.
func (l *lane) again(later []*call) {
	for _, c := range later {
		c.tries++
		switch {
		case c.ctx.Err() != nil:
			c.finish(c.ctx.Err())
		case c.tries > maxTries:
			c.finish(ErrBusy)
		case c.hungry != "":
			go func() {
				err := l.e.feed(c)
				if err == nil {
					err = l.e.laneOf(c).push(c)
				}
				if err != nil {
					c.finish(err)
				}
			}()
		default:
			if err := l.e.laneOf(c).push(c); err != nil {
				c.finish(err)
			}
		}
	}
}

// attempt runs a batch as one transaction. On success every call is answered, but
// for those returned, which go into another batch. On an error nothing happened
// and no call is answered.
func (l *lane) attempt(calls []*call) (later []*call, err error) {
	tx, err := l.e.store.Begin(l.e.ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	began := l.e.queued()
	b := &batch{lane: l, tx: tx, set: newSet(1), from: l.e.hints.now()}
	defer b.set.release()
	if err := b.lock(calls); err != nil {
		return nil, err
	}
	for round := 0; len(calls) > 0; round++ {
		more := b.run(calls)
		if len(more) == 0 {
			break
		}
		if round == 16 {
			b.later = append(b.later, more...)
			break
		}
		if err := b.fetch(more); err != nil {
			return nil, err
		}
		calls = more
	}
	if err := b.commit(); err != nil {
		return nil, err
	}
	l.e.hints.learn(b.set, b.from)
	l.e.hints.wrote(b.set, b.wrote, b.from)
	l.e.batched(began, BatchStats{Kind: Writes, Calls: len(b.answers) + len(b.later) + len(b.doubtful), Rows: b.set.used,
		Writes: b.rows, Later: len(b.later) + len(b.doubtful)})
	for _, a := range b.answers {
		a.c.finish(a.err)
	}
	for _, c := range b.doubtful {
		go l.e.ascertain(c)
	}
	return b.later, nil
}

// ascertain answers a call that changes nothing from a consistent read. If there is
// something to change by now, the call goes to a lane again.
func (e *Engine) ascertain(c *call) {
	tx, err := e.settle(c)
	if err == nil && tx.own.len() > 0 {
		if c.tries++; c.tries > maxTries {
			err = ErrBusy
		} else if err = e.laneOf(c).push(c); err == nil {
			return
		}
	}
	c.finish(err)
}

// batch is one transaction in the making.
type batch struct {
	lane     *lane
	tx       dal.Tx
	set      *set
	from     since // when its rows were fetched
	wrote    since // … and written
	rows     int
	answers  []answer
	later    []*call
	doubtful []*call // no change and no answer: see Tx.coherent
}

type answer struct {
	c   *call
	err error
}

// lock fetches everything that the calls want, locks first.
func (b *batch) lock(calls []*call) error {
	for _, c := range calls {
		b.set.ask(&c.wants, func(lock dal.Lock) dal.Lock { return lock })
	}
	var first []dal.Fetch
	if b.lane.e.traits.Guards {
		first = b.guards(calls)
	}
	return b.get(first)
}

// guards are the rows that keep batches of all NameNodes in order where statements
// lock in no order: the lane's, exclusively and first, then that of the tree.
func (b *batch) guards(calls []*call) []dal.Fetch {
	tree := dal.Shared
	if len(calls) == 1 && calls[0].alone {
		tree = dal.Exclusive
	}
	guard := func(id int64, lock dal.Lock) dal.Fetch {
		return dal.Fetch{Table: schema.Guards, Lock: lock, Keys: []schema.Key{schema.KeyOf(schema.Int(id))}}
	}
	return []dal.Fetch{guard(int64(b.lane.index)+1, dal.Exclusive), guard(0, tree)}
}

// fetch reads, without locks, what calls found missing in their run.
func (b *batch) fetch(calls []*call) error {
	for _, c := range calls {
		b.set.ask(&c.wants, func(dal.Lock) dal.Lock { return dal.None })
	}
	return b.get(nil)
}

// get fetches what the set wants, after first.
func (b *batch) get(first []dal.Fetch) error {
	if b.lane.e.sole() {
		b.set.recall(b.lane.e.hints)
	}
	p := b.set.plan(first, b.lane.e.traits.MaxKeys)
	if len(p.fetches) == 0 {
		return nil
	}
	var answers []dal.Rows
	err := b.lane.e.trip("fetch", func(ctx context.Context) (err error) {
		answers, err = b.tx.Fetch(ctx, p.fetches)
		return err
	})
	if err != nil {
		return err
	}
	b.set.fill(&p, answers)
	return nil
}

// run runs the calls in order. It returns those that need more rows without locks.
func (b *batch) run(calls []*call) (more []*call) {
	for _, c := range calls {
		tx, err := c.run(b.set, true)
		switch {
		case c.ctx.Err() != nil:
			b.answers = append(b.answers, answer{c, c.ctx.Err()})
		case tx.relock || tx.starved:
			b.later = append(b.later, c)
		case tx.stopped:
			more = append(more, c)
		case (err != nil || tx.own.len() == 0) && !tx.coherent():
			b.doubtful = append(b.doubtful, c)
		case err != nil:
			b.answers = append(b.answers, answer{c, err})
		case b.unmakes(tx):
			b.later = append(b.later, c)
		case b.rows+tx.own.len() > b.lane.e.traits.MaxChanges && b.rows > 0:
			b.later = append(b.later, c)
		default:
			b.set.change(&tx.own)
			b.rows += tx.own.len()
			b.answers = append(b.answers, answer{c, nil})
		}
	}
	return more
}

// unmakes reports whether a run takes a row away that a call of the same batch made.
// The insert is what finds out that nobody else made the row since it was looked for,
// so it must reach the store: who takes the row away goes into the next batch.
func (b *batch) unmakes(tx *Tx) bool {
	for i := range tx.own.list {
		m := &tx.own.list[i]
		if !m.written || m.row != nil {
			continue
		}
		s := b.set.row(m.table, m.key)
		if s == nil || s.mod == nil || !s.mod.written || s.mod.row == nil {
			continue
		}
		if s.state == slotFetched && s.lock != dal.None && s.row == nil {
			return true
		}
	}
	return false
}

// markersKept is about how many of the newest markers of a lane stay.
const markersKept = 32

// commit writes the changes. A commit whose outcome is not known is found out.
func (b *batch) commit() error {
	changes := b.set.changes()
	if len(changes) == 0 {
		return nil
	}
	e := b.lane.e
	if !e.hints.holds {
		return b.write(changes, nil, false)
	}
	units, told := unitsOf(changes)
	if !told {
		// Markers go that this engine may not have heard of either.
		e.hints.lose()
	}
	from := e.hints.changing(units)
	defer func() { b.wrote = e.hints.changed(units, from) }()
	if e.traits.Local != nil {
		return e.traits.Local.Commit(e.hints, units, func() error { return b.write(changes, nil, false) })
	}
	return b.write(changes, units, told)
}

// write commits changes. What they change is told to other NameNodes if that is said.
func (b *batch) write(changes []dal.Change, units []uint64, told bool) error {
	l := b.lane
	if !l.e.traits.Markers {
		return l.e.trip("commit", func(ctx context.Context) error { return b.tx.Commit(ctx, changes) })
	}
	sweep := l.last - markersKept // below are old markers
	if sweep < l.swept+markersKept {
		sweep = l.swept // not worth it yet
	}
	changes = append(changes, l.markers(sweep, units, told)...)
	err := l.e.trip("commit", func(ctx context.Context) error { return b.tx.Commit(ctx, changes) })
	if dal.Is(err, dal.UnknownOutcome) {
		b.tx.Rollback()
		err = l.resolve(err)
	}
	if err == nil {
		l.last, l.swept = l.batch, sweep
	}
	return err
}

var markerCommitted = schema.BatchMarkers.Column("committed")

// markers are the changes that mark a batch: its own markers, mostly one, which say what
// units it changes if that can be told; and those below sweep go.
func (l *lane) markers(sweep int64, units []uint64, told bool) []dal.Change {
	t := schema.BatchMarkers
	var out []dal.Change
	for n := l.swept; n < sweep; n++ {
		m := schema.BatchMarker{NamenodeID: l.e.opt.NodeID, Lane: int64(l.index), Batch: n}
		out = append(out, dal.Change{Op: dal.Delete, Table: t, Key: t.Key(m.Row())})
	}
	previous := l.last
	for first := true; first || len(units) > 0; first = false {
		l.batch++
		n := min(len(units), maxUnitsTold)
		m := schema.BatchMarker{NamenodeID: l.e.opt.NodeID, Lane: int64(l.index), Batch: l.batch, Committed: 1, Previous: previous}
		if told {
			m.Changed = unitsText(units[:n])
		}
		row := m.Row()
		out = append(out, dal.Change{Op: dal.Insert, Table: t, Key: t.Key(row), Row: row})
		units, previous = units[n:], l.batch
	}
	return out
}

// resolve finds out whether the batch with the newest marker committed: it tries to
// put a tombstone in the marker's place. Once the tombstone is there, the old
// transaction can never commit, wherever its statements are still held up; if the
// place is taken, the row there tells whose it is. It returns nil for committed, a
// Conflict for not committed, and goes on until it knows or the engine closes.
func (l *lane) resolve(cause error) error {
	tombstone := schema.BatchMarker{NamenodeID: l.e.opt.NodeID, Lane: int64(l.index), Batch: l.batch}
	row := tombstone.Row()
	key := schema.BatchMarkers.Key(row)
	change := dal.Change{Op: dal.Insert, Table: schema.BatchMarkers, Key: key, Row: row}
	fetch := []dal.Fetch{{Table: schema.BatchMarkers, Keys: []schema.Key{key}}}
	l.e.opt.Logger.Warn("a commit's outcome is unknown, looking for its marker", "batch", l.batch, "err", cause)
	notCommitted := &dal.Error{Kind: dal.Conflict, Op: "commit", Err: cause}
	for n := 1; ; n++ {
		err := l.insertMarker(change)
		if err == nil {
			return notCommitted
		}
		if dal.Is(err, dal.Duplicate) {
			var rows []dal.Rows
			err := l.e.trip("read", func(ctx context.Context) (err error) {
				rows, err = l.e.store.Read(ctx, fetch)
				return err
			})
			switch {
			case err == nil && len(rows[0].Rows) == 1 && rows[0].Rows[0][markerCommitted].Int() == 1:
				return nil
			case err == nil && len(rows[0].Rows) == 1:
				return notCommitted
			}
		}
		if stop := l.e.backoff(l.e.ctx, n); stop != nil {
			return fmt.Errorf("%w: the outcome of the last change is not known: %w", stop, cause)
		}
	}
}

func (l *lane) insertMarker(change dal.Change) error {
	tx, err := l.e.store.Begin(l.e.ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return l.e.trip("commit", func(ctx context.Context) error { return tx.Commit(ctx, []dal.Change{change}) })
}

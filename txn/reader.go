package txn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
)

// readQueue is where calls wait for rows.
type readQueue struct {
	mu      sync.Mutex
	waiting []*call
	flying  int           // batches under way
	began   time.Duration // when the newest of them began, by clock
	shut    bool
}

// read fetches what the call wants, together with all other waiting calls. The set
// must be released.
func (e *Engine) read(c *call) (*set, error) {
	if c.wants.len() == 0 {
		return newSet(1), nil
	}
	c.queued = e.queued()
	if err := e.queueRead(c); err != nil {
		return nil, err
	}
	if c.leads {
		e.leadRead(c)
	}
	select {
	case <-c.came:
		return c.set, c.readErr
	case <-c.ctx.Done():
		c.left.Store(true)
		return nil, c.ctx.Err()
	case <-e.ctx.Done():
		c.left.Store(true)
		return nil, ErrClosed
	}
}

// queueRead adds a call to those that wait, and begins a batch if none is under way. A
// further one beside it is worth its statements only for a crowd, or when the store
// takes long.
func (e *Engine) queueRead(c *call) error {
	q := &e.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.shut:
		return ErrClosed
	case len(q.waiting) >= e.opt.MaxQueue:
		return ErrBusy
	}
	if c.leads = q.flying == 0 && len(q.waiting) == 0 && (e.traits.Markers || e.mayLead(c)); c.leads {
		q.flying++
		q.began = clock()
		e.wg.Add(1)
		return nil
	}
	q.waiting = append(q.waiting, c)
	if q.flying == 0 || q.flying < e.opt.Readers && (len(q.waiting) >= e.opt.Crowd || clock()-q.began > slowBatch) {
		q.flying++
		q.began = clock()
		e.wg.Go(e.readLoop)
	}
	return nil
}

// leadRead serves a call that met nobody in the goroutine of its caller: a change of
// goroutines takes as long as a store in this process. A read of a server ends when its
// caller gives up.
func (e *Engine) leadRead(c *call) {
	defer e.wg.Done()
	e.readBatch(c.ctx, []*call{c})
	q := &e.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) > 0 {
		e.wg.Go(e.readLoop)
		return
	}
	q.flying--
}

// mayLead reports whether a call may run a batch itself. It cannot leave meanwhile, so
// it must have time, and the store must not be a server that may leave it hanging.
func (e *Engine) mayLead(c *call) bool {
	_, hurry := c.ctx.Deadline()
	return !hurry && !e.traits.Markers
}

// readLoop serves waiting reads, all that are there at once in one batch, until no
// more wait. While a batch is under way the next one gathers.
func (e *Engine) readLoop() {
	var batch []*call
	for {
		clear(batch)
		batch = e.gatherReads(batch[:0])
		if len(batch) == 0 {
			return
		}
		e.readBatch(e.ctx, batch)
	}
}

// maxReadWants bounds a batch of reads: about as many keys as make a statement of
// a few hundred KB.
const maxReadWants = 8192

// gatherReads adds the next batch to batch; nothing when the loop is to end.
func (e *Engine) gatherReads(batch []*call) []*call {
	q := &e.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.flying > 1 && len(q.waiting) < e.opt.Crowd && clock()-q.began <= slowBatch {
		q.flying--
		return nil
	}
	q.began = clock()
	n, i := 0, 0
	for ; i < len(q.waiting) && n < maxReadWants; i++ {
		if c := q.waiting[i]; c.ctx.Err() == nil {
			batch = append(batch, c)
			n += c.wants.len()
		}
	}
	q.waiting = append(q.waiting[:0], q.waiting[i:]...)
	if len(batch) == 0 {
		q.flying--
	}
	return batch
}

// close refuses further calls.
func (q *readQueue) close() {
	q.mu.Lock()
	q.shut = true
	q.mu.Unlock()
}

// readBatch serves calls. When ctx ends it no longer waits for a store that is away.
func (e *Engine) readBatch(ctx context.Context, batch []*call) {
	began := e.begin(Reads)
	defer e.end(Reads)
	s, news := newSet(len(batch)), e.journal != nil && e.journal.unheard()
	for _, c := range batch {
		e.waited(Reads, c.queued, began)
		if c.asks {
			news = true
			continue
		}
		s.ask(&c.wants, e.readLock)
	}
	recalled := e.hints.holds && len(s.wanted) >= manyWants && s.onlyUnits()
	if recalled {
		s.recall(e.hints)
		recalled = len(s.wanted) < s.used
	}
	from, err := e.readWants(ctx, s, news || recalled && e.journal != nil)
	if err == nil && recalled && !e.hints.hold(s, from) {
		s.forget()
		_, err = e.readWants(ctx, s, false)
	}
	if err == nil {
		e.batched(began, BatchStats{Kind: Reads, Calls: len(batch), Rows: s.used})
	}
	for _, c := range batch {
		c.set, c.readErr = s, err
		c.came <- struct{}{}
	}
}

// readLock is the lock that a read takes where functions ask for lock. Only stores
// whose statements do not see one snapshot take any, and only on the ancestors of a
// path: a reader that locked targets too could meet a writer of several of them.
func (e *Engine) readLock(lock dal.Lock) dal.Lock {
	if e.traits.Guards && lock == dal.Shared {
		return dal.Shared
	}
	return dal.None
}

// manyWants is how much a batch must want so that what is known of it is not fetched: it
// costs a look at the journal, which a single caller has no use for.
const manyWants = 32

// readWants fetches what the set wants, and what is new in the journal if news. It returns
// from when the rows are.
func (e *Engine) readWants(ctx context.Context, s *set, news bool) (since, error) {
	var first []dal.Fetch
	if news {
		first = append(first, e.journal.news())
	}
	p := s.plan(first, e.traits.MaxKeys)
	if len(p.fetches) == 0 {
		return e.hints.now(), nil
	}
	start := e.opt.Now()
	for n := 1; ; n++ {
		var answers []dal.Rows
		from := e.hints.now()
		err := e.tripOf(ctx, "read", func(ctx context.Context) (err error) {
			answers, err = e.store.Read(ctx, p.fetches)
			return err
		})
		if err == nil {
			if news {
				from = e.journal.hear(answers[0].Rows, from)
			}
			s.fill(&p, answers)
			e.hints.learn(s, from)
			return from, nil
		}
		switch {
		case e.ctx.Err() != nil:
			return since{}, ErrClosed
		case ctx.Err() != nil:
			return since{}, ctx.Err()
		case dal.Is(err, dal.Conflict) || dal.Is(err, dal.Unavailable):
			if e.opt.Now().Sub(start) > e.opt.Patience {
				return since{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
			e.retrying(Reads, err)
			if n == 1 {
				e.opt.Logger.Warn("reading from the store failed, trying again", "err", err)
			}
			if err := e.backoff(ctx, n); err != nil {
				return since{}, err
			}
		default:
			return since{}, err
		}
	}
}

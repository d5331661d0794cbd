package txn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
)

// readCall is one call that waits for rows.
type readCall struct {
	ctx   context.Context
	wants wants
	set   *set
	err   error
	done  chan struct{}
	since time.Duration // when it was queued, by clock
}

// readQueue is where calls wait for rows.
type readQueue struct {
	mu      sync.Mutex
	waiting []*readCall
	flying  int           // batches under way
	began   time.Duration // when the newest of them began, by clock
	shut    bool
}

// read fetches what the call wants, together with all other waiting calls.
func (e *Engine) read(c *call) (*set, error) {
	if len(c.wants) == 0 {
		return newSet(), nil
	}
	r := &readCall{ctx: c.ctx, wants: c.wants, done: make(chan struct{}), since: e.queued()}
	if err := e.queueRead(r); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
		return r.set, r.err
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	case <-e.ctx.Done():
		return nil, ErrClosed
	}
}

// queueRead adds a call to those that wait, and begins a batch if none is under way. A
// further one beside it is worth its statements only for a crowd, or when the store
// takes long.
func (e *Engine) queueRead(r *readCall) error {
	q := &e.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.shut:
		return ErrClosed
	case len(q.waiting) >= e.opt.MaxQueue:
		return ErrBusy
	}
	q.waiting = append(q.waiting, r)
	if q.flying == 0 || q.flying < e.opt.Readers && (len(q.waiting) >= e.opt.Crowd || clock()-q.began > slowBatch) {
		q.flying++
		q.began = clock()
		e.wg.Go(e.readLoop)
	}
	return nil
}

// readLoop serves waiting reads, all that are there at once in one batch, until no
// more wait. While a batch is under way the next one gathers.
func (e *Engine) readLoop() {
	for {
		batch := e.gatherReads()
		if len(batch) == 0 {
			return
		}
		e.readBatch(batch)
	}
}

// maxReadWants bounds a batch of reads: about as many keys as make a statement of
// a few hundred KB.
const maxReadWants = 8192

// gatherReads takes the next batch; none when the loop is to end.
func (e *Engine) gatherReads() []*readCall {
	q := &e.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.flying > 1 && len(q.waiting) < e.opt.Crowd && clock()-q.began <= slowBatch {
		q.flying--
		return nil
	}
	q.began = clock()
	var batch []*readCall
	n, i := 0, 0
	for ; i < len(q.waiting) && n < maxReadWants; i++ {
		if r := q.waiting[i]; r.ctx.Err() == nil {
			batch = append(batch, r)
			n += len(r.wants)
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

func (e *Engine) readBatch(batch []*readCall) {
	began := e.begin(Reads)
	defer e.end(Reads)
	all := wants{}
	for _, r := range batch {
		e.waited(Reads, r.since, began)
		for w, lock := range r.wants {
			all.add(w, e.readLock(lock))
		}
	}
	set, err := e.readWants(all)
	if err == nil {
		e.batched(began, BatchStats{Kind: Reads, Calls: len(batch), Rows: len(all)})
	}
	for _, r := range batch {
		r.set, r.err = set, err
		close(r.done)
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

func (e *Engine) readWants(all wants) (*set, error) {
	fetches := all.locked(e.traits.MaxKeys)
	of := make([]want, len(fetches))
	plain, ofPlain := all.plain(false, e.traits.MaxKeys)
	fetches, of = append(fetches, plain...), append(of, ofPlain...)
	start := e.opt.Now()
	for n := 1; ; n++ {
		var answers []dal.Rows
		err := e.trip("read", func(ctx context.Context) (err error) {
			answers, err = e.store.Read(ctx, fetches)
			return err
		})
		if err == nil {
			s := newSet()
			s.fill(all, fetches, of, answers)
			e.hints.learn(s)
			return s, nil
		}
		switch {
		case e.ctx.Err() != nil:
			return nil, ErrClosed
		case dal.Is(err, dal.Conflict) || dal.Is(err, dal.Unavailable):
			if e.opt.Now().Sub(start) > e.opt.Patience {
				return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
			e.retrying(Reads, err)
			if n == 1 {
				e.opt.Logger.Warn("reading from the store failed, trying again", "err", err)
			}
			if err := e.backoff(e.ctx, n); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

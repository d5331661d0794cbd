package txn

import (
	"context"
	"fmt"
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

// read fetches what the call wants, together with all other waiting calls.
func (e *Engine) read(c *call) (*set, error) {
	if len(c.wants) == 0 {
		return newSet(), nil
	}
	r := &readCall{ctx: c.ctx, wants: c.wants, done: make(chan struct{}), since: e.queued()}
	select {
	case e.reads <- r:
	case <-e.ctx.Done():
		return nil, ErrClosed
	default:
		return nil, ErrBusy
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

// readLoop serves waiting reads, all that are there at once in one batch. While a
// batch is in flight the next one gathers.
func (e *Engine) readLoop() {
	for {
		select {
		case r := <-e.reads:
			e.readBatch(e.gather(r))
		case <-e.ctx.Done():
			return
		}
	}
}

// maxReadWants bounds a batch of reads: about as many keys as make a statement of
// a few hundred KB.
const maxReadWants = 8192

func (e *Engine) gather(r *readCall) []*readCall {
	batch, n := []*readCall{r}, len(r.wants)
	for n < maxReadWants {
		select {
		case r := <-e.reads:
			if r.ctx.Err() == nil {
				batch = append(batch, r)
				n += len(r.wants)
			}
		default:
			return batch
		}
	}
	return batch
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
	for _, r := range batch {
		r.set, r.err = set, err
		close(r.done)
	}
	if err == nil {
		e.batched(began, BatchStats{Kind: Reads, Calls: len(batch), Rows: len(all)})
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

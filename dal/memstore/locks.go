package memstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// lockWait is how long a transaction waits for one lock at most.
const lockWait = 5 * time.Second

var (
	errDeadlock = errors.New("deadlock")
	errLockWait = errors.New("lock wait ran out")
	errUpgrade  = errors.New("a row locked shared cannot be locked exclusively in the same transaction")
)

// A rowID names a row, whether it is there or not.
type rowID struct {
	table *schema.Table
	key   schema.Key
}

// A rowLock is held by transactions and awaited by others in order.
type rowLock struct {
	id      rowID
	holders []holder
	queue   []*waiter
}

type holder struct {
	tx   *tx
	mode dal.Lock
}

// mode returns how t holds the lock.
func (l *rowLock) mode(t *tx) dal.Lock {
	for i := range l.holders {
		if l.holders[i].tx == t {
			return l.holders[i].mode
		}
	}
	return dal.None
}

// hold gives the lock to t, or raises its mode.
func (l *rowLock) hold(t *tx, mode dal.Lock) {
	for i := range l.holders {
		if l.holders[i].tx == t {
			l.holders[i].mode = mode
			return
		}
	}
	l.holders = append(l.holders, holder{t, mode})
	t.held = append(t.held, l)
}

// newLock returns the lock of a row that nobody holds.
func (s *Store) newLock(id rowID) *rowLock {
	if len(s.unused) == 0 {
		s.unused = append(s.unused, &rowLock{})
	}
	n := len(s.unused) - 1
	l := s.unused[n]
	s.unused = s.unused[:n]
	l.id = id
	s.locks[id] = l
	return l
}

type waiter struct {
	tx    *tx
	mode  dal.Lock
	lock  *rowLock
	ready chan struct{} // closed once the lock is held
}

// lock gives t the lock on id. The store's mutex is held at the call and at the
// return, and let go while waiting. fetched tells an explicit lock from the lock
// of a write, which alone may raise a shared lock.
func (t *tx) lock(ctx context.Context, id rowID, mode dal.Lock, fetched bool) error {
	l := t.s.locks[id]
	if l == nil {
		l = t.s.newLock(id)
	}
	held := l.mode(t)
	if held >= mode {
		return nil
	}
	if held == dal.Shared && fetched {
		return &dal.Error{Kind: dal.Permanent, Op: "lock " + id.table.Name, Err: errUpgrade}
	}
	// A raise goes ahead of those who wait: they wait for this holder too.
	if l.free(t, mode) && (held != dal.None || len(l.queue) == 0) {
		l.hold(t, mode)
		return nil
	}
	w := &waiter{tx: t, mode: mode, lock: l, ready: make(chan struct{})}
	if held != dal.None {
		l.queue = slices.Insert(l.queue, 0, w)
	} else {
		l.queue = append(l.queue, w)
	}
	return t.wait(ctx, w)
}

func (t *tx) wait(ctx context.Context, w *waiter) error {
	t.waiting = w
	defer func() { t.waiting = nil }()
	if t.reaches(t, map[*tx]bool{}) {
		w.lock.drop(w)
		return &dal.Error{Kind: dal.Conflict, Op: "lock " + w.lock.id.table.Name, Err: errDeadlock}
	}
	timer := time.NewTimer(lockWait)
	defer timer.Stop()
	t.s.mu.Unlock()
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = &dal.Error{Kind: dal.Conflict, Op: "lock " + w.lock.id.table.Name, Err: errLockWait}
	}
	t.s.mu.Lock()
	if err != nil {
		w.lock.drop(w)
	}
	return err
}

// free reports whether t may hold l in mode beside the other holders.
func (l *rowLock) free(t *tx, mode dal.Lock) bool {
	for _, h := range l.holders {
		if h.tx != t && (h.mode == dal.Exclusive || mode == dal.Exclusive) {
			return false
		}
	}
	return true
}

// drop takes w out of the queue and lets those behind it go on.
func (l *rowLock) drop(w *waiter) {
	l.queue = slices.DeleteFunc(l.queue, func(q *waiter) bool { return q == w })
	l.grant(w.tx.s)
}

// grant hands the lock to the first waiters, as far as they go together.
func (l *rowLock) grant(s *Store) {
	for len(l.queue) > 0 {
		w := l.queue[0]
		if !l.free(w.tx, w.mode) {
			return
		}
		l.queue = l.queue[1:]
		l.hold(w.tx, w.mode)
		close(w.ready)
	}
	if len(l.holders) == 0 {
		delete(s.locks, l.id)
		s.unused = append(s.unused, l)
	}
}

// reaches reports whether target is among those that t waits for, directly or
// through others.
func (t *tx) reaches(target *tx, seen map[*tx]bool) bool {
	if t.waiting == nil || seen[t] {
		return false
	}
	seen[t] = true
	w := t.waiting
	next := func(other *tx) bool {
		return other != t && (other == target || other.reaches(target, seen))
	}
	for _, h := range w.lock.holders {
		if (h.mode == dal.Exclusive || w.mode == dal.Exclusive) && next(h.tx) {
			return true
		}
	}
	for _, q := range w.lock.queue {
		if q == w {
			return false
		}
		if next(q.tx) {
			return true
		}
	}
	return false
}

// release lets all locks of t go.
func (t *tx) release() {
	for _, l := range t.held {
		l.holders = slices.DeleteFunc(l.holders, func(h holder) bool { return h.tx == t })
		l.grant(t.s)
	}
	t.held = nil
}

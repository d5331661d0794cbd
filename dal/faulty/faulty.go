// Package faulty wraps a store for tests: it counts and shows every round trip
// and fails the ones that a test picks. It promises that a failed call leaves the
// store as a real failure of that kind would: a failed Read or Fetch did nothing,
// a failed Commit changed nothing unless the Fault says Done. It knows nothing of
// what the calls are for.
package faulty

import (
	"context"
	"errors"
	"sync"

	"github.com/hopsql/hopsql/dal"
)

// ErrInjected is inside every error that this package makes.
var ErrInjected = errors.New("injected failure")

// An Op is a call of a store that is one round trip.
type Op string

// The calls.
const (
	Read   Op = "read"
	Fetch  Op = "fetch"
	Commit Op = "commit"
)

// A Call is one round trip, as it was asked for.
type Call struct {
	N       int // counts from 1 since New or Reset
	Op      Op
	Fetches []dal.Fetch
	Changes []dal.Change
}

// A Fault is how a call fails.
type Fault struct {
	Kind dal.Kind
	// Done: a Commit is carried out before it fails, as when only the answer is
	// lost. It makes sense with UnknownOutcome.
	Done bool
}

// Store is a dal.Store around another one. It is safe for concurrent use.
type Store struct {
	dal.Store
	mu     sync.Mutex
	n      int
	traits dal.Traits
	fault  func(Call) *Fault
	seen   func(Call)
}

var _ dal.Store = (*Store)(nil)

// New wraps inner and fails nothing yet.
func New(inner dal.Store) *Store {
	return &Store{Store: inner, traits: inner.Traits()}
}

// Traits returns the inner store's traits, or those of SetTraits.
func (s *Store) Traits() dal.Traits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traits
}

// SetTraits changes what the store tells of itself, before an engine asks.
func (s *Store) SetTraits(t dal.Traits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traits = t
}

// Reset sets the count of calls to 0 and takes all faults away.
func (s *Store) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n, s.fault = 0, nil
}

// Calls returns how many round trips there were since New or Reset.
func (s *Store) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// Observe calls f before every round trip, one call at a time.
func (s *Store) Observe(f func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = f
}

// FailAt sets the count to 0 and fails the i-th call from now, counting from 1.
func (s *Store) FailAt(i int, f Fault) {
	s.Reset()
	s.Fail(func(c Call) *Fault {
		if c.N == i {
			return &f
		}
		return nil
	})
}

// Fail fails every call for which pick returns a Fault.
func (s *Store) Fail(pick func(Call) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = pick
}

// next counts a call and says how it fails, nil if it does not.
func (s *Store) next(c Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	c.N = s.n
	if s.seen != nil {
		s.seen(c)
	}
	if s.fault == nil {
		return nil
	}
	return s.fault(c)
}

func (f *Fault) err(op Op) error {
	return &dal.Error{Kind: f.Kind, Op: string(op), Err: ErrInjected}
}

// Read is part of dal.Store.
func (s *Store) Read(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if f := s.next(Call{Op: Read, Fetches: fetches}); f != nil {
		return nil, f.err(Read)
	}
	return s.Store.Read(ctx, fetches)
}

// Begin is part of dal.Store. It is no round trip and never fails here.
func (s *Store) Begin(ctx context.Context) (dal.Tx, error) {
	inner, err := s.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &tx{Tx: inner, s: s}, nil
}

type tx struct {
	dal.Tx
	s *Store
}

// Fetch is part of dal.Tx. A failure ends the transaction.
func (t *tx) Fetch(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if f := t.s.next(Call{Op: Fetch, Fetches: fetches}); f != nil {
		t.Tx.Rollback()
		return nil, f.err(Fetch)
	}
	return t.Tx.Fetch(ctx, fetches)
}

// Commit is part of dal.Tx. A failure ends the transaction.
func (t *tx) Commit(ctx context.Context, changes []dal.Change) error {
	f := t.s.next(Call{Op: Commit, Changes: changes})
	if f == nil {
		return t.Tx.Commit(ctx, changes)
	}
	if f.Done {
		if err := t.Tx.Commit(ctx, changes); err != nil {
			return err
		}
		return f.err(Commit)
	}
	t.Tx.Rollback()
	return f.err(Commit)
}

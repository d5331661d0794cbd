package txn

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/schema"
)

var errBarred = errors.New("barred")

// epochIs is a guard that wants a variable to have a value.
func epochIs(value int64) func(*Tx) error {
	return func(tx *Tx) error {
		row, err := tx.Get(schema.Variables, schema.KeyOf(schema.Str(schema.VarEpoch)), dal.Shared)
		if err != nil {
			return err
		}
		if row == nil || schema.VariableOf(row).Value != value {
			return errBarred
		}
		return nil
	}
}

func setEpoch(t *testing.T, s dal.Store, value int64) {
	t.Helper()
	v := schema.Variable{Name: schema.VarEpoch, Value: value}
	tx, err := s.Begin(t.Context())
	if err == nil {
		err = tx.Commit(t.Context(), []dal.Change{{Op: dal.Put, Table: schema.Variables, Key: schema.Variables.Key(v.Row()), Row: v.Row()}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGuardCostsNoRoundTrip compares a call with and without a guard, and finds the
// guard's row locked in the transaction that writes.
func TestGuardCostsNoRoundTrip(t *testing.T) {
	e, s := open(t, true)
	setEpoch(t, s, 5)
	guarded := WithGuard(t.Context(), epochIs(5))
	if err := e.Update(guarded, child("warm")); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var trips []faulty.Op
	locked := false
	s.Observe(func(c faulty.Call) {
		mu.Lock()
		defer mu.Unlock()
		trips = append(trips, c.Op)
		for _, f := range c.Fetches {
			locked = locked || f.Table == schema.Variables && f.Lock == dal.Shared
		}
	})
	count := func(ctx context.Context, name string) int {
		trips = nil
		if err := e.Update(ctx, child(name)); err != nil {
			t.Fatal(err)
		}
		return len(trips)
	}
	plain, with := count(t.Context(), "a"), count(guarded, "b")
	if plain != 2 || with != plain {
		t.Errorf("%d round trips without a guard, %d with one, want 2", plain, with)
	}
	if !locked {
		t.Error("the guard's row is not locked")
	}
	// What needs more than hints: a scan that finds something to change.
	sweep := func(tx *Tx) error {
		got, err := tx.Scan(Range{Index: schema.Directories.Primary, Limit: 1})
		if err == nil {
			tx.Add(schema.Directories, (&schema.Directory{ID: schema.RootID, MTime: int64(len(got.Rows))}).Row())
		}
		return err
	}
	for _, ctx := range []context.Context{t.Context(), guarded} {
		trips = nil
		if err := e.Update(ctx, sweep); err != nil || len(trips) != 2 {
			t.Errorf("%v for a scan and a change, %v", trips, err)
		}
	}
}

func TestGuardRefuses(t *testing.T) {
	e, s := open(t, true)
	setEpoch(t, s, 5)
	ctx := WithGuard(t.Context(), epochIs(5))
	if err := e.Update(ctx, child("a")); err != nil {
		t.Fatal(err)
	}
	setEpoch(t, s, 6)
	// Beside a neighbour of the same batch, which must not notice.
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Update(t.Context(), child("b")); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"c", "d"} {
		if err := e.Update(ctx, child(name)); !errors.Is(err, errBarred) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wg.Wait()
	if n := entries(t, e); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	// Also where nothing would change, and where the function has an error of its own.
	for _, fn := range []func(*Tx) error{
		func(*Tx) error { return nil },
		func(*Tx) error { return errExists },
	} {
		if err := e.Update(ctx, fn); !errors.Is(err, errBarred) {
			t.Error(err)
		}
	}
}

// TestGuardOfAClock refuses without a look at the store, and as soon as it changes
// its mind.
func TestGuardOfAClock(t *testing.T) {
	e, s := open(t, true)
	if err := e.Update(t.Context(), child("warm")); err != nil {
		t.Fatal(err)
	}
	late := true
	ctx := WithGuard(t.Context(), func(*Tx) error {
		if late {
			return errBarred
		}
		return nil
	})
	s.Fail(func(faulty.Call) *faulty.Fault { t.Error("a round trip"); return nil })
	if err := e.Update(ctx, child("a")); !errors.Is(err, errBarred) {
		t.Error(err)
	}
	s.Reset()
	late = false
	s.Fail(func(c faulty.Call) *faulty.Fault {
		late = late || c.Op == faulty.Fetch
		return nil
	})
	if err := e.Update(ctx, child("a")); !errors.Is(err, errBarred) {
		t.Errorf("refused only after the locks: %v", err)
	}
	s.Reset()
	if n := entries(t, e); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	setEpoch(t, s, 5)
	late = false
	if err := e.Update(WithGuard(ctx, epochIs(4)), child("a")); !errors.Is(err, errBarred) {
		t.Errorf("the inner guard of two: %v", err)
	}
	late = true
	if err := e.Update(WithGuard(ctx, epochIs(5)), child("a")); !errors.Is(err, errBarred) {
		t.Errorf("the outer guard of two: %v", err)
	}
}

// TestWhatNobodyWaitsForIsNotDone: the caller of a batch that cannot be written goes
// away, and when the store is back its call is not done late.
func TestWhatNobodyWaitsForIsNotDone(t *testing.T) {
	e, s := open(t, true)
	if err := e.Update(t.Context(), child("warm")); err != nil {
		t.Fatal(err)
	}
	failed := make(chan bool, 1)
	s.Fail(func(c faulty.Call) *faulty.Fault {
		if c.Op != faulty.Commit {
			return nil
		}
		select {
		case failed <- true:
		default:
		}
		return &faulty.Fault{Kind: dal.Unavailable}
	})
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- e.Update(ctx, child("late")) }()
	<-failed
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.Reset()
	// The root's lane is one: what is done after it was begun after it.
	if err := e.Update(t.Context(), child("next")); err != nil {
		t.Fatal(err)
	}
	if n := entries(t, e); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

// TestAConnectionWithoutAnAnswerIsGivenUp: a round trip that hangs counts as one that
// failed.
func TestAConnectionWithoutAnAnswerIsGivenUp(t *testing.T) {
	e, s := open(t, true)
	if err := e.Update(t.Context(), child("warm")); err != nil {
		t.Fatal(err)
	}
	e.opt.RoundTrip = 20 * time.Millisecond
	var mu sync.Mutex
	hung := 0
	s.Observe(func(faulty.Call) {
		mu.Lock()
		defer mu.Unlock()
		if hung++; hung <= 2 {
			time.Sleep(60 * time.Millisecond) // the store looks at its context after it
		}
	})
	if err := e.Update(t.Context(), child("a")); err != nil {
		t.Error(err)
	}
	if n := entries(t, e); n != 2 || hung < 4 {
		t.Errorf("%d entries after %d round trips", n, hung)
	}
}

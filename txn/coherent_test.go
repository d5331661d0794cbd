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

// A fleeting store locks row by row and leaves rows that are not there unlocked, as
// databases do.
type fleeting struct {
	dal.Store
	locking func(schema.Key) // called before each row
}

func (s *fleeting) Begin(ctx context.Context) (dal.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	return &fleetingTx{tx, s}, err
}

type fleetingTx struct {
	dal.Tx
	s *fleeting
}

func (t *fleetingTx) Fetch(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	answers := make([]dal.Rows, len(fetches))
	for i, f := range fetches {
		if f.Lock == dal.None {
			got, err := t.Tx.Fetch(ctx, []dal.Fetch{f})
			if err != nil {
				return nil, err
			}
			answers[i] = got[0]
			continue
		}
		for _, k := range f.Keys {
			t.s.locking(k)
			one := f
			one.Keys = []schema.Key{k}
			got, err := t.s.Read(ctx, []dal.Fetch{{Table: f.Table, Keys: one.Keys}})
			if err == nil && len(got[0].Rows) > 0 {
				got, err = t.Tx.Fetch(ctx, []dal.Fetch{one})
			}
			if err != nil {
				return nil, err
			}
			answers[i].Rows = append(answers[i].Rows, got[0].Rows...)
		}
	}
	return answers, nil
}

// TestRowInNeitherPlace: a call that looks for a row in two places while it is moved
// from the one locked last to the one locked first must not find it in neither.
func TestRowInNeitherPlace(t *testing.T) {
	filled, s := open(t, false)
	ctx := context.Background()
	old := schema.Inode{PartitionID: schema.RootID, ParentID: schema.RootID, Name: "b", ID: 20_000}
	moved := old
	moved.Name = "a"
	from, to := schema.Inodes.Key(old.Row()), schema.Inodes.Key(moved.Row())
	if err := filled.Update(ctx, func(tx *Tx) error { return tx.Insert(schema.Inodes, old.Row()) }); err != nil {
		t.Fatal(err)
	}
	mover, err := s.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer mover.Rollback()
	if _, err := mover.Fetch(ctx, []dal.Fetch{{Table: schema.Inodes, Lock: dal.Exclusive, Keys: []schema.Key{from}}}); err != nil {
		t.Fatal(err)
	}
	waits := make(chan struct{})
	var once sync.Once
	e, err := New(&fleeting{s, func(k schema.Key) {
		if k == from {
			once.Do(func() { close(waits) })
		}
	}}, Options{NodeID: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	errNowhere := errors.New("the row is in neither place")
	done := make(chan error, 1)
	go func() {
		done <- e.Update(ctx, func(tx *Tx) error {
			a, err := tx.Get(schema.Inodes, to, dal.Shared)
			if err != nil {
				return err
			}
			b, err := tx.Get(schema.Inodes, from, dal.Shared)
			if err != nil {
				return err
			}
			if a == nil && b == nil {
				return errNowhere
			}
			tx.Put(schema.Variables, (&schema.Variable{Name: "found"}).Row())
			return nil
		})
	}()
	<-waits
	time.Sleep(20 * time.Millisecond)
	if err := mover.Commit(ctx, []dal.Change{
		{Op: dal.Delete, Table: schema.Inodes, Key: from},
		{Op: dal.Insert, Table: schema.Inodes, Key: to, Row: moved.Row()},
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMadeAndTakenAway: a row that one call makes and the next one of the same batch
// takes away was made by another NameNode too, before they commit. The first call must
// notice.
func TestMadeAndTakenAway(t *testing.T) {
	e, s := open(t, false)
	ctx := context.Background()
	key := schema.InodeKey(schema.RootID, "x")
	remove := func(tx *Tx) error {
		row, err := tx.Get(schema.Inodes, key, dal.Exclusive)
		if err != nil || row == nil {
			return err
		}
		tx.Delete(schema.Inodes, key)
		tx.Add(schema.Directories, (&schema.Directory{ID: schema.RootID, Entries: -1}).Row())
		return nil
	}
	if _, err := e.NextID(ctx, schema.VarNextInodeID); err != nil {
		t.Fatal(err)
	}
	calls := []*call{e.newCall(ctx, child("x")), e.newCall(ctx, remove)}
	for _, c := range calls {
		_, _ = c.run(nil, false)
	}
	var once sync.Once
	s.Observe(func(c faulty.Call) {
		if c.Op != faulty.Commit {
			return
		}
		once.Do(func() {
			other := schema.Inode{PartitionID: schema.RootID, ParentID: schema.RootID, Name: "x", ID: 30_000}
			tx, err := s.Store.Begin(ctx)
			if err == nil {
				err = tx.Commit(ctx, []dal.Change{{Op: dal.Insert, Table: schema.Inodes, Key: key, Row: other.Row()}})
			}
			if err != nil {
				t.Error(err)
			}
		})
	})
	e.lanes[0].process(calls)
	<-calls[0].done
	<-calls[1].done
	if !errors.Is(calls[0].err, errExists) || calls[1].err != nil {
		t.Errorf("made: %v, taken away: %v; want that it exists, and no error", calls[0].err, calls[1].err)
	}
}

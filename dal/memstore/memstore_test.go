package memstore

import (
	"context"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/daltest"
	"github.com/hopsql/hopsql/schema"
)

func TestContract(t *testing.T) {
	daltest.Run(t, func(*testing.T) dal.Store { return New() })
}

func dirs(ids ...int64) dal.Fetch {
	f := dal.Fetch{Table: schema.Directories, Lock: dal.Exclusive}
	for _, id := range ids {
		f.Keys = append(f.Keys, schema.KeyOf(schema.Int(id)))
	}
	return f
}

func withDirs(t *testing.T, n int64) *Store {
	s := New()
	tx, _ := s.Begin(t.Context())
	var changes []dal.Change
	for i := range n {
		r := (&schema.Directory{ID: i}).Row()
		changes = append(changes, dal.Change{Op: dal.Insert, Table: schema.Directories, Key: schema.Directories.Key(r), Row: r})
	}
	if err := tx.Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDeadlockIsAConflict(t *testing.T) {
	s := withDirs(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	a, _ := s.Begin(ctx)
	b, _ := s.Begin(ctx)
	defer b.Rollback()
	if _, err := a.Fetch(ctx, []dal.Fetch{dirs(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(ctx, []dal.Fetch{dirs(1)}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := a.Fetch(ctx, []dal.Fetch{dirs(1)})
		a.Rollback()
		done <- err
	}()
	_, errB := b.Fetch(ctx, []dal.Fetch{dirs(0)})
	b.Rollback()
	errA := <-done
	if dal.Is(errA, dal.Conflict) == dal.Is(errB, dal.Conflict) {
		t.Fatalf("one of both must be a conflict: %v, %v", errA, errB)
	}
	if (errA == nil) == (errB == nil) {
		t.Fatalf("one of both must get its lock: %v, %v", errA, errB)
	}
}

func TestRaisingALockIsRefused(t *testing.T) {
	s := withDirs(t, 1)
	tx, _ := s.Begin(t.Context())
	f := dirs(0)
	f.Lock = dal.Shared
	if _, err := tx.Fetch(t.Context(), []dal.Fetch{f}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Fetch(t.Context(), []dal.Fetch{dirs(0)}); !dal.Is(err, dal.Permanent) {
		t.Fatal(err)
	}
	if len(s.locks) != 0 {
		t.Fatalf("%d locks are left", len(s.locks))
	}
}

func BenchmarkScan100k(b *testing.B) {
	s := New()
	ctx := b.Context()
	for from := int64(0); from < 100_000; from += 10_000 {
		tx, _ := s.Begin(ctx)
		var changes []dal.Change
		for i := from; i < from+10_000; i++ {
			r := (&schema.Directory{ID: i}).Row()
			changes = append(changes, dal.Change{Op: dal.Insert, Table: schema.Directories, Key: schema.Directories.Key(r), Row: r})
		}
		if err := tx.Commit(ctx, changes); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		rows, err := s.Read(ctx, []dal.Fetch{{Table: schema.Directories, Scan: &dal.Scan{}}})
		if err != nil || len(rows[0].Rows) != 100_000 {
			b.Fatal(err)
		}
	}
}

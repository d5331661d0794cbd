package faulty

import (
	"errors"
	"slices"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/daltest"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
)

func TestContract(t *testing.T) {
	daltest.Run(t, func(*testing.T) dal.Store { return New(memstore.New()) })
}

func purge(id int64) dal.Change {
	r := schema.Row{schema.Int(id), schema.Int(0), schema.Int(0)}
	return dal.Change{Op: dal.Insert, Table: schema.Purge, Key: schema.Purge.Key(r), Row: r}
}

func TestFaults(t *testing.T) {
	s := New(memstore.New())
	var seen []Op
	s.Observe(func(c Call) { seen = append(seen, c.Op) })
	all := []dal.Fetch{{Table: schema.Purge, Scan: &dal.Scan{}}}
	run := func(id int64) error {
		if _, err := s.Read(t.Context(), all); err != nil {
			return err
		}
		tx, err := s.Begin(t.Context())
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.Fetch(t.Context(), all); err != nil {
			return err
		}
		return tx.Commit(t.Context(), []dal.Change{purge(id)})
	}
	rows := func() int {
		s.Reset()
		r, err := s.Read(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		return len(r[0].Rows)
	}
	for i := 1; i <= 3; i++ {
		s.FailAt(i, Fault{Kind: dal.Unavailable})
		if err := run(int64(i)); !dal.Is(err, dal.Unavailable) || !errors.Is(err, ErrInjected) {
			t.Fatal(i, err)
		}
		if s.Calls() != i || rows() != 0 {
			t.Fatal(i, s.Calls(), rows())
		}
	}
	s.FailAt(3, Fault{Kind: dal.UnknownOutcome, Done: true})
	if err := run(4); !dal.Is(err, dal.UnknownOutcome) || rows() != 1 {
		t.Fatal(err, rows())
	}
	if got := seen[len(seen)-4:]; !slices.Equal(got, []Op{Read, Fetch, Commit, Read}) {
		t.Fatal(seen)
	}
	s.FailAt(4, Fault{})
	if err := run(5); err != nil || rows() != 2 {
		t.Fatal(err, rows())
	}
}

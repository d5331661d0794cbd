package namenode

import (
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

func TestSweeps(t *testing.T) {
	store := memstore.New()
	engine, err := txn.New(store, txn.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	now := time.UnixMilli(1_000_000)
	s := &sweeper{engine: engine, now: func() time.Time { return now }, gone: map[int64]time.Time{}}

	var rows []dal.Change
	for i := range int64(3*sweepRows + 7) {
		e := schema.RetryEntry{ClientID: "0123456789abcdef", CallID: i, Expires: now.UnixMilli() - 1 + i%2*2}
		rows = append(rows, put(schema.RetryCache, e.Row()))
	}
	for id := range int64(4) {
		for i := range int64(sweepRows + 3) {
			m := schema.BatchMarker{NamenodeID: id, Lane: i % 2, Batch: i, Committed: 1}
			rows = append(rows, put(schema.BatchMarkers, m.Row()))
		}
	}
	alive := schema.Namenode{ID: 2}
	if err := commit(t.Context(), store, append(rows, put(schema.Namenodes, alive.Row()))); err != nil {
		t.Fatal(err)
	}
	count := func(table *schema.Table, keep func(schema.Row) bool) int {
		got, err := store.Read(t.Context(), []dal.Fetch{{Table: table, Scan: &dal.Scan{}}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range got[0].Rows {
			if !keep(r) {
				t.Errorf("%s still has %v", table, r)
			}
			n++
		}
		return n
	}

	if err := s.retryCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := count(schema.RetryCache, func(r schema.Row) bool { return schema.RetryEntryOf(r).Expires >= now.UnixMilli() })
	if want := (3*sweepRows + 7) / 2; left != want {
		t.Errorf("%d answers are left, want %d", left, want)
	}

	any := func(schema.Row) bool { return true }
	for _, pass := range []time.Duration{0, markersKeptFor, 0} {
		if err := s.markers(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(schema.BatchMarkers, any); n != 4*(sweepRows+3) {
			t.Fatalf("%d markers: some went too early", n)
		}
		now = now.Add(pass)
	}
	now = now.Add(time.Second)
	if err := s.markers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(schema.BatchMarkers, func(r schema.Row) bool { return schema.BatchMarkerOf(r).NamenodeID == 2 }); n != sweepRows+3 {
		t.Errorf("%d markers are left of the NameNode that is alive", n)
	}
}

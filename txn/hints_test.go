package txn

import (
	"context"
	"fmt"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/schema"
)

// TestAWalkLeavesWhatIsRemembered: who reads a large range takes the place of few hints,
// and of none with what follows the first page.
func TestAWalkLeavesWhatIsRemembered(t *testing.T) {
	maker, store := open(t, true)
	ctx := context.Background()
	for i := range 100 {
		if err := maker.Update(ctx, child(fmt.Sprintf("d%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	const few = 2
	e, err := New(store, Options{NodeID: 8, Hints: few * rangedShare})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	get := func(name string) {
		t.Helper()
		err := e.View(ctx, func(tx *Tx) error {
			_, err := tx.Get(schema.Inodes, schema.InodeKey(schema.RootID, name), dal.None)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	get("d099")
	after := schema.Key("")
	for _, remembered := range []int{1 + few, 1 + few} {
		err := e.View(ctx, func(tx *Tx) error {
			got, err := tx.Scan(Range{Index: schema.Inodes.Primary, Limit: 40, After: after,
				Prefix: schema.KeyOf(schema.Int(schema.RootID), schema.Int(schema.RootID))})
			if err == nil && len(got.Rows) != 40 {
				t.Errorf("%d rows", len(got.Rows))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := e.hints.units.Len(); n != remembered {
			t.Errorf("%d units are remembered after a page of 40, not %d", n, remembered)
		}
		after = schema.InodeKey(schema.RootID, "d039")
	}
	// What a page began with is remembered, and what was used before it.
	store.Observe(func(c faulty.Call) {
		for _, f := range c.Fetches {
			if f.Table == schema.Inodes {
				t.Errorf("%d known rows are read", len(f.Keys))
			}
		}
	})
	get("d000")
	get("d001")
	get("d099")
	store.Observe(nil)
	if e.hints.units.Contains(schema.Inodes.UnitHash(schema.InodeKey(schema.RootID, "d002"))) {
		t.Error("more of a page is remembered than it may push out")
	}
}

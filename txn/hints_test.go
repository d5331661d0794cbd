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
	isKnown := func(name string) bool {
		return e.hints.units.Contains(schema.Inodes.UnitHash(schema.InodeKey(schema.RootID, name)))
	}
	page := Range{Index: schema.Inodes.Primary, Limit: 40, Prefix: schema.KeyOf(schema.Int(schema.RootID), schema.Int(schema.RootID))}
	var last schema.Inode
	for range 2 {
		err := e.View(ctx, func(tx *Tx) error {
			got, err := tx.Scan(page)
			if err == nil {
				last = schema.InodeOf(got.Rows[page.Limit-1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := e.hints.units.Len(); n != 1+few {
			t.Errorf("%d units are remembered after a page of %d, not %d", n, page.Limit, 1+few)
		}
		page.After = schema.InodeKey(schema.RootID, last.Name)
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
	if isKnown("d002") {
		t.Error("more of a page is remembered than it may push out")
	}
	// What somebody looks up by its id beside a walk is no part of that.
	page.After = ""
	page.Limit++
	err = e.View(ctx, func(tx *Tx) error {
		byID := schema.KeyOf(schema.Int(last.ID))
		tx.Want(page.Ref(), Prefix(schema.InodesByID, byID))
		if _, err := tx.Scan(page); err != nil {
			return err
		}
		_, err := tx.Lookup(schema.InodesByID, byID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !isKnown(last.Name) {
		t.Error("a row that was looked up by its id beside a walk is not remembered")
	}
}

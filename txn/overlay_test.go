package txn

import (
	"context"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// TestPutThenDelete: a row that was not read, is put and then deleted, is gone,
// whether it was there or not.
func TestPutThenDelete(t *testing.T) {
	e, s := open(t, false)
	ctx := context.Background()
	row := (&schema.Lease{Holder: "h", Renewed: 1}).Row()
	key := schema.Leases.Key(row)
	for _, there := range []bool{false, true} {
		if there {
			if err := e.Update(ctx, func(tx *Tx) error { tx.Put(schema.Leases, row); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		err := e.Update(ctx, func(tx *Tx) error {
			tx.Put(schema.Leases, row)
			tx.Delete(schema.Leases, key)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Read(ctx, []dal.Fetch{{Table: schema.Leases, Keys: []schema.Key{key}}})
		if err != nil || len(got[0].Rows) != 0 {
			t.Errorf("there before: %v: rows %v, %v", there, got, err)
		}
	}
}

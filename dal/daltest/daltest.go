// Package daltest is the suite that every store passes: it holds a dal.Store to
// the contract in package dal. It promises that a store which passes answers as
// the others do, and knows nothing of how a store does it.
package daltest

import (
	"context"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// patience is how long a call may take that should not wait for anything.
const patience = 20 * time.Second

// A check is one promise of the contract.
type check struct {
	name string
	run  func(k *kit)
}

// Run checks the stores that open returns, each migrated and empty. The test
// closes them. One store serves all checks but those of Admin and Close.
func Run(t *testing.T, open func(t *testing.T) dal.Store) {
	s := open(t)
	t.Cleanup(func() { s.Close() })
	var base int64
	groups := [][]check{getChecks, scanChecks, valueChecks, followChecks, changeChecks, orderChecks, lockChecks, endChecks, manyChecks, snapshotChecks, mistakeChecks}
	for _, group := range groups {
		for _, c := range group {
			base += 1_000_000
			t.Run(c.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
				defer cancel()
				c.run(&kit{T: t, ctx: ctx, store: s, base: base})
			})
		}
	}
	for _, c := range adminChecks {
		t.Run(c.name, func(t *testing.T) {
			own := open(t)
			t.Cleanup(func() { own.Close() })
			ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
			defer cancel()
			c.run(&kit{T: t, ctx: ctx, store: own, base: 1_000_000})
		})
	}
}

// A kit is what a check works with. Its rows have ids from base on, so that checks
// do not meet.
type kit struct {
	*testing.T
	ctx   context.Context
	store dal.Store
	base  int64
}

// row makes a row of t from pairs of column name and value (int, int64 or
// string); the other columns are 0 or empty.
func row(t *schema.Table, pairs ...any) schema.Row {
	r := make(schema.Row, len(t.Columns))
	for i, c := range t.Columns {
		if r[i] = schema.Str(""); c.Type == schema.BigInt {
			r[i] = schema.Int(0)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		r[t.Column(pairs[i].(string))] = value(pairs[i+1])
	}
	return r
}

func value(v any) schema.Value {
	switch v := v.(type) {
	case int:
		return schema.Int(int64(v))
	case int64:
		return schema.Int(v)
	}
	return schema.Str(v.(string))
}

func key(vals ...any) schema.Key {
	out := make([]schema.Value, len(vals))
	for i, v := range vals {
		out[i] = value(v)
	}
	return schema.KeyOf(out...)
}

// inode is a file row below parent.
func inode(parent int64, name string, id int64) schema.Row {
	return row(schema.Inodes, "partition_id", parent, "parent_id", parent, "name", name, "id", id, "kind", 1, "user_name", "u")
}

func directory(id, entries int64) schema.Row {
	return row(schema.Directories, "id", id, "entries", entries)
}

func insert(t *schema.Table, r schema.Row) dal.Change {
	return dal.Change{Op: dal.Insert, Table: t, Key: t.Key(r), Row: r}
}

func put(t *schema.Table, r schema.Row) dal.Change {
	return dal.Change{Op: dal.Put, Table: t, Key: t.Key(r), Row: r}
}

func add(t *schema.Table, r schema.Row) dal.Change {
	return dal.Change{Op: dal.Add, Table: t, Key: t.Key(r), Row: r}
}

func remove(t *schema.Table, k schema.Key) dal.Change {
	return dal.Change{Op: dal.Delete, Table: t, Key: k}
}

// begin starts a transaction that ends with the check.
func (k *kit) begin() dal.Tx {
	k.Helper()
	tx, err := k.store.Begin(k.ctx)
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(tx.Rollback)
	return tx
}

// try commits the changes in a transaction of their own, again while they conflict.
func (k *kit) try(changes ...dal.Change) error {
	for {
		tx, err := k.store.Begin(k.ctx)
		if err != nil {
			return err
		}
		err = tx.Commit(k.ctx, changes)
		tx.Rollback()
		if !dal.Is(err, dal.Conflict) {
			return err
		}
	}
}

func (k *kit) write(changes ...dal.Change) {
	k.Helper()
	if err := k.try(changes...); err != nil {
		k.Fatal(err)
	}
}

// read answers fetches, again while they conflict.
func (k *kit) read(fetches ...dal.Fetch) []dal.Rows {
	k.Helper()
	for {
		rows, err := k.store.Read(k.ctx, fetches)
		if dal.Is(err, dal.Conflict) {
			continue
		}
		if err != nil {
			k.Fatal(err)
		}
		if len(rows) != len(fetches) {
			k.Fatalf("%d answers to %d fetches", len(rows), len(fetches))
		}
		return rows
	}
}

func (k *kit) fetch(tx dal.Tx, fetches ...dal.Fetch) []dal.Rows {
	k.Helper()
	rows, err := tx.Fetch(k.ctx, fetches)
	if err != nil {
		k.Fatal(err)
	}
	if len(rows) != len(fetches) {
		k.Fatalf("%d answers to %d fetches", len(rows), len(fetches))
	}
	return rows
}

// get returns the rows of t with the primary keys.
func (k *kit) get(t *schema.Table, keys ...schema.Key) []schema.Row {
	k.Helper()
	return k.read(dal.Fetch{Table: t, Keys: keys})[0].Rows
}

// want compares rows, in order.
func (k *kit) want(got []schema.Row, want ...schema.Row) {
	k.Helper()
	if len(got) != len(want) {
		k.Fatalf("%d rows, want %d\n got %v\nwant %v", len(got), len(want), brief(got), brief(want))
	}
	for i := range got {
		if !equal(got[i], want[i]) {
			k.Fatalf("row %d\n got %v\nwant %v", i, brief(got[i:i+1]), brief(want[i:i+1]))
		}
	}
}

func equal(a, b schema.Row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// brief keeps a failure readable.
func brief(rows []schema.Row) []schema.Row { return rows[:min(len(rows), 5)] }

// wantKind checks that err is a store's error of the kind.
func (k *kit) wantKind(err error, kind dal.Kind) {
	k.Helper()
	if !dal.Is(err, kind) {
		k.Fatalf("error %v, want kind %v", err, kind)
	}
}

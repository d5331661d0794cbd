package memstore

import (
	"context"
	"errors"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var (
	errOver      = errors.New("the transaction is over")
	errDuplicate = errors.New("a row with that key exists")
)

// tx is a dal.Tx. The store's mutex guards its fields.
type tx struct {
	s       *Store
	held    []*rowLock
	waiting *waiter
	over    bool
}

// run calls f with the mutex held; an error of f ends the transaction.
func (t *tx) run(ctx context.Context, op string, f func() error) error {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.over {
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errOver}
	}
	err := ctx.Err()
	if err == nil {
		err = t.s.usable(op)
	}
	if err == nil {
		err = f()
	}
	if err != nil {
		t.end()
	}
	return err
}

func (t *tx) end() {
	t.over = true
	t.release()
}

// Rollback is part of dal.Tx.
func (t *tx) Rollback() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if !t.over {
		t.end()
	}
}

// Fetch is part of dal.Tx.
func (t *tx) Fetch(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	answer := make([]dal.Rows, len(fetches))
	err := t.run(ctx, "fetch", func() error {
		if err := dal.CheckFetches(fetches, t.s.traits.MaxKeys); err != nil {
			return err
		}
		for i := range fetches {
			if f := &fetches[i]; f.Lock != dal.None {
				if err := t.lockRows(ctx, f); err != nil {
					return err
				}
			}
			answer[i] = t.s.answer(&fetches[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// lockRows locks the rows of f one by one in key order.
func (t *tx) lockRows(ctx context.Context, f *dal.Fetch) error {
	primary := f.By() == f.Table.Primary
	for _, k := range sorted(f.Keys) {
		if primary {
			if t.s.tables[f.Table].rows.get(k) != nil {
				if err := t.lock(ctx, rowID{f.Table, k}, f.Lock, true); err != nil {
					return err
				}
			}
			continue
		}
		for {
			rows := t.s.find(f.By(), []schema.Key{k})
			if err := t.lockAll(ctx, f, rows); err != nil {
				return err
			}
			// The rows may have changed while the mutex was let go.
			if slices.EqualFunc(rows, t.s.find(f.By(), []schema.Key{k}), func(a, b schema.Row) bool {
				return f.Table.Key(a) == f.Table.Key(b)
			}) {
				break
			}
		}
	}
	return nil
}

func (t *tx) lockAll(ctx context.Context, f *dal.Fetch, rows []schema.Row) error {
	for _, r := range rows {
		if err := t.lock(ctx, rowID{f.Table, f.Table.Key(r)}, f.Lock, true); err != nil {
			return err
		}
	}
	return nil
}

// Commit is part of dal.Tx.
func (t *tx) Commit(ctx context.Context, changes []dal.Change) error {
	return t.run(ctx, "commit", func() error {
		if err := dal.CheckChanges(changes, t.s.traits.MaxChanges); err != nil {
			return err
		}
		for _, c := range changes {
			if err := t.lock(ctx, rowID{c.Table, c.Key}, dal.Exclusive, false); err != nil {
				return err
			}
		}
		if err := t.s.usable("commit"); err != nil {
			return err
		}
		if err := t.s.apply(changes); err != nil {
			return err
		}
		t.end()
		return nil
	})
}

// A replacement is a change that was made.
type replacement struct {
	table    *schema.Table
	old, row schema.Row
}

// apply makes all changes or none. The mutex is held.
func (s *Store) apply(changes []dal.Change) error {
	done := make([]replacement, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		d := s.tables[c.Table]
		old := d.rows.get(c.Key)
		row, err := s.result(c, old)
		if err != nil {
			for _, r := range slices.Backward(done) {
				s.tables[r.table].replace(r.table, r.row, r.old)
			}
			return err
		}
		d.replace(c.Table, old, row)
		done = append(done, replacement{c.Table, old, row})
	}
	return nil
}

// result returns the row that c leaves in place of old; nil is no row.
func (s *Store) result(c *dal.Change, old schema.Row) (schema.Row, error) {
	switch c.Op {
	case dal.Insert:
		if old != nil {
			return nil, &dal.Error{Kind: dal.Duplicate, Op: "insert " + c.Table.Name, Err: errDuplicate}
		}
		return s.unique(c, nil, c.Row.Clone())
	case dal.Put:
		return s.unique(c, old, c.Row.Clone())
	case dal.Add:
		return add(c.Table, old, c.Row), nil
	}
	return nil, nil
}

// unique checks that no other row has a unique key of row.
func (s *Store) unique(c *dal.Change, old, row schema.Row) (schema.Row, error) {
	for _, x := range c.Table.Indexes {
		if !x.Unique || old != nil && x.Same(old, row) {
			continue
		}
		if s.list(x).has(x.KeyOf(row)) {
			return nil, &dal.Error{Kind: dal.Duplicate, Op: "write " + c.Table.Name, Err: errDuplicate}
		}
	}
	return row, nil
}

func add(t *schema.Table, old, delta schema.Row) schema.Row {
	if old == nil {
		return nil
	}
	row := old.Clone()
	for i := range t.Columns {
		switch t.Columns[i].Merge {
		case schema.Sum:
			row[i] = schema.Int(row[i].Int() + delta[i].Int())
		case schema.Max:
			row[i] = schema.Int(max(row[i].Int(), delta[i].Int()))
		}
	}
	return row
}

// replace takes old out and puts row in; either may be nil.
func (d *data) replace(t *schema.Table, old, row schema.Row) {
	for i, x := range t.Indexes {
		d.indexes[i].replace(old, row, func(r schema.Row) schema.Key { return x.KeyOf(r) + t.Key(r) })
	}
	d.rows.replace(old, row, t.Key)
}

// sorted returns the keys in order, each once.
func sorted(keys []schema.Key) []schema.Key {
	if ascending(keys) {
		return keys
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// ascending reports whether each key is larger than the one before it.
func ascending(keys []schema.Key) bool {
	for i := 1; i < len(keys); i++ {
		if keys[i-1] >= keys[i] {
			return false
		}
	}
	return true
}

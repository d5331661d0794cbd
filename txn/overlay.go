package txn

import (
	"cmp"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// mod is what a batch, or one function, does to a row.
type mod struct {
	table   *schema.Table
	key     schema.Key
	before  schema.Row // the stored row; nil if there is none or it is not known
	known   bool       // before is known
	written bool       // row is what will be there: nil for a deleted row
	deleted bool       // a row that was not fetched was deleted first
	put     bool       // a row that was not fetched may be there
	row     schema.Row
	add     schema.Row // when not written: what to add
}

// overlay is what one run changes, in the order of the first change of each row.
type overlay struct {
	list  []mod
	index map[ref]int // places in list, once it is long
}

// ref names one row.
type ref struct {
	table *schema.Table
	key   schema.Key
}

func (o *overlay) len() int { return len(o.list) }

// get returns the mod of a row, nil if there is none, until the next call of add.
func (o *overlay) get(t *schema.Table, k schema.Key) *mod {
	if o.index != nil {
		if i, ok := o.index[ref{t, k}]; ok {
			return &o.list[i]
		}
		return nil
	}
	for i := range o.list {
		if m := &o.list[i]; m.table == t && m.key == k {
			return m
		}
	}
	return nil
}

// add adds the mod of a row that has none.
func (o *overlay) add(m mod) *mod {
	n := len(o.list)
	o.list = append(o.list, m)
	switch {
	case o.index != nil:
		o.index[ref{m.table, m.key}] = n
	case n == longList:
		o.index = make(map[ref]int, 4*longList)
		for i := range o.list {
			o.index[ref{o.list[i].table, o.list[i].key}] = i
		}
	}
	return &o.list[n]
}

// touches reports whether the run changes a row of t.
func (o *overlay) touches(t *schema.Table) bool {
	for i := range o.list {
		if o.list[i].table == t {
			return true
		}
	}
	return false
}

// applyAdd returns row with the Sum and Max columns of add applied.
func applyAdd(t *schema.Table, row, add schema.Row) schema.Row {
	out := row.Clone()
	for i := range t.Columns {
		switch t.Columns[i].Merge {
		case schema.Sum:
			out[i] = schema.Int(out[i].Int() + add[i].Int())
		case schema.Max:
			out[i] = schema.Int(max(out[i].Int(), add[i].Int()))
		}
	}
	return out
}

// sortChanges puts the changes of one table in order.
func sortChanges(cs []dal.Change) {
	slices.SortFunc(cs, func(a, b dal.Change) int {
		if a.Op != b.Op {
			return cmp.Compare(a.Op, b.Op)
		}
		return cmp.Compare(a.Key, b.Key)
	})
}

// changes adds what to write for m.
func (m *mod) changes(out []dal.Change) []dal.Change {
	exists := m.known && m.before != nil
	switch {
	case !m.written:
		return m.append(out, dal.Add, m.add)
	case m.stays():
		return out
	case m.row == nil:
		return m.append(out, dal.Delete, nil)
	case exists && movesUnique(m.table, m.before, m.row):
		return m.append(m.append(out, dal.Delete, nil), dal.Insert, m.row)
	case exists || m.put && !m.known:
		return m.append(out, dal.Put, m.row)
	case m.deleted:
		return m.append(m.append(out, dal.Delete, nil), dal.Insert, m.row)
	}
	return m.append(out, dal.Insert, m.row)
}

// stays reports whether a row that was written is left as it was read: nothing of it
// reaches the store.
func (m *mod) stays() bool {
	exists := m.known && m.before != nil
	if m.row == nil {
		return !exists && !m.deleted
	}
	return exists && same(m.before, m.row)
}

func (m *mod) append(out []dal.Change, op dal.Op, row schema.Row) []dal.Change {
	return append(out, dal.Change{Op: op, Table: m.table, Key: m.key, Row: row})
}

// movesUnique reports whether b has another secondary unique key than a. Such a
// row is deleted and inserted: an upsert could meet the row that has its key.
func movesUnique(t *schema.Table, a, b schema.Row) bool {
	for _, x := range t.Indexes {
		if x.Unique && !x.Same(a, b) {
			return true
		}
	}
	return false
}

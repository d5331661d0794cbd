package txn

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// mod is what a batch, or one function, does to a row.
type mod struct {
	before  schema.Row // the stored row; nil if there is none or it is not known
	known   bool       // before is known
	written bool       // row is what will be there: nil for a deleted row
	row     schema.Row
	deleted bool       // a row that was not fetched was deleted first
	put     bool       // a row that was not fetched may be there
	add     schema.Row // when not written: what to add
}

// overlay is a set of changes that are not yet in the store.
type overlay map[*schema.Table]map[schema.Key]*mod

func (o overlay) get(t *schema.Table, k schema.Key) *mod { return o[t][k] }

func (o overlay) set(t *schema.Table, k schema.Key, m *mod) {
	rows := o[t]
	if rows == nil {
		rows = map[schema.Key]*mod{}
		o[t] = rows
	}
	rows[k] = m
}

// merge lays the changes of a function that succeeded over those of the batch.
func (o overlay) merge(own overlay) {
	for t, rows := range own {
		for k, m := range rows {
			o.set(t, k, m)
		}
	}
}

func (o overlay) len() int {
	n := 0
	for _, rows := range o {
		n += len(rows)
	}
	return n
}

// applyAdd returns row with the Sum and Max columns of add applied.
func applyAdd(t *schema.Table, row, add schema.Row) schema.Row {
	out := row.Clone()
	for i, c := range t.Columns {
		switch c.Merge {
		case schema.Sum:
			out[i] = schema.Int(out[i].Int() + add[i].Int())
		case schema.Max:
			out[i] = schema.Int(max(out[i].Int(), add[i].Int()))
		}
	}
	return out
}

// changes returns what to write, in the one order of writing: tables by schema,
// and in a table deletes, inserts, puts and adds, each by key. Deletes come first
// so that a row can move with its unique id.
func (o overlay) changes() []dal.Change {
	var out []dal.Change
	for t, rows := range o {
		for k, m := range rows {
			out = m.changes(out, t, k)
		}
	}
	slices.SortFunc(out, func(a, b dal.Change) int {
		if a.Table != b.Table {
			return cmp.Compare(a.Table.Order, b.Table.Order)
		}
		return cmp.Or(cmp.Compare(a.Op, b.Op), strings.Compare(string(a.Key), string(b.Key)))
	})
	return out
}

func (m *mod) changes(out []dal.Change, t *schema.Table, k schema.Key) []dal.Change {
	add := func(op dal.Op, row schema.Row) {
		out = append(out, dal.Change{Op: op, Table: t, Key: k, Row: row})
	}
	exists := m.known && m.before != nil
	switch {
	case !m.written:
		add(dal.Add, m.add)
	case m.row == nil && (exists || m.deleted):
		add(dal.Delete, nil)
	case m.row == nil:
	case exists && slices.Equal(m.before, m.row):
	case exists && movesUnique(t, m.before, m.row):
		add(dal.Delete, nil)
		add(dal.Insert, m.row)
	case exists || m.put && !m.known:
		add(dal.Put, m.row)
	case m.deleted:
		add(dal.Delete, nil)
		add(dal.Insert, m.row)
	default:
		add(dal.Insert, m.row)
	}
	return out
}

// movesUnique reports whether b has another secondary unique key than a. Such a
// row is deleted and inserted: an upsert could meet the row that has its key.
func movesUnique(t *schema.Table, a, b schema.Row) bool {
	for _, x := range t.Indexes {
		if x.Unique && x.KeyOf(a) != x.KeyOf(b) {
			return true
		}
	}
	return false
}

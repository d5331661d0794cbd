package txn

import (
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hopsql/hopsql/schema"
)

// Hints remembers rows that were seen not long ago, under the keys of the given
// unique indexes. They tell a dry run what its function will ask for; they are
// never an answer. Safe for many goroutines.
type Hints struct {
	tables []*hintTable // by schema.Table.Order; nil for tables without hints
}

// hintTable has the hints of one table, by primary key (nil for none) and by other
// unique indexes.
type hintTable struct {
	table   *schema.Table
	primary *lru.Cache[schema.Key, schema.Row]
	others  []hintIndex
}

type hintIndex struct {
	index *schema.Index
	rows  *lru.Cache[schema.Key, schema.Row]
}

func newHints(size int, indexes []*schema.Index) (*Hints, error) {
	h := &Hints{tables: make([]*hintTable, len(schema.Tables))}
	for _, x := range indexes {
		rows, err := lru.New[schema.Key, schema.Row](max(1, size/2))
		if err != nil {
			return nil, err
		}
		t := h.tables[x.Table().Order]
		if t == nil {
			t = &hintTable{table: x.Table()}
			h.tables[x.Table().Order] = t
		}
		if x == x.Table().Primary {
			t.primary = rows
		} else {
			t.others = append(t.others, hintIndex{x, rows})
		}
	}
	return h, nil
}

// by returns the hints by the keys of x, nil if there are none.
func (h *Hints) by(x *schema.Index) *lru.Cache[schema.Key, schema.Row] {
	t := h.tables[x.Table().Order]
	if t == nil {
		return nil
	}
	if x == x.Table().Primary {
		return t.primary
	}
	for i := range t.others {
		if t.others[i].index == x {
			return t.others[i].rows
		}
	}
	return nil
}

func (h *Hints) covers(x *schema.Index) bool { return h.by(x) != nil }

func (h *Hints) get(x *schema.Index, k schema.Key) (schema.Row, bool) { return h.by(x).Get(k) }

// peek returns what is remembered of the row with primary key k.
func (t *hintTable) peek(k schema.Key) (schema.Row, bool) {
	if t.primary == nil {
		return nil, false
	}
	return t.primary.Peek(k)
}

// put remembers a row under its keys. k is the primary one.
func (t *hintTable) put(k schema.Key, row schema.Row) {
	old, ok := t.peek(k)
	if t.primary != nil {
		t.primary.Add(k, row)
	}
	for _, x := range t.others {
		if ok && !x.index.Same(old, row) {
			x.rows.Remove(x.index.KeyOf(old))
		}
		x.rows.Add(x.index.KeyOf(row), row)
	}
}

// saw remembers a row of an answer of the store, which was asked for by x. k is its
// primary key. It keeps a copy: rows of one answer may share memory, and one of them
// would keep all of it. Mostly the row is known already.
func (t *hintTable) saw(x *schema.Index, k schema.Key, row schema.Row) {
	old, ok := t.peek(k)
	if !ok || !same(old, row) {
		t.put(k, row.Clone())
		return
	}
	for i := range t.others {
		if o := &t.others[i]; o.index == x {
			if xk := x.KeyOf(row); !o.rows.Contains(xk) {
				o.rows.Add(xk, old)
			}
		}
	}
}

// same reports whether two rows of one table are equal.
func same(a, b schema.Row) bool { return &a[0] == &b[0] || slices.Equal(a, b) }

// drop forgets the row with primary key k.
func (t *hintTable) drop(k schema.Key) {
	old, ok := t.peek(k)
	if !ok {
		return
	}
	t.primary.Remove(k)
	for _, x := range t.others {
		x.rows.Remove(x.index.KeyOf(old))
	}
}

// learn takes over what a batch fetched.
func (h *Hints) learn(s *set) {
	for _, sl := range s.slots[:s.used] {
		t := h.tables[sl.index.Table().Order]
		switch {
		case t == nil || sl.state != slotFetched:
		case sl.kind == wantRow && sl.row == nil:
			t.drop(sl.key)
		case sl.kind == wantRow:
			t.saw(sl.index, sl.key, sl.row)
		default:
			for _, row := range sl.rows.Rows {
				t.saw(sl.index, t.table.Key(row), row)
			}
		}
	}
}

// wrote takes over what a batch committed.
func (h *Hints) wrote(s *set) {
	for _, t := range h.tables {
		if t == nil {
			continue
		}
		changed := s.tables[t.table.Order].changed
		for _, sl := range changed {
			if sl.mod.written && sl.mod.row == nil {
				t.drop(sl.key)
			}
		}
		for _, sl := range changed {
			if sl.mod.written && sl.mod.row != nil {
				t.put(sl.key, sl.mod.row)
			}
		}
	}
}

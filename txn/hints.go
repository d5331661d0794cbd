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
	indexes []*schema.Index
	tables  map[*schema.Table]bool
	rows    *lru.Cache[hintKey, schema.Row]
}

type hintKey struct {
	index *schema.Index
	key   schema.Key
}

func newHints(size int, indexes []*schema.Index) (*Hints, error) {
	rows, err := lru.New[hintKey, schema.Row](size)
	if err != nil {
		return nil, err
	}
	h := &Hints{indexes: indexes, tables: map[*schema.Table]bool{}, rows: rows}
	for _, x := range indexes {
		h.tables[x.Table()] = true
	}
	return h, nil
}

func (h *Hints) covers(x *schema.Index) bool {
	for _, y := range h.indexes {
		if x == y {
			return true
		}
	}
	return false
}

func (h *Hints) get(x *schema.Index, k schema.Key) (schema.Row, bool) {
	return h.rows.Get(hintKey{x, k})
}

// put remembers that row is in table t. It keeps a copy: rows of one answer may
// share memory, and one of them would keep all of it.
func (h *Hints) put(t *schema.Table, row schema.Row) {
	if old, ok := h.rows.Peek(hintKey{t.Primary, t.Key(row)}); ok && slices.Equal(old, row) {
		row = old
	} else {
		row = row.Clone()
	}
	for _, x := range h.indexes {
		if x.Table() == t {
			h.rows.Add(hintKey{x, x.KeyOf(row)}, row)
		}
	}
}

// drop forgets the row with primary key k.
func (h *Hints) drop(t *schema.Table, k schema.Key) {
	old, ok := h.rows.Peek(hintKey{t.Primary, k})
	if !ok {
		return
	}
	h.rows.Remove(hintKey{t.Primary, k})
	for _, x := range h.indexes {
		if x.Table() == t && x != t.Primary {
			h.rows.Remove(hintKey{x, x.KeyOf(old)})
		}
	}
}

// learn takes over what a batch fetched.
func (h *Hints) learn(s *set) {
	for r, sl := range s.rows {
		switch {
		case !h.tables[r.table]:
		case sl.row == nil:
			h.drop(r.table, r.key)
		default:
			h.put(r.table, sl.row)
		}
	}
	for w, rows := range s.ranges {
		if t := w.index.Table(); h.tables[t] {
			for _, row := range rows.Rows {
				h.put(t, row)
			}
		}
	}
}

// wrote takes over what a batch committed.
func (h *Hints) wrote(o overlay) {
	for t, rows := range o {
		if !h.tables[t] {
			continue
		}
		for k, m := range rows {
			if !m.written {
				continue
			}
			h.drop(t, k)
		}
		for _, m := range rows {
			if m.written && m.row != nil {
				h.put(t, m.row)
			}
		}
	}
}

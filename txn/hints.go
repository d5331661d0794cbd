package txn

import (
	"slices"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hopsql/hopsql/schema"
)

// Hints remembers rows that were seen not long ago. They tell a dry run what its
// function will ask for. A hint is an answer only while it is held: then whoever changes
// its rows is heard of (see journal), and none has. Safe for many goroutines.
type Hints struct {
	tables []*hintTable // by schema.Table.Order; nil for tables without hints
	holds  bool         // changes are heard of
	ranged int          // how many rows of scans one batch may add

	mu    sync.Mutex // of all that adds hints or hears of changes
	units *lru.Cache[uint64, *hint]
	turn  atomic.Uint64 // counts what was heard; grows with mu
	lost  atomic.Uint64 // the turn in which everything may have changed; none is later than the last
	heard []heard       // by the low bits of schema.UnitHash
}

// heard is when a unit, or one of those that share its place, was last heard of.
type heard struct {
	turn    uint64
	others  uint64 // the same without the batch that puts what it wrote
	pending int    // commits of this engine under way
}

// since says from when rows are.
type since struct {
	turn   uint64 // of Hints before they were read, or when they were written
	others uint64 // the same, but before the commit of those that this engine wrote
}

// heardPlaces is how many places there are in Hints.heard. A place that is shared costs
// a hint that could have been held.
const heardPlaces = 1 << 14

// A hint is what is remembered of one unit (see schema.Table.Unit): all its rows in
// order. It does not change, but that it may cease to be held, for good.
type hint struct {
	table *schema.Table
	unit  schema.Key
	rows  []schema.Row
	turn  uint64 // of Hints when it came
	gone  atomic.Bool
}

// row returns the row of a unit that has at most one.
func (h *hint) row() schema.Row {
	if len(h.rows) == 0 {
		return nil
	}
	return h.rows[0]
}

// hintTable says what hints there are of one table.
type hintTable struct {
	table    *schema.Table
	foresees bool // a dry run goes by hints of units that are not held, too
	whole    bool // a unit is one row
	others   []hintIndex
}

// hintIndex has the hints by a unique index other than the primary key.
type hintIndex struct {
	index *schema.Index
	rows  *lru.Cache[schema.Key, schema.Row]
}

func newHints(size int, indexes []*schema.Index, holds bool) (*Hints, error) {
	h := &Hints{tables: make([]*hintTable, len(schema.Tables)), holds: holds, heard: make([]heard, heardPlaces),
		ranged: max(1, size/rangedShare)}
	var err error
	if h.units, err = lru.NewWithEvict(max(1, size), func(_ uint64, old *hint) { old.gone.Store(true) }); err != nil {
		return nil, err
	}
	of := func(t *schema.Table) *hintTable {
		if h.tables[t.Order] == nil {
			h.tables[t.Order] = &hintTable{table: t, whole: t.Unit == len(t.Primary.Cols)}
		}
		return h.tables[t.Order]
	}
	for _, t := range schema.Tables {
		if holds && t.Unit > 0 {
			of(t)
		}
	}
	for _, x := range indexes {
		if x == x.Table().Primary {
			of(x.Table()).foresees = true
			continue
		}
		rows, err := lru.New[schema.Key, schema.Row](max(1, size/2))
		if err != nil {
			return nil, err
		}
		t := of(x.Table())
		t.others = append(t.others, hintIndex{x, rows})
	}
	return h, nil
}

// foresees reports whether a dry run goes by hints of rows of t.
func (h *Hints) foresees(t *schema.Table) bool {
	ht := h.tables[t.Order]
	return ht != nil && ht.foresees
}

// unit returns what is remembered of a unit, nil if nothing is.
func (h *Hints) unit(t *schema.Table, unit schema.Key) *hint {
	if h.tables[t.Order] == nil {
		return nil
	}
	if e, ok := h.units.Get(t.UnitHash(unit)); ok && e.table == t && e.unit == unit {
		return e
	}
	return nil
}

// by returns the hints by the keys of a secondary index, nil if there are none.
func (h *Hints) by(x *schema.Index) *lru.Cache[schema.Key, schema.Row] {
	t := h.tables[x.Table().Order]
	if t == nil {
		return nil
	}
	for i := range t.others {
		if t.others[i].index == x {
			return t.others[i].rows
		}
	}
	return nil
}

// held reports whether nothing was heard of e since it came.
func (h *Hints) held(e *hint) bool { return !e.gone.Load() && e.turn >= h.lost.Load() }

// hold reports whether the rows of a batch of reads, some fetched from then on and some
// known, fit together: nobody was heard of changing any.
func (h *Hints) hold(s *set, from since) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost.Load() > from.others {
		return false
	}
	for _, sl := range s.slots[:s.used] {
		if sl.known != nil {
			if !h.held(sl.known) {
				return false
			}
			continue
		}
		place := &h.heard[sl.index.Table().UnitHash(sl.key)%heardPlaces]
		if place.pending > 0 || place.turn > from.turn {
			return false
		}
	}
	return true
}

// now is the moment from which rows are that are read afterwards.
func (h *Hints) now() since {
	turn := h.turn.Load()
	return since{turn, turn}
}

// maxUnitRows is how many rows a unit may have that is remembered.
const maxUnitRows = 256

// put remembers the rows of a unit, which are from then, and returns what is
// remembered now, nil for nothing. Mostly they are known already. The rows are copied:
// those of one answer may share memory, and one of them would keep all of it. mu is held.
func (h *Hints) put(t *hintTable, unit schema.Key, rows []schema.Row, from since) *hint {
	hash := t.table.UnitHash(unit)
	place := &h.heard[hash%heardPlaces]
	lost := h.lost.Load()
	holds := h.holds && place.pending == 0 && place.turn <= from.turn && place.others <= from.others && lost <= from.others
	old, _ := h.units.Get(hash)
	if old != nil && (old.table != t.table || old.unit != unit) {
		old.gone.Store(true)
		old = nil
	}
	equal := old != nil && slices.EqualFunc(old.rows, rows, same)
	switch {
	case old != nil && h.held(old) && (equal || !holds), equal && !holds:
		return old
	case len(rows) > maxUnitRows || len(rows) == 0 && !holds:
		if old != nil {
			h.units.Remove(hash)
			t.moved(old.row(), nil)
		}
		return nil
	}
	e := &hint{table: t.table, unit: unit, turn: h.turn.Load()}
	if equal {
		e.rows, e.unit = old.rows, old.unit
	} else if len(rows) > 0 {
		e.rows = make([]schema.Row, len(rows))
		for i, row := range rows {
			e.rows[i] = row.Clone()
		}
	}
	e.gone.Store(!holds)
	if old != nil {
		old.gone.Store(true)
		t.moved(old.row(), e.row())
	}
	h.units.Add(hash, e)
	for _, row := range e.rows {
		t.seen(row, false)
	}
	return e
}

// moved forgets the other keys of a row that has other ones now, or is gone.
func (t *hintTable) moved(old, row schema.Row) {
	if old == nil || !t.whole {
		return
	}
	for _, x := range t.others {
		if row == nil || !x.index.Same(old, row) {
			x.rows.Remove(x.index.KeyOf(old))
		}
	}
}

// seen remembers a row under the keys of its other indexes, or a copy of it.
func (t *hintTable) seen(row schema.Row, clone bool) {
	for _, x := range t.others {
		k := x.index.KeyOf(row)
		if old, ok := x.rows.Peek(k); ok && same(old, row) {
			continue
		}
		if clone {
			row, clone = row.Clone(), false
		}
		x.rows.Add(k, row)
	}
}

// same reports whether two rows of one table are equal.
func same(a, b schema.Row) bool { return &a[0] == &b[0] || slices.Equal(a, b) }

// rangedShare is the part of all hints that rows of scans may take the place of in one
// batch. Few of them are asked for by themselves, and who walks through a large tree must
// not push out what others use.
const rangedShare = 32

// learn takes over what a batch fetched, but not what follows the first rows of a scan.
func (h *Hints) learn(s *set, from since) {
	h.mu.Lock()
	defer h.mu.Unlock()
	room := h.ranged
	for _, sl := range s.slots[:s.used] {
		t := h.tables[sl.index.Table().Order]
		if t == nil || sl.state != slotFetched || sl.mod != nil || sl.known != nil {
			continue
		}
		primary := sl.index == t.table.Primary
		switch {
		case sl.kind == wantRow && sl.row == nil:
			if t.whole {
				h.put(t, sl.key, nil, from)
			}
		case sl.kind == wantRow:
			h.saw(t, sl.key, sl.row, from)
		case h.holds && primary && sl.kind == wantPrefix && !t.whole && t.table.UnitOf(sl.key) == sl.key:
			h.put(t, sl.key, sl.rows.Rows, from)
		case sl.kind == wantScan && sl.after != "":
		default:
			rows := sl.rows.Rows
			if sl.kind == wantScan {
				rows = rows[:min(len(rows), room)]
				room -= len(rows)
			}
			for _, row := range rows {
				h.saw(t, t.table.Key(row), row, from)
			}
		}
	}
}

// saw remembers a row, k being its primary key.
func (h *Hints) saw(t *hintTable, k schema.Key, row schema.Row, from since) {
	if !t.whole || !t.foresees && !h.holds {
		t.seen(row, true)
		return
	}
	rows := [1]schema.Row{row}
	if e := h.put(t, k, rows[:], from); e != nil && len(e.rows) == 1 {
		t.seen(e.rows[0], false)
	}
}

// wrote takes over what a batch committed, which is from then, and the rows that it wrote
// as it had read them.
func (h *Hints) wrote(s *set, from, read since) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tables {
		if t == nil {
			continue
		}
		// A row that moves is there twice.
		changed := s.tables[t.table.Order].changed
		for _, sl := range changed {
			if sl.mod.written && sl.mod.row == nil && t.whole {
				h.put(t, sl.key, nil, sl.mod.since(from, read))
			}
		}
		for _, sl := range changed {
			if sl.mod.written && sl.mod.row != nil {
				h.saw(t, sl.key, sl.mod.row, sl.mod.since(from, read))
			}
		}
	}
}

// since is from when the row is that m leaves. One that stays may have been read without
// a lock.
func (m *mod) since(wrote, read since) since {
	if m.stays() {
		return read
	}
	return wrote
}

// hear is told what others changed.
func (h *Hints) hear(units []uint64) { h.heardOthers(units, 0) }

// Changing is part of dal.Listener.
func (h *Hints) Changing(units []uint64) { h.heardOthers(units, 1) }

// Changed is part of dal.Listener.
func (h *Hints) Changed(units []uint64) { h.heardOthers(units, -1) }

func (h *Hints) heardOthers(units []uint64, pending int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	turn := h.note(units, pending)
	for _, u := range units {
		h.heard[u%heardPlaces].others = turn
	}
}

// changing is told what a batch of this engine changes, before its commit. It must be
// told when that has ended, too.
func (h *Hints) changing(units []uint64) since {
	h.mu.Lock()
	defer h.mu.Unlock()
	turn := h.note(units, 1)
	return since{turn, turn}
}

// changed is told that a commit has ended, and from when the rows that it wrote are.
func (h *Hints) changed(units []uint64, from since) since {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range units {
		// Another batch of this engine may have come and gone meanwhile.
		if place := &h.heard[u%heardPlaces]; place.turn != from.turn {
			place.others = h.turn.Load() + 1
		}
	}
	return since{h.note(units, -1), from.others}
}

// note ends the hold on units, and begins (1) or ends (-1) a commit of them. mu is held.
func (h *Hints) note(units []uint64, pending int) (turn uint64) {
	turn = h.turn.Add(1)
	for _, u := range units {
		place := &h.heard[u%heardPlaces]
		place.turn = turn
		place.pending += pending
		if e, ok := h.units.Peek(u); ok {
			e.gone.Store(true)
		}
	}
	return turn
}

// lose is told that anything may have changed, and returns the moment from which rows
// may be held.
func (h *Hints) lose() since {
	h.mu.Lock()
	defer h.mu.Unlock()
	turn := h.turn.Add(1)
	h.lost.Store(turn)
	return since{turn, turn}
}

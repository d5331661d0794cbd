package txn

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// slot is one thing that a batch fetches or changes.
type slot struct {
	want
	state slotState
	lock  dal.Lock   // that it is fetched with
	leaf  bool       // all who ask for it call it a leaf
	width int        // see columns; set while a plan is made
	row   schema.Row // the fetched row; nil if there is none
	rows  dal.Rows   // fetched for a prefix or a scan
	mod   *mod       // what the batch does to the row so far; nil if nothing
	known *hint      // where the row or rows are from, if they were not fetched
}

type slotState uint8

const (
	slotIdle   slotState = iota
	slotWanted           // to be fetched
	slotFetched
)

// columns tells how many columns of its index a prefix names, -1 for a row.
func (s *slot) columns() int {
	if s.kind == wantPrefix {
		return s.index.Len(s.key)
	}
	return -1
}

// set is what one batch has fetched and what it changes. The set of a batch of reads
// is only read once it is filled, so functions may share it. Sets are used again:
// theirs is the memory, but for the rows.
type set struct {
	tables []tableSet // by schema.Table.Order
	ranges map[want]*slot
	slots  []*slot // all that were ever made; the first used ones are in use
	used   int
	wanted []*slot      // those to be fetched next
	trip   plan         // how
	mods   int          // how many slots have a mod
	users  atomic.Int32 // runs that may still look at it
}

type tableSet struct {
	rows    map[schema.Key]*slot
	changed []*slot // those with a mod
}

var sets = sync.Pool{New: func() any { return &set{tables: make([]tableSet, len(schema.Tables))} }}

// newSet returns an empty set, to be released users times.
func newSet(users int) *set {
	s := sets.Get().(*set)
	s.users.Store(int32(users))
	return s
}

// keptSlots is the size up to which a set is worth keeping.
const keptSlots = 8192

// release says that one user will not look at the set again.
func (s *set) release() {
	if s.users.Add(-1) > 0 || len(s.slots) > keptSlots {
		return
	}
	for i := range s.tables {
		t := &s.tables[i]
		clear(t.rows)
		clear(t.changed)
		t.changed = t.changed[:0]
	}
	clear(s.ranges)
	for _, sl := range s.slots[:s.used] {
		*sl = slot{}
	}
	clear(s.wanted)
	s.trip.clear()
	s.used, s.mods, s.wanted = 0, 0, s.wanted[:0]
	sets.Put(s)
}

// find returns the slot for w, nil if there is none.
func (s *set) find(w *want) *slot {
	if w.kind == wantRow {
		return s.tables[w.index.Table().Order].rows[w.key]
	}
	return s.ranges[*w]
}

// row returns the slot of a row, nil if there is none.
func (s *set) row(t *schema.Table, k schema.Key) *slot { return s.tables[t.Order].rows[k] }

// slot returns the slot for w, a new one if there is none.
func (s *set) slot(w *want) *slot {
	if sl := s.find(w); sl != nil {
		return sl
	}
	if s.used == len(s.slots) {
		more := make([]slot, 32)
		for i := range more {
			s.slots = append(s.slots, &more[i])
		}
	}
	sl := s.slots[s.used]
	s.used++
	sl.want = *w
	if w.kind != wantRow {
		if s.ranges == nil {
			s.ranges = map[want]*slot{}
		}
		s.ranges[*w] = sl
		return sl
	}
	t := &s.tables[w.index.Table().Order]
	if t.rows == nil {
		t.rows = map[schema.Key]*slot{}
	}
	t.rows[w.key] = sl
	return sl
}

// ask notes what a call wants, unless it was fetched already. lock turns the lock
// that the call asks for into the one to take.
func (s *set) ask(ws *wants, lock func(dal.Lock) dal.Lock) {
	for i := range ws.list {
		a := &ws.list[i]
		sl := s.slot(&a.want)
		a.slot = sl
		switch sl.state {
		case slotFetched:
			continue
		case slotIdle:
			sl.state, sl.leaf = slotWanted, true
			s.wanted = append(s.wanted, sl)
		}
		sl.lock = max(sl.lock, lock(a.lock))
		sl.leaf = sl.leaf && a.leaf
	}
}

// unit is the unit that a slot asks for, "" if it asks for something else.
func (s *slot) unit() schema.Key {
	if t := s.index.Table(); s.index == t.Primary && s.kind != wantScan && t.UnitOf(s.key) == s.key {
		return s.key
	}
	return ""
}

// onlyUnits reports whether all that is wanted are units.
func (s *set) onlyUnits() bool {
	return !slices.ContainsFunc(s.wanted, func(sl *slot) bool { return sl.unit() == "" })
}

// recall takes what is wanted from what is held, as far as it is.
func (s *set) recall(h *Hints) {
	rest := s.wanted[:0]
	for _, sl := range s.wanted {
		var e *hint
		if unit := sl.unit(); unit != "" {
			e = h.unit(sl.index.Table(), unit)
		}
		if e == nil || !h.held(e) {
			rest = append(rest, sl)
			continue
		}
		sl.state, sl.known = slotFetched, e
		if sl.kind == wantRow {
			sl.row = e.row()
		} else {
			sl.rows.Rows = e.rows
		}
	}
	clear(s.wanted[len(rest):])
	s.wanted = rest
}

// forget wants again all that the set has.
func (s *set) forget() {
	s.wanted = s.wanted[:0]
	for _, sl := range s.slots[:s.used] {
		sl.state, sl.row, sl.rows, sl.known = slotWanted, nil, dal.Rows{}, nil
		s.wanted = append(s.wanted, sl)
	}
}

// plan returns the fetches for what is wanted, after first.
func (s *set) plan(first []dal.Fetch, most int) plan {
	p := &s.trip
	p.begin(len(s.wanted))
	for _, f := range first {
		p.add(f, nil)
	}
	p.locked(s.wanted, most)
	p.plain(s.wanted, most)
	return *p
}

// fill stores the answers to a plan.
func (s *set) fill(p *plan, answers []dal.Rows) {
	for i := range p.fetches {
		switch slots := p.slots[i]; {
		case len(slots) == 0:
		case slots[0].kind == wantScan:
			slots[0].rows = answers[i]
		default:
			fill(slots, answers[i].Rows)
		}
	}
	for _, sl := range s.wanted {
		sl.state = slotFetched
	}
	s.wanted = s.wanted[:0]
}

// fill hands out rows to the slots of one fetch. Both are in order of the index.
func fill(slots []*slot, rows []schema.Row) {
	var buf [128]byte
	x, n := slots[0].index, slots[0].width
	if slots[0].kind == wantRow {
		n = len(x.Cols)
	}
	i, from := 0, 0
	for j, row := range rows {
		k := x.AppendPrefix(buf[:0], row, n)
		for i < len(slots) && string(slots[i].key) < string(k) {
			i, from = i+1, j
		}
		switch {
		case i == len(slots):
			return
		case string(slots[i].key) != string(k):
			from = j + 1
		case slots[i].kind == wantRow:
			slots[i].row = row
		default:
			slots[i].rows.Rows = rows[from : j+1 : j+1]
		}
	}
}

// change lays the changes of a function that succeeded over those of the batch.
func (s *set) change(own *overlay) {
	for i := range own.list {
		m := &own.list[i]
		sl := s.slot(&want{index: m.table.Primary, key: m.key})
		if sl.mod == nil {
			t := &s.tables[m.table.Order]
			t.changed = append(t.changed, sl)
			s.mods++
		}
		sl.mod = m
	}
}

// changes returns what to write, in the one order of writing: tables by schema,
// and in a table deletes, inserts, puts and adds, each by key. Deletes come first
// so that a row can move with its unique id.
func (s *set) changes() []dal.Change {
	if s.mods == 0 {
		return nil
	}
	out := make([]dal.Change, 0, s.mods+2)
	for i := range s.tables {
		from := len(out)
		for _, sl := range s.tables[i].changed {
			out = sl.mod.changes(out)
		}
		sortChanges(out[from:])
		if c := schema.Tables[i].Counted; c != nil {
			s.count(c, out[from:])
		}
	}
	return out
}

// count adds one where c counts the changes of one table, which are in order.
func (s *set) count(c *schema.Counter, changes []dal.Change) {
	last := int64(0)
	for i := range changes {
		owner := c.Owner(changes[i].Table.Primary, changes[i].Key)
		if owner == last || owner == 0 {
			continue
		}
		last = owner
		add := c.One(owner)
		s.slot(&want{index: c.Table.Primary, key: c.Table.Key(add)}).count(add, &s.tables[c.Table.Order])
	}
}

// count adds to what the batch does to a row of t.
func (s *slot) count(add schema.Row, t *tableSet) {
	table := s.index.Table()
	switch m := s.mod; {
	case m == nil:
		s.mod = &mod{table: table, key: s.key, add: add}
		t.changed = append(t.changed, s)
	case m.written && m.row != nil:
		m.row = applyAdd(table, m.row, add)
	case !m.written:
		m.add = applyAdd(table, m.add, add)
	}
}

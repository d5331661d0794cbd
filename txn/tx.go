package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// errStopped ends a run whose function asked for something that is not at hand.
// It never leaves the engine: functions just return it.
var errStopped = errors.New("txn: run again with more rows")

// A Tx is one run of one function. The function reads and changes rows through it
// and must
//   - return as soon as a method returns an error, with that error;
//   - have no side effects beside the Tx and variables that it sets afresh in every
//     run: it may run several times, even over rows that are out of date, and only
//     the last run counts;
//   - not use the Tx after it returns, nor from another goroutine.
type Tx struct {
	call  *call
	base  *set   // nil in a dry run
	locks bool   // base is that of a lane: locked, and with the changes of the batch
	hints *Hints // nil but in a dry run
	own   overlay

	asked   wants
	before  []asked // what the run before this one asked for
	stopped bool    // something was missing
	relock  bool    // … and it needs a lock, so another batch has to get it
	unsure  bool    // a dry run that met no good hint
	starved bool    // ids ran out
	unheld  bool    // a dry run that went by more than hints that are held
	barred  bool    // the guard refused, and looked at no row for it
	lane    schema.Key
	alone   bool
}

// Context returns the caller's context.
func (tx *Tx) Context() context.Context { return tx.call.ctx }

// Now returns the time of the call in ms since the epoch, the same in every run.
func (tx *Tx) Now() int64 { return tx.call.now }

// Collided reports whether an earlier batch of this call failed because a row that
// it inserted was there already. A function that does not read such rows in the
// first place reads them then.
func (tx *Tx) Collided() bool { return tx.call.collided }

// Lane names what the function's calls should queue for together, such as the
// parent directory. It is a hint for speed; stores with Guards rely on every change
// below a directory naming it.
func (tx *Tx) Lane(k schema.Key) { tx.lane = k }

// Alone asks for a batch without other calls: for functions that lock a directory
// exclusively, on stores with Guards.
func (tx *Tx) Alone() { tx.alone = true }

// Key is schema.KeyOf for what is asked for in every run: a key that an earlier run
// of this call made is used again.
func (tx *Tx) Key(vals ...schema.Value) schema.Key {
	var buf [128]byte
	return tx.call.keys.of(schema.AppendKey(buf[:0], vals...))
}

// keyOf is Key for the primary key of a row.
func (tx *Tx) keyOf(t *schema.Table, row schema.Row) schema.Key {
	var buf [128]byte
	return tx.call.keys.of(t.Primary.AppendPrefix(buf[:0], row, len(t.Primary.Cols)))
}

// Want announces reads to come, so that they are fetched together. It never fails.
func (tx *Tx) Want(refs ...Ref) {
	for i := range refs {
		tx.ask(&refs[i].w, refs[i].lock)
	}
}

// ask notes a want, and where the batch has the answer.
func (tx *Tx) ask(w *want, lock dal.Lock) *asked {
	a, isNew := tx.asked.add(w, lock)
	if !isNew || tx.base == nil {
		return a
	}
	// Mostly a run asks for what the run before it asked for.
	if i := tx.asked.len() - 1; i < len(tx.before) && tx.before[i].slot != nil && tx.before[i].want == *w {
		a.slot = tx.before[i].slot
	} else {
		a.slot = tx.base.find(w)
	}
	return a
}

// Get returns the row of t with primary key k as this batch sees it, nil if there
// is none. In an Update the row stays locked as asked until the batch ends; decide
// from rows that are locked. A lock is ignored in a View.
func (tx *Tx) Get(t *schema.Table, k schema.Key, lock dal.Lock) (schema.Row, error) {
	a := tx.ask(&want{index: t.Primary, key: k}, lock)
	m := tx.own.get(t, k)
	if m == nil && a.slot != nil {
		m = a.slot.mod
	}
	if m != nil && m.written {
		if lock == dal.None || m.known || tx.base == nil {
			return m.row, nil
		}
	}
	row, ok := tx.stored(a, lock)
	if !ok {
		return nil, tx.stop(lock)
	}
	switch {
	case m == nil:
		return row, nil
	case m.written:
		return m.row, nil
	case row == nil:
		return nil, nil
	}
	return applyAdd(t, row, m.add), nil
}

// Fresh keeps the function from being answered from what is remembered: it wants to know
// what is in the store, for whatever reason.
func (tx *Tx) Fresh() { tx.unheld = true }

// Leaf says of a row that the function asked for, and locks, that no others are reached
// through it. Leaves are locked behind all other rows of their table, so that a batch
// needs one statement for the rows above them and one for the leaves, however their keys
// mix. Two functions that disagree about a row may deadlock, which costs a repetition.
func (tx *Tx) Leaf(t *schema.Table, k schema.Key) {
	if i := tx.asked.find(&want{index: t.Primary, key: k}); i >= 0 && !tx.call.engine.traits.Guards {
		tx.asked.list[i].leaf = true
	}
}

// stored returns the fetched (or hinted) row; ok is false if it is not at hand with
// that lock.
func (tx *Tx) stored(a *asked, lock dal.Lock) (schema.Row, bool) {
	if tx.base != nil {
		s := a.slot
		if s == nil || s.state != slotFetched {
			return nil, false
		}
		if s.row == nil && lock == dal.Exclusive && (!tx.locks || s.lock == dal.Shared) {
			a.guess()
			return nil, true
		}
		if lock > s.lock && tx.locks {
			return nil, false
		}
		return s.row, true
	}
	t := a.index.Table()
	foresees := tx.hints.foresees(t)
	if h := tx.hints.unit(t, a.key); h != nil && (tx.holds(h) || foresees && len(h.rows) > 0) {
		tx.call.stats.HintHits++
		row := h.row()
		if row == nil && lock == dal.Exclusive {
			a.guess()
		}
		return row, true
	}
	if !foresees {
		return nil, false
	}
	// A row that is wanted exclusively may well be about to be created: go on as if
	// it were absent. Any other missing hint is worth a plain read first.
	if lock != dal.Exclusive {
		tx.call.stats.HintMisses++
		tx.unsure = true
		return nil, false
	}
	tx.call.stats.HintGuesses++
	tx.unheld = true
	a.guess()
	return nil, true
}

// holds reports whether a hint is held, and notes that the run went by it.
func (tx *Tx) holds(h *hint) bool {
	if !tx.call.engine.hints.held(h) {
		tx.unheld = true
		return false
	}
	tx.call.relied = append(tx.call.relied, h)
	return true
}

// settled reports whether a dry run has an answer, if all hints that it went by hold.
func (tx *Tx) settled() bool {
	return tx.base == nil && !tx.stopped && !tx.unsure && !tx.starved && !tx.unheld && tx.own.len() == 0
}

// stop notes that something with this lock is missing.
func (tx *Tx) stop(lock dal.Lock) error {
	tx.stopped = true
	if lock != dal.None {
		tx.relock = true
	}
	return errStopped
}

// Lookup returns all rows whose key in x is, or begins with, k, in order.
func (tx *Tx) Lookup(x *schema.Index, k schema.Key) ([]schema.Row, error) {
	a := tx.ask(&want{index: x, key: k, kind: wantPrefix}, dal.None)
	if tx.base == nil {
		if h := tx.unitOf(x, k); h != nil && tx.holds(h) {
			tx.call.stats.HintHits++
			return tx.overlaid(x, k, "", h.rows), nil
		}
		if rows := tx.hints.by(x); rows != nil {
			if row, ok := rows.Get(k); ok {
				tx.call.stats.HintHits++
				tx.unheld = true
				return []schema.Row{row}, nil
			}
			tx.call.stats.HintMisses++
			tx.unsure = true
		}
		if rows, fresh := tx.freshRows(x, k); fresh {
			return rows, nil
		}
		return nil, tx.stop(dal.None)
	}
	if a.slot == nil || a.slot.state != slotFetched {
		return nil, tx.stop(dal.None)
	}
	return tx.overlaid(x, k, "", a.slot.rows.Rows), nil
}

// unitOf returns what is remembered of the unit with key k in x, nil if nothing is or it
// is none.
func (tx *Tx) unitOf(x *schema.Index, k schema.Key) *hint {
	if t := x.Table(); x == t.Primary && t.UnitOf(k) == k {
		return tx.hints.unit(t, k)
	}
	return nil
}

// freshRows answers a prefix of the primary key in a dry run when the function has
// already written rows there: it made the inode that they hang on.
func (tx *Tx) freshRows(x *schema.Index, k schema.Key) ([]schema.Row, bool) {
	rows := tx.overlaid(x, k, "", nil)
	return rows, len(rows) > 0
}

// Scan returns the rows of r in order, and the rows that follow them. In an Update
// a Range must not Follow.
func (tx *Tx) Scan(r Range) (dal.Rows, error) {
	ref := r.Ref()
	a := tx.ask(&ref.w, dal.None)
	if a.slot == nil || a.slot.state != slotFetched {
		return dal.Rows{}, tx.stop(dal.None)
	}
	got := a.slot.rows
	if tx.own.len() == 0 && tx.base.mods == 0 {
		return got, nil
	}
	if r.Follow != nil {
		return dal.Rows{}, errors.New("txn: a range that follows in a function that changes rows")
	}
	full := r.Limit > 0 && len(got.Rows) >= r.Limit
	if full && tx.removes(r.Index, got.Rows) {
		// Rows beyond the limit would have to move up, and they were not fetched:
		// the next batch sees them.
		return dal.Rows{}, tx.stop(dal.Exclusive)
	}
	rows := tx.overlaid(r.Index, r.Prefix, r.After, got.Rows)
	if r.Limit > 0 && len(rows) > r.Limit {
		rows = rows[:r.Limit]
	}
	return dal.Rows{Rows: rows}, nil
}

// removes reports whether this batch takes one of the stored rows away from its
// place in x.
func (tx *Tx) removes(x *schema.Index, rows []schema.Row) bool {
	t := x.Table()
	for _, row := range rows {
		m := tx.modOf(t, row)
		if m != nil && m.written && (m.row == nil || x.KeyOf(m.row) != x.KeyOf(row)) {
			return true
		}
	}
	return false
}

// overlaid lays the changes of the batch and of this function over stored rows of
// the part of x that begins with prefix and lies after after.
func (tx *Tx) overlaid(x *schema.Index, prefix, after schema.Key, rows []schema.Row) []schema.Row {
	t := x.Table()
	batch := tx.changed(t)
	if len(batch) == 0 && !tx.own.touches(t) {
		return rows
	}
	out := make([]schema.Row, 0, len(rows)+4)
	for _, row := range rows {
		m := tx.modOf(t, row)
		switch {
		case m == nil:
			out = append(out, row)
		case !m.written:
			out = append(out, applyAdd(t, row, m.add))
		}
	}
	each := func(m *mod) {
		if !m.written || m.row == nil {
			return
		}
		var buf [128]byte
		xk := string(x.AppendPrefix(buf[:0], m.row, len(x.Cols)))
		if strings.HasPrefix(xk, string(prefix)) && xk > string(after) {
			out = append(out, m.row)
		}
	}
	for i := range tx.own.list {
		if m := &tx.own.list[i]; m.table == t {
			each(m)
		}
	}
	for _, s := range batch {
		if tx.own.get(t, s.key) == nil {
			each(s.mod)
		}
	}
	slices.SortFunc(out, func(a, b schema.Row) int {
		return strings.Compare(string(x.KeyOf(a)), string(x.KeyOf(b)))
	})
	return out
}

// changed lists the rows of t that the batch has changed before this run.
func (tx *Tx) changed(t *schema.Table) []*slot {
	if !tx.locks {
		return nil
	}
	return tx.base.tables[t.Order].changed
}

// modOf returns what is done to a row so far, nil if nothing.
func (tx *Tx) modOf(t *schema.Table, row schema.Row) *mod {
	k := t.Key(row)
	if m := tx.own.get(t, k); m != nil {
		return m
	}
	if tx.base != nil {
		if s := tx.base.row(t, k); s != nil {
			return s.mod
		}
	}
	return nil
}

// change returns this function's own mod of a row, to be changed.
func (tx *Tx) change(t *schema.Table, k schema.Key) *mod {
	if m := tx.own.get(t, k); m != nil {
		return m
	}
	m := mod{table: t, key: k}
	if tx.base != nil {
		switch s := tx.base.row(t, k); {
		case s == nil:
		case s.mod != nil:
			m = *s.mod
		case s.state == slotFetched:
			m.before, m.known = s.row, true
		}
	}
	return tx.own.add(m)
}

// Insert adds a row that must not be there. When it is (another NameNode was
// faster), the function runs again and can see it.
func (tx *Tx) Insert(t *schema.Table, row schema.Row) error {
	m := tx.change(t, tx.keyOf(t, row))
	if m.written && m.row != nil {
		return fmt.Errorf("txn: insert into %s over a row of the same batch", t)
	}
	m.written, m.row, m.add = true, row, nil
	return nil
}

// Put writes a row whether it is there or not. Changing a row that others change
// too needs its Exclusive lock first.
func (tx *Tx) Put(t *schema.Table, row schema.Row) {
	m := tx.change(t, tx.keyOf(t, row))
	if !m.written && !m.known {
		m.put = true
	}
	m.written, m.row, m.add = true, row, nil
}

// Delete removes a row, if it is there.
func (tx *Tx) Delete(t *schema.Table, k schema.Key) {
	m := tx.change(t, k)
	if !m.known && (!m.written || m.put) {
		m.deleted = true
	}
	m.written, m.row, m.add = true, nil, nil
}

// Add applies the Sum and Max columns of delta to the row with delta's key, without
// reading it and without a lock until the batch writes.
func (tx *Tx) Add(t *schema.Table, delta schema.Row) {
	m := tx.change(t, tx.keyOf(t, delta))
	switch {
	case m.written && m.row != nil:
		m.row = applyAdd(t, m.row, delta)
	case m.written:
	case m.add == nil:
		m.add = delta
	default:
		m.add = applyAdd(t, m.add, delta)
	}
}

// NewID returns the next id of a sequence, the same in every run of this call.
func (tx *Tx) NewID(sequence string) (int64, error) {
	c := tx.call
	for i := range c.ids {
		if id := &c.ids[i]; id.run != c.stats.Runs && id.sequence == sequence {
			id.run = c.stats.Runs
			return id.id, nil
		}
	}
	id, ok := c.engine.ids.take(sequence)
	if !ok {
		tx.starved, tx.stopped = true, true
		c.hungry = sequence
		return 0, errStopped
	}
	c.ids = append(c.ids, takenID{sequence, id, c.stats.Runs})
	return id, nil
}

// coherent reports whether the rows that this run asked to lock were all as it saw
// them at one moment. A row that is there stays so once it is locked, but one that is
// not there is only seen in passing: it may appear while rows behind it in the order
// of locks are waited for. A change does not suffer from that, as it inserts the row
// that must not be there; an answer without a change does: in the middle of a move it
// could find the row in neither place.
func (tx *Tx) coherent() bool {
	var absent *slot
	for i := range tx.asked.list {
		a := &tx.asked.list[i]
		if a.lock == dal.None || a.kind != wantRow || a.slot == nil || a.slot.row != nil {
			continue
		}
		if absent != nil {
			return false
		}
		absent = a.slot
	}
	if absent == nil {
		return true
	}
	for i := range tx.asked.list {
		if a := &tx.asked.list[i]; a.lock != dal.None && a.kind == wantRow && a.slot != nil && a.slot.mayWaitBehind(absent) {
			return false
		}
	}
	return true
}

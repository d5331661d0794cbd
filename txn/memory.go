package txn

import "github.com/hopsql/hopsql/schema"

// Memory is what functions keep to use again: lists and structs that cost more to make
// than to overwrite.
type Memory interface {
	// Reset is called before each run: nothing of earlier runs is in use any more.
	Reset()
}

// Memory returns what SetMemory left in an earlier run of this call, or in a call that
// is over; nil if there is nothing. Nobody else uses it until the call has its answer.
func (tx *Tx) Memory() Memory { return tx.call.memory }

// SetMemory leaves m for later runs.
func (tx *Tx) SetMemory(m Memory) { tx.call.memory = m }

// NewRow returns an empty row with room for the columns of t, to be inserted or put.
// It must not be looked at once the call has its answer.
func (tx *Tx) NewRow(t *schema.Table) schema.Row {
	n := len(t.Columns)
	c := tx.call
	if tx.base != nil && c.engine.hints.tables[t.Order] != nil {
		return make(schema.Row, 0, n) // it becomes a hint
	}
	if len(c.cells)+n > cap(c.cells) {
		c.cells = make([]schema.Value, 0, max(64, 2*cap(c.cells), n))
	}
	from := len(c.cells)
	c.cells = c.cells[:from+n]
	return schema.Row(c.cells[from:from:len(c.cells)])
}

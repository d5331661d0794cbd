package txn

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A journal is what the batches of all engines on one store say of their changes. Each
// leaves markers (schema.BatchMarkers) with the hashes of the units that it changed. One
// SELECT brings what is new in it, and after that each hint that is still held is what a
// read in the place of that SELECT would have found:
//
//   - A marker becomes visible with the changes of its batch, and what one SELECT sees
//     includes all that an earlier one saw.
//   - The markers of one lane are a list in the order of its commits, each naming the one
//     before it, so that a part which is missing shows.
//   - A hint is held only if its rows were read after the journal was heard, and nobody
//     was heard changing them since.
//   - The engine hears of its own commits before they begin, without the journal.
type journal struct {
	hints *Hints
	node  int64 // the engine's own

	mu      sync.Mutex
	newest  map[writer]int64 // the newest marker heard of each lane
	beyond  []schema.Key     // their keys; nil when to be made again
	adopted int              // lanes known when the whole table was read last; 0 for never
}

// writer is a lane of an engine.
type writer struct{ node, lane int64 }

// fewWriters is how many lanes a journal follows before it looks which of them still
// have markers.
const fewWriters = 64

func newJournal(hints *Hints, node int64) *journal {
	return &journal{hints: hints, node: node, newest: map[writer]int64{}}
}

// news is the fetch of what was not heard yet.
func (j *journal) news() dal.Fetch {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.newest) > max(fewWriters, 2*j.adopted) {
		j.adopted, j.newest, j.beyond = 0, map[writer]int64{}, nil
	}
	if j.beyond == nil {
		j.beyond = append(j.beyond, schema.KeyOf(schema.Int(j.node)))
		for w, n := range j.newest {
			j.beyond = append(j.beyond, schema.KeyOf(schema.Int(w.node), schema.Int(w.lane), schema.Int(n)))
		}
		slices.Sort(j.beyond)
	}
	return dal.Fetch{Table: schema.BatchMarkers, Scan: &dal.Scan{Beyond: j.beyond}}
}

// unheard reports whether nothing was heard yet, so that nothing can be held.
func (j *journal) unheard() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.adopted == 0
}

// hear takes over the answer to news. Answers may come in any order. It returns the
// moment that rows read together with them are from, which is from unless more is known.
func (j *journal) hear(markers []schema.Row, from since) since {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.adopted == 0
	lost := first
	var units []uint64
	for _, r := range markers {
		m := schema.BatchMarkerOf(r)
		w := writer{m.NamenodeID, m.Lane}
		newest, known := j.newest[w]
		if m.Committed == 0 || known && m.Batch <= newest {
			continue
		}
		lost = lost || m.Previous != newest // 0 before the first
		j.newest[w], j.beyond = m.Batch, nil
		if lost {
			continue
		}
		var ok bool
		if units, ok = appendUnits(units[:0], m.Changed); !ok {
			lost = true
			continue
		}
		j.hints.hear(units)
	}
	if !lost {
		return from
	}
	now := j.hints.lose()
	if first {
		j.adopted = max(1, len(j.newest))
		return now // nobody heard of anything later than these rows
	}
	return from
}

// What a marker says of the units changed: one byte of unitsTold and the hashes in 8
// bytes each, or anything if the string is empty.
const (
	unitsTold    = 1
	maxUnitsTold = 1500
)

// appendUnits reads BatchMarker.Changed; not ok is anything.
func appendUnits(units []uint64, s string) ([]uint64, bool) {
	if len(s)%8 != 1 || s[0] != unitsTold {
		return units, false
	}
	b := []byte(s[1:])
	for ; len(b) > 0; b = b[8:] {
		units = append(units, binary.BigEndian.Uint64(b))
	}
	return units, true
}

func unitsText(units []uint64) string {
	b := make([]byte, 1, 1+8*len(units))
	b[0] = unitsTold
	for _, u := range units {
		b = binary.BigEndian.AppendUint64(b, u)
	}
	return string(b)
}

// unitsOf returns the units that changes change, each once. told is false when it has to
// be said that anything changed: somebody's markers go, and who comes late misses them.
func unitsOf(changes []dal.Change) (units []uint64, told bool) {
	units = make([]uint64, 0, len(changes))
	told = true
	for i := range changes {
		c := &changes[i]
		if c.Table == schema.BatchMarkers {
			told = false
		}
		if u := c.Table.UnitOf(c.Key); u != "" {
			units = append(units, c.Table.UnitHash(u))
		}
	}
	slices.SortFunc(units, cmp.Compare)
	return slices.Compact(units), told
}

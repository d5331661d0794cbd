package schema

import "github.com/cespare/xxhash/v2"

// UnitOf returns the part of the primary key k that names its unit (see Table.Unit), or
// "" if k names no whole unit or changes of the table are not told.
func (t *Table) UnitOf(k Key) Key {
	if t.Unit == 0 {
		return ""
	}
	rest := string(k)
	for i := range t.Unit {
		if rest == "" {
			return ""
		}
		rest = skipKey(rest, t.Primary.cols[i].Type)
	}
	return k[:len(k)-len(rest)]
}

// UnitHash returns a number for a unit of t that is the same in every process and every
// version of this program. Two units seldom share one.
func (t *Table) UnitHash(unit Key) uint64 { return xxhash.Sum64String(string(unit)) ^ t.salt }

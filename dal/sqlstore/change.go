package sqlstore

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// maxStatement is about how many bytes of values one statement of literals may
// hold. With maxTrip it keeps every text below 4 MiB, the smallest default of
// max_allowed_packet among the servers.
const (
	maxStatement = 512 << 10
	maxTrip      = 2 << 20
)

// changes adds the statements of cs, one for neighbours of the same table and Op.
// full, if not nil, is called between two statements.
func (s *script) changes(cs []dal.Change, full func() error) error {
	for len(cs) > 0 {
		n := s.neighbours(cs)
		s.change(cs[:n])
		cs = cs[n:]
		if full != nil {
			if err := full(); err != nil {
				return err
			}
		}
	}
	return nil
}

// neighbours counts the changes at the start of cs that fit one statement.
func (s *script) neighbours(cs []dal.Change) int {
	n, size, most := 0, 0, s.d.traits.MaxKeys
	if s.d.placeholders {
		most = maxPrepared
	}
	for n < len(cs) && n < most && cs[n].Table == cs[0].Table && cs[n].Op == cs[0].Op {
		for _, v := range cs[n].Row {
			size += 2 * len(v.Str())
		}
		if n > 0 && size > maxStatement {
			break
		}
		n++
	}
	if s.d.placeholders && cs[0].Op != dal.Delete {
		n = 1 << (bits.Len(uint(n)) - 1)
	}
	return n
}

// change adds the statement of changes with one table and Op.
func (s *script) change(cs []dal.Change) {
	t := cs[0].Table
	switch cs[0].Op {
	case dal.Delete:
		s.remove(t, cs)
	case dal.Insert:
		s.statement(nil, nil, func() { s.insert(t, cs) })
	case dal.Put:
		s.statement(nil, nil, func() {
			s.insert(t, cs)
			s.show(s.d.texts[t.Order].upsert, " OR UPDATE")
		})
	case dal.Add:
		s.add(t, sums(cs))
	}
}

func (s *script) insert(t *schema.Table, cs []dal.Change) {
	s.show(s.d.texts[t.Order].insert, "INSERT INTO "+t.Name+" VALUES ")
	s.each(len(cs), ",", func(i int) {
		outer := s.muted
		s.show("", "(…)")
		s.muted = true
		s.tuple(cs[i].Row)
		s.muted = outer
	})
}

func (s *script) remove(t *schema.Table, cs []dal.Change) {
	keys := make([]schema.Key, len(cs))
	for i := range cs {
		keys[i] = cs[i].Key
	}
	s.statement(nil, nil, func() {
		if s.d.deletes > 0 && len(keys) > s.d.deletes {
			s.removeJoined(t, keys)
			return
		}
		s.sql("DELETE FROM ")
		s.sql(t.Name)
		s.keys(t.Primary, "", s.padded(keys))
	})
}

// removeJoined adds a DELETE that looks up key by key. With many keys in its WHERE,
// a DELETE reads the whole of a table that has less than about five rows a key: it
// locks them all, waits for other transactions and deadlocks with them.
func (s *script) removeJoined(t *schema.Table, keys []schema.Key) {
	cols := t.Primary.Columns()
	s.sql("DELETE d FROM (")
	s.each(len(keys), " UNION ALL ", func(i int) {
		for c, v := range s.decode(keys[i], cols) {
			s.sql([]string{"SELECT ", ","}[min(c, 1)])
			s.hexValue(v)
			if i == 0 {
				s.sql(" AS k" + strconv.Itoa(c))
			}
		}
	})
	s.sql(") k STRAIGHT_JOIN " + t.Name + " d")
	s.hint(t.Primary)
	for c, col := range cols {
		s.sql([]string{" ON ", " AND "}[min(c, 1)])
		s.sql("d." + quote(col.Name) + "=k" + strconv.Itoa(c))
	}
}

// A sum is what Adds to one row come to.
type sum struct {
	key schema.Key
	row schema.Row
}

// sums merges Adds to the same row.
func sums(cs []dal.Change) []sum {
	out := make([]sum, 0, len(cs))
	at := make(map[schema.Key]int, len(cs))
	for _, c := range cs {
		i, ok := at[c.Key]
		if !ok {
			at[c.Key] = len(out)
			out = append(out, sum{c.Key, c.Row})
			continue
		}
		row := out[i].row.Clone()
		for col := range c.Table.Columns {
			switch c.Table.Columns[col].Merge {
			case schema.Sum:
				row[col] = schema.Int(row[col].Int() + c.Row[col].Int())
			case schema.Max:
				row[col] = schema.Int(max(row[col].Int(), c.Row[col].Int()))
			}
		}
		out[i].row = row
	}
	return out
}

// add adds UPDATEs that apply the sums: one of a row each where statements are
// prepared, else one of all rows.
func (s *script) add(t *schema.Table, rows []sum) {
	each := [][]sum{rows}
	if s.d.placeholders {
		each = slices.Collect(slices.Chunk(rows, 1))
	}
	for _, rows := range each {
		if cols := s.added(t, rows); len(cols) > 0 {
			s.statement(nil, nil, func() { s.update(t, cols, rows) })
		}
	}
}

// added lists the columns that change. A prepared statement has them all, so that
// there are few. No column that grows by Max is ever below 0.
func (s *script) added(t *schema.Table, rows []sum) []int {
	var cols []int
	for i := range t.Columns {
		if t.Columns[i].Merge == schema.Replace {
			continue
		}
		if s.d.placeholders || slices.ContainsFunc(rows, func(r sum) bool { return r.row[i].Int() != 0 }) {
			cols = append(cols, i)
		}
	}
	return cols
}

func (s *script) update(t *schema.Table, cols []int, rows []sum) {
	s.sql("UPDATE ")
	s.sql(t.Name)
	s.hint(t.Primary)
	for i, c := range cols {
		s.sql([]string{" SET ", ","}[min(i, 1)])
		name := quote(t.Columns[c].Name)
		s.sql(name + "=")
		if t.Columns[c].Merge == schema.Max {
			s.sql(s.d.greatest + "(" + name + ",")
			s.delta(t, c, rows)
			s.sql(")")
			continue
		}
		s.sql(name + "+")
		s.delta(t, c, rows)
	}
	keys := make([]schema.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].key
	}
	s.keys(t.Primary, "", keys)
}

// delta adds what is applied to column c: one value if it is the same for all
// rows, else a CASE by key.
func (s *script) delta(t *schema.Table, c int, rows []sum) {
	same := func(r sum) bool { return r.row[c] == rows[0].row[c] }
	if !slices.ContainsFunc(rows, func(r sum) bool { return !same(r) }) {
		s.value(rows[0].row[c])
		return
	}
	cols := t.Primary.Columns()
	s.sql("CASE")
	if len(cols) == 1 {
		s.sql(" " + quote(cols[0].Name))
	}
	s.each(len(rows), "", func(i int) {
		s.sql(" WHEN ")
		if vals := s.decode(rows[i].key, cols); len(cols) == 1 {
			s.value(vals[0])
		} else {
			s.equal(cols, vals)
		}
		s.sql(" THEN ")
		s.value(rows[i].row[c])
	})
	s.sql(" END")
}

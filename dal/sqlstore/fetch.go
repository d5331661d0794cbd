package sqlstore

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// maxPrepared is the most keys or rows of one prepared statement. More gain
// nothing where there is no network, and each size is a statement to keep.
const maxPrepared = 128

// fetch adds the statements that f asks for. Their rows go to r, in index order
// after finish.
func (s *script) fetch(f *dal.Fetch, r *dal.Rows, lock dal.Lock) {
	x := f.By()
	if f.Scan == nil {
		s.byKeys(x, f.Keys, &r.Rows, lock)
	} else if f.Scan.After == "" || f.Scan.After != f.Scan.Prefix {
		s.selectRows(x, &r.Rows, lock, func() { s.scan(x, f.Scan) })
	}
	r.Followed = make([][]schema.Row, len(f.Follow))
	if !s.d.follows || f.Scan == nil && len(f.Keys) == 0 {
		return
	}
	for i := range f.Follow {
		s.follow(f, &f.Follow[i], &r.Followed[i])
	}
}

// byKeys adds the statements that find rows by keys of x.
func (s *script) byKeys(x *schema.Index, keys []schema.Key, into *[]schema.Row, lock dal.Lock) {
	for len(keys) > 0 {
		part := keys
		if s.d.placeholders {
			part = keys[:min(len(keys), maxPrepared)]
		}
		keys = keys[len(part):]
		s.selectRows(x, into, lock, func() { s.keys(x, "", s.padded(part)) })
	}
}

// padded rounds the number of keys up to a power of two by repeating the last one,
// so that few statements are prepared.
func (s *script) padded(keys []schema.Key) []schema.Key {
	if !s.d.placeholders || len(keys)&(len(keys)-1) == 0 {
		return keys
	}
	out := make([]schema.Key, 1<<bits.Len(uint(len(keys))))
	for i := copy(out, keys); i < len(out); i++ {
		out[i] = keys[len(keys)-1]
	}
	return out
}

// selectRows adds a SELECT of all columns of x's table.
func (s *script) selectRows(x *schema.Index, into *[]schema.Row, lock dal.Lock, where func()) {
	t := x.Table()
	s.statement(t, into, func() {
		s.sql("SELECT ")
		s.show(s.d.texts[t.Order].cols, "…")
		s.from(x)
		where()
		s.sql(s.d.lock(lock))
	})
}

// from adds the FROM of x's table.
func (s *script) from(x *schema.Index) {
	s.sql(" FROM ")
	s.sql(x.Table().Name)
	s.hint(x)
}

// hint names the index to use.
func (s *script) hint(x *schema.Index) {
	if x == x.Table().Primary {
		s.show(s.d.hintKey, "")
		return
	}
	s.sql(strings.ReplaceAll(s.d.hint, "%", x.Name))
}

// keys adds the condition that a row has one of the keys of x.
func (s *script) keys(x *schema.Index, intro string, keys []schema.Key) {
	if intro == "" {
		intro = " WHERE "
	}
	s.sql(intro)
	cols := x.Columns()[:x.Len(keys[0])]
	switch {
	case len(cols) == 1 && len(keys) > 1:
		s.sql(quote(cols[0].Name))
		s.sql(" IN (")
		s.each(len(keys), ",", func(i int) { s.value(s.decode(keys[i], cols)[0]) })
		s.sql(")")
	case len(keys) > 1 && (s.d.tuples || s.rows):
		s.names(cols)
		s.sql(" IN (")
		if s.d.tuples {
			s.sql("VALUES ")
		}
		s.each(len(keys), ",", func(i int) { s.tuple(s.decode(keys[i], cols)) })
		s.sql(")")
	default:
		s.each(len(keys), " OR ", func(i int) {
			if len(keys) > 1 {
				s.sql("(")
			}
			s.equal(cols, s.decode(keys[i], cols))
			if len(keys) > 1 {
				s.sql(")")
			}
		})
	}
}

// decode returns the values of a key, valid until the next call.
func (s *script) decode(k schema.Key, cols []schema.Column) []schema.Value {
	s.vals = k.Append(s.vals[:0], cols)
	return s.vals
}

// equal adds a=? AND b=? …
func (s *script) equal(cols []schema.Column, vals []schema.Value) {
	for i, v := range vals {
		if i > 0 {
			s.sql(" AND ")
		}
		s.sql(quote(cols[i].Name))
		s.sql("=")
		s.value(v)
	}
}

// names adds (a,b,…).
func (s *script) names(cols []schema.Column) {
	for i := range cols {
		s.sql(separator(i))
		s.sql(quote(cols[i].Name))
	}
	s.sql(")")
}

// tuple adds (?,?,…).
func (s *script) tuple(vals []schema.Value) {
	for i, v := range vals {
		s.sql(separator(i))
		s.value(v)
	}
	s.sql(")")
}

func separator(i int) string {
	if i == 0 {
		return "("
	}
	return ","
}

// scan adds condition, order and limit of a scan of x.
func (s *script) scan(x *schema.Index, sc *dal.Scan) {
	s.between(x, sc)
	// The columns of the prefix are all equal, and MariaDB sorts the rows if they
	// are named.
	for i, c := range x.Columns()[x.Len(sc.Prefix):] {
		s.sql([]string{" ORDER BY ", ","}[min(i, 1)])
		s.sql(quote(c.Name))
	}
	if sc.Limit > 0 {
		s.sql(" LIMIT ")
		s.limit(sc.Limit)
	}
}

// limit is a value where the text is prepared, and stays in the shape otherwise.
func (s *script) limit(n int) {
	if s.d.placeholders {
		s.value(schema.Int(int64(n)))
		return
	}
	s.sql(strconv.Itoa(n))
}

// between adds the condition that a row is in the scan.
func (s *script) between(x *schema.Index, sc *dal.Scan) {
	cols := x.Columns()
	if len(sc.Beyond) > 0 {
		lists := make([][]schema.Value, len(sc.Beyond))
		for i, k := range slices.Sorted(slices.Values(sc.Beyond)) {
			lists[i] = k.Values(cols)
		}
		s.sql(" WHERE ")
		s.beyond(cols, lists)
		return
	}
	prefix := sc.Prefix.Append(nil, cols)
	after := sc.After.Append(nil, cols)
	if len(prefix)+len(after) > 0 {
		s.sql(" WHERE ")
	}
	s.equal(cols, prefix)
	if len(after) == 0 {
		return
	}
	if len(prefix) > 0 {
		s.sql(" AND ")
	}
	s.after(cols[len(prefix):len(after)], after[len(prefix):])
}

// beyond adds the condition that a row follows the last of each list, which are in
// order, or is of none of them. All of it are ranges of the index.
func (s *script) beyond(cols []schema.Column, lists [][]schema.Value) {
	name := quote(cols[0].Name)
	if len(cols) == 1 {
		s.sql(name + ">")
		s.value(lists[len(lists)-1][0])
		return
	}
	var heads []schema.Value
	for len(lists) > 0 {
		n, head := 1, lists[0][0]
		for n < len(lists) && lists[n][0] == head {
			n++
		}
		same := make([][]schema.Value, n)
		for i := range same {
			same[i] = lists[i][1:]
		}
		lists, heads = lists[n:], append(heads, head)
		if len(same[0]) == 0 {
			continue
		}
		s.sql("(" + name + "=")
		s.value(head)
		s.sql(" AND (")
		s.beyond(cols[1:], same)
		s.sql(")) OR ")
	}
	if len(heads) == 1 {
		s.sql(name + "<>")
		s.value(heads[0])
		return
	}
	s.sql(name + " NOT IN (")
	s.each(len(heads), ",", func(i int) { s.value(heads[i]) })
	s.sql(")")
}

// after adds the condition that cols are larger than vals.
func (s *script) after(cols []schema.Column, vals []schema.Value) {
	if s.d.tuples && len(cols) > 1 {
		s.names(cols)
		s.sql(">")
		s.tuple(vals)
		return
	}
	for i := range cols {
		if i > 0 {
			s.sql(" OR ")
			s.equal(cols[i-1:], vals[i-1:i])
			s.sql(" AND (")
		} else if len(cols) > 1 {
			s.sql("(")
		}
		s.sql(quote(cols[i].Name))
		s.sql(">")
		s.value(vals[i])
	}
	if len(cols) > 1 {
		for range cols {
			s.sql(")")
		}
	}
}

// follow adds the statement that brings the rows which belong to those of f.
func (s *script) follow(f *dal.Fetch, fo *dal.Follow, into *[]schema.Row) {
	x, t := f.By(), fo.Index.Table()
	col := quote(f.Table.Columns[fo.Column].Name)
	s.statement(t, into, func() {
		s.sql("SELECT ")
		s.show(s.d.texts[t.Order].follow, "f.…")
		s.sql(" FROM (SELECT " + col)
		if !fo.Only.IsNull() && fo.OnlyColumn != fo.Column {
			s.sql("," + quote(f.Table.Columns[fo.OnlyColumn].Name))
		}
		s.from(x)
		switch {
		case f.Scan == nil:
			s.keys(x, "", f.Keys)
		case f.Scan.Limit > 0:
			s.scan(x, f.Scan)
		default:
			s.between(x, f.Scan)
		}
		s.sql(") s STRAIGHT_JOIN " + t.Name + " f")
		s.hint(fo.Index)
		s.sql(" ON f." + quote(fo.Index.Columns()[0].Name) + "=s." + col)
		if !fo.Only.IsNull() {
			s.sql(" AND s." + quote(f.Table.Columns[fo.OnlyColumn].Name) + "=")
			s.value(fo.Only)
		}
	})
}

// finish puts the rows of an answer into the promised order.
func finish(f *dal.Fetch, r *dal.Rows) {
	if f.Scan == nil {
		r.Rows = inOrder(f.By(), r.Rows)
	}
	for i, fo := range f.Follow {
		of := map[schema.Value]bool{}
		for _, row := range r.Rows {
			if fo.Takes(row) {
				of[row[fo.Column]] = true
			}
		}
		// Rows may have come between the two statements.
		rows := slices.DeleteFunc(r.Followed[i], func(row schema.Row) bool { return !of[row[fo.Index.Cols[0]]] })
		r.Followed[i] = inOrder(fo.Index, rows)
	}
}

// inOrder sorts rows by x, rows with one key by the primary key, and takes out
// those that are there twice.
func inOrder(x *schema.Index, rows []schema.Row) []schema.Row {
	order := func(a, b schema.Row) int {
		return cmp.Or(compare(x.Cols, a, b), compare(x.Table().Primary.Cols, a, b))
	}
	if !slices.IsSortedFunc(rows, order) {
		slices.SortFunc(rows, order)
	}
	return slices.CompactFunc(rows, func(a, b schema.Row) bool { return order(a, b) == 0 })
}

func compare(cols []int, a, b schema.Row) int {
	for _, c := range cols {
		if d := a[c].Compare(b[c]); d != 0 {
			return d
		}
	}
	return 0
}

// valuesOf returns the values that fo goes by as keys, each once.
func valuesOf(rows []schema.Row, fo *dal.Follow) []schema.Key {
	seen := map[schema.Value]bool{}
	var keys []schema.Key
	for _, r := range rows {
		if v := r[fo.Column]; fo.Takes(r) && !v.IsNull() && !seen[v] {
			seen[v] = true
			keys = append(keys, schema.KeyOf(v))
		}
	}
	return keys
}

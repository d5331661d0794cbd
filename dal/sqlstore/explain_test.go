package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// A shape is a call whose statements must each go by one index.
type shape struct {
	name  string
	by    []*schema.Index // of each statement, or of each table that one names
	read  *dal.Fetch
	write []dal.Change
}

// testRow is row i of table t, unlike every other row in all its keys.
func testRow(t *schema.Table, i int) schema.Row {
	r := make(schema.Row, len(t.Columns))
	for c, col := range t.Columns {
		if r[c] = schema.Int(int64(i)); col.Type != schema.BigInt {
			// Some in hexadecimal: literals of both kinds meet in a statement.
			r[c] = schema.Str(fmt.Sprintf("%06d%s", i, []string{"", "é"}[i%2]))
		}
	}
	return r
}

// shapes lists what the store can be asked for by every index.
func shapes() []shape {
	var out []shape
	for _, t := range schema.Tables {
		for _, x := range append([]*schema.Index{t.Primary}, t.Indexes...) {
			out = append(out, readShapes(t, x)...)
		}
		for _, n := range []int{1, 2, 40, 300} {
			var rows []schema.Row
			for i := range n {
				rows = append(rows, testRow(t, i*3))
			}
			out = append(out, writeShapes(t, rows)...)
		}
	}
	return out
}

func readShapes(t *schema.Table, x *schema.Index) []shape {
	var out []shape
	add := func(name string, f dal.Fetch, by ...*schema.Index) {
		f.Table, f.Index = t, x
		out = append(out, shape{name: fmt.Sprintf("%s.%s %s", t, x.Name, name), by: append([]*schema.Index{x}, by...), read: &f})
	}
	for width := 1; width <= len(x.Cols); width++ {
		for _, n := range []int{1, 2, 40, 300} {
			var keys []schema.Key
			for i := range n {
				keys = append(keys, x.PrefixOf(testRow(t, i*3), width))
			}
			name := fmt.Sprintf("%d keys of %d columns", n, width)
			add(name, dal.Fetch{Keys: keys})
			if width == len(x.Cols) {
				add(name+", shared", dal.Fetch{Keys: keys, Lock: dal.Shared})
				add(name+", exclusive", dal.Fetch{Keys: keys, Lock: dal.Exclusive})
			}
		}
	}
	for p := 0; p <= len(x.Cols); p++ {
		for a := p; a <= len(x.Cols); a++ {
			s := dal.Scan{Prefix: x.PrefixOf(testRow(t, 5), p), Limit: 10}
			if a > p {
				s.After = x.PrefixOf(testRow(t, 5), a)
			}
			add(fmt.Sprintf("scan of %d after %d columns", p, a), dal.Fetch{Scan: &s})
		}
	}
	if t == schema.Inodes {
		follow := []dal.Follow{{Index: schema.Blocks.Primary, Column: t.Column("id")}}
		add("followed keys", dal.Fetch{Keys: []schema.Key{x.KeyOf(testRow(t, 1)), x.KeyOf(testRow(t, 2))}, Follow: follow}, x, schema.Blocks.Primary)
		add("followed scan", dal.Fetch{Scan: &dal.Scan{Prefix: x.PrefixOf(testRow(t, 5), 1), Limit: 10}, Follow: follow}, x, schema.Blocks.Primary)
	}
	return out
}

func writeShapes(t *schema.Table, rows []schema.Row) []shape {
	ops := []dal.Op{dal.Delete}
	if slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return c.Merge != schema.Replace }) {
		ops = append(ops, dal.Add)
	}
	by := []*schema.Index{t.Primary}
	if t == schema.Replicas {
		by = append(by, schema.ReplicasByStorage) // as good: a part of the key is a key of its own
	}
	var out []shape
	for _, op := range ops {
		var cs []dal.Change
		for _, r := range rows {
			cs = append(cs, change(op, t, r))
		}
		out = append(out, shape{name: fmt.Sprintf("%s op %d of %d rows", t, op, len(rows)), by: by, write: cs})
	}
	return out
}

// texts returns the statements of a shape, and their arguments.
func (sh *shape) texts(t *testing.T, d *dialect, rows bool) (texts []string, args [][]any) {
	t.Helper()
	keep := func(_ context.Context, _ any, sc *script) error {
		for i := range sc.stmts {
			st := &sc.stmts[i]
			texts = append(texts, string(sc.buf[st.from:st.to]))
			var vals []any
			for _, a := range sc.arguments(st) {
				vals = append(vals, a.Value)
			}
			args = append(args, vals)
			if st.into != nil && !d.follows {
				*st.into = append(*st.into, testRow(st.table, 1)) // for the Follow
			}
		}
		return nil
	}
	q := query{s: &Store{d: d, run: keep}, sc: newScript(d, false, &textConn{rows: rows}), lock: func(f *dal.Fetch) dal.Lock { return f.Lock }}
	var err error
	if sh.read != nil {
		_, err = q.answer(t.Context(), []dal.Fetch{*sh.read})
	} else if err = q.sc.changes(sh.write, nil); err == nil {
		err = q.send(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return texts, args
}

// fill gives every table n rows, and the server its statistics.
func fill(t *testing.T, s *Store, n int, analyze string) {
	t.Helper()
	for _, tb := range schema.Tables {
		var cs []dal.Change
		for i := range n {
			cs = append(cs, change(dal.Insert, tb, testRow(tb, i)))
		}
		commit(t, s, cs)
		if _, err := s.write.Exec(fmt.Sprintf(analyze, tb)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlansInnoDB explains every statement on small and on filled tables.
func TestPlansInnoDB(t *testing.T) {
	for _, n := range []int{3, 2000} {
		s := openServer(t, serverConfig(t), innodb)
		fill(t, s, n, "ANALYZE TABLE %s")
		for _, sh := range shapes() {
			for _, rows := range []bool{false, true} { // as for an old server, and for this one
				texts, _ := sh.texts(t, s.d, rows)
				for _, text := range texts {
					explainInnoDB(t, s.read, n, &sh, text)
				}
			}
		}
	}
}

type plan struct{ table, access, key, extra string }

func explain(t *testing.T, db *sql.DB, text string) []plan {
	t.Helper()
	rows, err := db.Query("EXPLAIN " + text)
	if err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	defer rows.Close()
	var out []plan
	for rows.Next() {
		var table, access, key, extra sql.NullString
		var other sql.RawBytes
		cols, _ := rows.Columns()
		dest := make([]any, len(cols))
		for i, c := range cols {
			switch c {
			case "table":
				dest[i] = &table
			case "type":
				dest[i] = &access
			case "key":
				dest[i] = &key
			case "Extra":
				dest[i] = &extra
			default:
				dest[i] = &other
			}
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		out = append(out, plan{table.String, access.String, key.String, extra.String})
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	return out
}

func explainInnoDB(t *testing.T, db *sql.DB, n int, sh *shape, text string) {
	t.Helper()
	allowed := map[string]bool{}
	for _, x := range sh.by {
		allowed[x.Name] = true
	}
	whole := sh.read != nil && sh.read.Scan != nil && sh.read.Scan.Prefix == "" && sh.read.Scan.After == ""
	for _, p := range explain(t, db, text) {
		ok := allowed[p.key] && slices.Contains([]string{"const", "eq_ref", "ref", "range"}, p.access) ||
			whole && p.access == "index" && allowed[p.key] ||
			// All of a small index that holds all columns: nobody locks through these.
			n == 3 && p.access == "index" && allowed[p.key] && strings.Contains(p.extra, "Using index") && (p.table == "guards" || p.key == "leases_renewed") ||
			strings.HasPrefix(p.table, "<derived") || // the rows that are followed
			p.extra == "No tables used" || // the keys that are joined
			p.table == "" && strings.HasPrefix(p.extra, "Impossible WHERE") || strings.Contains(p.extra, "no matching row")
		if !ok || strings.Contains(p.extra, "filesort") || strings.Contains(p.extra, "temporary") {
			t.Errorf("%d rows, %s: %+v\n%.300s", n, sh.name, p, text)
		}
	}
}

func TestPlansSQLite(t *testing.T) {
	for _, n := range []int{0, 2000} {
		s := openFile(t)
		fill(t, s, n, "SELECT 1 FROM %s LIMIT 1") // no statistics: nobody makes them in use
		for _, sh := range shapes() {
			texts, args := sh.texts(t, s.d, false)
			for i, text := range texts {
				explainSQLite(t, s.write, &sh, text, args[i])
			}
		}
	}
}

func explainSQLite(t *testing.T, db *sql.DB, sh *shape, text string, args []any) {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	defer rows.Close()
	whole := sh.read != nil && sh.read.Scan != nil && sh.read.Scan.Prefix == "" && sh.read.Scan.After == ""
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		ok := slices.ContainsFunc(sh.by, func(x *schema.Index) bool {
			using := "INDEX " + x.Name
			if x == x.Table().Primary {
				using = "PRIMARY KEY"
			}
			detail := strings.Replace(detail, "COVERING ", "", 1)
			return strings.HasPrefix(detail, "SEARCH "+x.Table().Name+" USING "+using) ||
				whole && (detail == "SCAN "+x.Table().Name || detail == "SCAN "+x.Table().Name+" USING "+using)
		})
		ok = ok || strings.Contains(detail, "LIST SUBQUERY") || strings.Contains(detail, "VALUES") || strings.Contains(detail, "CONSTANT ROW") || strings.HasPrefix(detail, "USING INDEX")
		if !ok {
			t.Errorf("%s: %s\n%.300s", sh.name, detail, text)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
}

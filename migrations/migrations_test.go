package migrations_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite"

	"github.com/hopsql/hopsql/migrations"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// steps returns the texts of a dialect's steps in order, or backwards for "down".
func steps(t *testing.T, dialect, direction string) []string {
	t.Helper()
	names, err := fs.Glob(migrations.FS, dialect+"/*."+direction+".sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	slices.Sort(names)
	if direction == "down" {
		slices.Reverse(names)
	}
	var texts []string
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func run(t *testing.T, db *sql.DB, texts []string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// query returns rows as strings, NULL as "NULL".
func query(t *testing.T, db *sql.DB, text string, args ...any) [][]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		cells := make([]sql.NullString, len(cols))
		dest := make([]any, len(cols))
		for i := range cells {
			dest[i] = &cells[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(cols))
		for i, c := range cells {
			if row[i] = c.String; !c.Valid {
				row[i] = "NULL"
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// describe renders a table of schema as the readers below render a real one:
// columns with type and nullability, then the indexes.
func describe(tb *schema.Table, typeOf func(schema.Column) string) []string {
	var out []string
	for _, c := range tb.Columns {
		out = append(out, fmt.Sprintf("%s %s null=%v", c.Name, typeOf(c), c.Null))
	}
	for _, x := range append([]*schema.Index{tb.Primary}, tb.Indexes...) {
		var cols []string
		for _, c := range x.Columns() {
			cols = append(cols, c.Name)
		}
		out = append(out, fmt.Sprintf("%s unique=%v (%s)", x.Name, x.Unique, strings.Join(cols, ",")))
	}
	return sortIndexes(out, len(tb.Columns))
}

// sortIndexes keeps the columns' order and sorts what follows.
func sortIndexes(lines []string, columns int) []string {
	slices.Sort(lines[min(columns, len(lines)):])
	return lines
}

func mysqlType(c schema.Column) string {
	switch c.Type {
	case schema.BigInt:
		return "bigint"
	case schema.VarBytes:
		return fmt.Sprintf("varbinary(%d)", c.Size)
	}
	return "blob"
}

func sqliteType(c schema.Column) string {
	if c.Type == schema.BigInt {
		return "INTEGER"
	}
	return "BLOB"
}

func compare(t *testing.T, tb *schema.Table, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\n got %s\nwant %s", tb, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// upDownUp runs the up steps twice, checks, and the down steps twice, checks.
func upDownUp(t *testing.T, db *sql.DB, dialect, listTables string, check func()) {
	t.Helper()
	for range 2 {
		run(t, db, steps(t, dialect, "up"))
		run(t, db, steps(t, dialect, "up"))
		if n := len(query(t, db, listTables)); n != len(schema.Tables) {
			t.Errorf("%d tables, schema has %d", n, len(schema.Tables))
		}
		check()
		run(t, db, steps(t, dialect, "down"))
		run(t, db, steps(t, dialect, "down"))
		if left := query(t, db, listTables); len(left) != 0 {
			t.Errorf("left after the down steps: %v", left)
		}
	}
}

func TestSQLite(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	upDownUp(t, db, "sqlite", "SELECT name FROM sqlite_master WHERE type='table'", func() {
		for _, tb := range schema.Tables {
			var got []string
			for _, r := range query(t, db, "SELECT name, type, `notnull` FROM pragma_table_info(?)", tb.Name) {
				got = append(got, fmt.Sprintf("%s %s null=%v", r[0], r[1], r[2] == "0"))
			}
			for _, x := range query(t, db, "SELECT name, `unique`, origin FROM pragma_index_list(?)", tb.Name) {
				var cols []string
				for _, c := range query(t, db, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", x[0]) {
					cols = append(cols, c[0])
				}
				if x[2] == "pk" {
					x[0] = "PRIMARY"
				}
				got = append(got, fmt.Sprintf("%s unique=%v (%s)", x[0], x[1] == "1", strings.Join(cols, ",")))
			}
			compare(t, tb, sortIndexes(got, len(tb.Columns)), describe(tb, sqliteType))
			options := query(t, db, "SELECT wr, strict FROM pragma_table_list WHERE name=?", tb.Name)
			if options[0][0] != "1" || options[0][1] != "1" {
				t.Errorf("%s must be STRICT, WITHOUT ROWID", tb)
			}
		}
	})
}

func TestInnoDB(t *testing.T) {
	s := mariadb.Shared(t)
	db, err := sql.Open("mysql", s.DSN(s.Database(t), "multiStatements=true"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	upDownUp(t, db, "mysql", "SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE()", func() {
		for _, tb := range schema.Tables {
			var got []string
			for _, r := range query(t, db, "SELECT column_name, column_type, is_nullable FROM information_schema.columns WHERE table_schema=DATABASE() AND table_name=? ORDER BY ordinal_position", tb.Name) {
				// Servers before MySQL 8.0.19 give integers a width.
				got = append(got, fmt.Sprintf("%s %s null=%v", r[0], strings.TrimSuffix(r[1], "(20)"), r[2] == "YES"))
			}
			for _, x := range query(t, db, "SELECT index_name, MIN(non_unique), GROUP_CONCAT(column_name ORDER BY seq_in_index), MAX(sub_part) FROM information_schema.statistics WHERE table_schema=DATABASE() AND table_name=? GROUP BY index_name", tb.Name) {
				got = append(got, fmt.Sprintf("%s unique=%v (%s)", x[0], x[1] == "0", x[2]))
				if x[3] != "NULL" {
					t.Errorf("%s.%s indexes only a part of a column", tb, x[0])
				}
			}
			compare(t, tb, sortIndexes(got, len(tb.Columns)), describe(tb, mysqlType))
			if e := query(t, db, "SELECT engine FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name=?", tb.Name); e[0][0] != "InnoDB" {
				t.Errorf("%s has engine %v", tb, e)
			}
		}
	})
}

// tail matches what follows the columns of a CREATE TABLE.
var tail = regexp.MustCompile(`(?m)^\) ENGINE=.*;$`)

// The NDB steps cannot run here. They are those of InnoDB but for what follows the
// columns, and that is checked against schema.
func TestNDB(t *testing.T) {
	for _, direction := range []string{"up", "down"} {
		inno, cluster := steps(t, "mysql", direction), steps(t, "ndb", direction)
		if len(inno) != len(cluster) {
			t.Fatalf("%d steps %s, InnoDB has %d", len(cluster), direction, len(inno))
		}
		for i := range inno {
			if tail.ReplaceAllString(inno[i], ")") != tail.ReplaceAllString(cluster[i], ")") {
				t.Errorf("step %d %s differs from InnoDB's", i+1, direction)
			}
		}
	}
	if n := len(steps(t, "ndb", "up")); n != schema.Version {
		t.Errorf("%d steps, schema.Version is %d", n, schema.Version)
	}
	text := strings.Join(steps(t, "ndb", "up"), "\n")
	for _, tb := range schema.Tables {
		var by []string
		for _, c := range tb.Primary.Columns()[:tb.Partition] {
			by = append(by, c.Name)
		}
		_, after, _ := strings.Cut(text, "CREATE TABLE IF NOT EXISTS "+tb.Name+" (")
		if got, want := tail.FindString(after), ") ENGINE=NDBCLUSTER PARTITION BY KEY ("+strings.Join(by, ",")+");"; got != want {
			t.Errorf("%s ends in %s, want %s", tb, got, want)
		}
		// Row without its BLOBs, of which 256 bytes are inline.
		size := 0
		for _, c := range tb.Columns {
			switch c.Type {
			case schema.BigInt:
				size += 8
			case schema.VarBytes:
				size += c.Size + 4
			case schema.Blob:
				size += 256 + 16
			}
		}
		if size > 13_500 {
			t.Errorf("%s: a row of %d bytes does not fit NDB", tb, size)
		}
	}
}

// Package schema holds the tables of the namespace as data: columns, keys and the
// one order in which everybody locks and writes them. The DDL in migrations is
// checked against it, the statements in dal/sqlstore are built from it, and the
// engine orders its locks by it. It knows no database and no rule of HDFS.
package schema

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A Type is how a column is stored.
type Type uint8

const (
	// BigInt is a signed 64-bit integer.
	BigInt Type = iota
	// VarBytes is a string of at most Size bytes, compared byte by byte.
	VarBytes
	// Blob is a string of at most Size bytes that is never part of a key.
	Blob
)

// A Merge says how a change that does not know the row's current value is applied
// to a column (see dal.Add).
type Merge uint8

const (
	// Replace: the column cannot be part of an Add.
	Replace Merge = iota
	// Sum adds the change to the column.
	Sum
	// Max keeps the larger of both.
	Max
)

// A Column is one column of a table.
type Column struct {
	Name  string
	Type  Type
	Size  int  // most bytes, for VarBytes and Blob
	Null  bool // may be NULL
	Merge Merge
}

// An Index names columns whose order a store keeps.
type Index struct {
	Name   string
	Cols   []int // positions in Table.Columns
	Unique bool
	table  *Table
	cols   []Column
}

// Table returns the table that the index belongs to.
func (x *Index) Table() *Table { return x.table }

// Columns returns the indexed columns in order. The caller must not change them.
func (x *Index) Columns() []Column { return x.cols }

// PrefixOf returns the first n columns of the key of row r.
func (x *Index) PrefixOf(r Row, n int) Key {
	var buf [96]byte
	return Key(x.AppendPrefix(buf[:0], r, n))
}

// AppendPrefix adds the bytes of the first n columns of the key of row r to b.
func (x *Index) AppendPrefix(b []byte, r Row, n int) []byte {
	for _, c := range x.Cols[:n] {
		b = appendKey(b, &r[c])
	}
	return b
}

// Same reports whether the rows a and b have the same key in the index.
func (x *Index) Same(a, b Row) bool {
	for _, c := range x.Cols {
		if a[c] != b[c] {
			return false
		}
	}
	return true
}

// Len returns how many columns of the index k names. It panics where Values does.
func (x *Index) Len(k Key) int {
	s, n := string(k), 0
	for s != "" {
		s = skipKey(s, x.cols[n].Type)
		n++
	}
	return n
}

// bind ties the index to its table and columns.
func (x *Index) bind(t *Table, names []string) {
	x.table = t
	for _, name := range names {
		c := t.Column(name)
		x.Cols = append(x.Cols, c)
		x.cols = append(x.cols, t.Columns[c])
	}
}

// KeyOf returns the key of row r in the index.
func (x *Index) KeyOf(r Row) Key {
	return x.PrefixOf(r, len(x.Cols))
}

// A Table is one table.
type Table struct {
	Name    string
	Order   int // place in the lock order, from 0
	Columns []Column
	Primary *Index
	Indexes []*Index // secondary
	// Counted, if not nil, is what counts the changes of rows of this table.
	Counted *Counter
	// Unit is the number of leading primary key columns by which changes are told: rows
	// that share them change together for whoever remembers some. 0: nobody is told.
	Unit int
	// Partition is the number of leading primary key columns by which a cluster
	// spreads the rows.
	Partition int
	salt      uint64 // of UnitHash
}

// A Counter is a column of another table that counts the changes of rows: a
// transaction that changes some adds one to it in each row that they belong to.
type Counter struct {
	Table  *Table
	Column int // of Table; a Sum
	Of     int // where the counted table's primary key has the key of Table; 0 there is nobody's
}

// Owner returns the key in Table of what the row with key k in x belongs to; 0 is
// nothing.
func (c *Counter) Owner(x *Index, k Key) int64 {
	var buf [4]Value
	return k.Append(buf[:0], x.cols)[c.Of].Int()
}

// One returns the row to add in Table for owner.
func (c *Counter) One(owner int64) Row {
	row := make(Row, len(c.Table.Columns))
	for i := range row {
		row[i] = Int(0)
	}
	row[c.Table.Primary.Cols[0]], row[c.Column] = Int(owner), Int(1)
	return row
}

// Key returns the primary key of row r.
func (t *Table) Key(r Row) Key { return t.Primary.KeyOf(r) }

// Column returns the position of the column called name; it panics if there is
// none, which is a mistake in the program.
func (t *Table) Column(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	panic("schema: no column " + t.Name + "." + name)
}

// IsKey reports whether column i belongs to the primary key.
func (t *Table) IsKey(i int) bool {
	for _, c := range t.Primary.Cols {
		if c == i {
			return true
		}
	}
	return false
}

func (t *Table) String() string { return t.Name }

// Version is the version of the newest migration that this program knows. A
// database below or above it is refused.
const Version = 4

// table declares a table and gives it the next place in the lock order.
func table(name string, cols []Column, primary []string, indexes ...*Index) *Table {
	t := &Table{Name: name, Order: len(Tables), Columns: cols, Partition: 1, salt: xxhash.Sum64String(name)}
	t.Primary = &Index{Name: "PRIMARY", Unique: true}
	t.Primary.bind(t, primary)
	for _, x := range indexes {
		name, cols, _ := strings.Cut(x.Name, ":")
		x.Name = name
		x.bind(t, strings.Split(cols, ","))
		t.Indexes = append(t.Indexes, x)
	}
	Tables = append(Tables, t)
	return t
}

// told declares by how many columns changes of t are told: see Table.Unit.
func told(unit int, t *Table) *Table {
	t.Unit = unit
	return t
}

// counting declares that a column of t counts the changes of the rows of another table
// in the row that their column of names.
func counting(rows *Table, of, column string, t *Table) *Table {
	rows.Counted = &Counter{Table: t, Column: t.Column(column), Of: slices.Index(rows.Primary.Cols, rows.Column(of))}
	return t
}

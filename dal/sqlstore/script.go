package sqlstore

import (
	"database/sql/driver"
	"math"
	"strconv"
	"unsafe"

	"github.com/hopsql/hopsql/schema"
)

// A script is the text of one call: its statements one after another.
type script struct {
	d     *dialect
	buf   []byte
	args  []driver.NamedValue
	stmts []statement
	// shape is the text without its values, for Trace; nil if nobody asks.
	shape []byte
	muted bool
	rows  bool           // the server finds rows by (a,b) IN ((…),…)
	vals  []schema.Value // scratch of key
}

// A statement is a part of a script.
type statement struct {
	from, to       int // of script.buf
	argFrom, argTo int // of script.args
	table          *schema.Table
	into           *[]schema.Row // where the rows of table go; nil: there are none
}

// newScript begins a script for a driver's connection.
func newScript(d *dialect, traced bool, conn any) *script {
	s := &script{d: d, buf: make([]byte, 0, 1024)}
	if c, ok := conn.(*textConn); ok {
		s.rows = c.rows && d.rows
	}
	if traced {
		s.shape = []byte{}
	}
	return s
}

// reset forgets the statements, which have run, and keeps the shape.
func (s *script) reset() {
	s.buf, s.args, s.stmts = s.buf[:0], s.args[:0], s.stmts[:0]
}

// statement adds what build writes as one statement.
func (s *script) statement(t *schema.Table, into *[]schema.Row, build func()) {
	if len(s.stmts) > 0 && !s.d.placeholders {
		s.buf = append(s.buf, "; "...)
	}
	if len(s.shape) > 0 {
		s.shape = append(s.shape, "; "...)
	}
	st := statement{from: len(s.buf), argFrom: len(s.args), table: t, into: into}
	build()
	st.to, st.argTo = len(s.buf), len(s.args)
	s.stmts = append(s.stmts, st)
}

// plain adds a statement without values and rows.
func (s *script) plain(text string) {
	s.statement(nil, nil, func() { s.sql(text) })
}

// sql adds text.
func (s *script) sql(text string) { s.show(text, text) }

// show adds text, which the shape gives as shown.
func (s *script) show(text, shown string) {
	s.buf = append(s.buf, text...)
	if s.shape != nil && !s.muted {
		s.shape = append(s.shape, shown...)
	}
}

// value adds a value.
func (s *script) value(v schema.Value) {
	if s.shape != nil && !s.muted {
		s.shape = append(s.shape, '?')
	}
	if !s.d.placeholders {
		s.buf = appendLiteral(s.buf, v)
		return
	}
	s.buf = append(s.buf, '?')
	s.args = append(s.args, driver.NamedValue{Ordinal: len(s.args) + 1, Value: argument(v)})
}

// hexValue adds a value as a literal whose type is the column's: a quoted string
// would have the character set of the session.
func (s *script) hexValue(v schema.Value) {
	if v.Kind() != schema.KindBytes {
		s.value(v)
		return
	}
	s.show("", "?")
	s.buf = appendHex(s.buf, v.Str())
}

// each adds what f writes for 0 … n-1, with sep between; the shape shows it once.
func (s *script) each(n int, sep string, f func(i int)) {
	outer := s.muted
	for i := range n {
		if i == 1 {
			s.muted = true
		}
		if i > 0 {
			s.buf = append(s.buf, sep...)
		}
		f(i)
	}
	s.muted = outer
	if n > 1 && s.shape != nil && !s.muted {
		s.shape = append(s.shape, " ×"...)
		s.shape = strconv.AppendInt(s.shape, int64(n), 10)
	}
}

// arguments returns the values of st, numbered from 1.
func (s *script) arguments(st *statement) []driver.NamedValue {
	args := s.args[st.argFrom:st.argTo]
	for i := range args {
		args[i].Ordinal = i + 1
	}
	return args
}

// argument is v as a driver takes it beside a text.
func argument(v schema.Value) driver.Value {
	switch v.Kind() {
	case schema.KindInt:
		return v.Int()
	case schema.KindBytes:
		// The driver copies the bytes before it returns and never writes to them.
		if v.Str() == "" {
			return []byte{}
		}
		return unsafe.Slice(unsafe.StringData(v.Str()), len(v.Str()))
	}
	return nil
}

// appendLiteral adds v as a literal that every server reads alike whatever its
// sql_mode and character set: printable ASCII without quote and backslash as it
// is, all other strings in hexadecimal.
func appendLiteral(b []byte, v schema.Value) []byte {
	switch v.Kind() {
	case schema.KindInt:
		if v.Int() == math.MinInt64 {
			// -9223372036854775808 is minus applied to a number that does not fit.
			return append(b, "(-9223372036854775807-1)"...)
		}
		return strconv.AppendInt(b, v.Int(), 10)
	case schema.KindNull:
		return append(b, "NULL"...)
	}
	s := v.Str()
	if plain(s) {
		b = append(b, '\'')
		b = append(b, s...)
		return append(b, '\'')
	}
	return appendHex(b, s)
}

func appendHex(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, "x'"...)
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return append(b, '\'')
}

// plain reports whether s means itself between quotes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return false
		}
	}
	return true
}

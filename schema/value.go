package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// A Kind says what a Value holds.
type Kind uint8

// The kinds of a Value. Their order is the order of values of different kinds.
const (
	KindNull Kind = iota
	KindInt
	KindBytes
)

// A Value is one cell of a row: NULL, a signed 64-bit integer or a string of
// bytes. It is immutable and comparable with ==.
type Value struct {
	kind Kind
	i    int64
	s    string
}

// Null is the absent value.
var Null = Value{}

// Int returns an integer value.
func Int(i int64) Value { return Value{kind: KindInt, i: i} }

// Str returns a value of the bytes of s, which need not be UTF-8.
func Str(s string) Value { return Value{kind: KindBytes, s: s} }

// Bytes returns a value of a copy of b.
func Bytes(b []byte) Value { return Value{kind: KindBytes, s: string(b)} }

// Kind returns what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is NULL.
func (v Value) IsNull() bool { return v.kind == KindNull }

// Int returns the integer in v, 0 for any other kind.
func (v Value) Int() int64 { return v.i }

// Str returns the bytes in v as a string, "" for any other kind.
func (v Value) Str() string { return v.s }

// String formats v for logs and test output.
func (v Value) String() string {
	switch v.kind {
	case KindInt:
		return strconv.FormatInt(v.i, 10)
	case KindBytes:
		return strconv.Quote(v.s)
	}
	return "NULL"
}

// Compare orders integers by number and bytes by byte.
func (v Value) Compare(w Value) int {
	switch {
	case v.kind != w.kind:
		return int(v.kind) - int(w.kind)
	case v.i < w.i || v.i == w.i && v.s < w.s:
		return -1
	case v == w:
		return 0
	}
	return 1
}

// A Row is one row of a table: a value for every column, in the table's column
// order. Rows are shared between callers and must not be changed once handed on;
// Clone first.
type Row []Value

// Clone returns a copy that may be changed.
func (r Row) Clone() Row { return append(Row(nil), r...) }

// A Key holds the values of the first columns of an index, encoded so that the
// byte order of keys is the order of the index. It is a string, so it can be
// compared, sorted and used in a map; it must not be empty where a row is meant.
type Key string

// KeyOf encodes values, which must not be NULL, as a key.
func KeyOf(vals ...Value) Key {
	var buf [64]byte
	return Key(AppendKey(buf[:0], vals...))
}

// AppendKey adds the bytes of the key of vals to b.
func AppendKey(b []byte, vals ...Value) []byte {
	for i := range vals {
		b = appendKey(b, &vals[i])
	}
	return b
}

// appendKey adds one value: integers as 8 bytes with the sign flipped, bytes with
// 0x00 escaped as 0x00 0xff and closed by 0x00 0x00, so that no value is a prefix
// of another and the order stays.
func appendKey(b []byte, v *Value) []byte {
	switch v.kind {
	case KindInt:
		u := uint64(v.i) ^ 1<<63
		return append(b, byte(u>>56), byte(u>>48), byte(u>>40), byte(u>>32), byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
	case KindBytes:
		s := v.s
		for {
			i := strings.IndexByte(s, 0)
			if i < 0 {
				break
			}
			b = append(append(b, s[:i]...), 0, 0xff)
			s = s[i+1:]
		}
		return append(append(b, s...), 0, 0)
	}
	panic("schema: NULL in a key")
}

// Values decodes the key of an index whose columns are cols. A key may be shorter
// than the index (a prefix). It panics if the key was made for other columns,
// which is a mistake in the program.
func (k Key) Values(cols []Column) []Value {
	return k.Append(make([]Value, 0, len(cols)), cols)
}

// Append is Values that adds to vals.
func (k Key) Append(vals []Value, cols []Column) []Value {
	s := string(k)
	for _, c := range cols {
		if s == "" {
			break
		}
		var v Value
		v, s = cutKey(s, c.Type)
		vals = append(vals, v)
	}
	if s != "" {
		panic(fmt.Sprintf("schema: key %x does not fit its columns", string(k)))
	}
	return vals
}

func cutKey(s string, t Type) (Value, string) {
	if t == BigInt {
		if len(s) < 8 {
			panic("schema: short integer in a key")
		}
		var u uint64
		for i := range 8 {
			u = u<<8 | uint64(s[i])
		}
		return Int(int64(u ^ 1<<63)), s[8:]
	}
	out := make([]byte, 0, len(s))
	for i := 0; i+1 < len(s); i++ {
		if s[i] != 0 {
			out = append(out, s[i])
			continue
		}
		if s[i+1] == 0 {
			return Str(string(out)), s[i+2:]
		}
		out = append(out, 0)
		i++
	}
	panic("schema: unclosed bytes in a key")
}

// skipKey cuts one column off s without decoding it.
func skipKey(s string, t Type) string {
	if t == BigInt {
		return s[8:]
	}
	for i := 0; i+1 < len(s); i++ {
		if s[i] != 0 {
			continue
		}
		if s[i+1] == 0 {
			return s[i+2:]
		}
		i++
	}
	panic("schema: unclosed bytes in a key")
}

// Package wire takes protobuf messages apart and puts them together field by field,
// for messages of which so many are sent that the generated code is too slow. It
// knows no message. What is cut off aliases the input.
package wire

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Types of fields, as they are in protobuf.
const (
	Varint = protowire.VarintType
	Bytes  = protowire.BytesType
)

// Errors of messages.
var (
	ErrTruncated = errors.New("message ends before its announced length")
	ErrNumber    = errors.New("invalid field number")
)

// Field is one decoded field: U for varints, B for byte strings. Other types have
// neither.
type Field struct {
	Num protowire.Number
	Typ protowire.Type
	U   uint64
	B   []byte
}

// Is reports whether f is field num of type typ. One with another type counts as
// unknown, as in the generated code.
func (f *Field) Is(num protowire.Number, typ protowire.Type) bool {
	return f.Num == num && f.Typ == typ
}

// Cut splits one field off b.
func Cut(b []byte) (f Field, rest []byte, err error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	if num > protowire.MaxValidNumber {
		return f, nil, ErrNumber
	}
	f.Num, f.Typ = num, typ
	b = b[n:]
	switch typ {
	case protowire.VarintType:
		f.U, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.B, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	return f, b[n:], nil
}

// CutMessage splits a varint length and that many bytes off b.
func CutMessage(b []byte) (msg, rest []byte, err error) {
	n, k := protowire.ConsumeVarint(b)
	if k < 0 {
		return nil, nil, protowire.ParseError(k)
	}
	if n > uint64(len(b)-k) {
		return nil, nil, ErrTruncated
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// AppendUint appends a varint field.
func AppendUint(b []byte, num protowire.Number, u uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), u)
}

// AppendBool appends a bool field.
func AppendBool(b []byte, num protowire.Number, v bool) []byte {
	return AppendUint(b, num, protowire.EncodeBool(v))
}

// AppendText appends a string or bytes field.
func AppendText[T string | []byte](b []byte, num protowire.Number, s T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(len(s)))
	return append(b, s...)
}

// Open is a message being appended whose length is not known yet.
type Open struct{ from, guess int }

// Begin appends the tag of a message field and room for its length. guess is about
// how long it gets: a good one saves moving it.
func Begin(b []byte, num protowire.Number, guess int) ([]byte, Open) {
	return BeginDelimited(protowire.AppendTag(b, num, protowire.BytesType), guess)
}

// BeginDelimited is Begin for a message that stands alone behind its length.
func BeginDelimited(b []byte, guess int) ([]byte, Open) {
	n := protowire.SizeVarint(uint64(guess))
	return append(b, make([]byte, n)...), Open{len(b) + n, n}
}

// End puts the length in front of the message.
func (o Open) End(b []byte) []byte {
	n := len(b) - o.from
	k := protowire.SizeVarint(uint64(n))
	if k != o.guess {
		to := o.from - o.guess + k
		for len(b) < to+n {
			b = append(b, 0)
		}
		copy(b[to:], b[o.from:o.from+n])
		b = b[:to+n]
	}
	protowire.AppendVarint(b[:o.from-o.guess], uint64(n))
	return b
}

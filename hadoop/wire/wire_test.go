package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestNested: whatever length was guessed, the bytes are those of protobuf.
func TestNested(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21} {
		for _, guess := range []int{0, 127, 128, 1 << 14, 1 << 21, 1 << 28} {
			text := bytes.Repeat([]byte{7}, n)
			b, outer := BeginDelimited([]byte("front"), guess)
			b, inner := Begin(b, 5, guess)
			b = outer.End(inner.End(append(b, text...)))

			want := AppendText(nil, 5, text)
			want = append(protowire.AppendVarint([]byte("front"), uint64(len(want))), want...)
			if !bytes.Equal(b, want) {
				t.Fatalf("%d bytes, guessed %d: %d bytes, want %d", n, guess, len(b), len(want))
			}
		}
	}
}

// FuzzCut: fields and what is left of them make up the message again, and nothing is
// accepted that protobuf's own reader refuses.
func FuzzCut(f *testing.F) {
	f.Add([]byte("\x08\x01\x12\x02hi\x1d\x00\x00\x00\x00"))
	f.Add([]byte("\x0b\x08\x01\x0c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			got, rest, err := Cut(b)
			num, typ, n := protowire.ConsumeField(b)
			if (err == nil) != (n >= 0 && num <= protowire.MaxValidNumber) {
				t.Fatalf("%x: %v, but protobuf says %d", b, err, n)
			}
			if err != nil {
				return
			}
			if got.Num != num || got.Typ != typ || !bytes.Equal(rest, b[n:]) {
				t.Fatalf("%x: %+v and %x, want %d %d and %x", b, got, rest, num, typ, b[n:])
			}
			_, _, k := protowire.ConsumeTag(b)
			switch typ {
			case Varint:
				if u, _ := protowire.ConsumeVarint(b[k:]); u != got.U {
					t.Fatalf("%d, want %d", got.U, u)
				}
			case Bytes:
				if s, _ := protowire.ConsumeBytes(b[k:]); !bytes.Equal(s, got.B) {
					t.Fatalf("%x, want %x", got.B, s)
				}
			}
			b = rest
		}
	})
}

package schema

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// someValue returns a value for column c, often at an edge.
func someValue(rnd *rand.Rand, c Column) Value {
	if c.Type == BigInt {
		edges := []int64{math.MinInt64, -1, 0, 1, 255, 256, math.MaxInt64, rnd.Int64(), -rnd.Int64()}
		return Int(edges[rnd.IntN(len(edges))])
	}
	b := make([]byte, rnd.IntN(4))
	for i := range b {
		b[i] = []byte{0, 1, 'a', 0xfe, 0xff}[rnd.IntN(5)]
	}
	return Bytes(b)
}

func someRow(rnd *rand.Rand, t *Table) Row {
	r := make(Row, len(t.Columns))
	for i, c := range t.Columns {
		r[i] = someValue(rnd, c)
	}
	return r
}

func TestKeysOrderAsTheirValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, tb := range Tables {
		for _, x := range append([]*Index{tb.Primary}, tb.Indexes...) {
			for range 2000 {
				a, b := someRow(rnd, tb), someRow(rnd, tb)
				want := 0
				for _, c := range x.Cols {
					if want == 0 {
						want = a[c].Compare(b[c])
					}
				}
				if got := strings.Compare(string(x.KeyOf(a)), string(x.KeyOf(b))); sign(got) != sign(want) {
					t.Fatalf("%s.%s: %v and %v order %d, want %d", tb, x.Name, a, b, got, want)
				}
			}
		}
	}
}

func sign(i int) int { return max(-1, min(1, i)) }

func TestKeysDecode(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, tb := range Tables {
		for range 200 {
			r := someRow(rnd, tb)
			x := tb.Primary
			for n := 1; n <= len(x.Cols); n++ {
				k := x.PrefixOf(r, n)
				if x.Len(k) != n {
					t.Fatalf("%s: %x has %d columns, want %d", tb, string(k), x.Len(k), n)
				}
				vals := k.Values(x.Columns())
				for i := range n {
					if vals[i] != r[x.Cols[i]] {
						t.Fatalf("%s: column %d is %v, want %v", tb, i, vals[i], r[x.Cols[i]])
					}
				}
				if !strings.HasPrefix(string(x.KeyOf(r)), string(k)) {
					t.Fatalf("%s: a prefix is not one", tb)
				}
				if KeyOf(vals...) != k {
					t.Fatalf("%s: encoded again, %v is another key", tb, vals)
				}
			}
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(int64(0), int64(-1), "", "a\x00")
	f.Fuzz(func(t *testing.T, a, b int64, s, u string) {
		k, l := InodeKey(a, s), InodeKey(b, u)
		want := sign(Int(a).Compare(Int(b)))
		if want == 0 {
			want = sign(Str(s).Compare(Str(u)))
		}
		if got := sign(strings.Compare(string(k), string(l))); got != want {
			t.Errorf("order %d, want %d", got, want)
		}
		if vals := k.Values(Inodes.Primary.Columns()); vals[1].Int() != a || vals[2].Str() != s {
			t.Errorf("decoded %v", vals)
		}
	})
}

func TestStructsAreRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	check := func(tb *Table, back func(Row) Row) {
		t.Helper()
		r := someRow(rnd, tb)
		if got := back(r); !slices.Equal(got, r) {
			t.Errorf("%s: %v, want %v", tb, got, r)
		}
		if err := tb.Check(back(r)); err != nil {
			t.Error(err)
		}
	}
	for range 20 {
		check(Guards, func(r Row) Row { v := GuardOf(r); return v.Row() })
		check(Inodes, func(r Row) Row { v := InodeOf(r); return v.Row() })
		check(Directories, func(r Row) Row { v := DirectoryOf(r); return v.Row() })
		check(Leases, func(r Row) Row { v := LeaseOf(r); return v.Row() })
		check(OpenFiles, func(r Row) Row { v := OpenFileOf(r); return v.Row() })
		check(Blocks, func(r Row) Row { v := BlockOf(r); return v.Row() })
		check(Replicas, func(r Row) Row { v := ReplicaOf(r); return v.Row() })
		check(Reconstructions, func(r Row) Row { v := ReconstructionOf(r); return v.Row() })
		check(Invalidations, func(r Row) Row { v := InvalidationOf(r); return v.Row() })
		check(Datanodes, func(r Row) Row { v := DatanodeOf(r); return v.Row() })
		check(Storages, func(r Row) Row { v := StorageOf(r); return v.Row() })
		check(ACLs, func(r Row) Row { v := ACLOf(r); return v.Row() })
		check(XAttrs, func(r Row) Row { v := XAttrOf(r); return v.Row() })
		check(Purge, func(r Row) Row { v := PurgedOf(r); return v.Row() })
		check(RetryCache, func(r Row) Row { v := RetryEntryOf(r); return v.Row() })
		check(Variables, func(r Row) Row { v := VariableOf(r); return v.Row() })
		check(Namenodes, func(r Row) Row { v := NamenodeOf(r); return v.Row() })
		check(BatchMarkers, func(r Row) Row { v := BatchMarkerOf(r); return v.Row() })
	}
}

func TestTables(t *testing.T) {
	names := map[string]bool{}
	for i, tb := range Tables {
		if tb.Order != i {
			t.Errorf("%s has order %d, want %d", tb, tb.Order, i)
		}
		for _, x := range append([]*Index{tb.Primary}, tb.Indexes...) {
			if x.Table() != tb || len(x.Columns()) != len(x.Cols) {
				t.Errorf("%s.%s is not tied to its table", tb, x.Name)
			}
			if name := tb.Name + "." + x.Name; names[name] || x != tb.Primary && names[x.Name] {
				t.Errorf("two indexes are called %s", name)
			}
			names[tb.Name+"."+x.Name], names[x.Name] = true, true
			size := 0
			for _, c := range x.Columns() {
				if c.Null || c.Type == Blob {
					t.Errorf("%s.%s: %s cannot be part of a key", tb, x.Name, c.Name)
				}
				size += c.Size
			}
			if size > 700 {
				t.Errorf("%s.%s: %d bytes are more than every engine takes", tb, x.Name, size)
			}
		}
		for i, c := range tb.Columns {
			if c.Merge != Replace && (c.Type != BigInt || c.Null || tb.IsKey(i)) {
				t.Errorf("%s.%s cannot be added to", tb, c.Name)
			}
		}
		if tb.Partition < 1 || tb.Partition > len(tb.Primary.Cols) {
			t.Errorf("%s has %d partition columns", tb, tb.Partition)
		}
	}
}

func TestCheck(t *testing.T) {
	row := func() Row { v := Lease{Holder: "h", Renewed: 1}; return v.Row() }
	if err := Leases.Check(row()); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]Row{
		"short":        row()[:1],
		"long":         append(row(), Int(1)),
		"kind":         {Str("h"), Str("1")},
		"other kind":   {Int(1), Int(1)},
		"null":         {Str("h"), Null},
		"large string": {Str(strings.Repeat("x", 256)), Int(1)},
	} {
		if Leases.Check(bad) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

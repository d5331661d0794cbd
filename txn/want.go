package txn

import (
	"cmp"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// ref names one row.
type ref struct {
	table *schema.Table
	key   schema.Key
}

// want is something that a function asks to read: one row (index is the primary
// key and the key complete), all rows that share a prefix of an index, or a scan.
// It is comparable, so the wants of many functions can be merged.
type want struct {
	index  *schema.Index
	key    schema.Key
	kind   wantKind
	after  schema.Key
	limit  int
	follow *Followers
}

type wantKind uint8

const (
	wantRow wantKind = iota
	wantPrefix
	wantScan
)

// Followers are the rows of other tables that a Range brings along.
type Followers []dal.Follow

// A Range is a bounded part of an index in order.
type Range struct {
	Index  *schema.Index
	Prefix schema.Key
	After  schema.Key // only larger keys; "" for all
	Limit  int
	Follow *Followers // only in a View; a package-level variable, so that equal ranges are equal
}

// A Ref names something to read, for Tx.Want.
type Ref struct {
	w    want
	lock dal.Lock
}

// Row names the row of t with primary key k.
func Row(t *schema.Table, k schema.Key, lock dal.Lock) Ref {
	return Ref{want{index: t.Primary, key: k}, lock}
}

// Prefix names all rows whose key in x is, or begins with, k.
func Prefix(x *schema.Index, k schema.Key) Ref {
	return Ref{want{index: x, key: k, kind: wantPrefix}, dal.None}
}

// Ref names the rows of r.
func (r Range) Ref() Ref {
	return Ref{want{r.Index, r.Prefix, wantScan, r.After, r.Limit, r.Follow}, dal.None}
}

// wants is a set of wants with the strongest lock asked for each.
type wants map[want]dal.Lock

func (ws wants) add(w want, lock dal.Lock) {
	if old, ok := ws[w]; !ok || old < lock {
		ws[w] = lock
	}
}

// guess notes that a row which is wanted exclusively seems not to be there. A row that
// is absent cannot be locked in any mode, so it is looked at in the statement that locks
// its ancestors shared. If it is there after all, the call has a hint for the next batch.
func (ws wants) guess(t *schema.Table, k schema.Key) {
	ws[want{index: t.Primary, key: k}] = dal.Shared
}

// locked returns the rows to lock, in the one lock order: tables by schema, rows
// by key. Neighbours of one mode share a fetch of at most most keys.
func (ws wants) locked(most int) []dal.Fetch {
	type row struct {
		w    want
		lock dal.Lock
	}
	var rows []row
	for w, lock := range ws {
		if lock != dal.None {
			rows = append(rows, row{w, lock})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.w.index != b.w.index {
			return cmp.Compare(a.w.index.Table().Order, b.w.index.Table().Order)
		}
		return cmp.Compare(a.w.key, b.w.key)
	})
	var fetches []dal.Fetch
	for _, r := range rows {
		n := len(fetches) - 1
		if n < 0 || fetches[n].Table != r.w.index.Table() || fetches[n].Lock != r.lock ||
			len(fetches[n].Keys) >= most {
			fetches = append(fetches, dal.Fetch{Table: r.w.index.Table(), Lock: r.lock})
			n++
		}
		fetches[n].Keys = append(fetches[n].Keys, r.w.key)
	}
	return fetches
}

// plain returns the fetches of everything that is not locked: one for the rows of
// each table, one for the prefixes of one length of each index, one for each scan.
// The second result names, for each fetch, the scan that it answers. With all, rows
// that want a lock are among them.
func (ws wants) plain(all bool, most int) ([]dal.Fetch, []want) {
	type group struct {
		index *schema.Index
		n     int // columns of the prefix, -1 for rows
	}
	keys := map[group][]schema.Key{}
	var scans []want
	for w, lock := range ws {
		switch {
		case lock != dal.None && !all:
		case w.kind == wantScan:
			scans = append(scans, w)
		case w.kind == wantPrefix:
			g := group{w.index, w.index.Len(w.key)}
			keys[g] = append(keys[g], w.key)
		default:
			g := group{w.index, -1}
			keys[g] = append(keys[g], w.key)
		}
	}
	groups := make([]group, 0, len(keys))
	for g := range keys {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.index.Table().Order, b.index.Table().Order),
			cmp.Compare(a.index.Name, b.index.Name), cmp.Compare(a.n, b.n))
	})
	slices.SortFunc(scans, func(a, b want) int {
		return cmp.Or(cmp.Compare(a.index.Table().Order, b.index.Table().Order),
			cmp.Compare(a.key, b.key), cmp.Compare(a.after, b.after), cmp.Compare(a.limit, b.limit))
	})
	var fetches []dal.Fetch
	for _, g := range groups {
		slices.Sort(keys[g])
		for part := range slices.Chunk(keys[g], most) {
			fetches = append(fetches, dal.Fetch{Table: g.index.Table(), Index: g.index, Keys: part})
		}
	}
	of := make([]want, len(fetches), len(fetches)+len(scans))
	for _, w := range scans {
		f := dal.Fetch{Table: w.index.Table(), Index: w.index,
			Scan: &dal.Scan{Prefix: w.key, After: w.after, Limit: w.limit}}
		if w.follow != nil {
			f.Follow = *w.follow
		}
		fetches = append(fetches, f)
		of = append(of, w)
	}
	return fetches, of
}

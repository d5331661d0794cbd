package txn

import (
	"cmp"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

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

// asked is a want of one call, with the strongest lock that the call asked for. slot
// is where the batch that serves the call keeps the answer; nil if it has none.
type asked struct {
	want
	lock dal.Lock
	leaf bool // see Tx.Leaf
	slot *slot
}

// guess notes that a row which is wanted exclusively seems not to be there. A row that
// is absent cannot be locked in any mode, so it is looked at in the statement that locks
// its ancestors shared. If it is there after all, the call has a hint for the next batch.
func (a *asked) guess() { a.lock = dal.Shared }

// wants is what one run asked for, each once, in the order of asking. Most runs ask
// for less than a dozen things: those are searched one by one.
type wants struct {
	list  []asked
	index map[want]int // places in list, once it is long
}

// longList is how long a list is searched without an index.
const longList = 24

func (ws *wants) len() int { return len(ws.list) }

// add returns what is kept of w, until the next call of add; it is new if w was not
// asked for before.
func (ws *wants) add(w *want, lock dal.Lock) (a *asked, isNew bool) {
	if i := ws.find(w); i >= 0 {
		a = &ws.list[i]
		a.lock = max(a.lock, lock)
		return a, false
	}
	n := len(ws.list)
	ws.list = append(ws.list, asked{want: *w, lock: lock})
	switch {
	case ws.index != nil:
		ws.index[*w] = n
	case n == longList:
		ws.index = make(map[want]int, 4*longList)
		for i := range ws.list {
			ws.index[ws.list[i].want] = i
		}
	}
	return &ws.list[n], true
}

func (ws *wants) find(w *want) int {
	if ws.index != nil {
		if i, ok := ws.index[*w]; ok {
			return i
		}
		return -1
	}
	for i := range ws.list {
		if a := &ws.list[i]; a.key == w.key && a.want == *w {
			return i
		}
	}
	return -1
}

// A plan is what to fetch, and for each fetch the slots that its answer fills, in
// the order of their keys.
type plan struct {
	fetches []dal.Fetch
	slots   [][]*slot

	order []*slot      // memory of slots
	keys  []schema.Key // memory of the keys of fetches
}

// begin empties the plan and makes room for n slots.
func (p *plan) begin(n int) {
	p.clear()
	if n > cap(p.order) {
		p.order, p.keys = make([]*slot, 0, 2*n), make([]schema.Key, 0, 2*n)
	}
}

func (p *plan) clear() {
	clear(p.fetches)
	clear(p.slots)
	clear(p.order)
	clear(p.keys)
	p.fetches, p.slots, p.order, p.keys = p.fetches[:0], p.slots[:0], p.order[:0], p.keys[:0]
}

func (p *plan) add(f dal.Fetch, slots []*slot) {
	p.fetches = append(p.fetches, f)
	p.slots = append(p.slots, slots)
}

func (p *plan) keysOf(slots []*slot) []schema.Key {
	from := len(p.keys)
	for _, s := range slots {
		p.keys = append(p.keys, s.key)
	}
	return p.keys[from:]
}

// locked adds the rows to lock among those wanted, in the one lock order: tables by
// schema, leaves behind the others and of those the shared ones first, rows by key.
// Neighbours of one mode share a fetch of at most most keys.
func (p *plan) locked(wanted []*slot, most int) {
	for _, s := range wanted {
		if s.lock != dal.None {
			p.order = append(p.order, s)
		}
	}
	rows := p.order
	slices.SortFunc(rows, func(a, b *slot) int {
		switch {
		case a.index != b.index:
			return cmp.Compare(a.index.Table().Order, b.index.Table().Order)
		case a.leaf != b.leaf:
			return cmp.Compare(a.group(), b.group())
		case a.leaf && a.lock != b.lock:
			return cmp.Compare(a.lock, b.lock)
		}
		return byKey(a, b)
	})
	for len(rows) > 0 {
		n := 1
		for n < min(len(rows), most) && rows[n].index == rows[0].index && rows[n].lock == rows[0].lock {
			n++
		}
		if rows[0].leaf != rows[n-1].leaf {
			slices.SortFunc(rows[:n], byKey) // it is one statement, which locks by key
		}
		p.add(dal.Fetch{Table: rows[0].index.Table(), Lock: rows[0].lock, Keys: p.keysOf(rows[:n])}, rows[:n])
		rows = rows[n:]
	}
}

// mayWaitBehind reports whether s may be locked after t was looked at.
func (s *slot) mayWaitBehind(t *slot) bool {
	switch {
	case s.index != t.index:
		return s.index.Table().Order > t.index.Table().Order
	case s.leaf && !t.leaf:
		return true
	case s.lock != t.lock && (s.leaf || t.leaf):
		return s.leaf && s.lock > t.lock
	}
	return s.key > t.key
}

func byKey(a, b *slot) int { return cmp.Compare(a.key, b.key) }

// group is 1 for leaves, 0 for the rows before them.
func (s *slot) group() int {
	if s.leaf {
		return 1
	}
	return 0
}

// plain adds everything wanted that is not locked: one fetch for the rows of each
// table, one for the prefixes of one length of each index, one for each scan.
func (p *plan) plain(wanted []*slot, most int) {
	from := len(p.order)
	for _, s := range wanted {
		if s.lock == dal.None {
			s.width = s.columns()
			p.order = append(p.order, s)
		}
	}
	rest := p.order[from:]
	slices.SortFunc(rest, func(a, b *slot) int {
		switch {
		case (a.kind == wantScan) != (b.kind == wantScan):
			return cmp.Compare(a.kind, b.kind)
		case a.index.Table() != b.index.Table():
			return cmp.Compare(a.index.Table().Order, b.index.Table().Order)
		case a.kind == wantScan:
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.after, b.after), cmp.Compare(a.limit, b.limit))
		case a.index != b.index:
			return cmp.Compare(a.index.Name, b.index.Name)
		case a.width != b.width:
			return cmp.Compare(a.width, b.width)
		}
		return cmp.Compare(a.key, b.key)
	})
	for len(rest) > 0 {
		s, n := rest[0], 1
		if s.kind == wantScan {
			p.scan(rest[:n])
			rest = rest[n:]
			continue
		}
		for n < min(len(rest), most) && rest[n].kind == s.kind && rest[n].index == s.index && rest[n].width == s.width {
			n++
		}
		p.add(dal.Fetch{Table: s.index.Table(), Index: s.index, Keys: p.keysOf(rest[:n])}, rest[:n])
		rest = rest[n:]
	}
}

func (p *plan) scan(slots []*slot) {
	s := slots[0]
	f := dal.Fetch{Table: s.index.Table(), Index: s.index,
		Scan: &dal.Scan{Prefix: s.key, After: s.after, Limit: s.limit}}
	if s.follow != nil {
		f.Follow = *s.follow
	}
	p.add(f, slots)
}

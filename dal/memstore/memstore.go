// Package memstore is a store in memory. It keeps the contract of dal, with real
// row locks, deadlock detection and atomic commits, and it is stricter than a
// database where that finds mistakes: raising a lock is refused. It promises no
// speed and forgets everything at Close. It is the model that the other stores
// and the engine are tested against.
package memstore

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var (
	errClosed = errors.New("the store is closed")
	errNoRows = errors.New("there are no tables: migrate first")
)

// Store is a dal.Store in memory.
type Store struct {
	traits dal.Traits

	mu      sync.Mutex // guards all below
	tables  map[*schema.Table]*data
	locks   map[rowID]*rowLock
	unused  []*rowLock // to be used again
	version uint
	closed  bool
}

// data is one table: its rows by primary key, and for each secondary index by the
// index's key followed by the primary key.
type data struct {
	rows    ordered
	indexes []ordered
}

var _ dal.Store = (*Store)(nil)

// New returns an empty store of the newest version. Each change may alter the
// traits that the store tells of itself.
func New(changes ...func(*dal.Traits)) *Store {
	s := &Store{
		traits:  dal.Traits{Name: "memory", Lanes: 2, MaxChanges: 10_000, MaxKeys: 1_000},
		locks:   map[rowID]*rowLock{},
		version: schema.Version,
	}
	for _, change := range changes {
		change(&s.traits)
	}
	s.clear()
	return s
}

func (s *Store) clear() {
	s.tables = map[*schema.Table]*data{}
	for _, t := range schema.Tables {
		s.tables[t] = &data{indexes: make([]ordered, len(t.Indexes))}
	}
}

// usable reports why nothing can be read or written. The mutex is held.
func (s *Store) usable(op string) error {
	switch {
	case s.closed:
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errClosed}
	case s.tables == nil:
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errNoRows}
	}
	return nil
}

// Traits is part of dal.Store.
func (s *Store) Traits() dal.Traits { return s.traits }

// Admin is part of dal.Store.
func (s *Store) Admin() dal.Admin { return admin{s} }

// Close is part of dal.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Read is part of dal.Store.
func (s *Store) Read(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := dal.CheckFetches(fetches, s.traits.MaxKeys); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable("read"); err != nil {
		return nil, err
	}
	answer := make([]dal.Rows, len(fetches))
	for i := range fetches {
		answer[i] = s.answer(&fetches[i])
	}
	return answer, nil
}

// answer reads what f asks for. The mutex is held.
func (s *Store) answer(f *dal.Fetch) dal.Rows {
	var r dal.Rows
	if f.Scan != nil {
		r.Rows = s.scan(f)
	} else {
		r.Rows = s.find(f.By(), f.Keys)
	}
	if len(f.Follow) == 0 {
		return r
	}
	r.Followed = make([][]schema.Row, len(f.Follow))
	for i, fo := range f.Follow {
		keys := make([]schema.Key, 0, len(r.Rows))
		for _, row := range r.Rows {
			if fo.Takes(row) {
				keys = append(keys, schema.KeyOf(row[fo.Column]))
			}
		}
		r.Followed[i] = s.find(fo.Index, keys)
	}
	return r
}

// list returns the rows in the order of x.
func (s *Store) list(x *schema.Index) *ordered {
	d := s.tables[x.Table()]
	for i, other := range x.Table().Indexes {
		if x == other {
			return &d.indexes[i]
		}
	}
	return &d.rows
}

func (s *Store) find(x *schema.Index, keys []schema.Key) []schema.Row {
	list := s.list(x)
	rows := make([]schema.Row, 0, len(keys))
	for _, k := range sorted(keys) {
		rows = list.prefixed(rows, k)
	}
	return rows
}

func (s *Store) scan(f *dal.Fetch) []schema.Row {
	sc := f.Scan
	limit := sc.Limit
	if limit == 0 {
		limit = math.MaxInt
	}
	from := sc.Prefix
	if sc.After != "" {
		from = sc.After
	}
	var rows []schema.Row
	s.list(f.By()).ascend(from, func(e entry) bool {
		if sc.After != "" && strings.HasPrefix(string(e.key), string(sc.After)) {
			return true
		}
		if !strings.HasPrefix(string(e.key), string(sc.Prefix)) {
			return false
		}
		if !beyond(f.By(), e.row, sc.Beyond) {
			return true
		}
		rows = append(rows, e.row)
		return len(rows) < limit
	})
	return rows
}

// beyond reports whether a row of x is none that dal.Scan.Beyond leaves out.
func beyond(x *schema.Index, row schema.Row, keys []schema.Key) bool {
	if len(keys) == 0 {
		return true
	}
	own, list := x.KeyOf(row), string(x.PrefixOf(row, len(x.Cols)-1))
	return !slices.ContainsFunc(keys, func(k schema.Key) bool {
		vals := k.Values(x.Columns())
		if len(vals) < len(x.Cols) {
			return strings.HasPrefix(string(own), string(k))
		}
		return own <= k && string(schema.KeyOf(vals[:len(vals)-1]...)) == list
	})
}

// Begin is part of dal.Store.
func (s *Store) Begin(ctx context.Context) (dal.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable("begin"); err != nil {
		return nil, err
	}
	return &tx{s: s}, nil
}

// admin is the operator's side.
type admin struct{ s *Store }

func (a admin) Version(ctx context.Context) (uint, bool, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.s.version, false, ctx.Err()
}

func (a admin) Clock(ctx context.Context) (time.Time, error) { return time.Now(), ctx.Err() }

func (a admin) Migrate(ctx context.Context) error {
	return a.change(ctx, func() {
		if a.s.tables == nil {
			a.s.clear()
		}
		a.s.version = schema.Version
	})
}

func (a admin) Drop(ctx context.Context) error {
	return a.change(ctx, func() { a.s.tables, a.s.version = nil, 0 })
}

func (a admin) Truncate(ctx context.Context) error {
	return a.change(ctx, func() {
		if a.s.tables != nil {
			a.s.clear()
		}
	})
}

func (a admin) change(ctx context.Context, f func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if a.s.closed {
		return a.s.usable("admin")
	}
	f()
	return nil
}

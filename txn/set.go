package txn

import (
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// slot is a fetched row, or its absence, and the lock that it is held with.
type slot struct {
	row  schema.Row
	lock dal.Lock
}

// set is what one batch has fetched. Once filled it is only read, so functions may
// share it.
type set struct {
	rows   map[ref]slot
	ranges map[want]dal.Rows
}

func newSet() *set { return &set{map[ref]slot{}, map[want]dal.Rows{}} }

// fill stores the answers to the fetches that ws was turned into. The locked ones
// come first in fetches; of names the scans among the rest.
func (s *set) fill(ws wants, fetches []dal.Fetch, of []want, answers []dal.Rows) {
	for w, lock := range ws {
		switch w.kind {
		case wantRow:
			r := ref{w.index.Table(), w.key}
			if old, ok := s.rows[r]; !ok || old.lock <= lock {
				s.rows[r] = slot{nil, lock}
			}
		case wantPrefix:
			s.ranges[w] = dal.Rows{}
		}
	}
	for i, f := range fetches {
		switch {
		case f.Scan != nil:
			s.ranges[of[i]] = answers[i]
		case f.Index == nil:
			s.fillRows(f.Table, answers[i].Rows)
		default:
			s.fillKeys(ws, f, answers[i].Rows)
		}
	}
}

func (s *set) fillRows(t *schema.Table, rows []schema.Row) {
	for _, row := range rows {
		r := ref{t, t.Key(row)}
		sl, ok := s.rows[r]
		if ok {
			sl.row = row
			s.rows[r] = sl
		}
	}
}

// fillKeys stores rows that were asked for as rows, as prefixes or as both.
func (s *set) fillKeys(ws wants, f dal.Fetch, rows []schema.Row) {
	n := f.Index.Len(f.Keys[0])
	isRow := f.Index == f.Table.Primary && n == len(f.Index.Cols)
	for _, row := range rows {
		k := f.Index.PrefixOf(row, n)
		if isRow {
			if sl, ok := s.rows[ref{f.Table, k}]; ok && sl.row == nil {
				sl.row = row
				s.rows[ref{f.Table, k}] = sl
			}
		}
		w := want{index: f.Index, key: k, kind: wantPrefix}
		if _, ok := ws[w]; ok {
			got := s.ranges[w]
			got.Rows = append(got.Rows, row)
			s.ranges[w] = got
		}
	}
}

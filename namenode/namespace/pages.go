package namespace

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A page is what a listing found, to be used again as long as the row of its directory
// says that no child has changed. Nothing in it changes once it is kept.
type page struct {
	changes, mtime int64 // of the directory then
	policy         int64 // storage policy that children without one have
	more           bool  // names follow
	entries        []FileStatus
	dirs           []int // which entries are directories: their times and children are not in the page
	answer         atomic.Pointer[[]byte]
}

// maxSubdirs is how many directories a page may have that is kept: their rows are read
// each time it is used.
const maxSubdirs = 64

// pageKey names a page.
type pageKey struct {
	dir   int64
	after string
}

// pages remembers pages, of at most so many entries together. Safe for many goroutines.
type pages struct {
	mu      sync.Mutex
	lru     *simplelru.LRU[pageKey, *page]
	entries int
	most    int
}

func newPages(most int) *pages {
	p := &pages{most: most}
	// A page without entries costs something as well. NewLRU fails for sizes below 1 only.
	p.lru, _ = simplelru.NewLRU(max(1, most), func(_ pageKey, old *page) { p.entries -= len(old.entries) + 1 })
	return p
}

func (p *pages) get(k pageKey) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	pg, _ := p.lru.Get(k)
	return pg
}

// keep remembers a page, in place of what was known under its key.
func (p *pages) keep(k pageKey, pg *page) {
	if pg == nil || len(pg.entries) >= p.most {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lru.Remove(k)
	p.lru.Add(k, pg)
	for p.entries += len(pg.entries) + 1; p.entries > p.most; {
		p.lru.RemoveOldest()
	}
}

// newPage makes a page of a listing, nil if it is not worth keeping. It shares no memory
// with rows: those of one answer of the store may keep each other.
func newPage(row schema.Directory, policy int64, l *Listing) *page {
	pg := &page{changes: row.Changes, mtime: row.MTime, policy: policy, more: l.Remaining > 0, entries: slices.Clone(l.Entries)}
	var last FileStatus
	for i := range pg.entries {
		st := &pg.entries[i]
		st.Name = strings.Clone(st.Name)
		st.Path = st.Name
		st.UserName = again(last.UserName, st.UserName)
		st.GroupName = again(last.GroupName, st.GroupName)
		st.ClientName = again(last.ClientName, st.ClientName)
		st.ClientMachine = again(last.ClientMachine, st.ClientMachine)
		last = *st
		if st.IsDir() {
			pg.dirs = append(pg.dirs, i)
		}
	}
	if len(pg.dirs) > maxSubdirs {
		return nil
	}
	return pg
}

// again returns a copy of s: kept, if that is one.
func again(kept, s string) string {
	if kept == s {
		return kept
	}
	return strings.Clone(s)
}

// valid reports whether a listing would find the same.
func (pg *page) valid(row schema.Directory, policy int64) bool {
	return pg.changes == row.Changes && pg.mtime == row.MTime && pg.policy == policy
}

// want announces the rows that the page does not have.
func (pg *page) want(tx *txn.Tx) {
	for _, i := range pg.dirs {
		tx.Want(txn.Row(schema.Directories, tx.Key(schema.Int(pg.entries[i].ID)), dal.None))
	}
}

// listing returns what the page says, with the directories in it as they are now.
func (pg *page) listing(tx *txn.Tx) (*Listing, error) {
	if len(pg.dirs) == 0 {
		return &Listing{Entries: pg.entries, Answer: &pg.answer}, nil
	}
	l := &Listing{Entries: slices.Clone(pg.entries)}
	for _, i := range pg.dirs {
		row, err := tx.Get(schema.Directories, tx.Key(schema.Int(pg.entries[i].ID)), dal.None)
		if err != nil {
			return nil, err
		}
		if row != nil {
			l.Entries[i].setDirectory(schema.DirectoryOf(row))
		}
	}
	return l, nil
}

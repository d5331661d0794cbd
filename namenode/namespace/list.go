package namespace

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A Listing is one page of a directory, in byte order of the names.
type Listing struct {
	Entries   []FileStatus
	Remaining int64 // how many follow, as far as known; 0 at the end
	// Answer, if not nil, is shared by listings with these Entries: a place to keep what
	// an answer to a client says of them.
	Answer *atomic.Pointer[[]byte]
}

var (
	inodeID   = schema.Inodes.Column("id")
	inodeKind = schema.Inodes.Column("kind")
	// withTimes brings the directories row of each child that is a directory.
	withTimes = &txn.Followers{followKind(schema.Directories, schema.KindDirectory)}
	// withBlocks brings the blocks and replicas of each child too.
	withBlocks = &txn.Followers{
		followKind(schema.Directories, schema.KindDirectory),
		followKind(schema.Blocks, schema.KindFile),
		followKind(schema.Replicas, schema.KindFile),
	}
)

// followKind brings the rows of t that belong to inodes of one kind.
func followKind(t *schema.Table, kind int64) dal.Follow {
	return dal.Follow{Index: t.Primary, Column: inodeID, OnlyColumn: inodeKind, Only: schema.Int(kind)}
}

// GetListing returns a page of src after the name startAfter, nil if src does not
// exist. The listing of a file is the file, with an empty name. With located the
// block locations of files come along.
func (n *Namespace) GetListing(ctx context.Context, c *Caller, src, startAfter string, located bool) (*Listing, error) {
	p, err := parse(src)
	if err != nil {
		return nil, err
	}
	if p.isReserved() && len(p.parts) == 1 {
		return n.reservedListing(), nil
	}
	var found *Listing
	var at pageKey
	var fresh *page
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		found, fresh = nil, nil
		w, err := n.resolve(tx, p, dal.None)
		if err != nil {
			return err
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if !w.found() {
			return w.noSnapshots()
		}
		in := w.effective()
		if in.Kind != schema.KindDirectory {
			// HDFS asks for no rights on a file that is listed; with locations they
			// are those of a reader.
			found = &Listing{Entries: make([]FileStatus, 1)}
			return n.status(tx, in, located, c.Host, &found.Entries[0])
		}
		if err := w.requireTarget(c, Read|Execute); err != nil {
			return err
		}
		if located {
			found, _, err = n.listDirectory(tx, in, startAfter, true, c.Host)
			return err
		}
		at = pageKey{in.ID, startAfter}
		found, fresh, err = n.listPage(tx, in, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	if fresh != nil {
		n.pages.keep(at, fresh)
	}
	return found, nil
}

// listPage lists a directory without locations. A page that is remembered and holds
// still takes the place of the rows of the children; else there is one to remember.
func (n *Namespace) listPage(tx *txn.Tx, dir *schema.Inode, at pageKey) (*Listing, *page, error) {
	if pg := n.pages.get(at); pg != nil {
		own := tx.Key(schema.Int(dir.ID))
		tx.Want(txn.Row(schema.Directories, own, dal.None))
		pg.want(tx)
		row, err := tx.Get(schema.Directories, own, dal.None)
		if err != nil {
			return nil, nil, err
		}
		if row != nil && pg.valid(schema.DirectoryOf(row), dir.StoragePolicy) {
			l, err := pg.listing(tx)
			if err == nil && pg.more {
				l.Remaining = remaining(row, at.after, len(l.Entries))
			}
			return l, nil, err
		}
	}
	l, row, err := n.listDirectory(tx, dir, at.after, false, "")
	if err != nil || row == nil || !n.eng.Coherent() {
		return l, nil, err
	}
	return l, newPage(schema.DirectoryOf(row), dir.StoragePolicy, l), nil
}

// remaining returns how many names follow the first page of entries, at least 1.
func remaining(dir schema.Row, startAfter string, entries int) int64 {
	if dir == nil || startAfter != "" {
		return 1
	}
	return max(1, schema.DirectoryOf(dir).Entries-int64(entries))
}

// listDirectory returns a page, and the row of the directory.
func (n *Namespace) listDirectory(tx *txn.Tx, dir *schema.Inode, startAfter string, located bool, host string) (*Listing, schema.Row, error) {
	r := txn.Range{Index: schema.Inodes.Primary, Limit: n.set.ListLimit + 1, Follow: withTimes,
		Prefix: tx.Key(schema.Int(schema.PartitionOf(dir.ID)), schema.Int(dir.ID))}
	if startAfter != "" {
		r.After = schema.InodeKey(dir.ID, startAfter)
	}
	if located {
		r.Follow = withBlocks
	}
	own := tx.Key(schema.Int(dir.ID))
	tx.Want(txn.Row(schema.Directories, own, dal.None))
	got, err := tx.Scan(r)
	if err != nil {
		return nil, nil, err
	}
	row, err := tx.Get(schema.Directories, own, dal.None)
	if err != nil {
		return nil, nil, err
	}
	page := &Listing{}
	rows := got.Rows
	if len(rows) > n.set.ListLimit {
		rows = rows[:n.set.ListLimit]
		page.Remaining = remaining(row, startAfter, len(rows))
	}
	dirs := map[int64]schema.Directory{}
	for _, r := range got.Followed[0] {
		d := schema.DirectoryOf(r)
		dirs[d.ID] = d
	}
	var files map[int64]*blocks.File
	if located {
		files = blocks.GroupFiles(got.Followed[1], got.Followed[2])
	}
	page.Entries = make([]FileStatus, len(rows))
	for i, r := range rows {
		in := schema.InodeOf(r)
		in.StoragePolicy = cmp.Or(in.StoragePolicy, dir.StoragePolicy)
		st := FileStatus{Inode: in, Path: in.Name, ModTime: in.MTime}
		if d, ok := dirs[in.ID]; ok && in.Kind == schema.KindDirectory {
			st.setDirectory(d)
		}
		if located && in.Kind == schema.KindFile {
			f := files[in.ID]
			if f == nil {
				f = &blocks.File{}
			}
			st.Located = n.blocks.Locate(f, in.Length, in.ClientName != "", 0, in.Length, host)
		}
		page.Entries[i] = st
	}
	return page, row, nil
}

// noSnapshots is the error for the snapshots of a directory, which cannot have any; nil
// for another name that does not exist.
func (w *walk) noSnapshots() error {
	last := len(w.names.parts) - 1
	if last == 0 || w.name() != snapshotDir {
		return nil
	}
	if !w.hasParent() {
		return fault.New(fault.NotFound, "Directory does not exist: %s", w.names.join(last))
	}
	return fault.New(fault.Snapshot, "Directory is not a snapshottable directory: %s", w.names.join(last))
}

// reservedListing lists /.reserved; what is below it cannot be listed.
func (n *Namespace) reservedListing() *Listing {
	var page Listing
	for _, name := range []string{reservedInodes, reservedRaw} {
		st := n.reservedEntry()
		st.Path = name
		page.Entries = append(page.Entries, *st)
	}
	return &page
}

// reservedEntry is the status of what is in /.reserved.
func (n *Namespace) reservedEntry() *FileStatus {
	return &FileStatus{Inode: schema.Inode{ID: schema.RootID, Kind: schema.KindDirectory, Mode: 0o770, GroupName: n.set.SuperGroup}}
}

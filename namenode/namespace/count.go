package namespace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Some changes must know what a whole tree uses: a quota for a directory that is not
// empty, and a directory with children that leaves a quota or comes into one. The tree
// may be too large for one transaction. So the directory is closed first: its row says
// which count closed it, and every change below it waits. Then the tree is read in
// steps, and the transaction that needs the sum opens the directory again.

// A count is what was found below a directory that is closed.
type count struct {
	dir   int64
	token string // in the directory's row, while it is closed by this count

	names int64
	space int64
	fixed byType          // of files with a policy in the tree
	plain map[int64]int64 // bytes without replicas of the other files, by replication

	// below are the directories in the tree with quotas by type of storage whose files
	// have no policy in the tree: what they use depends on where the tree is.
	below map[int64]*count
}

func newCount(dir int64) *count { return &count{dir: dir, plain: map[int64]int64{}} }

// under is what the tree uses below a directory with a policy.
func (t *count) under(policy int64) usage {
	u := usage{names: t.names, space: t.space, types: t.fixed}
	for replication, bytes := range t.plain {
		u.add(usage{types: typesOf(policy, bytes, replication)})
	}
	return u
}

func (t *count) addFile(in *schema.Inode, last *schema.Block, policy int64) {
	u := fileUsage(in, last, 0)
	t.names++
	t.space += u.space
	bytes := in.Length + beingWritten(in, last)
	if policy = cmp.Or(in.StoragePolicy, policy); policy == 0 {
		t.plain[in.Replication] += bytes
		return
	}
	types := usage{types: t.fixed}
	types.add(usage{types: typesOf(policy, bytes, in.Replication)})
	t.fixed = types.types
}

// closed is the error of a change that meets a closed directory.
type closed struct {
	dir   int64
	token string
	heard int64 // ms, when the count was last heard of
	now   int64
}

func (c *closed) Error() string {
	return fmt.Sprintf("directory %d is closed while its contents are counted; try again", c.dir)
}

// Bounds of the wait for a closed directory.
const (
	closedPause    = 2 * time.Millisecond // at first; it doubles
	closedPauseMax = 200 * time.Millisecond
	closedPatience = 20 * time.Second // then the client is asked to come again
	closedStale    = 60_000           // ms of silence after which a count is given up
	closedRenew    = 20_000           // entries read after which a count says that it goes on
)

// updateOnceOpen goes on with an update that met a closed directory.
func (n *Namespace) updateOnceOpen(ctx context.Context, shut *closed, fn func(*txn.Tx) error) error {
	var err error
	for pause, waited := closedPause, time.Duration(0); waited < closedPatience; waited += pause {
		if shut.now-shut.heard > closedStale {
			if err := n.openDir(ctx, shut.dir, shut.token); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if err = n.eng.Update(ctx, fn); !errors.As(err, &shut) {
			return err
		}
		pause = min(2*pause, closedPauseMax)
	}
	return fault.Wrap(fault.Retry, err)
}

// entered is asked about each inode of a path that a change is about.
func (w *walk) entered(tx *txn.Tx, last dal.Lock) error {
	in := w.last()
	if last == dal.None || in.Kind != schema.KindDirectory || in.ClientName == "" {
		return nil
	}
	if t := countOf(tx.Context()); t != nil && t.token == in.ClientName {
		return nil
	}
	return &closed{dir: in.ID, token: in.ClientName, heard: in.MTime, now: tx.Now()}
}

// reopen takes the mark of a count off a directory, whose row the caller writes.
func reopen(in *schema.Inode) { in.ClientName, in.MTime = "", 0 }

type countKey struct{}

func countOf(ctx context.Context) *count {
	t, _ := ctx.Value(countKey{}).(*count)
	return t
}

// uncounted is the error of a change that must know what a directory's tree uses.
type uncounted struct{ dir int64 }

func (u *uncounted) Error() string {
	return fmt.Sprintf("the contents of directory %d are not counted", u.dir)
}

// counting runs do, whose changes may ask for the usage of a tree. It is counted then
// and do is run again, with the count in its context.
func (n *Namespace) counting(ctx context.Context, do func(context.Context) error) error {
	err := do(ctx)
	var need *uncounted
	for errors.As(err, &need) {
		t, failed := n.count(ctx, need.dir)
		switch {
		case failed == nil:
			failed = do(context.WithValue(ctx, countKey{}, t))
		case fault.KindOf(failed) == fault.NotFound:
			failed = do(ctx)
		}
		err = failed
		if t != nil { // mostly it is open by now, or gone
			err = errors.Join(err, n.openDir(context.WithoutCancel(ctx), t.dir, t.token))
		}
	}
	return err
}

// count closes a directory and counts what is there. After an error it may be closed
// still if the count is not nil.
func (n *Namespace) count(ctx context.Context, dir int64) (*count, error) {
	id, err := n.eng.NextID(ctx, schema.VarNextInodeID) // no other count has it
	if err != nil {
		return nil, err
	}
	t := newCount(dir)
	t.token, t.names, t.below = fmt.Sprintf("count %d", id), 1, map[int64]*count{}
	root, err := n.closeDir(ctx, t, false)
	if err != nil {
		return t, err
	}
	root.StoragePolicy = 0 // it is not part of what is below
	read := 0
	c := treeCount{n: n, ctx: ctx, all: t, inside: map[int64][]*count{}}
	err = n.walkFrom(ctx, "", *root, func(dir *treeDir, entries []schema.Inode) error {
		if read += len(entries); read > closedRenew {
			read = 0
			if _, err := n.closeDir(ctx, t, true); err != nil {
				return err
			}
		}
		return c.visit(&dir.in, entries)
	})
	return t, err
}

// byID is the path of an inode wherever it is.
func byID(id int64) names { return names{src: fmt.Sprintf("/.reserved/.inodes/%d", id), inode: id} }

// closeDir marks the directory of a count as closed, or says that the count goes on. It
// returns the directory.
func (n *Namespace) closeDir(ctx context.Context, t *count, again bool) (*schema.Inode, error) {
	var root *schema.Inode
	ctx = context.WithValue(ctx, countKey{}, t)
	err := n.update(ctx, func(tx *txn.Tx) error {
		root = nil
		w, err := n.resolve(tx, byID(t.dir), dal.Exclusive)
		if err != nil {
			return err
		}
		if !w.found() || w.target().ID != t.dir {
			return fault.New(fault.NotFound, "the directory with id %d was deleted or moved meanwhile", t.dir)
		}
		tx.Alone()
		in := *w.target()
		if again && in.ClientName != t.token {
			return &uncounted{t.dir} // others took it for given up
		}
		in.ClientName, in.MTime = t.token, tx.Now()
		tx.Put(schema.Inodes, in.Row())
		root = &in
		return nil
	})
	if err != nil {
		return nil, err
	}
	return root, nil
}

// openDir takes the mark of a count off a directory if it is there.
func (n *Namespace) openDir(ctx context.Context, dir int64, token string) error {
	return n.eng.Update(ctx, func(tx *txn.Tx) error {
		in, err := blocks.LockInode(tx, dir)
		if err != nil || in == nil || in.ClientName != token {
			return err
		}
		tx.Alone()
		reopen(in)
		tx.Put(schema.Inodes, in.Row())
		return nil
	})
}

// A treeCount is one walk through a tree that is closed.
type treeCount struct {
	n   *Namespace
	ctx context.Context //nolint:containedctx // that of one walk
	all *count
	// inside has, for directories below such with quotas by type of storage, the counts
	// of those.
	inside map[int64][]*count
}

func (c *treeCount) visit(dir *schema.Inode, entries []schema.Inode) error {
	counts := c.inside[dir.ParentID]
	if dir.ID != c.all.dir && dir.Flags&schema.FlagHasTypeQuota != 0 {
		if c.all.below[dir.ID] == nil {
			c.all.below[dir.ID] = newCount(dir.ID)
		}
		counts = append(slices.Clone(counts), c.all.below[dir.ID])
	}
	if len(counts) > 0 {
		c.inside[dir.ID] = counts
	}
	lasts, err := c.n.lastBlocks(c.ctx, entries)
	if err != nil {
		return err
	}
	for i := range entries {
		in := &entries[i]
		if in.Kind == schema.KindDirectory {
			c.all.names++
			continue
		}
		c.all.addFile(in, lasts[in.ID], dir.StoragePolicy)
		for _, t := range counts {
			t.addFile(in, lasts[in.ID], dir.StoragePolicy)
		}
	}
	return nil
}

// tree returns what the target and all below it use. It may ask for a count; types says
// whether the types of storage matter.
func (n *Namespace) tree(tx *txn.Tx, w *walk, types bool) (*count, error) {
	in := w.target()
	t := newCount(in.ID)
	if in.Kind == schema.KindFile {
		var last *schema.Block
		if in.ClientName != "" {
			f, err := blocks.ReadFile(tx, in.ID)
			if err != nil {
				return nil, err
			}
			last = f.Last()
		}
		t.addFile(in, last, 0)
		return t, nil
	}
	if done := countOf(tx.Context()); done != nil && done.token == in.ClientName && done.dir == in.ID {
		return done, nil
	}
	if in.Flags&schema.FlagHasQuota != 0 && !types {
		q, err := readQuota(tx, in, dal.Exclusive)
		if err != nil {
			return nil, err
		}
		t.names, t.space = q.used.names, q.used.space
		return t, nil
	}
	whole, err := t.small(tx, in)
	if err == nil && !whole {
		err = &uncounted{in.ID}
	}
	return t, err
}

// Bounds of a tree that is counted by the transaction that needs it.
var smallTree = 1000 // entries

const smallDepth = 6 // levels, each of them a round trip

// small counts the tree of a directory, whose row is locked exclusively, if it is small.
func (t *count) small(tx *txn.Tx, in *schema.Inode) (whole bool, err error) {
	root := *in
	root.StoragePolicy = 0
	t.names, t.below = 1, map[int64]*count{}
	level := []schema.Inode{root}
	for depth := 0; len(level) > 0; depth++ {
		if depth == smallDepth || t.names > int64(smallTree) {
			return false, nil
		}
		for i := range level {
			tx.Want(childrenOf(level[i].ID, "", smallTree).Ref())
		}
		var next, open []schema.Inode
		for i := range level {
			got, err := tx.Scan(childrenOf(level[i].ID, "", smallTree))
			if err != nil {
				return false, err
			}
			if t.names += int64(len(got.Rows)); len(got.Rows) == smallTree {
				return false, nil
			}
			for _, row := range got.Rows {
				in := schema.InodeOf(row)
				in.StoragePolicy = cmp.Or(in.StoragePolicy, level[i].StoragePolicy)
				switch {
				case in.Flags&schema.FlagHasTypeQuota != 0:
					return false, nil
				case in.Kind == schema.KindDirectory:
					next = append(next, in)
				default:
					open = append(open, in)
				}
			}
		}
		if err := t.smallFiles(tx, open); err != nil {
			return false, err
		}
		level = next
	}
	return true, nil
}

// smallFiles adds files whose names are counted.
func (t *count) smallFiles(tx *txn.Tx, files []schema.Inode) error {
	for i := range files {
		if files[i].ClientName != "" {
			tx.Want(txn.Prefix(schema.Blocks.Primary, schema.KeyOf(schema.Int(files[i].ID))))
		}
	}
	for i := range files {
		in := &files[i]
		var last *schema.Block
		if in.ClientName != "" {
			rows, err := tx.Lookup(schema.Blocks.Primary, schema.KeyOf(schema.Int(in.ID)))
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				b := schema.BlockOf(rows[len(rows)-1])
				last = &b
			}
		}
		t.names--
		t.addFile(in, last, 0)
	}
	return nil
}

// anyTypeQuotas reports whether there is a quota by type of storage at all.
func anyTypeQuotas(tx *txn.Tx) (bool, error) {
	got, err := tx.Scan(txn.Range{Index: schema.TypeQuotas.Primary, Limit: 1})
	return len(got.Rows) > 0, err
}

// retype notes what the directories in a tree with quotas by type of storage use, once
// the tree is below a directory with another policy.
func (t *count) retype(tx *txn.Tx, policy int64) error {
	for id := range t.below {
		tx.Want(txn.Row(schema.TypeQuotas, schema.KeyOf(schema.Int(id)), dal.Exclusive))
	}
	for id, b := range t.below {
		q, err := readQuota(tx, &schema.Inode{ID: id, Flags: schema.FlagHasTypeQuota}, dal.Exclusive)
		if err != nil {
			return err
		}
		row := typeRow(id, q.types, b.under(policy).types)
		tx.Put(schema.TypeQuotas, row.Row())
	}
	return nil
}

// openPageBlocks is how many open files are looked at in one read.
const openPageBlocks = 100

// lastBlocks returns the last blocks of those of the entries that are being written.
func (n *Namespace) lastBlocks(ctx context.Context, entries []schema.Inode) (map[int64]*schema.Block, error) {
	var open []int64
	for i := range entries {
		if in := &entries[i]; in.Kind == schema.KindFile && in.ClientName != "" {
			open = append(open, in.ID)
		}
	}
	lasts := map[int64]*schema.Block{}
	for len(open) > 0 {
		page := open[:min(len(open), openPageBlocks)]
		open = open[len(page):]
		err := n.eng.View(ctx, func(tx *txn.Tx) error {
			for _, id := range page {
				tx.Want(txn.Prefix(schema.Blocks.Primary, schema.KeyOf(schema.Int(id))))
			}
			for _, id := range page {
				rows, err := tx.Lookup(schema.Blocks.Primary, schema.KeyOf(schema.Int(id)))
				if err != nil {
					return err
				}
				delete(lasts, id)
				if len(rows) > 0 {
					b := schema.BlockOf(rows[len(rows)-1])
					lasts[id] = &b
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return lasts, nil
}

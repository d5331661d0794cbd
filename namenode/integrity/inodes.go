package integrity

import (
	"context"
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// manyChildren is how many children of a directory are counted in one snapshot.
const manyChildren = 1000

// maxDepth is how many directories can be above an inode.
const maxDepth = 1100

func id(v int64) schema.Key { return schema.KeyOf(schema.Int(v)) }

// called is an inode for messages.
func called(in *schema.Inode) string {
	kind := "file"
	if in.Kind == schema.KindDirectory {
		kind = "directory"
	}
	return fmt.Sprintf("%s %d (%q below %d)", kind, in.ID, in.Name, in.ParentID)
}

func childrenOf(dir int64, after schema.Key) txn.Range {
	return txn.Range{Index: schema.Inodes.Primary, Prefix: schema.KeyOf(schema.Int(schema.PartitionOf(dir)), schema.Int(dir)), After: after, Limit: manyChildren + 1}
}

// wantInode asks for everything that belongs to an inode.
func (l *look) wantInode(in *schema.Inode) {
	want := func(t *schema.Table) { l.tx.Want(txn.Row(t, id(in.ID), dal.None)) }
	want(schema.Directories)
	want(schema.Purge)
	want(schema.OpenFiles)
	want(schema.TypeQuotas)
	l.tx.Want(txn.Row(schema.Purge, id(in.ParentID), dal.None), txn.Prefix(schema.InodesByID, id(in.ParentID)),
		txn.Prefix(schema.ACLs.Primary, id(in.ID)), txn.Prefix(schema.XAttrs.Primary, id(in.ID)))
	if in.Kind == schema.KindDirectory {
		l.tx.Want(childrenOf(in.ID, "").Ref())
	} else {
		l.tx.Want(txn.Prefix(schema.Blocks.Primary, id(in.ID)))
	}
}

// inodes wants each inode to have what its kind and flags say, and a place in the tree.
func (c *Checker) inodes(l *look) error {
	next := schema.KeyOf(schema.Str(schema.VarNextInodeID))
	l.tx.Want(txn.Row(schema.Variables, next, dal.None))
	all := make([]schema.Inode, len(l.rows))
	for i, row := range l.rows {
		all[i] = schema.InodeOf(row)
		l.wantInode(&all[i])
	}
	row, err := l.get(schema.Variables, next)
	if err != nil {
		return err
	}
	for i := range all {
		in := &all[i]
		if row != nil && in.ID >= schema.VariableOf(row).Value {
			l.say(i, "%s: the next id to hand out is %d", called(in), schema.VariableOf(row).Value)
		}
		for _, part := range []func(*look, int, *schema.Inode) error{(*look).place, (*look).flags, (*look).directory, (*look).file} {
			if err := part(l, i, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// place checks the name of an inode and the one above it.
func (l *look) place(i int, in *schema.Inode) error {
	if in.ID == schema.RootID {
		if in.ParentID != schema.RootParentID || in.Name != "" || in.Kind != schema.KindDirectory {
			l.say(i, "%s: the root directory is not as a root is", called(in))
		}
		return nil
	}
	if in.Name == "" || in.Name == "." || in.Name == ".." || strings.ContainsAny(in.Name, "/\x00") {
		l.say(i, "%s: no path can have this name", called(in))
	}
	if in.PartitionID != schema.PartitionOf(in.ParentID) {
		l.say(i, "%s has partition %d", called(in), in.PartitionID)
	}
	if in.Kind != schema.KindDirectory && in.Kind != schema.KindFile {
		l.say(i, "%s has the kind %d", called(in), in.Kind)
	}
	own, err := l.get(schema.Purge, id(in.ID))
	if err != nil {
		return err
	}
	if own != nil {
		l.say(i, "%s is in the tree and listed for removal", called(in))
	}
	parents, err := l.tx.Lookup(schema.InodesByID, id(in.ParentID))
	if err != nil {
		return err
	}
	if len(parents) > 0 {
		if schema.InodeOf(parents[0]).Kind != schema.KindDirectory {
			l.say(i, "%s: its parent is no directory", called(in))
		}
		return nil
	}
	row, err := l.get(schema.Purge, id(in.ParentID))
	if err == nil && (row == nil || schema.PurgedOf(row).Kind != schema.KindDirectory) {
		l.say(i, "%s: its parent is not there", called(in))
	}
	return err
}

// flags checks what the flags of an inode promise.
func (l *look) flags(i int, in *schema.Inode) error {
	for _, f := range []struct {
		bit   int64
		index *schema.Index
		what  string
	}{{schema.FlagHasACL, schema.ACLs.Primary, "ACL entries"}, {schema.FlagHasXAttrs, schema.XAttrs.Primary, "extended attributes"}} {
		rows, err := l.tx.Lookup(f.index, id(in.ID))
		if err != nil {
			return err
		}
		if flag := in.Flags&f.bit != 0; flag != (len(rows) > 0) {
			l.say(i, "%s: flag for "+f.what+" %v, there are %d", called(in), flag, len(rows))
		}
	}
	row, err := l.get(schema.TypeQuotas, id(in.ID))
	if err != nil {
		return err
	}
	if flag := in.Flags&schema.FlagHasTypeQuota != 0; flag != (row != nil) {
		l.say(i, "%s: flag for quotas by type of storage %v, quotas %v", called(in), flag, row != nil)
	}
	if in.Flags&schema.FlagHasTypeQuota != 0 && in.Flags&schema.FlagHasQuota == 0 {
		l.say(i, "%s has a quota by type of storage and no flag for a quota", called(in))
	}
	return nil
}

// directory checks the row of directories and the number of children.
func (l *look) directory(i int, in *schema.Inode) error {
	row, err := l.get(schema.Directories, id(in.ID))
	if err != nil {
		return err
	}
	if in.Kind != schema.KindDirectory {
		if row != nil {
			l.say(i, "%s has a row in directories", called(in))
		}
		return nil
	}
	if row == nil {
		l.say(i, "%s has no row in directories", called(in))
		return nil
	}
	d := schema.DirectoryOf(row)
	quota := d.NSQuota >= 0 || d.DSQuota >= 0 || in.Flags&schema.FlagHasTypeQuota != 0
	flag := in.Flags&schema.FlagHasQuota != 0
	if flag != quota && in.ID != schema.RootID {
		l.say(i, "%s: flag for a quota %v, quota %v", called(in), flag, quota)
	}
	if !flag && (d.NSUsed != 0 || d.DSUsed != 0) {
		l.say(i, "%s has no quota and counts what it uses", called(in))
	}
	got, err := l.tx.Scan(childrenOf(in.ID, ""))
	if err != nil {
		return err
	}
	n := int64(len(got.Rows))
	if n > manyChildren {
		l.large[i] = true
	} else if n != d.Entries {
		l.say(i, "%s has %d children and says %d", called(in), n, d.Entries)
	}
	return nil
}

// file checks the blocks of a file and whether it is known to be open.
func (l *look) file(i int, in *schema.Inode) error {
	if in.Kind != schema.KindFile {
		return nil
	}
	rows, err := l.tx.Lookup(schema.Blocks.Primary, id(in.ID))
	if err != nil {
		return err
	}
	l.fileBlocks(i, in, rows)
	if in.ClientName == "" {
		return nil
	}
	open, err := l.get(schema.OpenFiles, id(in.ID))
	if err == nil && open == nil {
		l.say(i, "%s is open for %q and not in open_files", called(in), in.ClientName)
	}
	return err
}

// fileBlocks wants the blocks numbered from 0, whole but for the end of an open file, and
// as long together as the file says.
func (l *look) fileBlocks(i int, in *schema.Inode, rows []schema.Row) {
	var length int64
	for k, row := range rows {
		b := schema.BlockOf(row)
		if b.Idx != int64(k) {
			l.say(i, "%s: block %d is number %d, not %d", called(in), b.BlockID, b.Idx, k)
		}
		if b.NumBytes < 0 || in.BlockSize > 0 && b.NumBytes > in.BlockSize {
			l.say(i, "%s: block %d has %d bytes, the block size is %d", called(in), b.BlockID, b.NumBytes, in.BlockSize)
		}
		switch b.State {
		case schema.BlockComplete:
			length += b.NumBytes
		case schema.BlockCommitted, schema.BlockUnderConstruction, schema.BlockUnderRecovery:
			if in.ClientName == "" {
				l.say(i, "%s is closed, its block %d is in state %d", called(in), b.BlockID, b.State)
			} else if b.State != schema.BlockCommitted && k != len(rows)-1 {
				l.say(i, "%s: block %d of %d is being written", called(in), k, len(rows))
			}
		default:
			l.say(i, "%s: block %d has the state %d", called(in), b.BlockID, b.State)
		}
	}
	if in.ClientName == "" && in.Length != length {
		l.say(i, "%s has the length %d, its blocks have %d bytes", called(in), in.Length, length)
	}
}

// trees checks of the directories of a page what takes more than one snapshot: whether they
// are below the root, how many children they have if they are many, and what their trees
// use.
func (c *Checker) trees(ctx context.Context, l *look, hear *Listener) error {
	var dirs []int64
	for _, row := range l.rows {
		if in := schema.InodeOf(row); in.Kind == schema.KindDirectory && in.ID != schema.RootID {
			dirs = append(dirs, in.ID)
		}
	}
	loops, err := c.loops(ctx, dirs)
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		in := schema.InodeOf(row)
		if loops[in.ID] {
			hear.Found(called(&in) + " is below itself")
			continue // what it uses would never be counted
		}
		if l.large[i] {
			if err := c.many(ctx, &in, hear); err != nil {
				return err
			}
		}
		if c.Usage == nil || in.Flags&schema.FlagHasQuota == 0 {
			continue
		}
		wrong, err := c.Usage(ctx, in.ID)
		if err != nil {
			return err
		}
		if wrong != "" {
			hear.Found(called(&in) + " " + wrong)
		}
	}
	return nil
}

// loops returns the directories whose way up comes back to them.
func (c *Checker) loops(ctx context.Context, dirs []int64) (found map[int64]bool, err error) {
	for look := 0; look < looks && len(dirs) > 0; look++ {
		if look > 0 {
			if err := sleep(ctx, c.Pause); err != nil {
				return nil, err
			}
		}
		if found, err = c.climb(ctx, dirs); err != nil {
			return nil, err
		}
		dirs = dirs[:0]
		for dir := range found {
			dirs = append(dirs, dir)
		}
	}
	return found, nil
}

// climb follows the ways up of some directories, all of them in one snapshot and a level
// of all in one step.
func (c *Checker) climb(ctx context.Context, dirs []int64) (found map[int64]bool, err error) {
	err = c.Engine.View(ctx, func(tx *txn.Tx) error {
		tx.Fresh()
		found = map[int64]bool{}
		at := map[int64]int64{}
		for _, dir := range dirs {
			at[dir] = dir
		}
		for depth := 0; len(at) > 0 && depth < maxDepth; depth++ {
			for _, above := range at {
				tx.Want(txn.Prefix(schema.InodesByID, id(above)))
			}
			for dir, above := range at {
				rows, err := tx.Lookup(schema.InodesByID, id(above))
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					delete(at, dir) // it is being removed, or an orphan
					continue
				}
				parent := schema.InodeOf(rows[0]).ParentID
				if at[dir] = parent; parent == schema.RootID || parent == schema.RootParentID || parent == dir {
					delete(at, dir)
				}
				if parent == dir {
					found[dir] = true
				}
			}
		}
		return nil
	})
	return found, err
}

// many counts the children of a directory that has more than fit into one snapshot. The
// count is good if the directory did not change meanwhile, and it is wrong if it is wrong
// twice.
func (c *Checker) many(ctx context.Context, in *schema.Inode, hear *Listener) error {
	wrong := 0
	for range 2 * looks {
		before, err := c.row(ctx, in.ID)
		if err != nil || before == nil {
			return err
		}
		n, err := c.children(ctx, in.ID)
		if err != nil || n <= manyChildren {
			return err
		}
		after, err := c.row(ctx, in.ID)
		if err != nil || after == nil {
			return err
		}
		if *before != *after {
			wrong = 0
			continue
		}
		if n == before.Entries {
			return nil
		}
		if wrong++; wrong == 2 {
			hear.Found(fmt.Sprintf("%s has %d children and says %d", called(in), n, before.Entries))
			return nil
		}
		if err := sleep(ctx, c.Pause); err != nil {
			return err
		}
	}
	hear.Note("%s changes too often for its children to be counted", called(in))
	return nil
}

func (c *Checker) row(ctx context.Context, dir int64) (d *schema.Directory, err error) {
	err = c.Engine.View(ctx, func(tx *txn.Tx) error {
		tx.Fresh()
		d = nil
		row, err := tx.Get(schema.Directories, id(dir), dal.None)
		if row != nil {
			v := schema.DirectoryOf(row)
			d = &v
		}
		return err
	})
	return d, err
}

func (c *Checker) children(ctx context.Context, dir int64) (n int64, err error) {
	for after := schema.Key(""); ; {
		var rows []schema.Row
		err := c.Engine.View(ctx, func(tx *txn.Tx) error {
			got, err := tx.Scan(childrenOf(dir, after))
			rows = got.Rows
			return err
		})
		if err != nil {
			return 0, err
		}
		if n += int64(len(rows)); len(rows) <= manyChildren {
			return n, nil
		}
		after = schema.Inodes.Key(rows[len(rows)-1])
	}
}

package namespace

import (
	"context"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Rename moves src to dst, or into dst when that is a directory. It answers false
// where Rename2 has an error of its own: a missing source, a destination that
// exists, a missing parent (HDFS's first rename). A repeated call gets the first
// answer.
func (n *Namespace) Rename(ctx context.Context, c *Caller, src, dst string) (bool, error) {
	ps, pd, err := n.renamePaths(ctx, c, src, dst)
	if err != nil {
		return false, err
	}
	var moved bool
	try := func(tx *txn.Tx) error {
		moved = false
		c.wantAnswer(tx)
		from, to, err := n.resolveTwo(tx, c, ps, pd)
		if err != nil {
			return err
		}
		answer, done, err := c.answered(tx)
		if err != nil || done {
			moved = answer == "true"
			return err
		}
		if to.found() && to.target().Kind == schema.KindDirectory && !from.isRoot() {
			if err := n.requireSource(c, from, to); err != nil {
				return err
			}
			into := pd
			into.parts = append(slices.Clone(to.names.parts), from.name())
			into.inode = 0
			if to, err = n.resolve(tx, into, dal.Exclusive); err != nil {
				return err
			}
		}
		if err := n.requireRename(c, from, to); err != nil {
			return err
		}
		if !from.found() || from.isRoot() {
			return nil
		}
		if slices.Equal(from.names.parts, to.names.parts) {
			moved = true
			c.changed(from.target())
			return nil
		}
		if to.found() || !to.hasParent() || isBelow(to, from) {
			return nil
		}
		moved = true
		if err := n.move(tx, c, from, to); err != nil {
			return err
		}
		return c.remember(tx, "true")
	}
	err = n.counting(ctx, func(ctx context.Context) error { return n.update(ctx, try) })
	return err == nil && moved, err
}

// RenameOptions are those of Rename2.
type RenameOptions struct {
	Overwrite bool // replace a file or an empty directory
	ToTrash   bool
}

// Rename2 moves src to dst with an error for everything that is in the way. A
// repeated call is answered as the first one.
func (n *Namespace) Rename2(ctx context.Context, c *Caller, src, dst string, opt RenameOptions) error {
	ps, pd, err := n.renamePaths(ctx, c, src, dst)
	if err != nil {
		return err
	}
	if opt.ToTrash && !n.super(c) {
		if err := n.requireTrash(ctx, c, ps, pd); err != nil {
			return err
		}
	}
	try := func(tx *txn.Tx) error {
		c.wantAnswer(tx)
		from, to, err := n.resolveTwo(tx, c, ps, pd)
		if err != nil {
			return err
		}
		if _, done, err := c.answered(tx); err != nil || done {
			return err
		}
		if err := n.requireRename(c, from, to); err != nil {
			return err
		}
		if err := n.checkRename(tx, c, from, to, opt); err != nil {
			return err
		}
		if err := n.move(tx, c, from, to); err != nil {
			return err
		}
		return c.remember(tx, "true")
	}
	return n.counting(ctx, func(ctx context.Context) error { return n.update(ctx, try) })
}

// renamePaths takes the paths of a move apart. A destination that cannot be is told of
// those only who may get to the source.
func (n *Namespace) renamePaths(ctx context.Context, c *Caller, src, dst string) (ps, pd names, err error) {
	if ps, err = parse(src); err != nil {
		return
	}
	if err = n.writable("rename ", src); err != nil {
		return
	}
	if pd, err = parse(dst); !validName(dst) {
		err = invalidName(dst)
	}
	if err != nil {
		if first := n.view(ctx, c, src, func(*txn.Tx, *walk) error { return nil }); first != nil {
			err = first
		}
	}
	return ps, pd, err
}

// requireTrash checks what HDFS asks of who moves something to the trash: the rights to
// delete it with all that is below.
func (n *Namespace) requireTrash(ctx context.Context, c *Caller, src, dst names) error {
	var deep bool
	err := n.eng.View(ctx, func(tx *txn.Tx) error {
		to, err := n.resolve(tx, dst, dal.None)
		if err != nil {
			return err
		}
		from, err := n.resolve(tx, src, dal.None)
		if err != nil {
			return err
		}
		if err := from.traverse(c, false); err != nil {
			return err
		}
		if err := to.traverse(c, true); err != nil {
			return err
		}
		deep = from.found() && from.target().Kind == schema.KindDirectory
		return from.requireParent(c, Write)
	})
	if err != nil || !deep {
		return err
	}
	return n.requireBelow(ctx, c, src.src)
}

func (n *Namespace) resolveTwo(tx *txn.Tx, c *Caller, src, dst names) (from, to *walk, err error) {
	// The source comes last, so that its parent names the lane.
	to, err = n.resolve(tx, dst, dal.Exclusive)
	if fault.KindOf(err) == fault.NotFound { // by its id: what is wrong with the source is told first
		if from, first := n.resolve(tx, src, dal.Exclusive); first != nil {
			return nil, nil, first
		} else if first := from.traverse(c, false); first != nil {
			return nil, nil, first
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if from, err = n.resolve(tx, src, dal.Exclusive); err != nil {
		return nil, nil, err
	}
	if from.found() && from.target().Kind == schema.KindDirectory {
		tx.Alone()
	}
	return from, to, nil
}

// requireRename checks the rights for a move.
func (n *Namespace) requireRename(c *Caller, from, to *walk) error {
	if err := n.requireSource(c, from, to); err != nil {
		return err
	}
	return to.requireAncestor(c, Write)
}

// requireSource checks that both paths may be gone to, and the rights on the source.
func (n *Namespace) requireSource(c *Caller, from, to *walk) error {
	if err := from.traverse(c, false); err != nil {
		return err
	}
	if err := to.traverse(c, true); err != nil {
		return err
	}
	return from.requireParent(c, Write)
}

// isBelow reports whether the destination lies in the source's own tree.
func isBelow(to, from *walk) bool {
	a, b := from.names.parts, to.names.parts
	return len(b) > len(a) && slices.Equal(a, b[:len(a)])
}

// checkRename finds what is in the way of a Rename2.
func (n *Namespace) checkRename(tx *txn.Tx, c *Caller, from, to *walk, opt RenameOptions) error {
	src, dst := from.path(), to.path()
	switch {
	case !from.found():
		return fault.New(fault.NotFound, "rename source %s is not found.", src)
	case from.isRoot():
		return fault.New(fault.IO, "rename source cannot be the root")
	case slices.Equal(from.names.parts, to.names.parts):
		return fault.New(fault.Exists, "The source %s and destination %s are the same", src, dst)
	case isBelow(to, from):
		return fault.New(fault.IO, "Rename destination %s is a directory or file under source %s", dst, src)
	case to.isRoot():
		return fault.New(fault.IO, "rename destination cannot be the root")
	case to.found():
		return n.checkReplace(tx, from, to, opt)
	case to.blocked:
		return fault.New(fault.ParentNotDirectory, "rename destination parent %s is a file.", dst)
	case !to.hasParent():
		return fault.New(fault.NotFound, "rename destination parent %s not found.", dst)
	}
	return nil
}

func (n *Namespace) checkReplace(tx *txn.Tx, from, to *walk, opt RenameOptions) error {
	src, dst := from.path(), to.path()
	if from.target().Kind != to.target().Kind {
		return fault.New(fault.IO, "Source %s and destination %s must both be directories", src, dst)
	}
	if !opt.Overwrite {
		return fault.New(fault.Exists, "rename destination %s already exists", dst)
	}
	if to.target().Kind == schema.KindDirectory {
		empty, err := n.empty(tx, to.target().ID)
		if err != nil {
			return err
		}
		if !empty {
			return fault.New(fault.IO, "rename destination directory is not empty: %s", dst)
		}
	}
	return nil
}

// replace removes the file or empty directory at the destination of a move.
func (n *Namespace) replace(tx *txn.Tx, to *walk) error {
	in := to.target()
	touch(tx, in.ParentID, -1)
	if in.Kind == schema.KindFile {
		return n.removeFile(tx, in)
	}
	if err := removeExtras(tx, in); err != nil {
		return err
	}
	tx.Delete(schema.Directories, schema.KeyOf(schema.Int(in.ID)))
	tx.Delete(schema.Inodes, to.key())
	return nil
}

// move takes the source's row to the destination: one row, whatever is below it.
func (n *Namespace) move(tx *txn.Tx, c *Caller, from, to *walk) error {
	last := len(to.names.parts) - 1
	if to.names.isReserved() && last == 0 {
		return fault.New(fault.InvalidPath, "Invalid path name Cannot rename to or from /%s", reserved)
	}
	if err := to.checkName(last); err != nil {
		return err
	}
	gone, err := n.replacedUsage(tx, to)
	if err != nil {
		return err
	}
	if from.parent().ID != to.parent().ID {
		tx.Alone() // it changes the directories of two lanes
		to.growing(tx)
		if err := to.checkRoom(tx, last); err != nil {
			return err
		}
	}
	if to.found() {
		if err := n.replace(tx, to); err != nil {
			return err
		}
	}
	if err := n.moveUsage(tx, from, to, gone); err != nil {
		return err
	}
	in := *from.target()
	if in.Kind == schema.KindDirectory && in.ClientName != "" {
		reopen(&in)
	}
	if in.Kind == schema.KindDirectory && len(n.set.Protected) > 0 {
		if err := n.checkProtected(from.path()); err != nil {
			empty, emptyErr := n.empty(tx, in.ID)
			if emptyErr != nil {
				return emptyErr
			}
			if !empty {
				return err
			}
		}
	}
	tx.Delete(schema.Inodes, from.key())
	touch(tx, from.parent().ID, -1)
	in.PartitionID, in.ParentID, in.Name = schema.PartitionOf(to.parent().ID), to.parent().ID, to.name()
	if err := tx.Insert(schema.Inodes, in.Row()); err != nil {
		return err
	}
	touch(tx, to.parent().ID, 1)
	c.changed(&in)
	return nil
}

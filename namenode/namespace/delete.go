package namespace

import (
	"context"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Delete removes src; false means that it was not there, or is the root. A
// directory with children needs recursive: its row goes at once, whatever is below
// it, and the rest is left to the purge. A repeated call gets the first answer.
func (n *Namespace) Delete(ctx context.Context, c *Caller, src string, recursive bool) (bool, error) {
	p, err := parse(src)
	if err != nil {
		return false, err
	}
	if src == "/"+reserved {
		return false, fault.New(fault.InvalidPath, "Invalid path name %s", src)
	}
	if err := n.writable("delete ", src); err != nil {
		return false, err
	}
	var checked bool // the rights below the directory were looked at
	for {
		var deleted, checkFirst bool
		remove := func(tx *txn.Tx) error {
			deleted, checkFirst = false, false
			c.wantAnswer(tx)
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return err
			}
			answer, done, err := c.answered(tx)
			if err != nil {
				return err
			}
			if done {
				deleted = answer == "true"
				return nil
			}
			if err := w.traverse(c, false); err != nil {
				return err
			}
			if err := w.requireParent(c, Write); err != nil {
				return err
			}
			if !w.found() {
				return nil
			}
			if w.isRoot() {
				return n.keepRoot(tx, w, recursive)
			}
			deleted, checkFirst, err = n.delete(tx, c, w, recursive, checked)
			if err != nil || checkFirst {
				return err
			}
			touch(tx, w.parent().ID, -1)
			return c.remember(tx, "true")
		}
		err = n.counting(ctx, func(ctx context.Context) error { return n.update(ctx, remove) })
		if err != nil || !checkFirst {
			return err == nil && deleted, err
		}
		if err := n.requireBelow(ctx, c, src); err != nil {
			return false, err
		}
		checked = true
	}
}

// keepRoot answers who would delete the root, which is told of its children first.
func (n *Namespace) keepRoot(tx *txn.Tx, w *walk, recursive bool) error {
	if recursive {
		return nil
	}
	tx.Alone()
	empty, err := n.empty(tx, w.target().ID)
	if err == nil && !empty {
		err = fault.New(fault.NotEmpty, "`%s is non empty': Directory is not empty", w.path())
	}
	return err
}

// delete removes the target. checkFirst asks for the rights below a directory to be
// checked, which takes more reads than a transaction should.
func (n *Namespace) delete(tx *txn.Tx, c *Caller, w *walk, recursive, checked bool) (deleted, checkFirst bool, err error) {
	in := w.target()
	if in.Kind == schema.KindFile {
		return true, false, n.removeCharged(tx, w)
	}
	tx.Alone()
	empty, err := n.empty(tx, in.ID)
	if err != nil {
		return false, false, err
	}
	if !empty {
		if !recursive {
			// HDFS looks for rights in the whole tree first, to refuse the call either way.
			if err := w.requireTarget(c, Read|Write|Execute); err != nil {
				return false, false, err
			}
			return false, false, fault.New(fault.NotEmpty, "`%s is non empty': Directory is not empty", w.path())
		}
		if err := n.checkProtected(w.path()); err != nil {
			return false, false, err
		}
		if !n.super(c) && !checked {
			return false, true, nil
		}
	}
	if err := n.discharge(tx, w); err != nil {
		return false, false, err
	}
	if empty {
		tx.Delete(schema.Directories, schema.KeyOf(schema.Int(in.ID)))
	} else {
		p := schema.Purged{InodeID: in.ID, Kind: schema.KindDirectory, Since: tx.Now()}
		if err := tx.Insert(schema.Purge, p.Row()); err != nil {
			return false, false, err
		}
	}
	if err := removeExtras(tx, in); err != nil {
		return false, false, err
	}
	tx.Delete(schema.Inodes, w.key())
	return true, false, nil
}

// discharge takes what the target, a directory, and all below it use off the quotas
// above it.
func (n *Namespace) discharge(tx *txn.Tx, w *walk) error {
	if !w.quotas(w.above()) {
		return nil
	}
	t, err := n.tree(tx, w, w.typeQuotas(w.above()))
	if err != nil {
		return err
	}
	return w.charge(tx, t.under(w.policy(len(w.inodes))).negative())
}

// empty reports whether a directory, whose inode row is locked exclusively, has no
// children.
func (n *Namespace) empty(tx *txn.Tx, dir int64) (bool, error) {
	got, err := tx.Scan(childrenOf(dir, "", 1))
	return len(got.Rows) == 0, err
}

// childrenOf is the range of a directory's children after a name.
func childrenOf(dir int64, after string, limit int) txn.Range {
	r := txn.Range{Index: schema.Inodes.Primary, Limit: limit,
		Prefix: schema.KeyOf(schema.Int(schema.PartitionOf(dir)), schema.Int(dir))}
	if after != "" {
		r.After = schema.InodeKey(dir, after)
	}
	return r
}

// checkProtected refuses to remove or move a non-empty directory that is protected,
// or has a protected one below it. With ProtectBelow those below it are as well.
func (n *Namespace) checkProtected(path string) error {
	for _, p := range n.set.Protected {
		if p == path || strings.HasPrefix(p, path+"/") {
			return fault.New(fault.AccessDenied, "Cannot delete/rename non-empty protected directory %s", p)
		}
		if n.set.ProtectBelow && strings.HasPrefix(path, p+"/") {
			return fault.New(fault.AccessDenied, "Cannot delete/rename subdirectory under protected subdirectory %s", p)
		}
	}
	return nil
}

// requireBelow checks what HDFS asks for a recursive delete of the tree src: all rights
// on every directory that has children, and that no sticky bit keeps a child there.
func (n *Namespace) requireBelow(ctx context.Context, c *Caller, src string) error {
	var top *schema.Inode
	return n.walkTree(ctx, src, func(dir *treeDir, entries []schema.Inode) error {
		if dir == nil {
			return nil // a file by now
		}
		if top == nil {
			top = &dir.in
		}
		if len(entries) > 0 && !allowed(c, &dir.in, dir.acl, Read|Write|Execute) {
			return denied(c, Read|Write|Execute, dir.path, &dir.in)
		}
		for i := range entries {
			if child := &entries[i]; stuck(c, &dir.in, child) {
				// HDFS shows the deleted directory in the place of the sticky one.
				return stickyFault(c, strings.TrimSuffix(dir.path, "/")+"/"+child.Name, child, dir.path, top)
			}
		}
		return nil
	})
}

package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// SetPermission sets the mode of src. Only its owner may.
func (n *Namespace) SetPermission(ctx context.Context, c *Caller, src string, mode int64) error {
	if src == "/"+reserved {
		return fault.New(fault.InvalidPath, "Invalid path name %s", src)
	}
	return n.changeOwned(ctx, c, src, "set permission for "+src, func(tx *txn.Tx, w *walk) error {
		in := *w.target()
		in.Mode = mode & ModeMask
		tx.Put(schema.Inodes, in.Row())
		c.changed(&in)
		return nil
	})
}

// SetOwner sets the owner and the group of src; "" leaves one as it is. Only a
// superuser may give a file away; its owner may choose among the own groups.
func (n *Namespace) SetOwner(ctx context.Context, c *Caller, src, user, group string) error {
	if len(user) > 128 || len(group) > 128 {
		return fault.New(fault.InvalidArgument, "a user or group name has at most 128 bytes")
	}
	if src == "/"+reserved {
		return fault.New(fault.InvalidPath, "Invalid path name %s", src)
	}
	return n.changeOwned(ctx, c, src, "set owner for "+src, func(tx *txn.Tx, w *walk) error {
		if !n.isSuper(c) {
			if user != "" && user != c.User {
				return fault.New(fault.AccessDenied, "User %s is not a super user (non-super user cannot change owner).", c.User)
			}
			if group != "" && !c.inGroup(group) {
				return fault.New(fault.AccessDenied, "User %s does not belong to %s", c.User, group)
			}
		}
		in := *w.target()
		if user != "" {
			in.UserName = user
		}
		if group != "" {
			in.GroupName = group
		}
		tx.Put(schema.Inodes, in.Row())
		c.changed(&in)
		return nil
	})
}

// SetTimes sets the modification and access times of src in ms; -1 leaves one as it
// is. A directory has no access time.
func (n *Namespace) SetTimes(ctx context.Context, c *Caller, src string, mtime, atime int64) error {
	return n.changing(ctx, src, "set times "+src, func(tx *txn.Tx, w *walk) error {
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if !w.found() {
			return fault.New(fault.NotFound, "File/Directory %s does not exist.", w.path())
		}
		if err := w.requireTarget(c, Write); err != nil {
			return err
		}
		in := *w.target()
		c.changed(&in)
		if in.Kind == schema.KindDirectory {
			return setDirectoryTime(tx, in.ID, mtime)
		}
		if mtime != -1 {
			in.MTime = mtime
		}
		if atime != -1 {
			in.ATime = atime
		}
		tx.Put(schema.Inodes, in.Row())
		return nil
	})
}

func setDirectoryTime(tx *txn.Tx, id, mtime int64) error {
	row, err := tx.Get(schema.Directories, schema.KeyOf(schema.Int(id)), dal.Exclusive)
	if err != nil || row == nil || mtime == -1 {
		return err
	}
	d := schema.DirectoryOf(row)
	d.MTime = mtime
	tx.Put(schema.Directories, d.Row())
	return nil
}

// changeOwned runs fn on an existing path whose row is locked exclusively. Only its owner
// may, whether or not permissions are checked.
func (n *Namespace) changeOwned(ctx context.Context, c *Caller, src, what string, fn func(*txn.Tx, *walk) error) error {
	return n.changing(ctx, src, what, func(tx *txn.Tx, w *walk) error {
		w.strict = true
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if !w.found() {
			return fault.New(fault.NotFound, "Directory/File does not exist %s", w.path())
		}
		if err := w.requireOwner(c); err != nil {
			return err
		}
		return fn(tx, w)
	})
}

// changing runs fn on a path whose last row is locked exclusively. It checks nothing.
func (n *Namespace) changing(ctx context.Context, src, what string, fn func(*txn.Tx, *walk) error) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable(what); err != nil {
		return err
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		w, err := n.resolve(tx, p, dal.Exclusive)
		if err != nil {
			return err
		}
		if w.found() && w.target().Kind == schema.KindDirectory {
			tx.Alone()
		}
		return fn(tx, w)
	})
}

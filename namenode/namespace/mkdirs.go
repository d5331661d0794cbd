package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Mkdirs makes the directory src and, with createParent, those above it. A
// directory that exists is left as it is; both are success.
func (n *Namespace) Mkdirs(ctx context.Context, c *Caller, src string, mode int64, createParent bool) error {
	return n.MkdirsWith(ctx, c, src, Modes{Masked: mode}, createParent)
}

// MkdirsWith is Mkdirs for a client that says more of the mode.
func (n *Namespace) MkdirsWith(ctx context.Context, c *Caller, src string, modes Modes, createParent bool) error {
	if !validName(src) {
		return invalidName(src)
	}
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable("create directory ", src); err != nil {
		return err
	}
	var full error
	err = n.update(ctx, func(tx *txn.Tx) error {
		full = nil
		w, err := n.resolve(tx, p, dal.Exclusive)
		if err != nil {
			return err
		}
		if err := w.traverse(c, true); err != nil {
			return err
		}
		if w.found() {
			if w.target().Kind != schema.KindDirectory {
				return fault.New(fault.Exists, "Path is not a directory: %s", src)
			}
			c.changed(w.target())
			return nil
		}
		if err := w.requireAncestor(c, Write); err != nil {
			return err
		}
		if !createParent && !w.hasParent() {
			return w.noParent()
		}
		before := len(w.inodes)
		err = n.makeDirs(tx, c, w, len(w.names.parts), modes)
		if isLimit(err) && len(w.inodes) > before {
			full, err = err, nil // as in HDFS, those that fit stay
		}
		if err == nil {
			c.changed(w.last())
		}
		return err
	})
	if err != nil { // the function may still run then
		return err
	}
	return full
}

// isLimit reports whether an error says that a quota or a limit of the file system keeps
// a name out.
func isLimit(err error) bool {
	switch fault.KindOf(err) {
	case fault.NSQuota, fault.DSQuota, fault.TypeQuota, fault.NameTooLong, fault.TooManyItems, fault.InvalidArgument:
		return true
	}
	return false
}

// noParent is the error for a parent that is missing or not a directory.
func (w *walk) noParent() error {
	parent := w.names.join(len(w.names.parts) - 1)
	if w.blocked {
		return fault.New(fault.ParentNotDirectory, "Parent path is not a directory: %s", parent)
	}
	return fault.New(fault.NotFound, "Parent directory doesn't exist: %s", parent)
}

// makeDirs makes the missing directories among the first depth names and adds them
// to the walk. Those above the last get the mode without the sticky bit and with rights
// for their owner to write and enter, as in HDFS.
func (n *Namespace) makeDirs(tx *txn.Tx, c *Caller, w *walk, depth int, modes Modes) error {
	w.growing(tx)
	if i := len(w.inodes) - 1; i < depth {
		// Others can only meet in the directory that is there already.
		tx.Lane(tx.Key(schema.Int(w.inodes[i].ID)))
	}
	for i := len(w.inodes) - 1; i < depth; i++ {
		parent := w.inodes[i]
		name := w.names.parts[i]
		if err := w.checkName(i); err != nil {
			return err
		}
		if err := w.checkRoom(tx, i); err != nil {
			return err
		}
		if err := w.chargeBetween(tx, 0, len(w.inodes), usage{names: 1}); err != nil {
			return err
		}
		id, err := tx.NewID(schema.VarNextInodeID)
		if err != nil {
			return err
		}
		in := schema.Inode{PartitionID: schema.PartitionOf(parent.ID), ParentID: parent.ID, Name: name,
			ID: id, Kind: schema.KindDirectory, UserName: c.User, GroupName: parent.GroupName}
		want := modes
		if i < len(w.names.parts)-1 {
			want.Masked = modes.Masked&0o777 | 0o300
		}
		if err := w.inherit(i, &in, want); err != nil {
			return err
		}
		if err := tx.Insert(schema.Inodes, in.Append(tx.NewRow(schema.Inodes))); err != nil {
			return err
		}
		d := schema.Directory{ID: id, MTime: tx.Now(), NSQuota: -1, DSQuota: -1}
		if err := tx.Insert(schema.Directories, d.Append(tx.NewRow(schema.Directories))); err != nil {
			return err
		}
		touch(tx, parent.ID, 1)
		w.inodes = append(w.inodes, in)
	}
	return nil
}

package namespace

import (
	"context"
	"errors"
	"slices"

	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// maxACLName is what the column of a name holds, in bytes.
const maxACLName = 128

// An ACLStatus is what getAclStatus tells. The entries are those that the permission bits
// cannot say; with access entries among them, the group bits are the mask.
type ACLStatus struct {
	Owner, Group string
	Mode         int64
	Entries      []acl.Entry
}

// GetACL returns the access control list of src.
func (n *Namespace) GetACL(ctx context.Context, c *Caller, src string) (*ACLStatus, error) {
	if err := n.checkACLs(); err != nil {
		return nil, err
	}
	var st *ACLStatus
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		if !w.found() {
			return w.absent()
		}
		in := w.target()
		entries, err := readACL(tx, in)
		st = &ACLStatus{Owner: in.UserName, Group: in.GroupName, Mode: in.Mode, Entries: entries}
		return err
	})
	return st, err
}

// ModifyACL adds entries to the list of src, or changes those that are about the same.
func (n *Namespace) ModifyACL(ctx context.Context, c *Caller, src string, spec []acl.Entry) error {
	return n.changeACL(ctx, c, src, spec, "modify ACL entries on "+src, func(full []acl.Entry) ([]acl.Entry, error) {
		return acl.Modify(full, spec)
	})
}

// RemoveACLEntries takes entries out of the list of src; their permissions do not matter.
func (n *Namespace) RemoveACLEntries(ctx context.Context, c *Caller, src string, spec []acl.Entry) error {
	return n.changeACL(ctx, c, src, spec, "remove ACL entries on "+src, func(full []acl.Entry) ([]acl.Entry, error) {
		return acl.Remove(full, spec)
	})
}

// RemoveDefaultACL takes all default entries out of the list of src.
func (n *Namespace) RemoveDefaultACL(ctx context.Context, c *Caller, src string) error {
	return n.changeACL(ctx, c, src, nil, "remove default ACL entries on "+src, func(full []acl.Entry) ([]acl.Entry, error) {
		return full[:len(full)-len(acl.Defaults(full))], nil
	})
}

// RemoveACL leaves src with permission bits only.
func (n *Namespace) RemoveACL(ctx context.Context, c *Caller, src string) error {
	return n.changeACL(ctx, c, src, nil, "remove ACL on "+src, withoutList)
}

// withoutList gives the owning group its own entry back in the place of the mask.
func withoutList(full []acl.Entry) ([]acl.Entry, error) {
	return slices.DeleteFunc(slices.Clone(full), func(e acl.Entry) bool {
		return e.Scope == acl.Default || e.Name != "" || e.Kind == acl.Mask
	}), nil
}

// SetACL replaces the scopes of the list of src that spec has entries of; an empty spec
// is RemoveACL.
func (n *Namespace) SetACL(ctx context.Context, c *Caller, src string, spec []acl.Entry) error {
	return n.changeACL(ctx, c, src, spec, "set ACL on "+src, func(full []acl.Entry) ([]acl.Entry, error) {
		if len(spec) == 0 {
			return withoutList(full)
		}
		return acl.Replace(full, spec)
	})
}

// checkACLs returns an error if they are switched off.
func (n *Namespace) checkACLs() error {
	if !n.set.NoACLs {
		return nil
	}
	return fault.New(fault.ACL, "The ACL operation has been rejected.  "+
		"Support for ACLs has been disabled by setting dfs.namenode.acls.enabled to false.")
}

// changeACL runs change on the whole list of src. Only its owner may.
func (n *Namespace) changeACL(ctx context.Context, c *Caller, src string, spec []acl.Entry, what string,
	change func(full []acl.Entry) ([]acl.Entry, error)) error {
	if err := n.checkACLs(); err != nil {
		return err
	}
	for _, e := range spec {
		if len(e.Name) > maxACLName {
			return fault.New(fault.ACL, "Invalid ACL: the name %.20s… has %d bytes, which exceeds maximum of %d.", e.Name, len(e.Name), maxACLName)
		}
	}
	return n.changeOwned(ctx, c, src, what, func(tx *txn.Tx, w *walk) error {
		in := *w.target()
		stored, err := readACL(tx, &in)
		if err != nil {
			return err
		}
		full, err := change(acl.Full(in.Mode, stored))
		if err != nil {
			return aclFault(w, err)
		}
		if len(acl.Defaults(full)) > 0 && in.Kind != schema.KindDirectory {
			return fault.New(fault.ACL, "Invalid ACL: only directories may have a default ACL. Path: %s Path: %s", w.path(), w.names.src)
		}
		var next []acl.Entry
		next, in.Mode = acl.Reduce(in.Mode, full)
		writeACL(tx, &in, len(stored), next)
		tx.Put(schema.Inodes, in.Row())
		c.changed(&in)
		return nil
	})
}

// aclFault is an error of package acl as users know it.
func aclFault(w *walk, err error) error {
	var e acl.Error
	if errors.As(err, &e) {
		return fault.New(fault.ACL, "%s Path: %s", e, w.names.src)
	}
	return err
}

// readACL reads the stored list of an inode, nil if it has none.
func readACL(tx *txn.Tx, in *schema.Inode) ([]acl.Entry, error) {
	if in.Flags&schema.FlagHasACL == 0 {
		return nil, nil
	}
	rows, err := tx.Lookup(schema.ACLs.Primary, tx.Key(schema.Int(in.ID)))
	if err != nil {
		return nil, err
	}
	return aclOf(rows), nil
}

func aclOf(rows []schema.Row) []acl.Entry {
	list := make([]acl.Entry, len(rows))
	for i, row := range rows {
		r := schema.ACLOf(row)
		list[i] = acl.Entry{Scope: acl.Scope(r.Scope), Kind: acl.Kind(r.Type), Name: r.Name, Perm: r.Permission}
	}
	return list
}

// writeACL writes the list of an inode, which had so many entries before, and sets its
// flag. The inode's own row is left to the caller.
func writeACL(tx *txn.Tx, in *schema.Inode, before int, list []acl.Entry) {
	for i, e := range list {
		row := schema.ACL{InodeID: in.ID, Idx: int64(i), Scope: int64(e.Scope), Type: int64(e.Kind), Name: e.Name, Permission: e.Perm}
		tx.Put(schema.ACLs, row.Row())
	}
	for i := len(list); i < before; i++ {
		tx.Delete(schema.ACLs, schema.KeyOf(schema.Int(in.ID), schema.Int(int64(i))))
	}
	in.Flags &^= schema.FlagHasACL
	if len(list) > 0 {
		in.Flags |= schema.FlagHasACL
	}
}

// acl is the stored list of the i-th inode of the path. The first time, those of the
// whole path are asked for.
func (w *walk) acl(i int) ([]acl.Entry, error) {
	in := &w.inodes[i]
	if in.Flags&schema.FlagHasACL == 0 {
		return nil, nil
	}
	if list, ok := w.acls[in.ID]; ok {
		return list, nil
	}
	for j := range w.inodes {
		if w.inodes[j].Flags&schema.FlagHasACL != 0 {
			w.tx.Want(txn.Prefix(schema.ACLs.Primary, w.tx.Key(schema.Int(w.inodes[j].ID))))
		}
	}
	list, err := readACL(w.tx, in)
	if err != nil {
		return nil, err
	}
	w.keepACL(in.ID, list)
	return list, nil
}

func (w *walk) keepACL(id int64, list []acl.Entry) {
	if w.acls == nil {
		w.acls = map[int64][]acl.Entry{}
	}
	w.acls[id] = list
}

// Modes are the permission bits that a client wants something new to have.
type Modes struct {
	Masked   int64  // with its umask applied
	Unmasked *int64 // without it; nil if the client did not say
}

// inherit gives an inode that is about to be inserted into the i-th one of the path its
// permission bits, and the entries that this directory passes on.
func (w *walk) inherit(i int, in *schema.Inode, m Modes) error {
	in.Mode = m.Masked & ModeMask
	parent, err := w.acl(i)
	if err != nil || len(acl.Defaults(parent)) == 0 {
		return err
	}
	if m.Unmasked != nil && !w.n.set.IgnoreUnmasked {
		in.Mode = *m.Unmasked & ModeMask
	}
	list, mode := acl.Inherit(parent, in.Mode, in.Kind == schema.KindDirectory)
	in.Mode = mode
	writeACL(w.tx, in, 0, list)
	w.keepACL(in.ID, list)
	return nil
}

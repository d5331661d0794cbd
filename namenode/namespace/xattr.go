package namespace

import (
	"context"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// An XAttrSpace is the namespace of an extended attribute. The numbers are those of the
// wire and of the rows.
type XAttrSpace int64

// The namespaces.
const (
	UserXAttr     XAttrSpace = 0 // for everybody who may read or write the inode
	TrustedXAttr  XAttrSpace = 1 // for superusers
	SecurityXAttr XAttrSpace = 2 // for the file system, but for one name
	SystemXAttr   XAttrSpace = 3 // for the file system
	RawXAttr      XAttrSpace = 4 // only below /.reserved/raw
)

var spacePrefixes = [...]string{"user.", "trusted.", "security.", "system.", "raw."}

// An XAttr is an extended attribute. Value is nil if there is none, which is not the
// same as an empty one in a request.
type XAttr struct {
	Space XAttrSpace
	Name  string // without the prefix of its namespace
	Value []byte
}

// String is the name with the prefix of its namespace.
func (x *XAttr) String() string { return spacePrefixes[x.Space] + x.Name }

// XAttrFlags are the bits of a setXAttr call, as on the wire.
type XAttrFlags uint32

// The flags: without the first the attribute must be there, without the second it must
// not.
const (
	XAttrCreate  XAttrFlags = 1
	XAttrReplace XAttrFlags = 2
)

// maxXAttrName is what the column of a name holds, in bytes.
const maxXAttrName = 255

// unreadable is the attribute, without a value, by which a file is kept from superusers.
// It stays as long as the file.
const unreadable = "hdfs.unreadable.by.superuser"

func (x *XAttr) isUnreadable() bool { return x.Space == SecurityXAttr && x.Name == unreadable }

// checkXAttrs returns an error if they are switched off.
func (n *Namespace) checkXAttrs() error {
	if !n.set.NoXAttrs {
		return nil
	}
	return fault.New(fault.IO, "The XAttr operation has been rejected.  "+
		"Support for XAttrs has been disabled by setting dfs.namenode.xattrs.enabled to false.")
}

// requireXAttr checks that c may name an attribute at all. raw tells that the path was
// given below /.reserved/raw.
func (n *Namespace) requireXAttr(c *Caller, x *XAttr, raw bool) error {
	switch {
	case x.Space == UserXAttr, x.Space == TrustedXAttr && n.isSuper(c), x.Space == RawXAttr && raw:
		return nil
	case x.isUnreadable() && x.Value != nil:
		return fault.New(fault.AccessDenied, "Attempt to set a value for '%s'. Values are not allowed for this xattr.", x)
	case x.isUnreadable():
		return nil
	}
	return fault.New(fault.AccessDenied, "User doesn't have permission for xattr: %s", x)
}

// shows reports whether c gets to see an attribute in a list.
func (n *Namespace) shows(c *Caller, x *XAttr, raw bool) bool {
	switch x.Space {
	case UserXAttr:
		return true
	case TrustedXAttr:
		return n.isSuper(c)
	case RawXAttr:
		return raw
	}
	return x.isUnreadable()
}

// requireXAttrChange checks the rights on the inode whose attribute is to be changed.
func (w *walk) requireXAttrChange(c *Caller, x *XAttr) error {
	if x.Space != UserXAttr {
		return nil
	}
	if t := w.target(); t.Kind == schema.KindDirectory && t.Mode&ModeSticky != 0 {
		return w.requireOwner(c)
	}
	return w.requireTarget(c, Write)
}

// SetXAttr sets an attribute of src. A repeated call is answered as the first one.
func (n *Namespace) SetXAttr(ctx context.Context, c *Caller, src string, x XAttr, flags XAttrFlags) error {
	if err := n.checkXAttrs(); err != nil {
		return err
	}
	if size := len(x.Name) + len(x.Value); size > n.set.MaxXAttrSize {
		return fault.New(fault.InvalidArgument, "The XAttr is too big. The maximum combined size of the name and value is %d, but the total size is %d",
			n.set.MaxXAttrSize, size)
	}
	if len(x.Name) > maxXAttrName || len(x.Value) > 65535 {
		return fault.New(fault.InvalidArgument, "The XAttr is too big: its name has %d bytes and its value %d; at most %d and 65535 are kept",
			len(x.Name), len(x.Value), maxXAttrName)
	}
	return n.changeXAttr(ctx, c, src, x, "set XAttr on "+src, func(tx *txn.Tx, in *schema.Inode, rows []schema.Row) error {
		visible := 0
		there := false
		for _, row := range rows {
			r := schema.XAttrOf(row)
			if XAttrSpace(r.Namespace) == x.Space && r.Name == x.Name {
				there = true
				continue
			}
			if XAttrSpace(r.Namespace) == UserXAttr || XAttrSpace(r.Namespace) == TrustedXAttr {
				visible++
			}
		}
		if x.Space == UserXAttr || x.Space == TrustedXAttr {
			visible++
		}
		if err := checkXAttrFlags(&x, there, flags); err != nil {
			return err
		}
		if visible > n.set.MaxXAttrs {
			return fault.New(fault.IO, "Cannot add additional XAttr to inode, would exceed limit of %d", n.set.MaxXAttrs)
		}
		if x.isUnreadable() && in.Kind != schema.KindFile {
			return fault.New(fault.IO, "Can only set '%s' on a file.", &x)
		}
		row := schema.XAttr{InodeID: in.ID, Namespace: int64(x.Space), Name: x.Name, Value: string(x.Value)}
		tx.Put(schema.XAttrs, row.Row())
		in.Flags |= schema.FlagHasXAttrs
		return nil
	})
}

func checkXAttrFlags(x *XAttr, there bool, flags XAttrFlags) error {
	switch {
	case flags&(XAttrCreate|XAttrReplace) == 0:
		return fault.New(fault.InvalidArgument, "A flag must be specified.")
	case there && flags&XAttrReplace == 0:
		return fault.New(fault.IO, "XAttr: %s already exists. The REPLACE flag must be specified.", x.Name)
	case !there && flags&XAttrCreate == 0:
		return fault.New(fault.IO, "XAttr: %s does not exist. The CREATE flag must be specified.", x.Name)
	}
	return nil
}

// RemoveXAttr removes an attribute of src. A repeated call is answered as the first one.
func (n *Namespace) RemoveXAttr(ctx context.Context, c *Caller, src string, x XAttr) error {
	if err := n.checkXAttrs(); err != nil {
		return err
	}
	return n.changeXAttr(ctx, c, src, x, "remove XAttr entry on "+src, func(tx *txn.Tx, in *schema.Inode, rows []schema.Row) error {
		if x.isUnreadable() && len(rows) > 0 {
			return fault.New(fault.AccessDenied, "The xattr '%s' can not be deleted.", &x)
		}
		for _, row := range rows {
			if r := schema.XAttrOf(row); XAttrSpace(r.Namespace) != x.Space || r.Name != x.Name {
				continue
			}
			tx.Delete(schema.XAttrs, schema.XAttrs.Key(row))
			if len(rows) == 1 {
				in.Flags &^= schema.FlagHasXAttrs
			}
			return nil
		}
		return fault.New(fault.IO, "No matching attributes found for remove operation")
	})
}

// changeXAttr runs change on the attributes of src; what it makes of the flags of the
// inode is written.
func (n *Namespace) changeXAttr(ctx context.Context, c *Caller, src string, x XAttr, what string,
	change func(tx *txn.Tx, in *schema.Inode, rows []schema.Row) error) error {
	if err := n.requireXAttr(c, &x, strings.HasPrefix(src, "/"+reserved+"/"+reservedRaw)); err != nil {
		return err
	}
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable(what); err != nil {
		return err
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		c.wantAnswer(tx)
		w, err := n.resolve(tx, p, dal.Exclusive)
		if err != nil {
			return err
		}
		if _, done, err := c.answered(tx); done || err != nil {
			return err
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if !w.found() {
			return w.absent()
		}
		if err := w.requireXAttrChange(c, &x); err != nil {
			return err
		}
		in := *w.target()
		if in.Kind == schema.KindDirectory {
			tx.Alone()
		}
		rows, err := xattrRows(tx, &in)
		if err != nil {
			return err
		}
		if err := change(tx, &in, rows); err != nil {
			return err
		}
		if in.Flags != w.target().Flags {
			tx.Put(schema.Inodes, in.Row())
		}
		c.changed(&in)
		return c.remember(tx, "true")
	})
}

// xattrRows reads the attributes of an inode, none if its flag says so.
func xattrRows(tx *txn.Tx, in *schema.Inode) ([]schema.Row, error) {
	if in.Flags&schema.FlagHasXAttrs == 0 {
		return nil, nil
	}
	return tx.Lookup(schema.XAttrs.Primary, tx.Key(schema.Int(in.ID)))
}

func xattrOf(row schema.Row) XAttr {
	r := schema.XAttrOf(row)
	x := XAttr{Space: XAttrSpace(r.Namespace), Name: r.Name}
	if r.Value != "" {
		x.Value = []byte(r.Value)
	}
	return x
}

// GetXAttrs returns those attributes of src that are asked for, each of which must be
// there, or all that c may see if none is.
func (n *Namespace) GetXAttrs(ctx context.Context, c *Caller, src string, wanted []XAttr) ([]XAttr, error) {
	if err := n.checkXAttrs(); err != nil {
		return nil, err
	}
	p, err := parse(src)
	if err != nil {
		return nil, err
	}
	for i := range wanted {
		if err := n.requireXAttr(c, &wanted[i], p.raw); err != nil {
			return nil, err
		}
	}
	all, err := n.visibleXAttrs(ctx, c, src, p.raw)
	if err != nil || len(wanted) == 0 {
		return all, err
	}
	var got []XAttr
	for i := range wanted {
		found := false
		for _, x := range all {
			if x.Space == wanted[i].Space && x.Name == wanted[i].Name {
				got, found = append(got, x), true
			}
		}
		if !found {
			return nil, fault.New(fault.NoXAttr, "At least one of the attributes provided was not found.")
		}
	}
	return got, nil
}

// ListXAttrs returns the attributes of src that c may see. HDFS sends the values too.
func (n *Namespace) ListXAttrs(ctx context.Context, c *Caller, src string) ([]XAttr, error) {
	return n.GetXAttrs(ctx, c, src, nil)
}

// visibleXAttrs reads the attributes of src that c may see.
func (n *Namespace) visibleXAttrs(ctx context.Context, c *Caller, src string, raw bool) ([]XAttr, error) {
	var all []XAttr
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		all = nil
		if !w.found() {
			return w.absent()
		}
		if err := w.requireTarget(c, Read); err != nil {
			return err
		}
		rows, err := xattrRows(tx, w.target())
		for _, row := range rows {
			if x := xattrOf(row); n.shows(c, &x, raw) {
				all = append(all, x)
			}
		}
		return err
	})
	return all, err
}

// requireReadable refuses superusers a file that is kept from them.
func (w *walk) requireReadable(c *Caller) error {
	in := w.target()
	if in.Flags&schema.FlagHasXAttrs == 0 || !w.n.isSuper(c) || !w.n.set.CheckPermissions {
		return nil
	}
	row, err := w.tx.Get(schema.XAttrs, w.tx.Key(schema.Int(in.ID), schema.Int(int64(SecurityXAttr)), schema.Str(unreadable)), dal.None)
	if err != nil || row == nil {
		return err
	}
	return fault.New(fault.AccessDenied, "Access is denied for %s since the superuser is not allowed to perform this operation.", c.User)
}

package client

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// XAttr is an extended attribute by its full name, "user.colour".
type XAttr struct {
	Name  string
	Value []byte // nil for none
}

// CheckXAttrName returns an error, fs.ErrInvalid, unless name has a known prefix and
// something after it.
func CheckXAttrName(name string) error {
	_, err := xattrProto(name, nil)
	return err
}

// xattrProto splits "user.name" into the namespace and the name of the wire.
func xattrProto(name string, value []byte) (*hdfspb.XAttrProto, error) {
	space, local, found := strings.Cut(name, ".")
	n, known := hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(space)]
	switch {
	case found && len(space) >= 3 && local == "":
		return nil, fmt.Errorf("XAttr name cannot be empty.: %w", fs.ErrInvalid)
	case !found || !known:
		return nil, fmt.Errorf("An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.': %w", fs.ErrInvalid) //nolint:staticcheck // the words of Apache's client
	}
	return &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(n).Enum(), Name: proto.String(local), Value: value}, nil
}

// XAttrs reads extended attributes, those named or all of them, in the order of the
// server.
func (c *Client) XAttrs(name string, names ...string) ([]XAttr, error) {
	resp := &hdfspb.GetXAttrsResponseProto{}
	err := c.onPath("getxattr", name, func(p string) error {
		req := &hdfspb.GetXAttrsRequestProto{Src: &p}
		for _, n := range names {
			x, err := xattrProto(n, nil)
			if err != nil {
				return err
			}
			req.XAttrs = append(req.XAttrs, x)
		}
		return c.nn("getXAttrs", req, resp)
	})
	var out []XAttr
	for _, x := range resp.GetXAttrs() {
		out = append(out, XAttr{strings.ToLower(x.GetNamespace().String()) + "." + x.GetName(), x.GetValue()})
	}
	return out, err
}

// SetXAttr makes or replaces an extended attribute.
func (c *Client) SetXAttr(name, attr string, value []byte) error {
	return c.onPath("setxattr", name, func(p string) error {
		x, err := xattrProto(attr, value)
		if err != nil {
			return err
		}
		flags := hdfspb.XAttrSetFlagProto_XATTR_CREATE | hdfspb.XAttrSetFlagProto_XATTR_REPLACE
		return c.nn("setXAttr", &hdfspb.SetXAttrRequestProto{Src: &p, XAttr: x, Flag: proto.Uint32(uint32(flags))}, &hdfspb.SetXAttrResponseProto{})
	})
}

// RemoveXAttr removes an extended attribute.
func (c *Client) RemoveXAttr(name, attr string) error {
	return c.onPath("removexattr", name, func(p string) error {
		x, err := xattrProto(attr, nil)
		if err != nil {
			return err
		}
		return c.nn("removeXAttr", &hdfspb.RemoveXAttrRequestProto{Src: &p, XAttr: x}, &hdfspb.RemoveXAttrResponseProto{})
	})
}

// CreateSnapshot makes a snapshot of a directory and answers its path; an empty
// name lets the server choose.
func (c *Client) CreateSnapshot(dir, snapshot string) (string, error) {
	resp := &hdfspb.CreateSnapshotResponseProto{}
	err := c.onPath("createsnapshot", dir, func(p string) error {
		req := &hdfspb.CreateSnapshotRequestProto{SnapshotRoot: &p}
		if snapshot != "" {
			req.SnapshotName = &snapshot
		}
		return c.nn("createSnapshot", req, resp)
	})
	return resp.GetSnapshotPath(), err
}

// DeleteSnapshot deletes a snapshot of a directory.
func (c *Client) DeleteSnapshot(dir, snapshot string) error {
	return c.onPath("deletesnapshot", dir, func(p string) error {
		return c.nn("deleteSnapshot", &hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: &p, SnapshotName: &snapshot}, &hdfspb.DeleteSnapshotResponseProto{})
	})
}

// RenameSnapshot gives a snapshot of a directory another name.
func (c *Client) RenameSnapshot(dir, from, to string) error {
	return c.onPath("renamesnapshot", dir, func(p string) error {
		req := &hdfspb.RenameSnapshotRequestProto{SnapshotRoot: &p, SnapshotOldName: &from, SnapshotNewName: &to}
		return c.nn("renameSnapshot", req, &hdfspb.RenameSnapshotResponseProto{})
	})
}

package client

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// xattrProto splits "user.name" into the namespace and the name of the wire.
func xattrProto(name string, value []byte) (*hdfspb.XAttrProto, error) {
	space, local, found := strings.Cut(name, ".")
	n, known := hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(space)]
	if !found || !known || local == "" {
		return nil, fmt.Errorf("An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.': %s: %w", name, fs.ErrInvalid) //nolint:staticcheck // the words of Apache's client
	}
	return &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(n).Enum(), Name: proto.String(local), Value: value}, nil
}

// XAttrs reads extended attributes, those named or all of them, by full name
// ("user.colour").
func (c *Client) XAttrs(name string, names ...string) (map[string][]byte, error) {
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
	out := map[string][]byte{}
	for _, x := range resp.GetXAttrs() {
		out[strings.ToLower(x.GetNamespace().String())+"."+x.GetName()] = x.GetValue()
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

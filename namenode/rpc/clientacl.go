package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// attributeMethods are the calls of ClientProtocol on access control lists and extended
// attributes.
func (s *Service) attributeMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"modifyAclEntries": handle(s.modifyACLEntries),
		"removeAclEntries": handle(s.removeACLEntries),
		"removeDefaultAcl": handle(s.removeDefaultACL),
		"removeAcl":        handle(s.removeACL),
		"setAcl":           handle(s.setACL),
		"getAclStatus":     handle(s.getACLStatus),
		"setXAttr":         handle(s.setXAttr),
		"getXAttrs":        handle(s.getXAttrs),
		"listXAttrs":       handle(s.listXAttrs),
		"removeXAttr":      handle(s.removeXAttr),
	}
}

// decodeACL reads a list of entries.
func decodeACL(list []*hdfspb.AclEntryProto) ([]acl.Entry, error) {
	out := make([]acl.Entry, len(list))
	for i, e := range list {
		out[i] = acl.Entry{Scope: acl.Scope(e.GetScope()), Kind: acl.Kind(e.GetType()), Name: e.GetName(), Perm: int64(e.GetPermissions())}
		if out[i].Scope&^1 != 0 || out[i].Kind&^3 != 0 || out[i].Perm&^7 != 0 {
			return nil, fault.New(fault.InvalidArgument, "an ACL entry has the scope %d, the type %d and the permissions %d", e.GetScope(), e.GetType(), e.GetPermissions())
		}
	}
	return out, nil
}

func encodeACL(list []acl.Entry) []*hdfspb.AclEntryProto {
	out := make([]*hdfspb.AclEntryProto, len(list))
	for i := range list {
		e := &list[i]
		out[i] = &hdfspb.AclEntryProto{Scope: hdfspb.AclEntryProto_AclEntryScopeProto(e.Scope).Enum(),
			Type: hdfspb.AclEntryProto_AclEntryTypeProto(e.Kind).Enum(), Permissions: hdfspb.AclEntryProto_FsActionProto(e.Perm).Enum()}
		if e.Name != "" {
			out[i].Name = &e.Name
		}
	}
	return out
}

func (s *Service) modifyACLEntries(ctx context.Context, c *ipc.Call, q *hdfspb.ModifyAclEntriesRequestProto) (*hdfspb.ModifyAclEntriesResponseProto, error) {
	who := s.changer(c)
	spec, err := decodeACL(q.GetAclSpec())
	if err == nil {
		err = s.ns.ModifyACL(ctx, who, q.GetSrc(), spec)
		s.auditChange(c, who, true, err, "modifyAclEntries", q.GetSrc(), "")
	}
	return nil, err
}

func (s *Service) removeACLEntries(ctx context.Context, c *ipc.Call, q *hdfspb.RemoveAclEntriesRequestProto) (*hdfspb.RemoveAclEntriesResponseProto, error) {
	who := s.changer(c)
	spec, err := decodeACL(q.GetAclSpec())
	if err == nil {
		err = s.ns.RemoveACLEntries(ctx, who, q.GetSrc(), spec)
		s.auditChange(c, who, true, err, "removeAclEntries", q.GetSrc(), "")
	}
	return nil, err
}

func (s *Service) removeDefaultACL(ctx context.Context, c *ipc.Call, q *hdfspb.RemoveDefaultAclRequestProto) (*hdfspb.RemoveDefaultAclResponseProto, error) {
	who := s.changer(c)
	err := s.ns.RemoveDefaultACL(ctx, who, q.GetSrc())
	s.auditChange(c, who, true, err, "removeDefaultAcl", q.GetSrc(), "")
	return nil, err
}

func (s *Service) removeACL(ctx context.Context, c *ipc.Call, q *hdfspb.RemoveAclRequestProto) (*hdfspb.RemoveAclResponseProto, error) {
	who := s.changer(c)
	err := s.ns.RemoveACL(ctx, who, q.GetSrc())
	s.auditChange(c, who, true, err, "removeAcl", q.GetSrc(), "")
	return nil, err
}

func (s *Service) setACL(ctx context.Context, c *ipc.Call, q *hdfspb.SetAclRequestProto) (*hdfspb.SetAclResponseProto, error) {
	who := s.changer(c)
	spec, err := decodeACL(q.GetAclSpec())
	if err == nil {
		err = s.ns.SetACL(ctx, who, q.GetSrc(), spec)
		s.auditChange(c, who, true, err, "setAcl", q.GetSrc(), "")
	}
	return nil, err
}

func (s *Service) getACLStatus(ctx context.Context, c *ipc.Call, q *hdfspb.GetAclStatusRequestProto) (*hdfspb.GetAclStatusResponseProto, error) {
	st, err := s.ns.GetACL(ctx, s.caller(c), q.GetSrc())
	s.audit(c, err, "getAclStatus", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return &hdfspb.GetAclStatusResponseProto{Result: &hdfspb.AclStatusProto{
		Owner: &st.Owner, Group: &st.Group, Sticky: proto.Bool(st.Mode&namespace.ModeSticky != 0),
		Permission: &hdfspb.FsPermissionProto{Perm: proto.Uint32(uint32(st.Mode))}, Entries: encodeACL(st.Entries),
	}}, nil
}

// decodeXAttr reads an attribute. One without a value is not one with an empty value.
func decodeXAttr(x *hdfspb.XAttrProto) (namespace.XAttr, error) {
	if x.GetNamespace()&^7 != 0 || x.GetNamespace() > hdfspb.XAttrProto_RAW {
		return namespace.XAttr{}, fault.New(fault.InvalidArgument, "an XAttr has the namespace %d", x.GetNamespace())
	}
	return namespace.XAttr{Space: namespace.XAttrSpace(x.GetNamespace()), Name: x.GetName(), Value: x.GetValue()}, nil
}

func encodeXAttrs(list []namespace.XAttr) []*hdfspb.XAttrProto {
	out := make([]*hdfspb.XAttrProto, len(list))
	for i := range list {
		x := &list[i]
		out[i] = &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(x.Space).Enum(), Name: &x.Name, Value: x.Value}
	}
	return out
}

func (s *Service) setXAttr(ctx context.Context, c *ipc.Call, q *hdfspb.SetXAttrRequestProto) (*hdfspb.SetXAttrResponseProto, error) {
	who := s.changer(c)
	x, err := decodeXAttr(q.GetXAttr())
	if err == nil {
		err = s.ns.SetXAttr(ctx, who, q.GetSrc(), x, namespace.XAttrFlags(q.GetFlag()))
		s.auditChange(c, who, true, err, "setXAttr", q.GetSrc(), "")
	}
	return nil, err
}

func (s *Service) removeXAttr(ctx context.Context, c *ipc.Call, q *hdfspb.RemoveXAttrRequestProto) (*hdfspb.RemoveXAttrResponseProto, error) {
	who := s.changer(c)
	x, err := decodeXAttr(q.GetXAttr())
	if err == nil {
		err = s.ns.RemoveXAttr(ctx, who, q.GetSrc(), x)
		s.auditChange(c, who, true, err, "removeXAttr", q.GetSrc(), "")
	}
	return nil, err
}

func (s *Service) getXAttrs(ctx context.Context, c *ipc.Call, q *hdfspb.GetXAttrsRequestProto) (*hdfspb.GetXAttrsResponseProto, error) {
	wanted := make([]namespace.XAttr, len(q.GetXAttrs()))
	for i, x := range q.GetXAttrs() {
		var err error
		if wanted[i], err = decodeXAttr(x); err != nil {
			return nil, err
		}
	}
	got, err := s.ns.GetXAttrs(ctx, s.caller(c), q.GetSrc(), wanted)
	s.audit(c, err, "getXAttrs", q.GetSrc(), "")
	return &hdfspb.GetXAttrsResponseProto{XAttrs: encodeXAttrs(got)}, err
}

func (s *Service) listXAttrs(ctx context.Context, c *ipc.Call, q *hdfspb.ListXAttrsRequestProto) (*hdfspb.ListXAttrsResponseProto, error) {
	got, err := s.ns.ListXAttrs(ctx, s.caller(c), q.GetSrc())
	s.audit(c, err, "listXAttrs", q.GetSrc(), "")
	return &hdfspb.ListXAttrsResponseProto{XAttrs: encodeXAttrs(got)}, err
}

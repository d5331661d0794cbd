package rpc_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// TestACLOnTheWire sets a list and reads it back with its flag; numbers that mean nothing
// are refused.
func TestACLOnTheWire(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	u.mkdirs("/a")
	src := proto.String("/a")
	entry := func(kind, scope, bits int32, name string) *hdfspb.AclEntryProto {
		e := &hdfspb.AclEntryProto{Type: hdfspb.AclEntryProto_AclEntryTypeProto(kind).Enum(), Scope: hdfspb.AclEntryProto_AclEntryScopeProto(scope).Enum(),
			Permissions: hdfspb.AclEntryProto_FsActionProto(bits).Enum()}
		if name != "" {
			e.Name = &name
		}
		return e
	}
	modify := func(e *hdfspb.AclEntryProto) error {
		_, err := call[hdfspb.ModifyAclEntriesResponseProto](u, "modifyAclEntries", &hdfspb.ModifyAclEntriesRequestProto{Src: src, AclSpec: []*hdfspb.AclEntryProto{e}})
		return err
	}
	must(t, modify(entry(0, 1, 7, "alice")))
	if flags := u.stat("/a").GetFlags(); flags != uint32(hdfspb.HdfsFileStatusProto_HAS_ACL) {
		t.Errorf("flags %d", flags)
	}
	r := ok[hdfspb.GetAclStatusResponseProto](u, "getAclStatus", &hdfspb.GetAclStatusRequestProto{Src: src}).Result
	if r.GetOwner() != "hdfs" || r.GetGroup() != "supergroup" || r.GetSticky() || r.GetPermission().GetPerm() != 0o755 || len(r.Entries) != 5 ||
		r.Entries[1].GetName() != "alice" || r.Entries[0].Name != nil || r.Entries[3].GetType() != hdfspb.AclEntryProto_MASK {
		t.Errorf("status %v", r)
	}
	for _, bad := range []*hdfspb.AclEntryProto{entry(4, 0, 7, "x"), entry(0, 2, 7, "x"), entry(0, 0, 8, "x"), entry(-1, 0, 7, "x")} {
		refused(t, modify(bad), "org.apache.hadoop.HadoopIllegalArgumentException", "an ACL entry has")
	}
	refused(t, modify(entry(1, 0, 7, string(make([]byte, 129)))), "org.apache.hadoop.hdfs.protocol.AclException", "129 bytes")
	log := s.auditLines(4)
	if want := "cmd=modifyAclEntries\tsrc=/a\tdst=null\tperm=hdfs:supergroup:rwxr-xr-x\t"; !containsAll(log, want, "cmd=getAclStatus\tsrc=/a\tdst=null\tperm=null\t") {
		t.Errorf("the audit log lacks %q:\n%s", want, log)
	}
}

// TestXAttrsOnTheWire: a value comes back as it went, an attribute without one has none.
func TestXAttrsOnTheWire(t *testing.T) {
	u := start(t, nil).as("hdfs")
	u.mkdirs("/a")
	src := proto.String("/a")
	set := func(space int32, name string, value []byte) error {
		x := &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(space).Enum(), Name: &name, Value: value}
		_, err := call[hdfspb.SetXAttrResponseProto](u, "setXAttr", &hdfspb.SetXAttrRequestProto{Src: src, XAttr: x, Flag: proto.Uint32(3)})
		return err
	}
	must(t, set(0, "bytes", []byte("\x00\xff")))
	must(t, set(1, "none", nil))
	for _, space := range []int32{-1, 5, 9} {
		refused(t, set(space, "x", nil), "org.apache.hadoop.HadoopIllegalArgumentException", "an XAttr has the namespace")
	}
	refused(t, set(0, string(make([]byte, 256)), nil), "org.apache.hadoop.HadoopIllegalArgumentException", "its name has 256 bytes")
	got := ok[hdfspb.GetXAttrsResponseProto](u, "getXAttrs", &hdfspb.GetXAttrsRequestProto{Src: src}).XAttrs
	if len(got) != 2 || string(got[0].Value) != "\x00\xff" || got[1].Value != nil || got[1].GetNamespace() != hdfspb.XAttrProto_TRUSTED {
		t.Errorf("attributes %v", got)
	}
	ok[hdfspb.RemoveXAttrResponseProto](u, "removeXAttr", &hdfspb.RemoveXAttrRequestProto{Src: src, XAttr: got[0]})
	if left := ok[hdfspb.ListXAttrsResponseProto](u, "listXAttrs", &hdfspb.ListXAttrsRequestProto{Src: src}).XAttrs; len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}

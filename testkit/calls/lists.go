package calls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// spec reads entries as setfacl takes them.
func spec(s string, perms bool) []*hdfspb.AclEntryProto {
	if s == "-" {
		return nil
	}
	entries, err := client.ParseACL(s, perms)
	if err != nil {
		panic(err)
	}
	var out []*hdfspb.AclEntryProto
	for _, e := range entries {
		p := &hdfspb.AclEntryProto{Permissions: hdfspb.AclEntryProto_FsActionProto(e.Perm).Enum(), Scope: hdfspb.AclEntryProto_ACCESS.Enum(),
			Type: hdfspb.AclEntryProto_AclEntryTypeProto(hdfspb.AclEntryProto_AclEntryTypeProto_value[strings.ToUpper(e.Type)]).Enum()}
		if e.Default {
			p.Scope = hdfspb.AclEntryProto_DEFAULT.Enum()
		}
		if e.Name != "" {
			p.Name = &e.Name
		}
		out = append(out, p)
	}
	return out
}

// lists are the commands about access control lists.
func lists(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "modacl":
		return "ok", true, c.send("modifyAclEntries", &hdfspb.ModifyAclEntriesRequestProto{Src: &w[2], AclSpec: spec(w[1], true)}, &hdfspb.ModifyAclEntriesResponseProto{})
	case "rmacl":
		return "ok", true, c.send("removeAclEntries", &hdfspb.RemoveAclEntriesRequestProto{Src: &w[2], AclSpec: spec(w[1], false)}, &hdfspb.RemoveAclEntriesResponseProto{})
	case "rmdefault":
		return "ok", true, c.send("removeDefaultAcl", &hdfspb.RemoveDefaultAclRequestProto{Src: &w[1]}, &hdfspb.RemoveDefaultAclResponseProto{})
	case "rmall":
		return "ok", true, c.send("removeAcl", &hdfspb.RemoveAclRequestProto{Src: &w[1]}, &hdfspb.RemoveAclResponseProto{})
	case "setacl":
		return "ok", true, c.send("setAcl", &hdfspb.SetAclRequestProto{Src: &w[2], AclSpec: spec(w[1], true)}, &hdfspb.SetAclResponseProto{})
	case "getacl":
		r := &hdfspb.GetAclStatusResponseProto{}
		err := c.send("getAclStatus", &hdfspb.GetAclStatusRequestProto{Src: &w[1]}, r)
		a := r.GetResult()
		out := fmt.Sprintf("%s:%s %o sticky=%t", a.GetOwner(), a.GetGroup(), a.GetPermission().GetPerm(), a.GetSticky())
		for _, e := range a.GetEntries() {
			out += fmt.Sprintf(" %s:%s:%s:%d", e.GetScope(), e.GetType(), e.GetName(), e.GetPermissions())
		}
		return out, true, err
	}
	return "", false, nil
}

// xattr reads "user.name=value"; without a value there is none at all.
func xattr(s string) *hdfspb.XAttrProto {
	name, value, hasValue := strings.Cut(s, "=")
	space, local, _ := strings.Cut(name, ".")
	n := hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(space)]
	x := &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(n).Enum(), Name: &local}
	if count, isCount := strings.CutPrefix(value, "×"); isCount { // so many bytes
		n, _ := strconv.Atoi(count)
		value = strings.Repeat("v", n)
	}
	if hasValue {
		x.Value = []byte(value)
	}
	return x
}

func showXAttrs(list []*hdfspb.XAttrProto) string {
	var out []string
	for _, x := range list {
		s := fmt.Sprintf("%s.%s", x.GetNamespace(), x.GetName())
		if x.Value != nil {
			s += "=" + string(x.Value)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

// extras are the commands about extended attributes.
func extras(c *call, w []string) (answer string, known bool, err error) {
	switch w[0] {
	case "setxattr":
		q := &hdfspb.SetXAttrRequestProto{Src: &w[2], XAttr: xattr(w[1])}
		switch w[3] {
		case "":
			q.Flag = proto.Uint32(3)
		case "create":
			q.Flag = proto.Uint32(1)
		case "replace":
			q.Flag = proto.Uint32(2)
		case "none":
			q.Flag = proto.Uint32(0)
		}
		return "ok", true, c.send("setXAttr", q, &hdfspb.SetXAttrResponseProto{})
	case "rmxattr":
		return "ok", true, c.send("removeXAttr", &hdfspb.RemoveXAttrRequestProto{Src: &w[2], XAttr: xattr(w[1])}, &hdfspb.RemoveXAttrResponseProto{})
	case "getxattrs":
		q := &hdfspb.GetXAttrsRequestProto{Src: &w[2]}
		if w[1] != "-" {
			for n := range strings.SplitSeq(w[1], ",") {
				q.XAttrs = append(q.XAttrs, xattr(n))
			}
		}
		r := &hdfspb.GetXAttrsResponseProto{}
		err := c.send("getXAttrs", q, r)
		return showXAttrs(r.GetXAttrs()), true, err
	case "listxattrs":
		r := &hdfspb.ListXAttrsResponseProto{}
		err := c.send("listXAttrs", &hdfspb.ListXAttrsRequestProto{Src: &w[1]}, r)
		return showXAttrs(r.GetXAttrs()), true, err
	}
	return "", false, nil
}

package permissions

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/testkit/cluster"
)

// A server is a NameNode that a script is run on, with a connection for each user.
type server struct {
	t     *testing.T
	addr  string
	users map[string]*rpc.Client
}

func newServer(t *testing.T, addr string) *server {
	return &server{t: t, addr: addr, users: map[string]*rpc.Client{}}
}

func (s *server) as(user string) *rpc.Client {
	c := s.users[user]
	if c == nil {
		c = rpc.NewClient(rpc.ClientConfig{User: user, CallTimeout: 30 * time.Second, Logger: slog.New(slog.DiscardHandler)})
		s.t.Cleanup(func() { c.Close() })
		s.users[user] = c
	}
	return c
}

// do runs one command ("alice$ mkdirs 755 /d") and returns its answer.
func (s *server) do(line string) string {
	user, cmd, _ := strings.Cut(line, "$ ")
	if user == "" {
		user = superuser
	}
	w := strings.Fields(cmd)
	for i := range w {
		w[i] = strings.ReplaceAll(w[i], `\s`, " ")
	}
	w = append(w, "", "", "")
	answer, err := s.call(s.as(user), w)
	var x *rpc.Exception
	switch {
	case errors.As(err, &x):
		msg, _, _ := strings.Cut(x.Message, "\n\tat ")
		msg, _, _ = strings.Cut(msg, "\n")
		return x.Class + ": " + msg
	case err != nil:
		return "FAILED " + err.Error()
	}
	return answer
}

// modes reads MASKED or MASKED/UNMASKED.
func modes(s string) (masked, unmasked *hdfspb.FsPermissionProto) {
	m, u, both := strings.Cut(s, "/")
	if both {
		unmasked = perm(u)
	}
	return perm(m), unmasked
}

func perm(s string) *hdfspb.FsPermissionProto {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		panic(err)
	}
	return &hdfspb.FsPermissionProto{Perm: proto.Uint32(uint32(n))}
}

// call sends one call. The words are the command's, and empty ones.
func (s *server) call(c *rpc.Client, w []string) (string, error) {
	send := func(method string, req, resp proto.Message) error {
		return c.Call(s.t.Context(), s.addr, cluster.ClientProtocol, method, req, resp)
	}
	switch w[0] {
	case "mkdirs":
		masked, unmasked := modes(w[1])
		return "ok", send("mkdirs", &hdfspb.MkdirsRequestProto{Src: &w[2], Masked: masked, Unmasked: unmasked, CreateParent: proto.Bool(w[3] != "noparent")}, &hdfspb.MkdirsResponseProto{})
	case "create":
		return s.create(send, w)
	case "delete":
		r := &hdfspb.DeleteResponseProto{}
		err := send("delete", &hdfspb.DeleteRequestProto{Src: &w[1], Recursive: proto.Bool(w[2] == "recursive")}, r)
		return fmt.Sprint(r.GetResult()), err
	case "rename":
		r := &hdfspb.RenameResponseProto{}
		err := send("rename", &hdfspb.RenameRequestProto{Src: &w[1], Dst: &w[2]}, r)
		return fmt.Sprint(r.GetResult()), err
	case "rename2":
		return "ok", send("rename2", &hdfspb.Rename2RequestProto{Src: &w[1], Dst: &w[2], OverwriteDest: proto.Bool(w[3] == "overwrite")}, &hdfspb.Rename2ResponseProto{})
	case "stat":
		r := &hdfspb.GetFileInfoResponseProto{}
		err := send("getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &w[1]}, r)
		return status(r.GetFs()), err
	case "located":
		r := &hdfspb.GetLocatedFileInfoResponseProto{}
		err := send("getLocatedFileInfo", &hdfspb.GetLocatedFileInfoRequestProto{Src: &w[1]}, r)
		return status(r.GetFs()), err
	case "ls":
		r := &hdfspb.GetListingResponseProto{}
		err := send("getListing", &hdfspb.GetListingRequestProto{Src: &w[1], StartAfter: []byte{}, NeedLocation: proto.Bool(w[2] == "located")}, r)
		var out []string
		for _, st := range r.GetDirList().GetPartialListing() {
			out = append(out, string(st.GetPath())+" "+status(st))
		}
		return strings.Join(out, ", "), err
	case "chmod":
		return "ok", send("setPermission", &hdfspb.SetPermissionRequestProto{Src: &w[2], Permission: perm(w[1])}, &hdfspb.SetPermissionResponseProto{})
	case "chown":
		u, g, _ := strings.Cut(w[1], ":")
		q := &hdfspb.SetOwnerRequestProto{Src: &w[2]}
		if u != "" {
			q.Username = &u
		}
		if g != "" {
			q.Groupname = &g
		}
		return "ok", send("setOwner", q, &hdfspb.SetOwnerResponseProto{})
	case "settimes":
		return "ok", send("setTimes", &hdfspb.SetTimesRequestProto{Src: &w[1], Mtime: proto.Uint64(5), Atime: proto.Uint64(6)}, &hdfspb.SetTimesResponseProto{})
	case "setrep":
		r := &hdfspb.SetReplicationResponseProto{}
		err := send("setReplication", &hdfspb.SetReplicationRequestProto{Src: &w[1], Replication: proto.Uint32(2)}, r)
		return fmt.Sprint(r.GetResult()), err
	case "count":
		r := &hdfspb.GetContentSummaryResponseProto{}
		err := send("getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: &w[1]}, r)
		return fmt.Sprint(r.GetSummary().GetFileCount(), r.GetSummary().GetDirectoryCount()), err
	case "access":
		n, _ := strconv.Atoi(w[1])
		return "ok", send("checkAccess", &hdfspb.CheckAccessRequestProto{Path: &w[2], Mode: hdfspb.AclEntryProto_FsActionProto(n).Enum()}, &hdfspb.CheckAccessResponseProto{})
	case "open":
		return "ok", send("getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: &w[1], Offset: proto.Uint64(0), Length: proto.Uint64(10)}, &hdfspb.GetBlockLocationsResponseProto{})
	case "append":
		return s.append(send, w)
	case "truncate":
		r := &hdfspb.TruncateResponseProto{}
		err := send("truncate", &hdfspb.TruncateRequestProto{Src: &w[1], NewLength: proto.Uint64(0), ClientName: proto.String("writer")}, r)
		return fmt.Sprint(r.GetResult()), err
	}
	if answer, err, known := aclCall(send, w); known {
		return answer, err
	}
	if answer, err, known := xattrCall(send, w); known {
		return answer, err
	}
	s.t.Fatalf("unknown command %q", w[0])
	return "", nil
}

type sender func(method string, req, resp proto.Message) error

// create makes an empty file and closes it.
func (s *server) create(send sender, w []string) (string, error) {
	masked, unmasked := modes(w[1])
	flag := uint32(1)
	if w[3] == "overwrite" {
		flag = 3
	}
	r := &hdfspb.CreateResponseProto{}
	err := send("create", &hdfspb.CreateRequestProto{Src: &w[2], Masked: masked, Unmasked: unmasked, ClientName: proto.String("writer"),
		CreateFlag: &flag, CreateParent: proto.Bool(w[3] != "noparent"), Replication: proto.Uint32(1), BlockSize: proto.Uint64(1 << 20)}, r)
	if err != nil {
		return "", err
	}
	done := &hdfspb.CompleteResponseProto{}
	return status(r.GetFs()), send("complete", &hdfspb.CompleteRequestProto{Src: &w[2], ClientName: proto.String("writer"), FileId: r.GetFs().FileId}, done)
}

func (s *server) append(send sender, w []string) (string, error) {
	r := &hdfspb.AppendResponseProto{}
	if err := send("append", &hdfspb.AppendRequestProto{Src: &w[1], ClientName: proto.String("writer"), Flag: proto.Uint32(4)}, r); err != nil {
		return "", err
	}
	return status(r.GetStat()), send("complete", &hdfspb.CompleteRequestProto{Src: &w[1], ClientName: proto.String("writer"), FileId: r.GetStat().FileId}, &hdfspb.CompleteResponseProto{})
}

// status shows what must be equal: no times and no ids.
func status(st *hdfspb.HdfsFileStatusProto) string {
	if st == nil {
		return "null"
	}
	return fmt.Sprintf("%s %o flags=%d %s:%s", st.GetFileType(), st.GetPermission().GetPerm(), st.GetFlags(), st.GetOwner(), st.GetGroup())
}

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

func aclCall(send sender, w []string) (answer string, err error, known bool) {
	switch w[0] {
	case "modacl":
		return "ok", send("modifyAclEntries", &hdfspb.ModifyAclEntriesRequestProto{Src: &w[2], AclSpec: spec(w[1], true)}, &hdfspb.ModifyAclEntriesResponseProto{}), true
	case "rmacl":
		return "ok", send("removeAclEntries", &hdfspb.RemoveAclEntriesRequestProto{Src: &w[2], AclSpec: spec(w[1], false)}, &hdfspb.RemoveAclEntriesResponseProto{}), true
	case "rmdefault":
		return "ok", send("removeDefaultAcl", &hdfspb.RemoveDefaultAclRequestProto{Src: &w[1]}, &hdfspb.RemoveDefaultAclResponseProto{}), true
	case "rmall":
		return "ok", send("removeAcl", &hdfspb.RemoveAclRequestProto{Src: &w[1]}, &hdfspb.RemoveAclResponseProto{}), true
	case "setacl":
		return "ok", send("setAcl", &hdfspb.SetAclRequestProto{Src: &w[2], AclSpec: spec(w[1], true)}, &hdfspb.SetAclResponseProto{}), true
	case "getacl":
		r := &hdfspb.GetAclStatusResponseProto{}
		err := send("getAclStatus", &hdfspb.GetAclStatusRequestProto{Src: &w[1]}, r)
		a := r.GetResult()
		out := fmt.Sprintf("%s:%s %o sticky=%t", a.GetOwner(), a.GetGroup(), a.GetPermission().GetPerm(), a.GetSticky())
		for _, e := range a.GetEntries() {
			out += fmt.Sprintf(" %s:%s:%s:%d", e.GetScope(), e.GetType(), e.GetName(), e.GetPermissions())
		}
		return out, err, true
	}
	return "", nil, false
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

func xattrCall(send sender, w []string) (answer string, err error, known bool) {
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
		return "ok", send("setXAttr", q, &hdfspb.SetXAttrResponseProto{}), true
	case "rmxattr":
		return "ok", send("removeXAttr", &hdfspb.RemoveXAttrRequestProto{Src: &w[2], XAttr: xattr(w[1])}, &hdfspb.RemoveXAttrResponseProto{}), true
	case "getxattrs":
		q := &hdfspb.GetXAttrsRequestProto{Src: &w[2]}
		if w[1] != "-" {
			for n := range strings.SplitSeq(w[1], ",") {
				q.XAttrs = append(q.XAttrs, xattr(n))
			}
		}
		r := &hdfspb.GetXAttrsResponseProto{}
		err := send("getXAttrs", q, r)
		return showXAttrs(r.GetXAttrs()), err, true
	case "listxattrs":
		r := &hdfspb.ListXAttrsResponseProto{}
		err := send("listXAttrs", &hdfspb.ListXAttrsRequestProto{Src: &w[1]}, r)
		return showXAttrs(r.GetXAttrs()), err, true
	}
	return "", nil, false
}

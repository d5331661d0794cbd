package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/rpc"
)

const (
	accessControl = "org.apache.hadoop.security.AccessControlException"
	notFound      = "java.io.FileNotFoundException"
	ioException   = "java.io.IOException"
	retriable     = "org.apache.hadoop.ipc.RetriableException"
	unsupported   = "java.lang.UnsupportedOperationException"
)

// TestEveryMethodIsServed asks for each method of ClientProtocol with an empty
// request: none is unknown, and those of the table say what is not supported.
func TestEveryMethodIsServed(t *testing.T) {
	u := start(t, nil).as("hdfs")
	refusals := map[string]string{}
	for _, r := range rpc.Unsupported {
		if refusals[r.Method] != "" {
			t.Errorf("%s is in the table twice", r.Method)
		}
		refusals[r.Method] = r.Operation
	}
	services := hdfspb.File_hdfspb_ClientNamenodeProtocol_proto.Services()
	if services.Len() != 1 || services.Get(0).Methods().Len() < 100 {
		t.Fatal("the protocol is not where this test looks for it")
	}
	methods := services.Get(0).Methods()
	for i := range methods.Len() {
		name := string(methods.Get(i).Name())
		err := u.c.Call(t.Context(), u.s.addr, rpc.ClientProtocol, name, &hdfspb.MsyncRequestProto{}, discard())
		var x *ipc.Exception
		if errors.As(err, &x) && strings.Contains(x.Class, "RpcNoSuchMethod") {
			t.Errorf("%s is not served", name)
		}
		if name == "createSymlink" {
			refused(t, err, unsupported, "Symlinks not supported")
		} else if op, no := refusals[name]; no {
			refused(t, err, unsupported, "This NameNode does not support "+op)
			if !strings.Contains(op, name) {
				t.Errorf("the text %q does not name %s", op, name)
			}
			delete(refusals, name)
		} else if x != nil && x.Class == unsupported {
			t.Errorf("%s is refused and not in the table: %s", name, x.Message)
		}
	}
	for name := range refusals {
		t.Errorf("%s is in the table and not in the protocol", name)
	}
}

// discard takes any answer.
func discard() proto.Message { return &anything{} }

// anything is an empty message, which keeps what it does not know.
type anything struct{ hdfspb.MsyncResponseProto }

func (a *anything) ProtoReflect() protoreflect.Message { return a.MsyncResponseProto.ProtoReflect() }

func TestServerDefaults(t *testing.T) {
	u := start(t, nil).as("alice")
	d := ok[hdfspb.GetServerDefaultsResponseProto](u, "getServerDefaults", &hdfspb.GetServerDefaultsRequestProto{}).ServerDefaults
	if d.KeyProviderUri == nil || *d.KeyProviderUri != "" {
		t.Error("keyProviderUri must be there and empty")
	}
	if d.GetBlockSize() != 128<<20 || d.GetTrashInterval() != 360 || d.GetChecksumType() != hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C ||
		d.GetReplication() != 3 || d.GetPolicyId() != 7 || d.GetEncryptDataTransfer() {
		t.Errorf("defaults %v", d)
	}
}

func TestFilesAndDirectories(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	if st := u.stat("/a"); st != nil {
		t.Errorf("a missing path has the status %v", st)
	}
	u.mkdirs("/a/b")
	fs := u.create("/a/f", "c1")
	if fs.Path == nil || len(fs.Path) != 0 || fs.GetFileId() == 0 || fs.GetFileType() != hdfspb.HdfsFileStatusProto_IS_FILE {
		t.Errorf("status of a new file: %v", fs)
	}
	st := u.stat("/a/f")
	if st.Path == nil || len(st.Path) != 0 || st.Flags == nil || st.GetOwner() != "hdfs" || st.GetGroup() != "supergroup" ||
		st.GetPermission().GetPerm() != 0o644 || st.GetBlockReplication() != 1 || st.GetBlocksize() != 16 || st.GetFileId() != fs.GetFileId() ||
		st.ChildrenNum == nil || st.GetStoragePolicy() != 0 || st.GetModificationTime() == 0 {
		t.Errorf("status of a file: %v", st)
	}
	dir := u.stat("/a")
	if dir.GetFileType() != hdfspb.HdfsFileStatusProto_IS_DIR || dir.GetChildrenNum() != 2 || dir.GetBlocksize() != 0 || dir.GetBlockReplication() != 0 {
		t.Errorf("status of a directory: %v", dir)
	}
	if link := ok[hdfspb.GetFileLinkInfoResponseProto](u, "getFileLinkInfo", &hdfspb.GetFileLinkInfoRequestProto{Src: proto.String("/a")}).Fs; !proto.Equal(link, dir) {
		t.Errorf("getFileLinkInfo %v", link)
	}
	if r := ok[hdfspb.GetPreferredBlockSizeResponseProto](u, "getPreferredBlockSize", &hdfspb.GetPreferredBlockSizeRequestProto{Filename: proto.String("/a/f")}); r.GetBsize() != 16 {
		t.Errorf("preferred block size %d", r.GetBsize())
	}
	if r := ok[hdfspb.IsFileClosedResponseProto](u, "isFileClosed", &hdfspb.IsFileClosedRequestProto{Src: proto.String("/a/f")}); r.GetResult() {
		t.Error("an open file is closed")
	}
	_, err := call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/a/f/x"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, "org.apache.hadoop.fs.ParentNotDirectoryException", "/a/f (is not a directory)")
	_, err = call[hdfspb.CreateResponseProto](u, "create", createRequest("/a", "c2"))
	refused(t, err, "org.apache.hadoop.fs.FileAlreadyExistsException", "/a already exists as a directory")
	_, err = call[hdfspb.GetPreferredBlockSizeResponseProto](u, "getPreferredBlockSize", &hdfspb.GetPreferredBlockSizeRequestProto{Filename: proto.String("/nope")})
	refused(t, err, notFound, "File does not exist: /nope")
}

func TestListingIsPaged(t *testing.T) {
	u := start(t, nil).as("hdfs")
	for _, name := range []string{"g", "a", "ä", "c", "f", "b", "e"} {
		u.mkdirs("/d/" + name)
	}
	list := func(path, after string) *hdfspb.DirectoryListingProto {
		return ok[hdfspb.GetListingResponseProto](u, "getListing", &hdfspb.GetListingRequestProto{
			Src: &path, StartAfter: []byte(after), NeedLocation: proto.Bool(false)}).DirList
	}
	var got []string
	after := ""
	for {
		l := list("/d", after)
		for _, e := range l.GetPartialListing() {
			after = string(e.GetPath())
			got = append(got, after)
		}
		if l.GetRemainingEntries() == 0 {
			break
		}
	}
	if strings.Join(got, "") != "abcefgä" {
		t.Errorf("names %q, want them in the order of their bytes", got)
	}
	if l := list("/nope", ""); l != nil {
		t.Errorf("the listing of a missing path is %v", l)
	}
	u.create("/file", "c")
	l := list("/file", "")
	if len(l.GetPartialListing()) != 1 || l.PartialListing[0].Path == nil || len(l.PartialListing[0].Path) != 0 || l.GetRemainingEntries() != 0 {
		t.Errorf("the listing of a file is %v", l)
	}
}

func TestRenameDeleteAndAttributes(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	u.mkdirs("/a")
	u.create("/a/f", "c")
	rename := func(src, dst string) bool {
		return ok[hdfspb.RenameResponseProto](u, "rename", &hdfspb.RenameRequestProto{Src: &src, Dst: &dst}).GetResult()
	}
	if !rename("/a/f", "/a/g") || rename("/a/f", "/a/h") {
		t.Error("rename")
	}
	_, err := call[hdfspb.Rename2ResponseProto](u, "rename2", &hdfspb.Rename2RequestProto{Src: proto.String("/a/f"), Dst: proto.String("/x"), OverwriteDest: proto.Bool(false)})
	refused(t, err, notFound, "/a/f")
	ok[hdfspb.Rename2ResponseProto](u, "rename2", &hdfspb.Rename2RequestProto{Src: proto.String("/a/g"), Dst: proto.String("/a/h"), OverwriteDest: proto.Bool(false), MoveToTrash: proto.Bool(true)})

	src := proto.String("/a/h")
	ok[hdfspb.SetPermissionResponseProto](u, "setPermission", &hdfspb.SetPermissionRequestProto{Src: src, Permission: perm(0o1600)})
	ok[hdfspb.SetOwnerResponseProto](u, "setOwner", &hdfspb.SetOwnerRequestProto{Src: src, Username: proto.String("alice")})
	ok[hdfspb.SetTimesResponseProto](u, "setTimes", &hdfspb.SetTimesRequestProto{Src: src, Mtime: proto.Uint64(1234), Atime: proto.Uint64(1<<64 - 1)})
	st := u.stat("/a/h")
	if st.GetPermission().GetPerm() != 0o1600 || st.GetOwner() != "alice" || st.GetGroup() != "supergroup" || st.GetModificationTime() != 1234 || st.GetAccessTime() < 10000 {
		t.Errorf("status %v", st)
	}
	_, err = call[hdfspb.SetOwnerResponseProto](s.as("bob"), "setOwner", &hdfspb.SetOwnerRequestProto{Src: src, Username: proto.String("bob")})
	refused(t, err, accessControl, "bob")

	del := func(path string, recursive bool) (bool, error) {
		r, err := call[hdfspb.DeleteResponseProto](u, "delete", &hdfspb.DeleteRequestProto{Src: &path, Recursive: &recursive})
		return r.GetResult(), err
	}
	_, err = del("/a", false)
	refused(t, err, "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", "/a")
	for path, want := range map[string]bool{"/nope": false, "/a": true} {
		if got, err := del(path, true); got != want || err != nil {
			t.Errorf("delete %s: %v, %v", path, got, err)
		}
	}
	log := s.auditLines(11)
	for _, want := range []string{
		"allowed=true\tugi=hdfs (auth:SIMPLE)\tip=/127.0.0.1\tcmd=mkdirs\tsrc=/a\tdst=null\tperm=hdfs:supergroup:rwxr-xr-x\tproto=rpc\n",
		"cmd=create\tsrc=/a/f\t",
		"cmd=rename (options=[TO_TRASH])\tsrc=/a/g\tdst=/a/h\t", "cmd=setPermission\tsrc=/a/h\tdst=null\tperm=hdfs:supergroup:rw------T\t", "cmd=setOwner\tsrc=/a/h\tdst=null\tperm=alice:supergroup:rw------T\t", "cmd=getfileinfo\tsrc=/a/h\t",
		"allowed=false\tugi=bob (auth:SIMPLE)\tip=/127.0.0.1\tcmd=setOwner\t", "allowed=false\tugi=hdfs (auth:SIMPLE)\tip=/127.0.0.1\tcmd=delete\tsrc=/nope\t",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "cmd=rename (options=[NONE])") {
		t.Error("a rename2 that failed is in the audit log")
	}
}

func TestPathLimits(t *testing.T) {
	u := start(t, nil).as("hdfs")
	long := "/" + strings.Repeat("x", 8000)
	deep := strings.Repeat("/x", 1001)
	for _, path := range []string{long, deep} {
		_, err := call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: &path, Masked: perm(0o755), CreateParent: proto.Bool(true)})
		refused(t, err, ioException, "mkdirs: Pathname too long.  Limit 8000 characters, 1000 levels.")
		_, err = call[hdfspb.CreateResponseProto](u, "create", createRequest(path, "c"))
		refused(t, err, ioException, "create: Pathname too long.")
		_, err = call[hdfspb.RenameResponseProto](u, "rename", &hdfspb.RenameRequestProto{Src: proto.String("/a"), Dst: &path})
		refused(t, err, ioException, "rename: Pathname too long.")
		if got, err := call[hdfspb.GetFileInfoResponseProto](u, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path}); err != nil || got.GetFs() != nil {
			t.Errorf("getFileInfo of a path that is too long: %v, %v", got.GetFs(), err)
		}
	}
	endless := "/" + strings.Repeat("x", 1<<16)
	_, err := call[hdfspb.GetFileInfoResponseProto](u, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &endless})
	refused(t, err, "org.apache.hadoop.fs.InvalidPathException", "Limit 8000 characters")
	_, err = call[hdfspb.GetFileInfoResponseProto](u, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("a")})
	refused(t, err, "java.lang.AssertionError", "Absolute path required, but got 'a'")
	for _, path := range []string{"a", "/a/../b", "/.", "//a", "/a//b"} {
		_, err := call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: &path, Masked: perm(0o755), CreateParent: proto.Bool(true)})
		refused(t, err, "org.apache.hadoop.fs.InvalidPathException", "Invalid path name")
	}
	name := "/" + strings.Repeat("n", 256)
	_, err = call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: &name, Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException", "limit=255 length=256")
}

func TestSummaryAndQuota(t *testing.T) {
	u := start(t, nil).as("hdfs")
	u.mkdirs("/a/b")
	u.create("/a/f", "c")
	sum := ok[hdfspb.GetContentSummaryResponseProto](u, "getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: proto.String("/a")}).Summary
	if sum.GetDirectoryCount() != 2 || sum.GetFileCount() != 1 || int64(sum.GetQuota()) != -1 || int64(sum.GetSpaceQuota()) != -1 || sum.GetErasureCodingPolicy() != "" {
		t.Errorf("summary %v", sum)
	}
	sum = ok[hdfspb.GetContentSummaryResponseProto](u, "getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: proto.String("/a/f")}).Summary
	if sum.GetDirectoryCount() != 0 || sum.GetErasureCodingPolicy() != "Replicated" {
		t.Errorf("summary of a file %v", sum)
	}
	use := ok[hdfspb.GetQuotaUsageResponseProto](u, "getQuotaUsage", &hdfspb.GetQuotaUsageRequestProto{Path: proto.String("/")}).Usage
	if use.GetFileAndDirectoryCount() != 4 || use.GetQuota() != 1<<63-1 {
		t.Errorf("usage %v", use)
	}
}

// TestRetriedCalls repeats calls with their ids, as clients do after a lost
// connection.
func TestRetriedCalls(t *testing.T) {
	u := start(t, nil).as("hdfs")
	ctx := t.Context()
	again := func(method string, id, retry int32, req, resp proto.Message) error {
		return u.c.CallAs(ctx, u.s.addr, rpc.ClientProtocol, method, id, retry, req, resp)
	}
	var first, second hdfspb.CreateResponseProto
	req := createRequest("/f", "c")
	req.CreateFlag = proto.Uint32(1)
	must(t, again("create", 900, 0, req, &first))
	must(t, again("create", 900, 1, req, &second))
	if first.Fs.GetFileId() != second.Fs.GetFileId() {
		t.Error("a repeated create made another file")
	}
	refused(t, again("create", 901, 0, req, &second), "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException", "c is already the current lease holder")
	var gone hdfspb.DeleteResponseProto
	for retry := range int32(3) {
		must(t, again("delete", 902, retry, &hdfspb.DeleteRequestProto{Src: proto.String("/f"), Recursive: proto.Bool(false)}, &gone))
		if !gone.GetResult() {
			t.Errorf("delete is false at retry %d", retry)
		}
	}
}

func TestSafeMode(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	do := func(u *user, a hdfspb.SafeModeActionProto) (bool, error) {
		r, err := call[hdfspb.SetSafeModeResponseProto](u, "setSafeMode", &hdfspb.SetSafeModeRequestProto{Action: &a})
		return r.GetResult(), err
	}
	for _, step := range []struct {
		action hdfspb.SafeModeActionProto
		on     bool
	}{
		{hdfspb.SafeModeActionProto_SAFEMODE_LEAVE, false}, {hdfspb.SafeModeActionProto_SAFEMODE_GET, false},
		{hdfspb.SafeModeActionProto_SAFEMODE_ENTER, true}, {hdfspb.SafeModeActionProto_SAFEMODE_GET, true},
	} {
		if on, err := do(u, step.action); on != step.on || err != nil {
			t.Errorf("%v: %v, %v", step.action, on, err)
		}
	}
	_, err := call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/x"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, "org.apache.hadoop.hdfs.server.namenode.SafeModeException", "Cannot create directory /x. Name node is in safe mode.\n")
	if r := ok[hdfspb.SaveNamespaceResponseProto](u, "saveNamespace", &hdfspb.SaveNamespaceRequestProto{}); !r.GetSaved() {
		t.Error("saveNamespace in safe mode")
	}
	alice := s.as("alice")
	if on, err := do(alice, hdfspb.SafeModeActionProto_SAFEMODE_GET); !on || err != nil {
		t.Errorf("anybody may ask: %v, %v", on, err)
	}
	_, err = do(alice, hdfspb.SafeModeActionProto_SAFEMODE_LEAVE)
	refused(t, err, accessControl, "Access denied for user alice. Superuser privilege is required for operation safemode_leave")
	if on, err := do(s.as("root"), hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT); on || err != nil {
		t.Errorf("forceExit by a member of the supergroup: %v, %v", on, err)
	}
	_, err = call[hdfspb.SaveNamespaceResponseProto](u, "saveNamespace", &hdfspb.SaveNamespaceRequestProto{})
	refused(t, err, ioException, "Safe mode should be turned ON in order to create namespace image.")
}

func TestFeaturesThatAreOff(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	u.mkdirs("/d")
	if r := ok[hdfspb.GetEZForPathResponseProto](u, "getEZForPath", &hdfspb.GetEZForPathRequestProto{Src: proto.String("/d")}); r.Zone != nil {
		t.Error("an encryption zone")
	}
	if r := ok[hdfspb.GetDataEncryptionKeyResponseProto](u, "getDataEncryptionKey", &hdfspb.GetDataEncryptionKeyRequestProto{}); r.DataEncryptionKey != nil {
		t.Error("an encryption key")
	}
	if r := ok[ipcpb.GetDelegationTokenResponseProto](u, "getDelegationToken", &ipcpb.GetDelegationTokenRequestProto{Renewer: proto.String("x")}); r.Token != nil {
		t.Error("a token")
	}
	if r := ok[hdfspb.GetErasureCodingPolicyResponseProto](u, "getErasureCodingPolicy", &hdfspb.GetErasureCodingPolicyRequestProto{Src: proto.String("/d")}); r.EcPolicy != nil {
		t.Error("an erasure coding policy")
	}
	_, err := call[hdfspb.GetErasureCodingPolicyResponseProto](u, "getErasureCodingPolicy", &hdfspb.GetErasureCodingPolicyRequestProto{Src: proto.String("/nope")})
	refused(t, err, notFound, "/nope")
	ec := ok[hdfspb.GetErasureCodingPoliciesResponseProto](u, "getErasureCodingPolicies", &hdfspb.GetErasureCodingPoliciesRequestProto{}).EcPolicies
	if len(ec) != 5 || ec[0].GetName() != "RS-6-3-1024k" || ec[0].GetState() != hdfspb.ErasureCodingPolicyState_DISABLED || ec[4].GetSchema().GetParityUnits() != 4 {
		t.Errorf("policies %v", ec)
	}
	sp := ok[hdfspb.GetStoragePoliciesResponseProto](u, "getStoragePolicies", &hdfspb.GetStoragePoliciesRequestProto{}).Policies
	if len(sp) != 8 || sp[3].GetName() != "HOT" || sp[3].GetPolicyId() != 7 || sp[2].GetCreationPolicy().GetStorageTypes()[1] != hdfspb.StorageTypeProto_ARCHIVE {
		t.Errorf("policies %v", sp)
	}
	if p := ok[hdfspb.GetStoragePolicyResponseProto](u, "getStoragePolicy", &hdfspb.GetStoragePolicyRequestProto{Path: proto.String("/d")}).StoragePolicy; p.GetName() != "HOT" {
		t.Errorf("policy %v", p)
	}
	if r := ok[hdfspb.HAServiceStateResponseProto](u, "getHAServiceState", &hdfspb.HAServiceStateRequestProto{}); r.GetState() != ipcpb.HAServiceStateProto_ACTIVE {
		t.Error("state", r.GetState())
	}
	ok[hdfspb.MsyncResponseProto](u, "msync", &hdfspb.MsyncRequestProto{})
	if r := ok[hdfspb.RollingUpgradeResponseProto](u, "rollingUpgrade", &hdfspb.RollingUpgradeRequestProto{Action: hdfspb.RollingUpgradeActionProto_QUERY.Enum()}); r.RollingUpgradeInfo != nil {
		t.Error("a rolling upgrade")
	}
	_, err = call[hdfspb.RollingUpgradeResponseProto](u, "rollingUpgrade", &hdfspb.RollingUpgradeRequestProto{Action: hdfspb.RollingUpgradeActionProto_START.Enum()})
	refused(t, err, unsupported, "rolling upgrades")
	ok[hdfspb.FinalizeUpgradeResponseProto](u, "finalizeUpgrade", &hdfspb.FinalizeUpgradeRequestProto{})
	ok[hdfspb.RefreshNodesResponseProto](u, "refreshNodes", &hdfspb.RefreshNodesRequestProto{})
	_, err = call[hdfspb.RefreshNodesResponseProto](s.as("alice"), "refreshNodes", &hdfspb.RefreshNodesRequestProto{})
	refused(t, err, accessControl, "refreshNodes")
	zero := ok[hdfspb.GetFsECBlockGroupStatsResponseProto](u, "getFsECBlockGroupStats", &hdfspb.GetFsECBlockGroupStatsRequestProto{})
	if zero.GetLowRedundancy() != 0 || zero.LowRedundancy == nil {
		t.Errorf("groups %v", zero)
	}
	req := createRequest("/ec", "c")
	req.EcPolicyName = proto.String("RS-6-3-1024k")
	_, err = call[hdfspb.CreateResponseProto](u, "create", req)
	refused(t, err, unsupported, "erasure coding")
	req.EcPolicyName, req.StoragePolicy = nil, proto.String("LUKEWARM")
	_, err = call[hdfspb.CreateResponseProto](u, "create", req)
	refused(t, err, "org.apache.hadoop.HadoopIllegalArgumentException", "LUKEWARM")
	req.StoragePolicy = proto.String("COLD")
	if fs := ok[hdfspb.CreateResponseProto](u, "create", req).Fs; fs.GetStoragePolicy() != 2 {
		t.Errorf("a cold file has the policy %d", fs.GetStoragePolicy())
	}
}

// TestStoreIsAway: callers are told to come again.
func TestStoreIsAway(t *testing.T) {
	s := start(t, nil)
	u := s.as("hdfs")
	u.mkdirs("/a")
	s.store.Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	_, err := call[hdfspb.GetFileInfoResponseProto](u, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/a")})
	refused(t, err, retriable, "unavailable")
	_, err = call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/b"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, retriable, "unavailable")
	s.store.Reset()
	u.mkdirs("/b")
	s.store.Fail(func(c faulty.Call) *faulty.Fault {
		if c.Op == faulty.Commit {
			return &faulty.Fault{Kind: dal.Full}
		}
		return nil
	})
	_, err = call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/c"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, ioException, "full")
	s.store.Reset()
	s.engine.Close()
	_, err = call[hdfspb.MkdirsResponseProto](u, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/c"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
	refused(t, err, "org.apache.hadoop.ipc.StandbyException", "stopping")
}

// TestManyCallsOnOneConnection is NNThroughputBenchmark's way: all threads share a
// connection.
func TestManyCallsOnOneConnection(t *testing.T) {
	u := start(t, nil).as("hdfs")
	u.mkdirs("/m")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	errs := make(chan error, 64)
	for i := range cap(errs) {
		go func() {
			name := "/m/" + strings.Repeat("f", i+1)
			var r hdfspb.CreateResponseProto
			err := u.c.Call(ctx, u.s.addr, rpc.ClientProtocol, "create", createRequest(name, "c"), &r)
			var st hdfspb.GetFileInfoResponseProto
			if err == nil {
				err = u.c.Call(ctx, u.s.addr, rpc.ClientProtocol, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &name}, &st)
			}
			if err == nil && st.Fs.GetFileId() != r.Fs.GetFileId() {
				err = errors.New(name + " is another file")
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		must(t, <-errs)
	}
}

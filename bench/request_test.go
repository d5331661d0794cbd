package bench

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// TestRequests holds what is written by hand against the generated code.
func TestRequests(t *testing.T) {
	path, other, holder := []byte("/bench/d0/f1"), []byte("/bench/d0/r1"), []byte("bench-7")
	perm := func(mode uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &mode} }
	block := &hdfspb.ExtendedBlockProto{PoolId: proto.String("BP-1"), BlockId: proto.Uint64(1 << 30), GenerationStamp: proto.Uint64(1001), NumBytes: proto.Uint64(5)}
	last, err := proto.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	src := proto.String(string(path))
	for _, c := range []struct {
		got  []byte
		want proto.Message
	}{
		{getFileInfo(nil, path), &hdfspb.GetFileInfoRequestProto{Src: src}},
		{getBlockLocations(nil, path), &hdfspb.GetBlockLocationsRequestProto{Src: src, Offset: proto.Uint64(0), Length: proto.Uint64(blockSize)}},
		{getListing(nil, path, []byte("f9")), &hdfspb.GetListingRequestProto{Src: src, StartAfter: []byte("f9"), NeedLocation: proto.Bool(false)}},
		{mkdirs(nil, path), &hdfspb.MkdirsRequestProto{Src: src, Masked: perm(0o755), CreateParent: proto.Bool(true)}},
		{create(nil, path, holder, 3), &hdfspb.CreateRequestProto{
			Src: src, Masked: perm(0o644), ClientName: proto.String("bench-7"), CreateFlag: proto.Uint32(1), CreateParent: proto.Bool(true),
			Replication: proto.Uint32(3), BlockSize: proto.Uint64(128 << 20),
			CryptoProtocolVersion: []hdfspb.CryptoProtocolVersionProto{hdfspb.CryptoProtocolVersionProto_ENCRYPTION_ZONES},
		}},
		{complete(nil, path, holder, last, 77), &hdfspb.CompleteRequestProto{Src: src, ClientName: proto.String("bench-7"), Last: block, FileId: proto.Uint64(77)}},
		{complete(nil, path, holder, nil, 77), &hdfspb.CompleteRequestProto{Src: src, ClientName: proto.String("bench-7"), FileId: proto.Uint64(77)}},
		{addBlock(nil, path, holder, 77), &hdfspb.AddBlockRequestProto{Src: src, ClientName: proto.String("bench-7"), FileId: proto.Uint64(77)}},
		{setPermission(nil, path, 0o640), &hdfspb.SetPermissionRequestProto{Src: src, Permission: perm(0o640)}},
		{setOwner(nil, path, "g"), &hdfspb.SetOwnerRequestProto{Src: src, Groupname: proto.String("g")}},
		{setReplication(nil, path, 2), &hdfspb.SetReplicationRequestProto{Src: src, Replication: proto.Uint32(2)}},
		{getContentSummary(nil, path), &hdfspb.GetContentSummaryRequestProto{Path: src}},
		{rename(nil, path, other), &hdfspb.RenameRequestProto{Src: src, Dst: proto.String(string(other))}},
		{remove(nil, path, true), &hdfspb.DeleteRequestProto{Src: src, Recursive: proto.Bool(true)}},
	} {
		got := c.want.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(c.got, got); err != nil || !proto.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.want.ProtoReflect().Descriptor().Name(), got, err, c.want)
		}
	}
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswers(t *testing.T) {
	status := &hdfspb.HdfsFileStatusProto{Path: []byte("f1"), FileId: proto.Uint64(99)}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"true", isTrue(encode(t, &hdfspb.DeleteResponseProto{Result: proto.Bool(true)})), nil},
		{"false", isTrue(encode(t, &hdfspb.DeleteResponseProto{Result: proto.Bool(false)})), errFalse},
		{"no bool", isTrue(nil), errNothing},
		{"a status", isThere(encode(t, &hdfspb.GetFileInfoResponseProto{Fs: status})), nil},
		{"no status", isThere(nil), errNothing},
		{"cut off", isThere(encode(t, &hdfspb.GetFileInfoResponseProto{Fs: status})[:5]), errAnswer},
	} {
		if !errors.Is(c.err, c.want) || (c.want == nil) != (c.err == nil) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	_, inner, err := find(encode(t, &hdfspb.CreateResponseProto{Fs: status}), 1)
	if err != nil {
		t.Fatal(err)
	}
	if id, _, err := find(inner, 13); err != nil || id != 99 {
		t.Errorf("the file is %d, %v", id, err)
	}
}

func TestEndOfPage(t *testing.T) {
	page := &hdfspb.DirectoryListingProto{
		PartialListing:   []*hdfspb.HdfsFileStatusProto{{Path: []byte("a")}, {Path: []byte("b")}},
		RemainingEntries: proto.Uint32(300),
	}
	last, left, err := endOfPage(encode(t, page))
	if err != nil || string(last) != "b" || left != 300 {
		t.Errorf("%q, %d, %v", last, left, err)
	}
	last, left, err = endOfPage(encode(t, &hdfspb.DirectoryListingProto{RemainingEntries: proto.Uint32(0)}))
	if err != nil || last != nil || left != 0 {
		t.Errorf("of an empty page: %q, %d, %v", last, left, err)
	}
	b := encode(t, page)
	for i := 1; i < len(b)-3; i++ {
		if _, _, err := endOfPage(b[:i]); err != nil && !errors.Is(err, errAnswer) {
			t.Errorf("%d bytes of a page: %v", i, err)
		}
	}
}

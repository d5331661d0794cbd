package rpc

import (
	"bytes"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

// sameAsGenerated decodes an answer into m. The generated code must take it, and
// encode it to the same bytes again.
func sameAsGenerated(t *testing.T, answer []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(answer, m); err != nil {
		t.Fatalf("%x: %v", answer, err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || !bytes.Equal(again, answer) || len(m.ProtoReflect().GetUnknown()) > 0 {
		t.Fatalf("answer\n%x, by the generated code\n%x (%v)", answer, again, err)
	}
}

// FuzzStatus: an appended status is what the generated code makes of it, field for
// field, alone and in listings.
func FuzzStatus(f *testing.F) {
	f.Add("name", "hdfs", "supergroup", int64(1), int64(0o644), int64(0), int64(5), int64(3), int64(1<<27), int64(1e12), int64(2))
	f.Add("acl", "hdfs", "supergroup", int64(1), int64(0o640), int64(schema.FlagHasACL), int64(5), int64(3), int64(1<<27), int64(1e12), int64(2))
	f.Add("", "", "", int64(2), int64(-1), int64(-1), int64(-1), int64(-1), int64(-1), int64(-1), int64(-1))
	f.Fuzz(func(t *testing.T, name, owner, group string, kind, mode, flags, length, replication, blockSize, mtime, children int64) {
		in := schema.Inode{ID: mtime ^ length, Kind: kind, UserName: owner, GroupName: group, Mode: mode, Flags: flags, Length: length,
			Replication: replication, BlockSize: blockSize, ATime: mtime + 1, StoragePolicy: children}
		st := namespace.FileStatus{Inode: in, Path: name, ModTime: mtime, ChildrenNum: children}
		var alone hdfspb.GetFileInfoResponseProto
		sameAsGenerated(t, sample.appendStatus(nil, 1, &st), &alone)
		if len(alone.Fs.Path) > 0 || alone.Fs.Path == nil {
			t.Errorf("path %v", alone.Fs.Path)
		}
		var listing hdfspb.GetListingResponseProto
		sameAsGenerated(t, sample.appendListing(nil, 1, &namespace.Listing{Entries: []namespace.FileStatus{st, st}, Remaining: children}), &listing)
		if n := len(listing.DirList.PartialListing); n != 2 || listing.DirList.GetRemainingEntries() != uint32(min(children, 1<<31-1)) {
			t.Errorf("%d entries, %d remaining", n, listing.DirList.GetRemainingEntries())
		}
		var answer atomic.Pointer[[]byte]
		for range 2 { // made, then kept
			shared := sample.appendListing(nil, 1, &namespace.Listing{Entries: []namespace.FileStatus{st, st}, Remaining: children, Answer: &answer})
			if plain := sample.appendListing(nil, 1, &namespace.Listing{Entries: []namespace.FileStatus{st, st}, Remaining: children}); !bytes.Equal(shared, plain) {
				t.Errorf("an answer that is kept: %x, else %x", shared, plain)
			}
		}
		got := listing.DirList.PartialListing[1]
		want := &hdfspb.HdfsFileStatusProto{
			FileType: hdfspb.HdfsFileStatusProto_IS_FILE.Enum(), Path: []byte(name), Length: u64(length), Permission: &hdfspb.FsPermissionProto{Perm: u32(mode)},
			Owner: &owner, Group: &group, ModificationTime: u64(mtime), AccessTime: u64(mtime + 1), BlockReplication: u32(replication),
			Blocksize: u64(blockSize), FileId: u64(in.ID), ChildrenNum: proto.Int32(0), StoragePolicy: u32(children), Flags: u32(0),
		}
		if kind == schema.KindDirectory {
			want.FileType, want.Length, want.AccessTime = hdfspb.HdfsFileStatusProto_IS_DIR.Enum(), u64(0), u64(0)
			want.BlockReplication, want.Blocksize, want.ChildrenNum = u32(0), u64(0), proto.Int32(int32(min(children, 1<<31-1)))
		}
		if flags&schema.FlagHasACL != 0 {
			want.Flags = u32(int64(hdfspb.HdfsFileStatusProto_HAS_ACL))
		}
		if !proto.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

func u64(v int64) *uint64 { return proto.Uint64(uint64(v)) }
func u32(v int64) *uint32 { return proto.Uint32(uint32(v)) }

// FuzzLocated: appended blocks are those that messages of the generated code hold.
func FuzzLocated(f *testing.F) {
	f.Add("DS-1", "u-1", "10.0.0.1", "dn1", int64(1073741825), int64(1001), int64(5), int64(9866), int64(1), uint8(3), uint8(2))
	f.Add("", "", "", "", int64(-1), int64(-1), int64(-1), int64(-1), int64(-1), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, storage, uuid, ip, host string, id, stamp, size, port, state int64, replicas, count uint8) {
		target := blocks.Target{Storage: schema.Storage{UUID: storage, Type: state}, Datanode: schema.Datanode{UUID: uuid, IP: ip, Host: host,
			XferPort: port, InfoPort: port + 1, IpcPort: port + 2, InfoSecurePort: port + 3, Location: "/" + host, AdminState: state}}
		b := blocks.LocatedBlock{Block: schema.Block{BlockID: id, GenerationStamp: stamp}, Offset: size - 1, Size: size, Corrupt: replicas == 0}
		for range replicas % 5 {
			b.Targets = append(b.Targets, target)
		}
		l := &blocks.Located{FileLength: size, UnderConstruction: id&1 == 0, LastComplete: id&2 == 0}
		for range count % 5 {
			l.Blocks, l.Last = append(l.Blocks, b), &b
		}
		var m hdfspb.GetBlockLocationsResponseProto
		sameAsGenerated(t, appendLocated(nil, 1, l, pool), &m)
		got, want := m.Locations, encodeBlock(&b, &pool)
		if len(got.Blocks) != len(l.Blocks) || got.GetFileLength() != uint64(size) || got.GetUnderConstruction() != l.UnderConstruction ||
			got.GetIsLastBlockComplete() != l.LastComplete || (got.LastBlock != nil) != (l.Last != nil) {
			t.Fatalf("got %v of %+v", got, l)
		}
		for _, x := range append(got.Blocks, got.LastBlock) {
			if x != nil && !proto.Equal(x, want) {
				t.Errorf("got  %v\nwant %v", x, want)
			}
		}
	})
}

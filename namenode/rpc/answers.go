package rpc

import (
	"bytes"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/wire"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

// The answers that are most of a NameNode's work are appended field by field: the
// generated code would have a page of a directory as a thousand messages in memory
// first. Fields are in the order of their numbers, as the generated code has them. The
// fuzz targets hold both against each other.

// appendStatus appends a status that stands alone at field num, if there is one.
func (s *Service) appendStatus(b []byte, num protowire.Number, st *namespace.FileStatus) []byte {
	if st == nil {
		return b
	}
	// The path is present and empty: clients would add anything else to the one that
	// they asked for.
	return appendStatus(b, num, st, "", s.identity.BlockPoolID)
}

// appendStatus appends a HdfsFileStatusProto. name is that below the listed directory.
func appendStatus(b []byte, num protowire.Number, st *namespace.FileStatus, name, pool string) []byte {
	b, m := wire.Begin(b, num, 60+len(name)+len(st.UserName)+len(st.GroupName))
	mode, flags := uint32(st.Mode), hdfspb.HdfsFileStatusProto_Flags(0)
	if st.Flags&schema.FlagHasACL != 0 {
		flags = hdfspb.HdfsFileStatusProto_HAS_ACL
	}
	kind := hdfspb.HdfsFileStatusProto_IS_FILE
	length, atime, blockSize, replication, children := st.Length, st.ATime, st.BlockSize, uint32(st.Replication), int32(0)
	if st.IsDir() {
		kind = hdfspb.HdfsFileStatusProto_IS_DIR
		length, atime, blockSize, replication = 0, 0, 0, 0
		children = int32(min(st.ChildrenNum, 1<<31-1))
	}
	b = wire.AppendUint(b, 1, uint64(kind))
	b = wire.AppendText(b, 2, name)
	b = wire.AppendUint(b, 3, uint64(length))
	b = append(b, 4<<3|2, byte(1+protowire.SizeVarint(uint64(mode))))
	b = wire.AppendUint(b, 1, uint64(mode))
	b = wire.AppendText(b, 5, st.UserName)
	b = wire.AppendText(b, 6, st.GroupName)
	b = wire.AppendUint(b, 7, uint64(st.ModTime))
	b = wire.AppendUint(b, 8, uint64(atime))
	b = wire.AppendUint(b, 10, uint64(replication))
	b = wire.AppendUint(b, 11, uint64(blockSize))
	if st.Located != nil {
		b = appendLocated(b, 12, st.Located, pool)
	}
	b = wire.AppendUint(b, 13, uint64(st.ID))
	b = wire.AppendUint(b, 14, uint64(int64(children)))
	b = wire.AppendUint(b, 16, uint64(uint32(st.StoragePolicy)))
	b = wire.AppendUint(b, 18, uint64(flags))
	return m.End(b)
}

// appendListing appends the DirectoryListingProto of a page, if there is one.
func (s *Service) appendListing(b []byte, num protowire.Number, l *namespace.Listing) []byte {
	if l == nil {
		return b
	}
	b, m := wire.Begin(b, num, 100*len(l.Entries))
	switch {
	case l.Answer == nil:
		b = s.appendEntries(b, l.Entries)
	case l.Answer.Load() != nil:
		b = append(b, *l.Answer.Load()...)
	default:
		from := len(b)
		b = s.appendEntries(b, l.Entries)
		kept := bytes.Clone(b[from:])
		l.Answer.Store(&kept)
	}
	b = wire.AppendUint(b, 2, uint64(uint32(min(l.Remaining, 1<<31-1))))
	return m.End(b)
}

// appendEntries appends the entries of a DirectoryListingProto.
func (s *Service) appendEntries(b []byte, entries []namespace.FileStatus) []byte {
	for i := range entries {
		st := &entries[i]
		b = appendStatus(b, 1, st, st.Path, s.identity.BlockPoolID)
	}
	return b
}

// appendLocated appends a LocatedBlocksProto.
func appendLocated(b []byte, num protowire.Number, l *blocks.Located, pool string) []byte {
	b, m := wire.Begin(b, num, 6+400*len(l.Blocks))
	b = wire.AppendUint(b, 1, uint64(l.FileLength))
	for i := range l.Blocks {
		b = appendBlock(b, 2, &l.Blocks[i], pool)
	}
	b = wire.AppendBool(b, 3, l.UnderConstruction)
	if l.Last != nil {
		b = appendBlock(b, 4, l.Last, pool)
	}
	b = wire.AppendBool(b, 5, l.LastComplete)
	return m.End(b)
}

// emptyToken is a TokenProto at field 5 with its four fields, empty: required where
// there are no tokens.
var emptyToken = []byte{5<<3 | 2, 8, 1<<3 | 2, 0, 2<<3 | 2, 0, 3<<3 | 2, 0, 4<<3 | 2, 0}

// appendBlock appends a LocatedBlockProto.
func appendBlock(b []byte, num protowire.Number, l *blocks.LocatedBlock, pool string) []byte {
	b, m := wire.Begin(b, num, 400)
	b, inner := wire.Begin(b, 1, 100)
	b = wire.AppendText(b, 1, pool)
	b = wire.AppendUint(b, 2, uint64(l.BlockID))
	b = wire.AppendUint(b, 3, uint64(l.GenerationStamp))
	b = inner.End(wire.AppendUint(b, 4, uint64(l.Size)))
	b = wire.AppendUint(b, 2, uint64(l.Offset))
	for i := range l.Targets {
		b = appendNode(b, 3, &l.Targets[i].Datanode)
	}
	b = wire.AppendBool(b, 4, l.Corrupt)
	b = append(b, emptyToken...)
	for i := range l.Targets {
		b = wire.AppendUint(b, 7, uint64(storageType(l.Targets[i].Storage.Type)))
	}
	for i := range l.Targets {
		b = wire.AppendText(b, 8, l.Targets[i].Storage.UUID)
	}
	return m.End(b)
}

// appendNode appends a DatanodeInfoProto that says where a DataNode is, which is all
// that readers and writers need.
func appendNode(b []byte, num protowire.Number, d *schema.Datanode) []byte {
	b, m := wire.Begin(b, num, 120)
	b, id := wire.Begin(b, 1, 100)
	b = wire.AppendText(b, 1, d.IP)
	b = wire.AppendText(b, 2, d.Host)
	b = wire.AppendText(b, 3, d.UUID)
	b = wire.AppendUint(b, 4, uint64(uint32(d.XferPort)))
	b = wire.AppendUint(b, 5, uint64(uint32(d.InfoPort)))
	b = wire.AppendUint(b, 6, uint64(uint32(d.IpcPort)))
	b = id.End(wire.AppendUint(b, 7, uint64(uint32(d.InfoSecurePort))))
	b = wire.AppendText(b, 8, d.Location)
	b = wire.AppendUint(b, 10, uint64(adminState(d.AdminState)))
	return m.End(b)
}

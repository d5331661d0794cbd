package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/hadoop/wire"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// fileMethods are the calls of ClientProtocol on names and attributes.
func (s *Service) fileMethods() map[string]ipc.Method {
	return map[string]ipc.Method{
		"getServerDefaults":     handle(s.getServerDefaults),
		"getFileInfo":           handleTo(s.getFileInfo),
		"getFileLinkInfo":       handleTo(s.getFileLinkInfo),
		"getLocatedFileInfo":    handleTo(s.getLocatedFileInfo),
		"getListing":            handleTo(s.getListing),
		"getBatchedListing":     handleTo(s.getBatchedListing),
		"mkdirs":                handleTo(s.mkdirs),
		"rename":                handleTo(s.rename),
		"rename2":               handle(s.rename2),
		"delete":                handleTo(s.delete),
		"setPermission":         handle(s.setPermission),
		"setOwner":              handle(s.setOwner),
		"setTimes":              handle(s.setTimes),
		"setReplication":        handle(s.setReplication),
		"getContentSummary":     handle(s.getContentSummary),
		"getQuotaUsage":         handle(s.getQuotaUsage),
		"getPreferredBlockSize": handle(s.getPreferredBlockSize),
		"isFileClosed":          handle(s.isFileClosed),
		"checkAccess":           handle(s.checkAccess),
	}
}

func (s *Service) getServerDefaults(context.Context, *ipc.Call, *hdfspb.GetServerDefaultsRequestProto) (*hdfspb.GetServerDefaultsResponseProto, error) {
	d := &s.defaults
	kind := hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C
	if v, ok := hdfspb.ChecksumTypeProto_value["CHECKSUM_"+d.ChecksumType]; ok {
		kind = hdfspb.ChecksumTypeProto(v)
	}
	return &hdfspb.GetServerDefaultsResponseProto{ServerDefaults: &hdfspb.FsServerDefaultsProto{
		BlockSize: proto.Uint64(uint64(d.BlockSize)), BytesPerChecksum: proto.Uint32(uint32(d.BytesPerChecksum)),
		WritePacketSize: proto.Uint32(uint32(d.WritePacketSize)), Replication: proto.Uint32(uint32(d.Replication)),
		FileBufferSize: proto.Uint32(uint32(d.FileBufferSize)), EncryptDataTransfer: proto.Bool(false),
		TrashInterval: proto.Uint64(uint64(d.TrashInterval)), ChecksumType: &kind,
		// Present and empty: no encryption. Absent, clients would use their own key.
		KeyProviderUri: proto.String(""), PolicyId: proto.Uint32(hot), SnapshotTrashRootEnabled: proto.Bool(false),
	}}, nil
}

func (s *Service) getFileInfo(ctx context.Context, c *ipc.Call, q *hdfspb.GetFileInfoRequestProto, dst []byte) ([]byte, error) {
	st, err := s.ns.GetFileInfo(ctx, s.caller(c), q.GetSrc(), false)
	s.audit(c, err, "getfileinfo", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return s.appendStatus(dst, 1, st), nil
}

// getFileLinkInfo is getFileInfo, because there are no symbolic links.
func (s *Service) getFileLinkInfo(ctx context.Context, c *ipc.Call, q *hdfspb.GetFileLinkInfoRequestProto, dst []byte) ([]byte, error) {
	st, err := s.ns.GetFileInfo(ctx, s.caller(c), q.GetSrc(), false)
	s.audit(c, err, "getfileinfo", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return s.appendStatus(dst, 1, st), nil
}

func (s *Service) getLocatedFileInfo(ctx context.Context, c *ipc.Call, q *hdfspb.GetLocatedFileInfoRequestProto, dst []byte) ([]byte, error) {
	st, err := s.ns.GetFileInfo(ctx, s.caller(c), q.GetSrc(), true)
	s.audit(c, err, "open", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return s.appendStatus(dst, 1, st), nil
}

// existing is the status of a path that must be there.
func (s *Service) existing(ctx context.Context, c *ipc.Call, src string) (*namespace.FileStatus, error) {
	st, err := s.ns.GetFileInfo(ctx, s.caller(c), src, false)
	if err == nil && st == nil {
		err = fault.New(fault.NotFound, "File does not exist: %s", src)
	}
	return st, err
}

func (s *Service) getListing(ctx context.Context, c *ipc.Call, q *hdfspb.GetListingRequestProto, dst []byte) ([]byte, error) {
	l, err := s.ns.GetListing(ctx, s.caller(c), q.GetSrc(), string(q.GetStartAfter()), q.GetNeedLocation())
	s.audit(c, err, "listStatus", q.GetSrc(), "")
	if err != nil {
		return nil, err
	}
	return s.appendListing(dst, 1, l), nil
}

func (s *Service) mkdirs(ctx context.Context, c *ipc.Call, q *hdfspb.MkdirsRequestProto, dst []byte) ([]byte, error) {
	err := namespace.CheckPathLength("mkdirs", q.GetSrc())
	if err == nil {
		who := s.changer(c)
		err = s.ns.MkdirsWith(ctx, who, q.GetSrc(), modes(q.GetMasked(), q.GetUnmasked()), q.GetCreateParent())
		s.auditChange(c, who, true, err, "mkdirs", q.GetSrc(), "")
	}
	return wire.AppendBool(dst, 1, true), err
}

// modes are the permission bits of a request; old clients do not send the second.
func modes(masked, unmasked *hdfspb.FsPermissionProto) namespace.Modes {
	m := namespace.Modes{Masked: int64(masked.GetPerm())}
	if unmasked != nil {
		bits := int64(unmasked.GetPerm())
		m.Unmasked = &bits
	}
	return m
}

func (s *Service) rename(ctx context.Context, c *ipc.Call, q *hdfspb.RenameRequestProto, dst []byte) ([]byte, error) {
	if err := namespace.CheckPathLength("rename", q.GetDst()); err != nil {
		return nil, err
	}
	who := s.changer(c)
	done, err := s.ns.Rename(ctx, who, q.GetSrc(), q.GetDst())
	if done || err != nil { // HDFS says nothing of one that did not come about
		s.auditChange(c, who, true, err, "rename", q.GetSrc(), q.GetDst())
	}
	return wire.AppendBool(dst, 1, done), err
}

func (s *Service) rename2(ctx context.Context, c *ipc.Call, q *hdfspb.Rename2RequestProto) (*hdfspb.Rename2ResponseProto, error) {
	if err := namespace.CheckPathLength("rename", q.GetDst()); err != nil {
		return nil, err
	}
	opt := namespace.RenameOptions{Overwrite: q.GetOverwriteDest(), ToTrash: q.GetMoveToTrash()}
	who := s.changer(c)
	err := s.ns.Rename2(ctx, who, q.GetSrc(), q.GetDst(), opt)
	s.auditChange(c, who, true, err, renameCommand(opt), q.GetSrc(), q.GetDst())
	return nil, err
}

// renameCommand is how the audit log calls a rename with options.
func renameCommand(opt namespace.RenameOptions) string {
	switch {
	case opt.Overwrite && opt.ToTrash:
		return "rename (options=[OVERWRITE, TO_TRASH])"
	case opt.Overwrite:
		return "rename (options=[OVERWRITE])"
	case opt.ToTrash:
		return "rename (options=[TO_TRASH])"
	}
	return "rename (options=[NONE])"
}

func (s *Service) delete(ctx context.Context, c *ipc.Call, q *hdfspb.DeleteRequestProto, dst []byte) ([]byte, error) {
	done, err := s.ns.Delete(ctx, s.once(c), q.GetSrc(), q.GetRecursive())
	s.auditResult(c, done, err, "delete", q.GetSrc(), "")
	return wire.AppendBool(dst, 1, done), err
}

func (s *Service) setPermission(ctx context.Context, c *ipc.Call, q *hdfspb.SetPermissionRequestProto) (*hdfspb.SetPermissionResponseProto, error) {
	who := s.changer(c)
	err := s.ns.SetPermission(ctx, who, q.GetSrc(), int64(q.GetPermission().GetPerm()))
	s.auditChange(c, who, true, err, "setPermission", q.GetSrc(), "")
	return nil, err
}

func (s *Service) setOwner(ctx context.Context, c *ipc.Call, q *hdfspb.SetOwnerRequestProto) (*hdfspb.SetOwnerResponseProto, error) {
	who := s.changer(c)
	err := s.ns.SetOwner(ctx, who, q.GetSrc(), q.GetUsername(), q.GetGroupname())
	s.auditChange(c, who, true, err, "setOwner", q.GetSrc(), "")
	return nil, err
}

func (s *Service) setTimes(ctx context.Context, c *ipc.Call, q *hdfspb.SetTimesRequestProto) (*hdfspb.SetTimesResponseProto, error) {
	who := s.changer(c)
	err := s.ns.SetTimes(ctx, who, q.GetSrc(), int64(q.GetMtime()), int64(q.GetAtime()))
	s.auditChange(c, who, true, err, "setTimes", q.GetSrc(), "")
	return nil, err
}

func (s *Service) setReplication(ctx context.Context, c *ipc.Call, q *hdfspb.SetReplicationRequestProto) (*hdfspb.SetReplicationResponseProto, error) {
	// Java's short: what does not fit is negative there.
	done, err := s.ns.SetReplication(ctx, s.caller(c), q.GetSrc(), int64(int16(q.GetReplication())))
	if done || err != nil {
		s.audit(c, err, "setReplication", q.GetSrc(), "")
	}
	return &hdfspb.SetReplicationResponseProto{Result: &done}, err
}

func (s *Service) getContentSummary(ctx context.Context, c *ipc.Call, q *hdfspb.GetContentSummaryRequestProto) (*hdfspb.GetContentSummaryResponseProto, error) {
	sum, err := s.ns.GetContentSummary(ctx, s.caller(c), q.GetPath())
	s.audit(c, err, "contentSummary", q.GetPath(), "")
	if err != nil {
		return nil, err
	}
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	m := &hdfspb.ContentSummaryProto{
		Length: u(sum.Length), FileCount: u(sum.FileCount), DirectoryCount: u(sum.DirectoryCount),
		Quota: u(sum.Quota), SpaceConsumed: u(sum.SpaceConsumed), SpaceQuota: u(sum.SpaceQuota),
		ErasureCodingPolicy: proto.String(""),
	}
	if sum.DirectoryCount == 0 { // a file: HDFS says so in this way
		m.ErasureCodingPolicy = proto.String("Replicated")
	}
	m.TypeQuotaInfos = encodeTypes(sum.Types)
	return &hdfspb.GetContentSummaryResponseProto{Summary: m}, nil
}

func (s *Service) getQuotaUsage(ctx context.Context, c *ipc.Call, q *hdfspb.GetQuotaUsageRequestProto) (*hdfspb.GetQuotaUsageResponseProto, error) {
	use, err := s.ns.GetQuotaUsage(ctx, s.caller(c), q.GetPath())
	s.audit(c, err, "quotaUsage", q.GetPath(), "")
	if err != nil {
		return nil, err
	}
	u := func(v int64) *uint64 { return proto.Uint64(uint64(v)) }
	return &hdfspb.GetQuotaUsageResponseProto{Usage: &hdfspb.QuotaUsageProto{
		FileAndDirectoryCount: u(use.FileAndDirectoryCount), Quota: u(use.Quota),
		SpaceConsumed: u(use.SpaceConsumed), SpaceQuota: u(use.SpaceQuota),
		TypeQuotaInfos: encodeTypes(use.Types),
	}}, nil
}

func (s *Service) getPreferredBlockSize(ctx context.Context, c *ipc.Call, q *hdfspb.GetPreferredBlockSizeRequestProto) (*hdfspb.GetPreferredBlockSizeResponseProto, error) {
	size, err := s.ns.GetPreferredBlockSize(ctx, s.caller(c), q.GetFilename())
	return &hdfspb.GetPreferredBlockSizeResponseProto{Bsize: proto.Uint64(uint64(size))}, err
}

func (s *Service) isFileClosed(ctx context.Context, c *ipc.Call, q *hdfspb.IsFileClosedRequestProto) (*hdfspb.IsFileClosedResponseProto, error) {
	closed, err := s.ns.IsFileClosed(ctx, s.caller(c), q.GetSrc())
	s.audit(c, err, "isFileClosed", q.GetSrc(), "")
	return &hdfspb.IsFileClosedResponseProto{Result: &closed}, err
}

func (s *Service) checkAccess(ctx context.Context, c *ipc.Call, q *hdfspb.CheckAccessRequestProto) (*hdfspb.CheckAccessResponseProto, error) {
	err := s.ns.CheckAccess(ctx, s.caller(c), q.GetPath(), namespace.Access(q.GetMode()))
	s.audit(c, err, "checkAccess", q.GetPath(), "")
	return nil, err
}

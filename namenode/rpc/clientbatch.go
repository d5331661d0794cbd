package rpc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/hadoop/wire"
	"github.com/hopsql/hopsql/namenode/fault"
)

// Bounds of a batched listing (dfs.namenode.batched.listing.limit, dfs.ls.limit).
const (
	batchedPaths   = 100
	batchedEntries = 1000
)

// getBatchedListing lists several directories in one call, page by page. One that cannot
// be listed has an error in its place and ends nothing.
func (s *Service) getBatchedListing(ctx context.Context, c *ipc.Call, q *hdfspb.GetBatchedListingRequestProto, dst []byte) ([]byte, error) {
	paths := q.GetPaths()
	if len(paths) > batchedPaths {
		return nil, fault.New(fault.IllegalArgument, "Too many source paths (%d > %d)", len(paths), batchedPaths)
	}
	sum := sha256.Sum256([]byte(strings.Join(paths, "\x00")))
	at, after, err := batchStart(q.GetStartAfter(), sum[:], len(paths))
	if err != nil {
		return nil, err
	}
	total, more := 0, false
	for ; at < len(paths) && total < batchedEntries; at++ {
		l, err := s.ns.GetListing(ctx, s.caller(c), paths[at], after, q.GetNeedLocation())
		if err == nil && l == nil {
			err = fault.New(fault.NotFound, "Path %s does not exist", paths[at])
		}
		s.audit(c, err, "listStatus", paths[at], "")
		var x *ipc.Exception
		if err != nil {
			if x = exception(err); x.Class == classRetriable || x.Class == classStandby {
				return nil, err // of the call, not of the path
			}
		}
		b, m := wire.Begin(dst, 1, 0)
		if x == nil {
			b = s.appendEntries(b, l.Entries)
		}
		b = wire.AppendUint(b, 2, uint64(at))
		if x != nil {
			e, n := wire.Begin(b, 3, len(x.Class)+len(x.Message))
			e = wire.AppendText(e, 1, x.Class)
			b = n.End(wire.AppendText(e, 2, x.Message))
		}
		dst = m.End(b)
		total++
		if after = ""; x == nil {
			total += len(l.Entries)
			if more = l.Remaining > 0; more {
				after = l.Entries[len(l.Entries)-1].Path
				break
			}
		}
	}
	more = more || at < len(paths)
	next := []byte{}
	if more {
		key := &hdfspb.BatchedListingKeyProto{Checksum: sum[:], PathIndex: proto.Uint32(uint32(at)), StartAfter: []byte(after)}
		if next, err = proto.Marshal(key); err != nil {
			return nil, err
		}
	}
	dst = wire.AppendBool(dst, 2, more)
	return protowire.AppendBytes(protowire.AppendTag(dst, 3, protowire.BytesType), next), nil
}

// batchStart reads where a batched listing goes on: the number of the path and a name in
// it.
func batchStart(token, sum []byte, paths int) (at int, after string, err error) {
	if len(token) == 0 {
		return 0, "", nil
	}
	var key hdfspb.BatchedListingKeyProto
	if err := proto.Unmarshal(token, &key); err != nil || !bytes.Equal(key.GetChecksum(), sum) || int(key.GetPathIndex()) >= paths {
		return 0, "", fault.New(fault.IllegalArgument, "the place to start a batched listing from is not of one of these paths")
	}
	return int(key.GetPathIndex()), string(key.GetStartAfter()), nil
}

// Package blockreport encodes and decodes the list of replicas in a DataNode's
// full block report (StorageBlockReportProto), in both forms that Hadoop has:
// byte buffers, which a NameNode asks for with bit 0 of its capabilities, and
// the older list of longs.
//
// Decoding never allocates more than the message itself justifies and refuses a
// report whose counts and contents differ. What a replica means, and whether it
// should exist, the package does not know.
package blockreport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/datanodepb"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// CapabilityBuffers is the bit of NamespaceInfoProto.capabilities by which a
// NameNode says that it understands byte buffers.
const CapabilityBuffers = 1

// ErrFormat says that a report is not well formed.
var ErrFormat = errors.New("bad block report")

const (
	chunkSize  = 64 << 10 // longest buffer that Java sends
	minReplica = 4        // bytes of the shortest encoding of a replica
	lengthMask = 1<<48 - 1
	stateMask  = 1<<4 - 1
	none       = ^uint64(0) // the long -1, between the two halves of the old form
)

// Replica is one copy of a block on a storage.
type Replica struct {
	ID              int64 // negative for erasure coded blocks
	Length          int64 // bytes
	GenerationStamp uint64
	State           hdfspb.ReplicaStateProto
}

// Encode puts replicas into m: byte buffers if buffers is true, else the list
// of longs.
func Encode(m *datanodepb.StorageBlockReportProto, replicas iter.Seq[Replica], buffers bool) {
	if buffers {
		encodeBuffers(m, replicas)
	} else {
		encodeList(m, replicas)
	}
}

func encodeBuffers(m *datanodepb.StorageBlockReportProto, replicas iter.Seq[Replica]) {
	var n uint64
	m.Blocks, m.BlocksBuffers = nil, nil
	buf := make([]byte, 0, chunkSize)
	for r := range replicas {
		if len(buf)+4*binary.MaxVarintLen64 > chunkSize {
			m.BlocksBuffers = append(m.BlocksBuffers, buf)
			buf = make([]byte, 0, chunkSize)
		}
		buf = binary.AppendVarint(buf, r.ID)
		buf = binary.AppendUvarint(buf, uint64(r.Length)&lengthMask)
		buf = binary.AppendUvarint(buf, r.GenerationStamp)
		buf = binary.AppendUvarint(buf, uint64(r.State)&stateMask)
		n++
	}
	m.NumberOfBlocks = proto.Uint64(n)
	m.BlocksBuffers = append(m.BlocksBuffers, buf)
}

func encodeList(m *datanodepb.StorageBlockReportProto, replicas iter.Seq[Replica]) {
	list, open := []uint64{0, 0}, []uint64(nil)
	for r := range replicas {
		if r.State == hdfspb.ReplicaStateProto_FINALIZED {
			list = append(list, uint64(r.ID), uint64(r.Length), r.GenerationStamp)
		} else {
			open = append(open, uint64(r.ID), uint64(r.Length), r.GenerationStamp, uint64(r.State))
		}
	}
	list[0], list[1] = uint64((len(list)-2)/3), uint64(len(open)/4)
	list = append(list, none, none, none)
	m.NumberOfBlocks, m.BlocksBuffers, m.Blocks = nil, nil, append(list, open...)
}

// Count is how many replicas a report says it has. It may lie; Decode finds out.
func Count(m *datanodepb.StorageBlockReportProto) uint64 {
	if m.NumberOfBlocks != nil || len(m.Blocks) < 2 {
		return m.GetNumberOfBlocks()
	}
	return m.Blocks[0] + m.Blocks[1]
}

// Decode returns the replicas of a report in either form.
func Decode(m *datanodepb.StorageBlockReportProto) ([]Replica, error) {
	size := uint64(0)
	for _, b := range m.GetBlocksBuffers() {
		size += uint64(len(b)) / minReplica
	}
	all := make([]Replica, 0, min(Count(m), size+uint64(len(m.GetBlocks()))/3))
	err := Each(m, func(r Replica) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Each calls f for every replica of a report in either form, in the report's
// order. It stops at the first error, f's or one that matches ErrFormat: by then
// f may have seen the replicas in front of the fault.
func Each(m *datanodepb.StorageBlockReportProto, f func(Replica) error) error {
	if m.NumberOfBlocks != nil {
		return eachBuffered(m.GetBlocksBuffers(), m.GetNumberOfBlocks(), f)
	}
	return eachListed(m.GetBlocks(), f)
}

func eachBuffered(chunks [][]byte, n uint64, f func(Replica) error) error {
	s := stream{chunks: chunks}
	for i := uint64(0); i < n; i++ {
		var v [4]uint64
		for k := range v {
			var err error
			if v[k], err = binary.ReadUvarint(&s); err != nil {
				return fmt.Errorf("%w: replica %d of %d: %w", ErrFormat, i, n, err)
			}
		}
		id := int64(v[0]>>1) ^ -int64(v[0]&1) // zig-zag
		r, err := replica(id, v[1]&lengthMask, v[2], v[3]&stateMask)
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	if _, err := s.ReadByte(); err == nil {
		return fmt.Errorf("%w: more bytes than %d replicas", ErrFormat, n)
	}
	return nil
}

func eachListed(list []uint64, f func(Replica) error) error {
	if len(list) == 0 { // an empty storage of an old DataNode
		return nil
	}
	if len(list) < 5 {
		return fmt.Errorf("%w: list of %d longs", ErrFormat, len(list))
	}
	done, open, size := list[0], list[1], uint64(len(list))
	if done > size/3 || open > size/4 || 2+3*done+3+4*open != size {
		return fmt.Errorf("%w: %d finished and %d other replicas in %d longs", ErrFormat, done, open, size)
	}
	rest := list[2:]
	for ; done > 0; done-- {
		r, err := replica(int64(rest[0]), rest[1], rest[2], uint64(hdfspb.ReplicaStateProto_FINALIZED))
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
		rest = rest[3:]
	}
	if rest[0] != none || rest[1] != none || rest[2] != none {
		return fmt.Errorf("%w: no delimiter between finished and other replicas", ErrFormat)
	}
	for rest = rest[3:]; open > 0; open-- {
		r, err := replica(int64(rest[0]), rest[1], rest[2], rest[3])
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
		rest = rest[4:]
	}
	return nil
}

func replica(id int64, length, stamp, state uint64) (Replica, error) {
	if length > lengthMask || state > uint64(hdfspb.ReplicaStateProto_TEMPORARY) {
		return Replica{}, fmt.Errorf("%w: blk_%d of length %d in state %d", ErrFormat, id, length, state)
	}
	return Replica{ID: id, Length: int64(length), GenerationStamp: stamp, State: hdfspb.ReplicaStateProto(state)}, nil
}

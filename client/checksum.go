package client

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"google.golang.org/protobuf/proto"
)

// FileChecksum is HDFS's checksum of a file: equal files of equal block size and
// checksum settings have equal ones, whatever cluster holds them.
type FileChecksum struct {
	Algorithm string // such as MD5-of-0MD5-of-512CRC32C
	Bytes     []byte
}

// String is the algorithm and the bytes in hexadecimal.
func (f *FileChecksum) String() string { return f.Algorithm + ":" + hex.EncodeToString(f.Bytes) }

// What Apache's client says of a file without blocks: the MD5 of 32 zeros.
var emptyChecksum = FileChecksum{
	Algorithm: "MD5-of-0MD5-of-0CRC32",
	Bytes:     append(make([]byte, 12), 0x70, 0xbc, 0x8f, 0x4b, 0x72, 0xa8, 0x69, 0x21, 0x46, 0x8b, 0xf8, 0xe8, 0x44, 0x1d, 0xce, 0x51),
}

// Checksum computes the MD5 of the MD5s of the CRCs of a file's blocks; the
// DataNodes do the reading.
func (c *Client) Checksum(name string) (*FileChecksum, error) {
	var sum *FileChecksum
	err := c.onPath("checksum", name, func(p string) error {
		if mode := c.s.conf.Get("dfs.checksum.combine.mode"); mode != "" && mode != "MD5MD5CRC" {
			return fmt.Errorf("dfs.checksum.combine.mode=%s: %w", mode, errors.ErrUnsupported)
		}
		l, err := c.located(p, 0, wholeFile)
		if err != nil {
			return err
		}
		sum, err = c.combine(l)
		return err
	})
	return sum, err
}

func (c *Client) combine(l *hdfspb.LocatedBlocksProto) (*FileChecksum, error) {
	blocks := l.GetBlocks()
	if len(blocks) == 0 {
		e := emptyChecksum
		return &e, nil
	}
	all := blockSums{md5: md5.New(), several: len(blocks) > 1}
	left := int64(l.GetFileLength())
	for _, lb := range blocks {
		b := proto.Clone(lb.GetB()).(*hdfspb.ExtendedBlockProto)
		if int64(b.GetNumBytes()) > left {
			b.NumBytes = proto.Uint64(uint64(left))
		}
		left -= int64(b.GetNumBytes())
		resp, err := c.blockChecksum(lb, b)
		if err != nil {
			return nil, err
		}
		if err := all.add(resp); err != nil {
			return nil, fmt.Errorf("%s: %w", blockName(b), err)
		}
	}
	return all.sum(), nil
}

func (c *Client) blockChecksum(lb *hdfspb.LocatedBlockProto, b *hdfspb.ExtendedBlockProto) (*hdfspb.OpBlockChecksumResponseProto, error) {
	err := fmt.Errorf("Could not obtain block: %s: no DataNode has it", blockName(b)) //nolint:staticcheck // the words of Apache's client
	for _, n := range lb.GetLocs() {
		var resp *hdfspb.OpBlockChecksumResponseProto
		resp, err = c.s.data.peers.BlockChecksum(c.ctx, datatransfer.ChecksumRequest{
			Node: n.GetId(), Block: b, Token: lb.GetBlockToken(), Type: hdfspb.BlockChecksumTypeProto_MD5CRC,
		})
		if err == nil {
			return resp, nil
		}
		if errors.Is(c.ctx.Err(), context.Canceled) {
			return nil, err
		}
		c.s.log.Debug("checksum of a replica was not had", "block", blockName(b), "err", err)
	}
	return nil, err
}

// blockSums gathers the answers of DataNodes for one file.
type blockSums struct {
	md5         hash.Hash
	several     bool
	n           int
	bytesPerCrc uint32
	crcPerBlock uint64
	crc         hdfspb.ChecksumTypeProto
}

func (s *blockSums) add(r *hdfspb.OpBlockChecksumResponseProto) error {
	if len(r.GetBlockChecksum()) != md5.Size {
		return fmt.Errorf("a checksum of %d bytes, want %d", len(r.GetBlockChecksum()), md5.Size)
	}
	if s.n == 0 {
		s.bytesPerCrc, s.crc = r.GetBytesPerCrc(), r.GetCrcType()
		if s.several {
			s.crcPerBlock = r.GetCrcPerBlock()
		}
	}
	if s.bytesPerCrc != r.GetBytesPerCrc() {
		return fmt.Errorf("Byte-per-checksum not matched: bpc=%d but bytesPerCRC=%d", r.GetBytesPerCrc(), s.bytesPerCrc) //nolint:staticcheck // the words of Apache's client
	}
	if s.crc != r.GetCrcType() {
		return fmt.Errorf("blocks have CRCs of several types, %v and %v", s.crc, r.GetCrcType())
	}
	s.n++
	s.md5.Write(r.GetBlockChecksum())
	return nil
}

func (s *blockSums) sum() *FileChecksum {
	kind := "CRC32C"
	if s.crc == hdfspb.ChecksumTypeProto_CHECKSUM_CRC32 {
		kind = "CRC32"
	}
	b := binary.BigEndian.AppendUint32(nil, s.bytesPerCrc)
	b = binary.BigEndian.AppendUint64(b, s.crcPerBlock)
	// Apache's client digests the whole buffer that it gathered the sums in: a
	// buffer of 32 bytes, doubled as it fills, with zeros at its end.
	room := 32
	for room < s.n*md5.Size {
		room *= 2
	}
	s.md5.Write(make([]byte, room-s.n*md5.Size))
	return &FileChecksum{
		Algorithm: fmt.Sprintf("MD5-of-%dMD5-of-%d%s", s.crcPerBlock, s.bytesPerCrc, kind),
		Bytes:     s.md5.Sum(b),
	}
}

package datatransfer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// maxBytesPerChecksum bounds a chunk, in bytes, so that a peer cannot ask for absurd buffers.
const maxBytesPerChecksum = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum says how the chunks of a block are summed. The zero value is not valid.
type Checksum struct {
	Type             hdfspb.ChecksumTypeProto
	BytesPerChecksum int
}

// DefaultChecksum is what a stock client asks for: CRC32C over 512 bytes.
var DefaultChecksum = Checksum{Type: hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C, BytesPerChecksum: 512}

// ParseChecksum checks a peer's choice.
func ParseChecksum(m *hdfspb.ChecksumProto) (Checksum, error) {
	c := Checksum{Type: m.GetType(), BytesPerChecksum: int(m.GetBytesPerChecksum())}
	return c, c.Valid()
}

// Valid tells what is wrong with c, nil if nothing is.
func (c Checksum) Valid() error {
	switch c.Type {
	case hdfspb.ChecksumTypeProto_CHECKSUM_NULL, hdfspb.ChecksumTypeProto_CHECKSUM_CRC32, hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C:
	default:
		return frameError("checksum type %d", c.Type)
	}
	if c.BytesPerChecksum < 1 || c.BytesPerChecksum > maxBytesPerChecksum {
		return frameError("%d bytes per checksum, must be 1 to %d", c.BytesPerChecksum, maxBytesPerChecksum)
	}
	return nil
}

// Proto is c as it travels.
func (c Checksum) Proto() *hdfspb.ChecksumProto {
	return &hdfspb.ChecksumProto{Type: c.Type.Enum(), BytesPerChecksum: proto.Uint32(uint32(c.BytesPerChecksum))}
}

// Size is the length of one checksum in bytes: 4, or 0 for type NULL.
func (c Checksum) Size() int {
	if c.Type == hdfspb.ChecksumTypeProto_CHECKSUM_NULL {
		return 0
	}
	return 4
}

// Chunks is the number of chunks started by n bytes.
func (c Checksum) Chunks(n int64) int64 {
	return (n + int64(c.BytesPerChecksum) - 1) / int64(c.BytesPerChecksum)
}

// SumsLen is the number of bytes that the checksums of n bytes take.
func (c Checksum) SumsLen(n int) int { return int(c.Chunks(int64(n))) * c.Size() }

// Extend continues the checksum of a chunk, crc, with the bytes that follow; 0 starts one.
func (c Checksum) Extend(crc uint32, p []byte) uint32 {
	if c.Type == hdfspb.ChecksumTypeProto_CHECKSUM_CRC32 {
		return crc32.Update(crc, crc32.IEEETable, p)
	}
	return crc32.Update(crc, castagnoli, p)
}

// Sum fills sums, of SumsLen(len(data)) bytes, with the checksums of data, whose
// first byte starts a chunk.
func (c Checksum) Sum(data, sums []byte) {
	if c.Size() == 0 {
		return
	}
	for len(data) > 0 {
		n := min(len(data), c.BytesPerChecksum)
		binary.BigEndian.PutUint32(sums, c.Extend(0, data[:n]))
		data, sums = data[n:], sums[4:]
	}
}

// Verify checks data against sums chunk by chunk. The error is a *ChecksumError
// whose Offset is relative to data. With type NULL everything is right.
func (c Checksum) Verify(data, sums []byte) error {
	if c.Size() == 0 {
		return nil
	}
	if len(sums) != c.SumsLen(len(data)) {
		return fmt.Errorf("%w: %d bytes of checksums for %d bytes of data", ErrFrame, len(sums), len(data))
	}
	for off := int64(0); len(data) > 0; {
		n := min(len(data), c.BytesPerChecksum)
		want := binary.BigEndian.Uint32(sums)
		if got := c.Extend(0, data[:n]); got != want {
			return &ChecksumError{Offset: off, Want: want, Got: got}
		}
		data, sums, off = data[n:], sums[4:], off+int64(n)
	}
	return nil
}

// Resume returns the checksums of the chunks that data fills, when the first of
// them already has part bytes with checksum crc.
func (c Checksum) Resume(crc uint32, part int, data []byte) []byte {
	if c.Size() == 0 {
		return nil
	}
	sums := make([]byte, 0, c.SumsLen(part+len(data)))
	for len(data) > 0 {
		n := min(len(data), c.BytesPerChecksum-part)
		sums = binary.BigEndian.AppendUint32(sums, c.Extend(crc, data[:n]))
		crc, part, data = 0, 0, data[n:]
	}
	return sums
}

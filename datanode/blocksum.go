package datanode

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"hash"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// sumStep is for how many bytes of data checksums are read at a time.
const sumStep = 8 << 20

// blockChecksum answers with the checksum of a replica's checksums: MD5 over them
// all, or one CRC of the data composed from them.
func (s *session) blockChecksum(m *hdfspb.OpBlockChecksumProto) error {
	eb := m.GetHeader().GetBlock()
	kind := m.GetBlockChecksumOptions().GetBlockChecksumType()
	resp, err := s.d.sumBlock(eb, kind)
	if err != nil {
		return s.refuse(hdfspb.Status_ERROR, fmt.Errorf("checksum of %s: %w", datatransfer.BlockName(eb), err))
	}
	resp.BlockChecksumOptions = &hdfspb.BlockChecksumOptionsProto{BlockChecksumType: kind.Enum(), StripeLength: proto.Uint64(m.GetBlockChecksumOptions().GetStripeLength())}
	return s.send(&hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String(""), ChecksumResponse: resp})
}

func (d *DataNode) sumBlock(eb *hdfspb.ExtendedBlockProto, kind hdfspb.BlockChecksumTypeProto) (*hdfspb.OpBlockChecksumResponseProto, error) {
	n := int64(eb.GetNumBytes())
	r, err := d.openRange(eb, 0, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Sum.Size() == 0 {
		return nil, fmt.Errorf("%w: the replica has no checksums", replicas.ErrState)
	}
	bpc := r.Sum.BytesPerChecksum
	resp := &hdfspb.OpBlockChecksumResponseProto{BytesPerCrc: proto.Uint32(uint32(bpc)), CrcType: r.Sum.Type.Enum(),
		CrcPerBlock: proto.Uint64(uint64(r.Sum.Chunks(r.Length)))}
	digest := md5.New()
	whole := newComposer(r.Sum)
	err = eachSum(r, n, func(sum []byte, length int) {
		digest.Write(sum)
		whole.add(binary.BigEndian.Uint32(sum), length)
	})
	if err != nil {
		return nil, err
	}
	resp.BlockChecksum = blockDigest(kind, digest, whole)
	return resp, nil
}

func blockDigest(kind hdfspb.BlockChecksumTypeProto, digest hash.Hash, whole *composer) []byte {
	if kind == hdfspb.BlockChecksumTypeProto_COMPOSITE_CRC {
		return binary.BigEndian.AppendUint32(nil, whole.crc)
	}
	return digest.Sum(nil)
}

// eachSum hands out the checksums of the first n bytes of a replica. The data is
// not read, except for a chunk in which n ends: its checksum is made of what
// counts, after the whole chunk is verified.
func eachSum(r *replicas.Reader, n int64, f func(sum []byte, length int)) error {
	bpc := int64(r.Sum.BytesPerChecksum)
	whole := n
	if n < r.Length {
		whole -= n % bpc
	}
	step := max(1, sumStep/bpc) * bpc
	sums := make([]byte, r.Sum.SumsLen(int(min(step, whole))))
	for off := int64(0); off < whole; off += step {
		part := min(step, whole-off)
		got := sums[:r.Sum.SumsLen(int(part))]
		if err := r.ReadSums(off, part, got); err != nil {
			return err
		}
		for i := int64(0); i < part; i += bpc {
			f(got[:4], int(min(bpc, part-i)))
			got = got[4:]
		}
	}
	if whole == n {
		return nil
	}
	data, sum := make([]byte, min(bpc, r.Length-whole)), make([]byte, 4)
	if err := r.Read(whole, data, sum); err != nil {
		return err
	}
	if err := r.Sum.Verify(data, sum); err != nil {
		return err
	}
	data = data[:n-whole]
	r.Sum.Sum(data, sum)
	f(sum, len(data))
	return nil
}

// composer computes the CRC of a whole from the CRCs of its parts: appending
// bytes multiplies a CRC by a power of x, modulo the polynomial.
type composer struct {
	poly  uint32 // bits reversed, as in hash/crc32
	crc   uint32
	shift uint32 // x^(8*length)
	bytes int    // the length that shift is for
}

func newComposer(c datatransfer.Checksum) *composer {
	poly := uint32(0x82f63b78)
	if c.Type == hdfspb.ChecksumTypeProto_CHECKSUM_CRC32 {
		poly = 0xedb88320
	}
	return &composer{poly: poly}
}

func (c *composer) add(crc uint32, length int) {
	if length != c.bytes {
		c.bytes, c.shift = length, c.power(uint64(length)*8)
	}
	c.crc = c.multiply(c.crc, c.shift) ^ crc
}

// multiply is the product of two polynomials over GF(2), modulo poly. The top bit
// is the coefficient of x^0.
func (c *composer) multiply(a, b uint32) uint32 {
	var p uint32
	for m := uint32(1) << 31; m != 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ c.poly
		} else {
			b >>= 1
		}
	}
	return p
}

// power is x^n modulo poly.
func (c *composer) power(n uint64) uint32 {
	result, base := uint32(1)<<31, uint32(1)<<30
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = c.multiply(result, base)
		}
		base = c.multiply(base, base)
	}
	return result
}

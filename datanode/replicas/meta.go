package replicas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	metaVersion = 1
	metaHeader  = 7 // bytes
	// verifyStep is how much data a verification reads at a time, in bytes.
	verifyStep = 1 << 20
)

// The numbers of checksum types in a meta file, which are not those on the wire.
var metaTypes = map[byte]hdfspb.ChecksumTypeProto{
	0: hdfspb.ChecksumTypeProto_CHECKSUM_NULL,
	1: hdfspb.ChecksumTypeProto_CHECKSUM_CRC32,
	2: hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C,
}

func metaHead(c datatransfer.Checksum) []byte {
	b := []byte{0, metaVersion, 0}
	for n, t := range metaTypes {
		if t == c.Type {
			b[2] = n
		}
	}
	return binary.BigEndian.AppendUint32(b, uint32(c.BytesPerChecksum))
}

func readMetaHead(f io.ReaderAt) (datatransfer.Checksum, error) {
	var b [metaHeader]byte
	var c datatransfer.Checksum
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return c, fmt.Errorf("header of meta file: %w", err)
	}
	if v := binary.BigEndian.Uint16(b[:]); v != metaVersion {
		return c, wrong(ErrVolume, "meta file of version %d", v)
	}
	t, ok := metaTypes[b[2]]
	if !ok {
		return c, wrong(ErrVolume, "meta file with checksum type %d", b[2])
	}
	c.Type, c.BytesPerChecksum = t, int(int32(binary.BigEndian.Uint32(b[3:])))
	return c, c.Valid()
}

// metaSize is the size of the meta file of n bytes of data.
func metaSize(c datatransfer.Checksum, n int64) int64 {
	return metaHeader + c.Chunks(n)*int64(c.Size())
}

// sumAt is where the checksum of the chunk holding offset lies in the meta file.
func sumAt(c datatransfer.Checksum, offset int64) int64 {
	return metaHeader + offset/int64(c.BytesPerChecksum)*int64(c.Size())
}

// pair is the two open files of a replica.
type pair struct {
	data, meta *os.File
	sum        datatransfer.Checksum
}

func openPair(data, meta string, flag int) (pair, error) {
	var p pair
	var err error
	if p.data, err = os.OpenFile(data, flag, 0o644); err != nil {
		return p, err
	}
	if p.meta, err = os.OpenFile(meta, flag, 0o644); err != nil {
		p.data.Close()
		return p, err
	}
	return p, nil
}

// openExisting opens both files and reads the header.
func openExisting(data, meta string, flag int) (pair, error) {
	p, err := openPair(data, meta, flag)
	if err != nil {
		return p, err
	}
	if p.sum, err = readMetaHead(p.meta); err != nil {
		p.close()
		return p, fmt.Errorf("%s: %w", meta, err)
	}
	return p, nil
}

func (p pair) close() error { return errors.Join(p.data.Close(), p.meta.Close()) }

func (p pair) sync() error { return errors.Join(p.data.Sync(), p.meta.Sync()) }

// tail is the stored checksum of the unfinished chunk that ends at length, 0 if there is none.
func (p pair) tail(length int64) (uint32, error) {
	if p.sum.Size() == 0 || length%int64(p.sum.BytesPerChecksum) == 0 {
		return 0, nil
	}
	var b [4]byte
	if _, err := p.meta.ReadAt(b[:], sumAt(p.sum, length)); err != nil {
		return 0, fmt.Errorf("last checksum: %w", err)
	}
	return binary.BigEndian.Uint32(b[:]), nil
}

// verifiedPrefix returns how many leading bytes of the data have right checksums.
func (p pair) verifiedPrefix() (int64, error) {
	info, err := p.data.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if p.sum.Size() == 0 {
		return size, nil
	}
	bpc := int64(p.sum.BytesPerChecksum)
	step := max(1, verifyStep/bpc) * bpc
	data := make([]byte, min(step, size))
	sums := make([]byte, p.sum.SumsLen(len(data)))
	for off := int64(0); off < size; off += step {
		n, err := p.data.ReadAt(data[:min(step, size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		got, err := p.meta.ReadAt(sums[:p.sum.SumsLen(n)], sumAt(p.sum, off))
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		have := min(n, got/4*int(bpc)) // bytes that have a checksum
		err = p.sum.Verify(data[:have], sums[:p.sum.SumsLen(have)])
		var bad *datatransfer.ChecksumError
		if errors.As(err, &bad) {
			return off + bad.Offset, nil
		}
		if err != nil {
			return 0, err
		}
		if have < n || int64(n) < min(step, size-off) {
			return off + int64(have), nil
		}
	}
	return size, nil
}

// truncate cuts the replica to n bytes, which must be there, and makes the
// checksum of the last chunk fit.
func (p pair) truncate(n int64) error {
	if part := n % int64(p.sum.BytesPerChecksum); part != 0 && p.sum.Size() != 0 {
		b := make([]byte, part)
		if _, err := p.data.ReadAt(b, n-part); err != nil {
			return fmt.Errorf("last chunk: %w", err)
		}
		sum := binary.BigEndian.AppendUint32(nil, p.sum.Extend(0, b))
		if _, err := p.meta.WriteAt(sum, sumAt(p.sum, n)); err != nil {
			return err
		}
	}
	if err := p.data.Truncate(n); err != nil {
		return err
	}
	return p.meta.Truncate(metaSize(p.sum, n))
}

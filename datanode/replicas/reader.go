package replicas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hopsql/hopsql/hadoop/datatransfer"
)

// Reader reads a replica as it was when it was opened; the replica may grow, be
// finalized or be deleted meanwhile.
type Reader struct {
	Info
	Sum datatransfer.Checksum // how the replica is summed

	p    pair
	tail uint32 // checksum of the unfinished last chunk: in the file, a writer may have gone on
}

// Open opens a replica of any state for reading. A stamp in b that is higher than
// the replica's is refused; an older one is fine, since a client may hold a name
// from before an append or a recovery.
func (s *Store) Open(b Block) (*Reader, error) {
	defer s.lock(b.ID)()
	r, now, err := s.find(b.ID)
	if err != nil {
		return nil, err
	}
	if now.stamp < b.Stamp {
		return nil, wrong(ErrState, "%s is older than stamp %d", r, b.Stamp)
	}
	p, err := openExisting(r.vol.data(now.place, now.id), r.vol.meta(now.place, now.id, now.stamp), os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", r, err)
	}
	rd := &Reader{Info: now.info(), Sum: p.sum, p: p}
	if now.open != nil && now.open.writer != nil {
		w := now.open.writer
		w.mu.Lock()
		rd.Length, rd.Visible, rd.tail = w.onDisk, w.acked, w.tail
		w.mu.Unlock()
	} else if rd.tail, err = p.tail(rd.Length); err != nil {
		p.close()
		return nil, fmt.Errorf("open %s: %w", r, err)
	}
	return rd, nil
}

// Close closes the files.
func (r *Reader) Close() error { return r.p.close() }

// Read fills data, from an offset at which a chunk begins, and sums with their
// checksums, if sums is not empty. data must not reach beyond Length. It verifies
// nothing.
func (r *Reader) Read(off int64, data, sums []byte) error {
	if off+int64(len(data)) > r.Length {
		return wrong(ErrState, "blk_%d: read of %d bytes at %d of %d", r.ID, len(data), off, r.Length)
	}
	if _, err := r.p.data.ReadAt(data, off); err != nil {
		return fmt.Errorf("blk_%d: read data: %w", r.ID, noEOF(err))
	}
	return r.ReadSums(off, int64(len(data)), sums)
}

// ReadSums fills sums with the checksums of n bytes from an offset at which a
// chunk begins. An empty sums reads none.
func (r *Reader) ReadSums(off, n int64, sums []byte) error {
	if len(sums) == 0 {
		return nil
	}
	file := sums
	last := off+n == r.Length && n%int64(r.Sum.BytesPerChecksum) != 0
	if last {
		file = sums[:len(sums)-4]
	}
	if _, err := r.p.meta.ReadAt(file, sumAt(r.Sum, off)); err != nil {
		return fmt.Errorf("blk_%d: read checksums: %w", r.ID, noEOF(err))
	}
	if last {
		binary.BigEndian.PutUint32(sums[len(sums)-4:], r.tail)
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

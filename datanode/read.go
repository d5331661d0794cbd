package datanode

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/datanode/replicas"
	"github.com/hopsql/hopsql/hadoop/datatransfer"
	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

const (
	sendSize   = 128 << 10              // bytes of data in a packet sent
	lengthWait = 3 * time.Second        // for a replica being written to grow to what is asked for
	lengthPoll = 100 * time.Millisecond // between looks
)

var packets = sync.Pool{New: func() any { return new(datatransfer.Packet) }}

// readBlock sends a range of a replica.
func (s *session) readBlock(m *hdfspb.OpReadBlockProto) error {
	eb := m.GetHeader().GetBaseHeader().GetBlock()
	off, n := int64(m.GetOffset()), int64(m.GetLen())
	r, err := s.d.openRange(eb, off, n)
	if err != nil {
		return s.refuse(hdfspb.Status_ERROR, fmt.Errorf("read of %s: %w", datatransfer.BlockName(eb), err))
	}
	defer r.Close()
	if n < 0 { // the whole replica, as Java reads a negative length
		n = r.Length - off
	}
	snd := sender{d: s.d, r: r, wire: r.Sum, conn: s.conn}
	if !m.GetSendChecksums() {
		snd.wire = datatransfer.Checksum{Type: hdfspb.ChecksumTypeProto_CHECKSUM_NULL, BytesPerChecksum: 512}
	}
	first, end := snd.span(off, n)
	if err := s.send(announce(snd.wire, first)); err != nil {
		return err
	}
	if err := snd.run(first, end); err != nil {
		if gone(err) {
			return errDone // a client that has read enough just closes
		}
		return fmt.Errorf("read of %s: %w", datatransfer.BlockName(eb), err)
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(s.d.set.socketTimeout)); err != nil {
		return err
	}
	if _, err := datatransfer.ReadClientStatus(s.br); err != nil {
		return errDone
	}
	return nil
}

// announce is the answer that precedes the packets of a replica.
func announce(sum datatransfer.Checksum, first int64) *hdfspb.BlockOpResponseProto {
	return &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String(""),
		ReadOpChecksumInfo: &hdfspb.ReadOpChecksumInfoProto{Checksum: sum.Proto(), ChunkOffset: proto.Uint64(uint64(first))}}
}

// gone tells that the peer closed the connection.
func gone(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.EOF)
}

// openRange opens a replica that clients may read and waits a moment for a range
// that is just being written.
func (d *DataNode) openRange(eb *hdfspb.ExtendedBlockProto, off, n int64) (*replicas.Reader, error) {
	b, err := d.blockOf(eb)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lengthWait); ; pause(d.quit, lengthPoll) {
		r, err := d.store.Open(b)
		if err != nil {
			return nil, err
		}
		switch {
		case !r.Readable():
			err = fmt.Errorf("%w: the replica is %s, it cannot be read before it is recovered", replicas.ErrState, r.State)
		case off < 0 || n > 0 && off+n < off:
			err = fmt.Errorf("offset %d and length %d make no sense", off, n)
		case off+max(n, 0) <= r.Length:
			return r, nil
		case r.State == replicas.Finalized || time.Now().After(deadline) || d.quit.Err() != nil:
			err = fmt.Errorf("offset %d and length %d do not fit the replica of %d bytes", off, n, r.Length)
		}
		r.Close()
		if err != nil {
			return nil, err
		}
	}
}

// sender sends a replica in packets.
type sender struct {
	d      *DataNode
	r      *replicas.Reader
	wire   datatransfer.Checksum // what the receiver was told
	conn   net.Conn
	strict bool      // stop at damage: nobody shall copy it
	pace   *throttle // nil: as fast as it goes

	seqno    int64
	reported bool
}

// span widens a range to chunks, not beyond the end of the replica.
func (s *sender) span(off, n int64) (first, end int64) {
	bpc := int64(s.wire.BytesPerChecksum)
	first, end = off-off%bpc, off+n
	if rest := end % bpc; rest != 0 {
		end = min(end+bpc-rest, s.r.Length)
	}
	return first, end
}

// run sends the bytes from first to end, then the packet that ends the block.
func (s *sender) run(first, end int64) error {
	if err := s.chunks(first, end); err != nil {
		return err
	}
	return s.finish(end)
}

// chunks sends the bytes from first, where a chunk begins, to end, where one ends
// or the replica does. It verifies on the way. A damaged replica is reported; a
// client gets it as it is, finds out from the checksums, and asks another DataNode.
func (s *sender) chunks(first, end int64) error {
	bpc := int64(s.r.Sum.BytesPerChecksum)
	step := max(1, sendSize/bpc) * bpc
	p := packets.Get().(*datatransfer.Packet)
	defer packets.Put(p)
	sums := make([]byte, s.r.Sum.SumsLen(int(step)))
	for off := first; off < end; {
		n := min(step, end-off)
		bad, err := s.load(p, off, int(n), sums)
		if err != nil {
			return err
		}
		if bad != nil {
			if !s.reported {
				s.reported = true
				s.d.tellBad(s.r.Info)
			}
			if s.strict || s.wire.Size() == 0 {
				return fmt.Errorf("at offset %d: %w", off, bad)
			}
		}
		if err := s.send(p, off, false); err != nil {
			return err
		}
		off += n
	}
	return nil
}

// finish sends the empty packet that ends the block.
func (s *sender) finish(end int64) error {
	var p datatransfer.Packet
	p.Frame(0, 0)
	return s.send(&p, end, true)
}

// load fills a packet. bad says that the data does not match its checksums.
func (s *sender) load(p *datatransfer.Packet, off int64, n int, sums []byte) (bad, err error) {
	if s.wire.Size() != 0 {
		p.Frame(s.r.Sum.SumsLen(n), n)
		if err := s.r.Read(off, p.Data(), p.Sums()); err != nil {
			return nil, err
		}
		return s.r.Sum.Verify(p.Data(), p.Sums()), nil
	}
	p.Frame(0, n)
	if s.r.Sum.Size() == 0 || off%int64(s.r.Sum.BytesPerChecksum) != 0 {
		return nil, s.r.Read(off, p.Data(), nil)
	}
	// The receiver does not want checksums: all the more should they be checked here.
	// The last chunk is left out if the range ends inside it.
	sums = sums[:s.r.Sum.SumsLen(n)]
	if err := s.r.Read(off, p.Data(), sums); err != nil {
		return nil, err
	}
	whole := n
	if off+int64(n) < s.r.Length {
		whole -= n % s.r.Sum.BytesPerChecksum
	}
	return s.r.Sum.Verify(p.Data()[:whole], sums[:s.r.Sum.SumsLen(whole)]), nil
}

func (s *sender) send(p *datatransfer.Packet, off int64, last bool) error {
	p.Offset, p.Seqno, p.Last, p.Sync = off, s.seqno, last, false
	s.seqno++
	p.Seal()
	if s.pace != nil {
		s.pace.wait(s.d.quit, len(p.Wire()))
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.d.set.writeTimeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(p.Wire())
	return err
}

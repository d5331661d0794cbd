package datatransfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

var packets = sync.Pool{New: func() any { return new(Packet) }}

// ReadRequest names a range of a replica.
type ReadRequest struct {
	Node       *hdfspb.DatanodeIDProto
	Block      *hdfspb.ExtendedBlockProto
	Token      *ipcpb.TokenProto // of the located block; may be nil
	ClientName string
	Offset     int64 // bytes into the block
	Length     int64 // bytes; the range must lie within the replica
	// SkipChecksums asks the DataNode to leave them out: nothing is verified.
	SkipChecksums bool
}

// BlockReader reads a range of a replica and verifies it. One goroutine uses it
// at a time. io.EOF comes after exactly ReadRequest.Length bytes.
type BlockReader struct {
	peers   *Peers
	c       *peer
	ctx     context.Context
	stop    func() bool
	block   string
	sum     Checksum
	pkt     *Packet
	data    []byte // verified bytes not yet handed out
	left    int64  // bytes of the range still to come from the socket
	pos     int64  // offset in the block where left begins
	next    int64  // offset the next packet must have
	seqno   int64
	err     error
	checked bool
}

// OpenBlock asks a DataNode for a range of a replica. A refusal is a
// *StatusError; a node that cannot be reached is another error. Cancelling ctx
// ends the reader.
func (p *Peers) OpenBlock(ctx context.Context, q ReadRequest) (*BlockReader, error) {
	if q.Offset < 0 || q.Length < 0 {
		return nil, fmt.Errorf("read of %s: offset %d and length %d must not be negative", BlockName(q.Block), q.Offset, q.Length)
	}
	m := &hdfspb.OpReadBlockProto{
		Header: clientHeader(q.Block, q.Token, q.ClientName),
		Offset: proto.Uint64(uint64(q.Offset)), Len: proto.Uint64(uint64(q.Length)),
		SendChecksums:   proto.Bool(!q.SkipChecksums),
		CachingStrategy: &hdfspb.CachingStrategyProto{},
	}
	c, resp, stop, err := p.start(ctx, p.Address(q.Node), OpReadBlock, m, q.Block)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*BlockReader, error) {
		stop()
		c.Close()
		return nil, fmt.Errorf("read of %s from %s: %w", BlockName(q.Block), c.addr, err)
	}
	info := resp.GetReadOpChecksumInfo()
	sum, err := ParseChecksum(info.GetChecksum())
	if err != nil {
		return fail(err)
	}
	first := int64(info.GetChunkOffset())
	if first < 0 || first > q.Offset || q.Offset-first >= maxBytesPerChecksum {
		return fail(frameError("data starts at %d, asked for %d", first, q.Offset))
	}
	if !q.SkipChecksums && sum.Size() == 0 && q.Length > 0 {
		// A replica written with checksums of type NULL: nothing to verify with.
		q.SkipChecksums = true
	}
	return &BlockReader{peers: p, c: c, ctx: ctx, stop: stop, block: BlockName(q.Block), sum: sum,
		pkt: packets.Get().(*Packet), left: q.Length, pos: q.Offset, next: first, checked: !q.SkipChecksums}, nil
}

// Read fills b with verified bytes. An error that matches ErrChecksum says that
// this replica is damaged: report it and read another.
func (r *BlockReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(b, r.data)
	r.data = r.data[n:]
	return n, nil
}

// WriteTo writes the rest of the range to w without another copy.
func (r *BlockReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				return total, nil
			}
			return total, err
		}
		n, err := w.Write(r.data)
		r.data = r.data[n:]
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// Close ends the reader. The connection is kept for another use if the range was read to its end.
func (r *BlockReader) Close() error {
	if r.c != nil {
		r.stop()
		r.c.Close()
		r.c = nil
	}
	r.release()
	if r.err == nil || errors.Is(r.err, io.EOF) {
		r.err = ErrClosed
	}
	return nil
}

func (r *BlockReader) release() {
	if r.pkt != nil {
		packets.Put(r.pkt)
		r.pkt, r.data = nil, nil
	}
}

// fill makes sure that data holds something, or returns why it never will.
func (r *BlockReader) fill() error {
	for len(r.data) == 0 {
		if r.err != nil {
			return r.err
		}
		if r.left == 0 && r.c == nil {
			r.err = io.EOF
			return r.err
		}
		if err := r.receive(); err != nil {
			return r.fail(err)
		}
	}
	return nil
}

func (r *BlockReader) fail(err error) error {
	if r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	} else {
		err = fmt.Errorf("read of %s from %s: %w", r.block, r.c.addr, unexpected(err))
	}
	r.stop()
	r.c.Close()
	r.c, r.err, r.data = nil, err, nil
	return err
}

// receive takes in one packet, and the end of the block after the last byte.
func (r *BlockReader) receive() error {
	if r.left > 0 {
		if err := r.receiveData(); err != nil {
			return err
		}
	}
	if r.left > 0 {
		return nil
	}
	return r.finish()
}

func (r *BlockReader) receiveData() error {
	p := r.pkt
	if err := r.readPacket(p); err != nil {
		return err
	}
	data := p.Data()
	if p.Last || len(data) == 0 {
		return fmt.Errorf("%w: %d bytes of the range are missing", io.ErrUnexpectedEOF, r.left)
	}
	if p.Offset != r.next {
		return frameError("packet at offset %d, expected %d", p.Offset, r.next)
	}
	if r.checked {
		if err := r.sum.Verify(data, p.Sums()); err != nil {
			var ce *ChecksumError
			if errors.As(err, &ce) {
				ce.Offset += p.Offset
			}
			return err
		}
	}
	r.next += int64(len(data))
	if r.next <= r.pos { // still in front of the range
		return nil
	}
	data = data[r.pos-p.Offset:]
	if int64(len(data)) > r.left { // rounded up to the end of a chunk
		data = data[:r.left]
	}
	r.data = data
	r.pos += int64(len(data))
	r.left -= int64(len(data))
	return nil
}

func (r *BlockReader) readPacket(p *Packet) error {
	if err := r.c.expect(r.c.timeout); err != nil {
		return err
	}
	for {
		if err := ReadPacket(r.c.br, p); err != nil {
			return err
		}
		if p.Seqno != HeartbeatSeqno {
			break
		}
	}
	if p.Seqno != r.seqno {
		return frameError("packet %d, expected %d", p.Seqno, r.seqno)
	}
	r.seqno++
	return nil
}

// finish reads the empty last packet, tells the DataNode how the checksums were,
// and gives the connection back.
func (r *BlockReader) finish() error {
	var end Packet
	err := r.readPacket(&end)
	if err == nil && !end.Last {
		err = frameError("data after the end of the range")
	}
	if err != nil { // the range is whole and verified: only the connection is lost
		r.stop()
		r.c.Close()
		r.c = nil
		return nil
	}
	status := hdfspb.Status_SUCCESS
	if r.checked {
		status = hdfspb.Status_CHECKSUM_OK
	}
	err = WriteMessage(r.c, &hdfspb.ClientReadStatusProto{Status: status.Enum()})
	if !r.stop() || err != nil { // cancelled, or gone
		r.c.Close()
	} else {
		r.peers.put(r.c)
	}
	r.c = nil
	return nil
}

func baseHeader(b *hdfspb.ExtendedBlockProto, token *ipcpb.TokenProto) *hdfspb.BaseHeaderProto {
	if token == nil {
		token = &ipcpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}
	}
	return &hdfspb.BaseHeaderProto{Block: b, Token: token}
}

func clientHeader(b *hdfspb.ExtendedBlockProto, token *ipcpb.TokenProto, client string) *hdfspb.ClientOperationHeaderProto {
	return &hdfspb.ClientOperationHeaderProto{BaseHeader: baseHeader(b, token), ClientName: proto.String(client)}
}

package datatransfer

import (
	"encoding/binary"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// MaxPacket is the most bytes that a packet may have on the wire, Hadoop's own limit.
	MaxPacket = 16 << 20
	// HeartbeatSeqno numbers the packets and acks that only keep a connection alive.
	HeartbeatSeqno = -1

	packetLead      = 6  // PLEN and HLEN
	maxPacketHeader = 27 // 25, or 27 with syncBlock
	packetRoom      = packetLead + maxPacketHeader
	maxHeaderRead   = 1 << 10 // a newer peer may know more fields, not a kilobyte of them
)

// Packet is one packet in a buffer that is used again: header, checksums and data
// lie side by side, so that one Write sends it or sends it on. The slices that
// its methods return are valid until the next Frame or ReadPacket.
type Packet struct {
	Offset int64 // of Data in the block
	Seqno  int64
	Last   bool // ends the block; carries no data
	Sync   bool // asks for fsync

	buf                    []byte
	start, sums, data, end int
}

// Sums are the checksums of Data, 4 bytes big endian each.
func (p *Packet) Sums() []byte { return p.buf[p.sums:p.data] }

// Data is what the packet carries.
func (p *Packet) Data() []byte { return p.buf[p.data:p.end] }

// Wire is the whole packet as sent. Valid after ReadPacket or Seal.
func (p *Packet) Wire() []byte { return p.buf[p.start:p.end] }

// Frame makes room for sums bytes of checksums and data bytes of data, to be
// filled through Sums and Data and finished with Seal.
func (p *Packet) Frame(sums, data int) {
	n := packetRoom + sums + data
	if cap(p.buf) < n {
		p.buf = make([]byte, n)
	}
	p.buf = p.buf[:cap(p.buf)]
	p.start, p.sums, p.data, p.end = packetRoom, packetRoom, packetRoom+sums, n
}

// Shrink cuts a framed packet to fewer bytes of checksums and data. The sums are
// moved next to the data.
func (p *Packet) Shrink(sums, data int) {
	at := p.data - sums
	copy(p.buf[at:p.data], p.buf[p.sums:p.sums+sums])
	p.sums, p.start, p.end = at, at, p.data+data
}

// Seal writes the header in front of the checksums.
func (p *Packet) Seal() {
	hlen := maxPacketHeader - 2
	if p.Sync {
		hlen = maxPacketHeader
	}
	p.start = p.sums - packetLead - hlen
	h := p.buf[p.start:p.sums]
	binary.BigEndian.PutUint32(h, uint32(4+p.end-p.sums))
	binary.BigEndian.PutUint16(h[4:], uint16(hlen))
	h[6] = 1<<3 | 1 // offsetInBlock, fixed64
	binary.LittleEndian.PutUint64(h[7:], uint64(p.Offset))
	h[15] = 2<<3 | 1 // seqno, fixed64
	binary.LittleEndian.PutUint64(h[16:], uint64(p.Seqno))
	h[24], h[25] = 3<<3, 0 // lastPacketInBlock
	if p.Last {
		h[25] = 1
	}
	h[26] = 4<<3 | 5 // dataLen, fixed32
	binary.LittleEndian.PutUint32(h[27:], uint32(p.end-p.data))
	if p.Sync {
		h[31], h[32] = 5<<3, 1
	}
}

// ReadPacket reads the next packet into p. io.EOF means that nothing was there.
func ReadPacket(r io.Reader, p *Packet) error {
	if cap(p.buf) < packetRoom {
		p.buf = make([]byte, 2*packetRoom)
	}
	p.buf = p.buf[:cap(p.buf)]
	if _, err := io.ReadFull(r, p.buf[:packetLead]); err != nil {
		return err
	}
	plen := int64(int32(binary.BigEndian.Uint32(p.buf)))
	hlen := int64(int16(binary.BigEndian.Uint16(p.buf[4:])))
	if plen < 4 || hlen < 0 || hlen > maxHeaderRead || plen+hlen > MaxPacket {
		return frameError("packet of %d bytes with a header of %d", plen, hlen)
	}
	body := int(plen) - 4
	total := packetLead + int(hlen) + body
	if cap(p.buf) < total {
		grown := make([]byte, total)
		copy(grown, p.buf[:packetLead])
		p.buf = grown
	}
	p.buf = p.buf[:cap(p.buf)]
	if _, err := io.ReadFull(r, p.buf[packetLead:total]); err != nil {
		return unexpected(err)
	}
	head := packetLead + int(hlen)
	dataLen, err := p.decodeHeader(p.buf[packetLead:head])
	if err != nil {
		return err
	}
	if dataLen < 0 || int(dataLen) > body {
		return frameError("packet says %d bytes of data and has %d", dataLen, body)
	}
	p.start, p.sums, p.end = 0, head, total
	p.data = total - int(dataLen)
	if p.Offset < 0 || p.Last && dataLen != 0 {
		return frameError("packet at offset %d, last %v, with %d bytes", p.Offset, p.Last, dataLen)
	}
	return nil
}

// decodeHeader reads a PacketHeaderProto without allocating: it comes with every 64 KiB.
func (p *Packet) decodeHeader(b []byte) (dataLen int32, err error) {
	const all = 1<<1 | 1<<2 | 1<<3 | 1<<4
	seen := 0
	p.Last, p.Sync = false, false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, frameError("packet header: %v", protowire.ParseError(n))
		}
		b = b[n:]
		switch {
		case (num == 1 || num == 2) && typ == protowire.Fixed64Type:
			var v uint64
			v, n = protowire.ConsumeFixed64(b)
			if num == 1 {
				p.Offset = int64(v)
			} else {
				p.Seqno = int64(v)
			}
		case (num == 3 || num == 5) && typ == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			if num == 3 {
				p.Last = v != 0
			} else {
				p.Sync = v != 0
			}
		case num == 4 && typ == protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			dataLen = int32(v)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
			num = 0
		}
		if n < 0 {
			return 0, frameError("packet header: %v", protowire.ParseError(n))
		}
		if num <= 4 {
			seen |= 1 << num
		}
		b = b[n:]
	}
	if seen&all != all {
		return 0, frameError("packet header lacks a field")
	}
	return dataLen, nil
}

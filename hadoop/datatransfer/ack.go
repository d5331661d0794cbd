package datatransfer

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// maxPipeline bounds the statuses of an ack; no pipeline is as long as that.
const maxPipeline = 512

// Ack answers one packet: the status of the node that sends it, then those of
// the nodes behind it, in the order of the pipeline.
type Ack struct {
	Seqno   int64
	Replies []hdfspb.Status
	// DownstreamNanos is how long the sender waited for the nodes behind it.
	DownstreamNanos uint64

	buf []byte
}

// Failed returns the first position, counted from the back as Java does, whose
// status is not SUCCESS; -1 when all is well.
func (a *Ack) Failed() int {
	for i := len(a.Replies) - 1; i >= 0; i-- {
		if a.Replies[i] != hdfspb.Status_SUCCESS {
			return i
		}
	}
	return -1
}

// ReadAck reads the next ack into a, using its memory again.
func ReadAck(r Reader, a *Ack) error {
	b, err := readDelimited(r, maxAckLen, a.buf)
	if err != nil {
		return err
	}
	a.buf = b
	a.Replies, a.Seqno, a.DownstreamNanos = a.Replies[:0], 0, 0
	seen := false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return frameError("ack: %v", protowire.ParseError(n))
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			a.Seqno, seen = protowire.DecodeZigZag(v), true
		case num == 2 && typ == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			a.Replies = append(a.Replies, hdfspb.Status(v))
		case num == 2 && typ == protowire.BytesType:
			var packed []byte
			packed, n = protowire.ConsumeBytes(b)
			for len(packed) > 0 {
				v, m := protowire.ConsumeVarint(packed)
				if m < 0 {
					return frameError("ack: %v", protowire.ParseError(m))
				}
				a.Replies, packed = append(a.Replies, hdfspb.Status(v)), packed[m:]
			}
		case num == 3 && typ == protowire.VarintType:
			a.DownstreamNanos, n = protowire.ConsumeVarint(b)
		default: // flag repeats the statuses, with congestion bits that nobody here uses
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return frameError("ack: %v", protowire.ParseError(n))
		}
		if len(a.Replies) > maxPipeline {
			return frameError("ack of more than %d nodes", maxPipeline)
		}
		b = b[n:]
	}
	if !seen {
		return frameError("ack without a sequence number")
	}
	return nil
}

// WriteAck sends a in one Write, with the flags that a stock client expects:
// the status again, congestion bits zero (= not supported).
func WriteAck(w io.Writer, a *Ack) error {
	const sizeGuess = 64
	body := make([]byte, 0, sizeGuess)
	body = protowire.AppendTag(body, 1, protowire.VarintType)
	body = protowire.AppendVarint(body, protowire.EncodeZigZag(a.Seqno))
	for _, s := range a.Replies {
		body = protowire.AppendTag(body, 2, protowire.VarintType)
		body = protowire.AppendVarint(body, uint64(s))
	}
	body = protowire.AppendTag(body, 3, protowire.VarintType)
	body = protowire.AppendVarint(body, a.DownstreamNanos)
	var flags []byte
	for _, s := range a.Replies {
		flags = protowire.AppendVarint(flags, uint64(s))
	}
	body = protowire.AppendTag(body, 4, protowire.BytesType)
	body = protowire.AppendBytes(body, flags)
	a.buf = protowire.AppendBytes(a.buf[:0], body)
	_, err := w.Write(a.buf)
	return err
}

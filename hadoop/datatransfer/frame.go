package datatransfer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Version is the number every operation starts with.
const Version = 28

// Longest delimited messages accepted, in bytes. An operation names at most a
// few dozen nodes; Java itself never sends more than some kilobytes.
const (
	maxOpLen       = 1 << 20
	maxResponseLen = 1 << 20
	maxAckLen      = 64 << 10
)

// Reader is what the decoders read from; *bufio.Reader fits.
type Reader interface {
	io.Reader
	io.ByteReader
}

var _ Reader = (*bufio.Reader)(nil)

// ReadMessage reads a message with a varint length in front. It refuses one of
// more than limit bytes before allocating. io.EOF means nothing was there.
func ReadMessage(r Reader, limit int, m proto.Message) error {
	buf, err := readDelimited(r, limit, nil)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(buf, m); err != nil {
		return frameError("%s: %v", m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}

// readDelimited reads a varint length and that many bytes, into buf if it has room.
func readDelimited(r Reader, limit int, buf []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isNetError(err) {
			return nil, err
		}
		return nil, frameError("message length: %v", err)
	}
	if n > uint64(limit) {
		return nil, frameError("message of %d bytes, limit %d", n, limit)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, unexpected(err)
	}
	return buf, nil
}

// AppendMessage appends m with its varint length in front.
func AppendMessage(b []byte, m proto.Message) ([]byte, error) {
	opt := proto.MarshalOptions{}
	b = protowire.AppendVarint(b, uint64(opt.Size(m)))
	opt.UseCachedSize = true
	return opt.MarshalAppend(b, m)
}

// WriteMessage writes m with its varint length in front, in one Write.
func WriteMessage(w io.Writer, m proto.Message) error {
	b, err := AppendMessage(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// unexpected turns the end of input inside a frame into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isNetError(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t)
}

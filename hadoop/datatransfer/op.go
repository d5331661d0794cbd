package datatransfer

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// Op is the operation code of a request.
type Op byte

// The operations of version 28.
const (
	OpWriteBlock         Op = 80
	OpReadBlock          Op = 81
	OpReadMetadata       Op = 82
	OpReplaceBlock       Op = 83
	OpCopyBlock          Op = 84
	OpBlockChecksum      Op = 85
	OpTransferBlock      Op = 86
	OpRequestFds         Op = 87
	OpReleaseFds         Op = 88
	OpRequestShm         Op = 89
	OpBlockGroupChecksum Op = 90
	OpCustom             Op = 127
)

var opNames = map[Op]string{
	OpWriteBlock: "WRITE_BLOCK", OpReadBlock: "READ_BLOCK", OpReadMetadata: "READ_METADATA",
	OpReplaceBlock: "REPLACE_BLOCK", OpCopyBlock: "COPY_BLOCK", OpBlockChecksum: "BLOCK_CHECKSUM",
	OpTransferBlock: "TRANSFER_BLOCK", OpRequestFds: "REQUEST_SHORT_CIRCUIT_FDS",
	OpReleaseFds: "RELEASE_SHORT_CIRCUIT_FDS", OpRequestShm: "REQUEST_SHORT_CIRCUIT_SHM",
	OpBlockGroupChecksum: "BLOCK_GROUP_CHECKSUM", OpCustom: "CUSTOM",
}

func (o Op) String() string {
	if s, ok := opNames[o]; ok {
		return s
	}
	return fmt.Sprintf("op %d", byte(o))
}

// newMessage returns an empty request of the operation, nil for an unknown one.
func (o Op) newMessage() proto.Message {
	switch o {
	case OpWriteBlock:
		return new(hdfspb.OpWriteBlockProto)
	case OpReadBlock:
		return new(hdfspb.OpReadBlockProto)
	case OpReplaceBlock:
		return new(hdfspb.OpReplaceBlockProto)
	case OpCopyBlock:
		return new(hdfspb.OpCopyBlockProto)
	case OpBlockChecksum:
		return new(hdfspb.OpBlockChecksumProto)
	case OpTransferBlock:
		return new(hdfspb.OpTransferBlockProto)
	case OpRequestFds:
		return new(hdfspb.OpRequestShortCircuitAccessProto)
	case OpReleaseFds:
		return new(hdfspb.ReleaseShortCircuitAccessRequestProto)
	case OpRequestShm:
		return new(hdfspb.ShortCircuitShmRequestProto)
	case OpBlockGroupChecksum:
		return new(hdfspb.OpBlockGroupChecksumProto)
	case OpCustom:
		return new(hdfspb.OpCustomProto)
	}
	return nil
}

// ReadOp reads the next request of a connection. io.EOF means that the peer
// closed it between operations; ErrFrame that it does not speak version 28 or
// named an unknown operation (the connection is then useless).
func ReadOp(r Reader) (Op, proto.Message, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	if v := binary.BigEndian.Uint16(head[:2]); v != Version {
		return 0, nil, frameError("data transfer version %d, this side speaks %d", v, Version)
	}
	op := Op(head[2])
	m := op.newMessage()
	if m == nil {
		return op, nil, frameError("unknown operation %d", byte(op))
	}
	if err := ReadMessage(r, maxOpLen, m); err != nil {
		return op, nil, unexpected(err)
	}
	return op, m, nil
}

// WriteOp sends a request in one Write.
func WriteOp(w io.Writer, op Op, m proto.Message) error {
	b := binary.BigEndian.AppendUint16(nil, Version)
	b = append(b, byte(op))
	b, err := AppendMessage(b, m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", op, err)
	}
	_, err = w.Write(b)
	return err
}

// ReadResponse reads the answer to an operation, whatever its status.
func ReadResponse(r Reader) (*hdfspb.BlockOpResponseProto, error) {
	m := new(hdfspb.BlockOpResponseProto)
	return m, ReadMessage(r, maxResponseLen, m)
}

// ReadClientStatus reads what a reading client says after the last packet.
func ReadClientStatus(r Reader) (hdfspb.Status, error) {
	m := new(hdfspb.ClientReadStatusProto)
	err := ReadMessage(r, maxResponseLen, m)
	return m.GetStatus(), err
}

// BlockName formats a block as HDFS writes it in logs and messages.
func BlockName(b *hdfspb.ExtendedBlockProto) string {
	return fmt.Sprintf("%s:blk_%d_%d", b.GetPoolId(), int64(b.GetBlockId()), b.GetGenerationStamp())
}

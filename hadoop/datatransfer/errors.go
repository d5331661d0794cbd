package datatransfer

import (
	"errors"
	"fmt"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// The kinds of error of this package; test with errors.Is.
var (
	// ErrFrame says that the other side sent bytes that are no valid frame.
	ErrFrame = errors.New("bad data transfer frame")
	// ErrChecksum says that data did not match its checksums.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrClosed says that a reader or writer was used after its end.
	ErrClosed = errors.New("block stream is closed")
)

// StatusError is a DataNode's refusal of an operation.
type StatusError struct {
	Op      Op
	Node    string // ip:port asked
	Block   string
	Status  hdfspb.Status
	Message string // the DataNode's words, may be empty
	// FirstBadLink is the ip:port of the pipeline node that failed, as the first
	// node saw it; empty when the answering node itself failed.
	FirstBadLink string
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("datanode %s answered %s for %s of %s", e.Node, e.Status, e.Op, e.Block)
	if e.FirstBadLink != "" {
		s += ", first bad link " + e.FirstBadLink
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is lets a refusal because of a checksum match ErrChecksum.
func (e *StatusError) Is(target error) bool {
	return target == ErrChecksum && e.Status == hdfspb.Status_ERROR_CHECKSUM
}

// ChecksumError tells which chunk of a block was wrong.
type ChecksumError struct {
	Offset int64 // of the chunk, relative to what was verified
	Want   uint32
	Got    uint32
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("checksum mismatch in the chunk at offset %d: want %08x, got %08x", e.Offset, e.Want, e.Got)
}

// Is makes every ChecksumError match ErrChecksum.
func (e *ChecksumError) Is(target error) bool { return target == ErrChecksum }

// PipelineError says that a write pipeline broke and which node is to blame, so
// that the caller can leave that node out and call BlockWriter.Recover.
type PipelineError struct {
	Index int    // position in the pipeline, 0 = the node the client talks to
	Node  string // ip:port of that node
	Setup bool   // the pipeline never came up
	Err   error
}

func (e *PipelineError) Error() string {
	phase := "pipeline broke"
	if e.Setup {
		phase = "pipeline could not be set up"
	}
	return fmt.Sprintf("%s at datanode %d (%s): %v", phase, e.Index, e.Node, e.Err)
}

func (e *PipelineError) Unwrap() error { return e.Err }

func frameError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFrame}, args...)...)
}

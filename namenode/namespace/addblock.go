package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
)

var errNotYet = fault.New(fault.Unsupported, "not supported")

// An AddBlockRequest asks for the next block of a file that is open for writing.
type AddBlockRequest struct {
	Src        string
	FileID     int64 // 0: go by Src
	ClientName string
	Previous   *blocks.Block // the last block, with its length; nil for none
	Excluded   []string      // UUIDs of DataNodes
	Favored    []string      // host:port of DataNodes
	Flags      AddBlockFlags
}

// AddBlockFlags are the bits of AddBlockFlagProto.
type AddBlockFlags uint32

// The flags.
const (
	FlagNoLocalWrite   AddBlockFlags = 1 << 0
	FlagIgnoreLocality AddBlockFlags = 1 << 1
)

// AddBlock commits the previous block and allocates the next one. A call that is
// repeated before anything was written gets the same block again.
func (n *Namespace) AddBlock(ctx context.Context, c *Caller, r AddBlockRequest) (*blocks.LocatedBlock, error) {
	return nil, errNotYet
}

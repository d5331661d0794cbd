package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// UpdateBlockForPipeline hands out a new generation stamp for the block that
// client writes: the answer's GenerationStamp.
func (n *Namespace) UpdateBlockForPipeline(ctx context.Context, c *Caller, client string, b blocks.Block) (*blocks.LocatedBlock, error) {
	return nil, errNotYet
}

// An UpdatePipelineRequest says which DataNodes a block is written to from now on.
type UpdatePipelineRequest struct {
	ClientName string
	Old, New   blocks.Block
	Datanodes  []string // UUIDs
	StorageIDs []string // UUIDs of their storages, in the same order; may be empty
}

// UpdatePipeline notes the new generation stamp, length and DataNodes of the block
// that a client writes. A repeated call gets the first one's answer.
func (n *Namespace) UpdatePipeline(ctx context.Context, c *Caller, r UpdatePipelineRequest) error {
	return errNotYet
}

// An AdditionalRequest asks for more DataNodes for a pipeline.
type AdditionalRequest struct {
	Src        string
	FileID     int64 // 0: go by Src
	ClientName string
	Block      blocks.Block
	Existing   []string // UUIDs of the DataNodes in the pipeline
	StorageIDs []string // UUIDs of their storages, in the same order
	Excluded   []string // UUIDs
	Count      int      // how many more
}

// AdditionalDatanode returns the block with the existing DataNodes and as many new
// ones as were asked for, or fewer if there are none.
func (n *Namespace) AdditionalDatanode(ctx context.Context, c *Caller, r AdditionalRequest) (*blocks.LocatedBlock, error) {
	return nil, errNotYet
}

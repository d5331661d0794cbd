package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// AbandonBlock gives up the last block of a file that client writes. A block that
// is not the last one is left alone.
func (n *Namespace) AbandonBlock(ctx context.Context, c *Caller, src string, fileID int64, client string, b blocks.Block) error {
	return errNotYet
}

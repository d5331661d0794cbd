package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// GetBlockLocations returns the blocks that cover length bytes of the file src from
// offset, nearest replicas first.
func (n *Namespace) GetBlockLocations(ctx context.Context, c *Caller, src string, offset, length int64) (*blocks.Located, error) {
	return nil, errNotYet
}

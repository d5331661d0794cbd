package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// Complete closes a file that client writes. last is its last block with its
// length, nil for none. false means that the last blocks have too few replicas as
// yet: the client asks again.
func (n *Namespace) Complete(ctx context.Context, c *Caller, src, client string, last *blocks.Block, fileID int64) (bool, error) {
	return false, errNotYet
}

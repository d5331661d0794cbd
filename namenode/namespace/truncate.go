package namespace

import "context"

// Truncate cuts the file src to length bytes. false means that its last block is
// being cut by the DataNodes: the file is open until that is done.
func (n *Namespace) Truncate(ctx context.Context, c *Caller, src string, length int64, client string) (bool, error) {
	return false, errNotYet
}

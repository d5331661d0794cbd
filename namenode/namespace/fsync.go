package namespace

import "context"

// Fsync notes the length of the last block of a file that client writes, if
// lastLength, in bytes, is above 0.
func (n *Namespace) Fsync(ctx context.Context, c *Caller, src string, fileID int64, client string, lastLength int64) error {
	return errNotYet
}

package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
)

// RenewLease keeps the files that client writes open for it.
func (n *Namespace) RenewLease(ctx context.Context, c *Caller, client string) error {
	return errNotYet
}

// RecoverLease takes the file src from its writer. true means that it is closed;
// false that its last block is being recovered: ask again.
func (n *Namespace) RecoverLease(ctx context.Context, c *Caller, src, client string) (bool, error) {
	return false, errNotYet
}

// RecoverExpired takes files from writers whose leases are over the hard limit, and
// starts recoveries again that were given up. It does a bounded piece of work; one
// NameNode calls it every dfs.namenode.lease-recheck-interval-ms.
func (n *Namespace) RecoverExpired(ctx context.Context) error {
	return errNotYet
}

// CommitBlockSynchronization notes the outcome of a block recovery, from the
// DataNode that led it. It may be repeated.
func (n *Namespace) CommitBlockSynchronization(ctx context.Context, s blocks.Synchronization) error {
	return errNotYet
}

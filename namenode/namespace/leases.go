package namespace

import (
	"context"
	"errors"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

const (
	// LeaseSoftLimit is after what silence of its writer another client may take a
	// file over, as in HDFS. After Limits.LeaseHardLimit the NameNode does.
	LeaseSoftLimit   = time.Minute
	defaultHardLimit = 20 * time.Minute
)

// nameNodeHolder is the writer of a file that the NameNode recovers.
const nameNodeHolder = "HDFS_NameNode"

// Operations that take a file from its writer, as HDFS's messages name them.
const (
	opCreate   = "CREATE_FILE"
	opAppend   = "APPEND_FILE"
	opTruncate = "TRUNCATE_FILE"
)

// errLeaseOver says that a file is open for a client that did not renew its lease
// for the soft limit. It does not leave the package.
var errLeaseOver = errors.New("namespace: the lease is over the soft limit")

// RenewLease keeps the files that client writes open for it. A client that has none
// is told nothing (as in HDFS).
func (n *Namespace) RenewLease(ctx context.Context, c *Caller, client string) error {
	if err := n.writable("renew lease for ", client); err != nil {
		return err
	}
	if client == "" || len(client) > 255 {
		return fault.New(fault.InvalidArgument, "the client name has %d bytes; 1 to 255 are allowed", len(client))
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		lease := schema.Lease{Holder: client, Renewed: tx.Now()}
		tx.Add(schema.Leases, lease.Row())
		return nil
	})
}

// requireClosed returns an error while the target is open for writing:
// errLeaseOver if it may be taken over, else the one for the user.
func (w *walk) requireClosed(tx *txn.Tx, c *Caller, client, op string) error {
	in := w.target()
	if in.ClientName == "" {
		return nil
	}
	refuse := func(kind fault.Kind, why string) error {
		return fault.New(kind, "Failed to %s %s for %s on %s because %s", op, w.path(), client, c.Host, why)
	}
	if in.ClientName == client {
		return refuse(fault.BeingCreated, client+" is already the current lease holder.")
	}
	row, err := tx.Get(schema.Leases, schema.KeyOf(schema.Str(in.ClientName)), dal.None)
	if err != nil {
		return err
	}
	if row == nil {
		return refuse(fault.BeingCreated, "the file is under construction but no leases found.")
	}
	if tx.Now()-schema.LeaseOf(row).Renewed > LeaseSoftLimit.Milliseconds() {
		return errLeaseOver
	}
	owner := in.ClientName + " on " + in.ClientMachine
	recovering, err := recovering(tx, in.ID)
	if err != nil {
		return err
	}
	if recovering {
		return refuse(fault.RecoveryInProgress, "another recovery is in progress by "+owner)
	}
	return refuse(fault.BeingCreated, "this file lease is currently owned by "+owner)
}

// recovering reports whether the last block of a file is under recovery.
func recovering(tx *txn.Tx, inode int64) (bool, error) {
	rows, err := tx.Lookup(schema.Blocks.Primary, schema.KeyOf(schema.Int(inode)))
	if err != nil || len(rows) == 0 {
		return false, err
	}
	return schema.BlockOf(rows[len(rows)-1]).State == schema.BlockUnderRecovery, nil
}

// takingOver runs do, and if the file is open for a client whose lease is over the
// soft limit, takes it from there and runs do once more.
func (n *Namespace) takingOver(ctx context.Context, c *Caller, src, client, op string, do func() error) error {
	err := do()
	if !errors.Is(err, errLeaseOver) {
		return err
	}
	p, err := parse(src)
	if err != nil {
		return err
	}
	var path string
	closed, err := n.release(ctx, releaseRequest{
		find: func(tx *txn.Tx) (*walk, error) {
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err == nil {
				path = w.path()
			}
			return w, err
		},
		still: func(tx *txn.Tx, in *schema.Inode) (bool, error) { return leaseOlder(tx, in.ClientName, LeaseSoftLimit) },
	})
	if err != nil {
		return err
	}
	if !closed {
		return fault.New(fault.RecoveryInProgress, "Failed to %s %s for %s on %s because lease recovery is in progress. Try again later.",
			op, path, client, c.Host)
	}
	if err = do(); errors.Is(err, errLeaseOver) {
		return fault.New(fault.Retry, "%s was opened and given up again meanwhile; try again", src)
	}
	return err
}

// leaseFresh reports whether holder has a lease that was renewed a moment ago. Its row
// stays for the hard limit, which is much longer.
func (n *Namespace) leaseFresh(holder string, now int64) bool {
	return n.limitOf(holder).Milliseconds() > 6*leaseTrust && n.recent.renewed(holder, now)
}

// leaseOlder reports whether holder did not renew its lease for the limit. A holder
// without a lease has not.
func leaseOlder(tx *txn.Tx, holder string, limit time.Duration) (bool, error) {
	row, err := tx.Get(schema.Leases, schema.KeyOf(schema.Str(holder)), dal.None)
	if err != nil {
		return false, err
	}
	return row == nil || tx.Now()-schema.LeaseOf(row).Renewed > limit.Milliseconds(), nil
}

// RecoverLease takes the file src from its writer. true means that it is closed;
// false that its last block is being recovered: ask again.
func (n *Namespace) RecoverLease(ctx context.Context, c *Caller, src, client string) (bool, error) {
	p, err := parse(src)
	if err != nil {
		return false, err
	}
	if err := n.writable("recover the lease of " + src); err != nil {
		return false, err
	}
	return n.release(ctx, releaseRequest{
		holder: client,
		find: func(tx *txn.Tx) (*walk, error) {
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return nil, err
			}
			if err := w.traverse(c, false); err != nil {
				return nil, err
			}
			if _, err := w.file(); err != nil {
				return nil, err
			}
			if w.target().ClientName == "" {
				return w, nil
			}
			return w, w.requireTarget(c, Write)
		},
	})
}

package namespace

import (
	"context"
	"errors"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// limitOf is how long a holder may be silent. What the NameNode recovers itself is
// looked at again as soon as a recovery is overdue.
func (n *Namespace) limitOf(holder string) time.Duration {
	if holder == nameNodeHolder {
		return blocks.RecoveryOverdue
	}
	if n.set.LeaseHardLimit == 0 {
		return defaultHardLimit
	}
	return time.Duration(n.set.LeaseHardLimit) * time.Millisecond
}

// recoverHolder takes a page of files from a holder whose lease is over, and the
// lease row when no file is left.
func (n *Namespace) recoverHolder(ctx context.Context, holder string) error {
	prefix := schema.KeyOf(schema.Str(holder))
	page := txn.Range{Index: schema.OpenFilesByHolder, Prefix: prefix, Limit: expiredFiles}
	if holder == nameNodeHolder && n.recoverAfter != 0 {
		page.After = schema.KeyOf(schema.Str(holder), schema.Int(n.recoverAfter))
	}
	var ids []int64
	err := n.eng.View(ctx, func(tx *txn.Tx) error {
		ids = nil
		got, err := tx.Scan(page)
		for _, row := range got.Rows {
			ids = append(ids, schema.OpenFileOf(row).InodeID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if holder == nameNodeHolder {
		n.recoverAfter = 0
		if len(ids) == expiredFiles {
			n.recoverAfter = ids[len(ids)-1]
		}
	}
	if len(ids) == 0 && page.After == "" {
		return n.dropLease(ctx, holder)
	}
	for _, id := range ids {
		if err := n.recoverFile(ctx, holder, id); err != nil {
			return err
		}
	}
	return nil
}

// recoverFile takes one file from a holder whose lease is over.
func (n *Namespace) recoverFile(ctx context.Context, holder string, id int64) error {
	_, err := n.release(ctx, releaseRequest{
		holder: nameNodeHolder,
		find: func(tx *txn.Tx) (*walk, error) {
			return n.resolve(tx, names{src: "an open file", inode: id}, dal.Exclusive)
		},
		still: func(tx *txn.Tx, in *schema.Inode) (bool, error) {
			if in.ClientName != holder || holder == nameNodeHolder {
				return in.ClientName == holder, nil
			}
			return leaseOlder(tx, holder, n.limitOf(holder))
		},
	})
	if errors.Is(err, fault.NotFound) {
		return nil // deleted with a directory above it; the purge removes it
	}
	return err
}

// dropLease deletes the lease of a holder that has nothing open. A client that opens
// a file at that moment writes the row again, before or after: decide under its lock.
func (n *Namespace) dropLease(ctx context.Context, holder string) error {
	key := schema.KeyOf(schema.Str(holder))
	left := txn.Range{Index: schema.OpenFilesByHolder, Prefix: key, Limit: 1}
	return n.update(ctx, func(tx *txn.Tx) error {
		tx.Want(txn.Row(schema.Leases, key, dal.Exclusive), left.Ref())
		row, err := tx.Get(schema.Leases, key, dal.Exclusive)
		if err != nil || row == nil || tx.Now()-schema.LeaseOf(row).Renewed <= n.limitOf(holder).Milliseconds() {
			return err
		}
		got, err := tx.Scan(left)
		if err == nil && len(got.Rows) == 0 {
			tx.Delete(schema.Leases, key)
		}
		return err
	})
}

// CommitBlockSynchronization notes the outcome of a block recovery, from the
// DataNode that led it. It may be repeated, and comes to the NameNode that the
// DataNode takes for the leader, which need not be right.
func (n *Namespace) CommitBlockSynchronization(ctx context.Context, s blocks.Synchronization) error {
	if on, why := n.safe.On(); on {
		return fault.New(fault.SafeMode, "Cannot commitBlockSynchronization while in safe mode. Name node is in safe mode.\n%s", why)
	}
	targets, err := n.blocks.Resolve(ctx, s.Datanodes, s.StorageIDs)
	if err != nil {
		return err
	}
	n.blocks.Expect(s.Block.ID)
	return n.update(ctx, func(tx *txn.Tx) error {
		w, row, err := n.fileOf(tx, s.Block.ID)
		switch {
		case err != nil:
			return err
		case row == nil && s.Delete:
			return nil // done before
		case row == nil:
			return fault.New(fault.IO, "Block (=%s) not found", s.Block)
		case w == nil:
			return fault.New(fault.NotFound, "File not found: the file of block %s, likely due to delayed block removal", s.Block)
		}
		in := w.target()
		f, err := blocks.ReadTail(tx, in.ID, s.Block.ID)
		if err != nil {
			return err
		}
		last := f.Last()
		if in.ClientName == "" || last == nil || last.State == schema.BlockComplete {
			return nil // done before
		}
		current := int64(0)
		if last.State == schema.BlockUnderRecovery {
			current = last.RecoveryID
		}
		if last.BlockID != s.Block.ID || current != s.NewStamp {
			return fault.New(fault.IO, "The recovery id %d does not match current recovery id %d for block %s", s.NewStamp, current, s.Block)
		}
		before := w.fileUses(f)
		if err := n.synchronized(tx, in, f, s, targets); err != nil {
			return err
		}
		return w.charge(tx, w.fileUses(f).minus(before))
	})
}

// synchronized applies the outcome of the recovery of the last block.
func (n *Namespace) synchronized(tx *txn.Tx, in *schema.Inode, f *blocks.File, s blocks.Synchronization, targets []blocks.Target) error {
	if s.Delete {
		removeLast(tx, in, f)
	} else {
		last := f.Last()
		if s.NewLength < 0 || s.NewLength > in.BlockSize {
			return fault.New(fault.IO, "Block %s was recovered with %d bytes, the block size is %d", s.Block, s.NewLength, in.BlockSize)
		}
		in.Length += s.NewLength - last.NumBytes
		n.blocks.Recovered(tx, in, f, s.NewStamp, s.NewLength, s.CloseFile, targets)
	}
	for i := range f.Blocks {
		if f.Blocks[i].State != schema.BlockComplete {
			s.CloseFile = false // whoever holds the file asks again once it has its replicas
		}
	}
	if s.CloseFile {
		closeFile(tx, in)
		return nil
	}
	tx.Put(schema.Inodes, in.Row())
	return nil
}

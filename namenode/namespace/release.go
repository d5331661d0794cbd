package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A releaseRequest asks for a file to be taken from its writer.
type releaseRequest struct {
	// find resolves the file, its row locked exclusively, and checks what the caller may.
	find func(*txn.Tx) (*walk, error)
	// still, if not nil, is asked under the lock whether to go on.
	still func(*txn.Tx, *schema.Inode) (bool, error)
	// holder becomes the writer while the last block is recovered; "" keeps the old one.
	holder string
}

// release closes a file, or starts the recovery of its last block so that it can be
// closed. It returns whether the file is closed; if not, ask again.
func (n *Namespace) release(ctx context.Context, r releaseRequest) (bool, error) {
	var closed bool
	var rec *blocks.Recovery
	var short []int64
	take := func(tx *txn.Tx) error {
		closed, rec, short = false, nil, nil
		w, err := r.find(tx)
		if err != nil {
			return err
		}
		if !w.found() || w.target().Kind != schema.KindFile || w.target().ClientName == "" {
			closed = true
			return nil
		}
		in := w.target()
		if r.still != nil {
			if ok, err := r.still(tx, in); err != nil || !ok {
				return err
			}
		}
		f, err := blocks.ReadFile(tx, in.ID)
		if err != nil {
			return err
		}
		before := w.fileUses(f)
		if closed, rec, err = n.endWriting(tx, w, in, f, r.holder); !closed && rec == nil {
			short = f.Short()
		}
		if err != nil {
			return err
		}
		return w.charge(tx, w.fileUses(f).minus(before))
	}
	err := n.awaiting(ctx, func() ([]int64, error) {
		err := n.update(ctx, take)
		return short, err
	})
	if err != nil {
		return false, err
	}
	if rec != nil {
		n.blocks.StartRecovery(*rec) // without a DataNode it is asked for again later
	}
	return closed, nil
}

// endWriting is HDFS's internalReleaseLease: it closes the file if its blocks are
// complete, and else has the last one recovered.
func (n *Namespace) endWriting(tx *txn.Tx, w *walk, in *schema.Inode, f *blocks.File, holder string) (bool, *blocks.Recovery, error) {
	open := 0
	for open < len(f.Blocks) && f.Blocks[open].State == schema.BlockComplete {
		open++
	}
	if open == len(f.Blocks) {
		closeFile(tx, in)
		return true, nil, nil
	}
	const say = "DIR* NameSystem.internalReleaseLease: "
	last := f.Last()
	if open < len(f.Blocks)-2 || open == len(f.Blocks)-2 && f.Blocks[open].State != schema.BlockCommitted {
		return false, nil, fault.New(fault.IO, say+"attempt to release a create lock on %s but file is already closed.", w.path())
	}
	if last.State == schema.BlockCommitted || open < len(f.Blocks)-1 {
		if holder == nameNodeHolder {
			n.reassign(tx, in, holder) // it is closed once the replicas are there
			renew(tx, holder)
			return false, nil, nil
		}
		return false, nil, fault.New(fault.BeingCreated, say+"Failed to release lease for file %s. "+
			"Committed blocks are waiting to be minimally replicated. Try again later.", w.path())
	}
	if len(f.Replicas[last.BlockID]) == 0 && last.NumBytes == 0 {
		removeLast(tx, in, f) // it was never given to a DataNode
		closeFile(tx, in)
		return true, nil, nil
	}
	rec := n.blocks.Recover(tx, in, f)
	n.reassign(tx, in, holder)
	if rec != nil || holder != "" {
		renew(tx, in.ClientName)
	}
	return false, rec, nil
}

// reassign makes holder, unless it is "", the writer of an open file.
func (n *Namespace) reassign(tx *txn.Tx, in *schema.Inode, holder string) {
	if holder == "" || holder == in.ClientName {
		return
	}
	open := schema.OpenFile{InodeID: in.ID, Holder: holder, Since: tx.Now()}
	tx.Put(schema.OpenFiles, open.Row())
	in.ClientName = holder
	tx.Put(schema.Inodes, in.Row())
}

// Bounds of one RecoverExpired.
const (
	expiredHolders = 32
	expiredFiles   = 100 // of each
)

// RecoverExpired takes files from writers whose leases are over the hard limit, and
// starts recoveries again that were given up. It does a bounded piece of work; one
// NameNode calls it every dfs.namenode.lease-recheck-interval-ms.
func (n *Namespace) RecoverExpired(ctx context.Context) error {
	if on, _ := n.safe.On(); on {
		return nil
	}
	var leases []schema.Lease
	err := n.eng.View(ctx, func(tx *txn.Tx) error {
		leases = nil
		own := txn.Row(schema.Leases, schema.KeyOf(schema.Str(nameNodeHolder)), dal.None)
		oldest := txn.Range{Index: schema.LeasesByRenewed, Limit: expiredHolders}
		tx.Want(own, oldest.Ref())
		row, err := tx.Get(schema.Leases, schema.KeyOf(schema.Str(nameNodeHolder)), dal.None)
		if err != nil {
			return err
		}
		got, err := tx.Scan(oldest)
		if err != nil {
			return err
		}
		if row != nil && tx.Now()-schema.LeaseOf(row).Renewed > blocks.RecoveryOverdue.Milliseconds() {
			leases = append(leases, schema.LeaseOf(row))
		}
		for _, r := range got.Rows {
			l := schema.LeaseOf(r)
			if l.Holder != nameNodeHolder && tx.Now()-l.Renewed > n.limitOf(l.Holder).Milliseconds() {
				leases = append(leases, l)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range leases {
		if err := n.recoverHolder(ctx, l.Holder); err != nil {
			return err
		}
	}
	return nil
}

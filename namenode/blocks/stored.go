package blocks

import (
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

func invalidationKey(storage, block int64) schema.Key {
	return schema.KeyOf(schema.Int(storage), schema.Int(block))
}

// An outcome is what became of a reported replica.
type outcome struct {
	fresh bool // it was not known to be there
	whole bool // the block is complete and has all its replicas
}

// apply takes one reported replica on a storage into the rows.
func (r *Registry) apply(tx *txn.Tx, storage int64, rep ReportedReplica, hint string) (out outcome, err error) {
	doomed := invalidationKey(storage, rep.ID)
	h, err := hold(tx, rep.ID, txn.Row(schema.Invalidations, doomed, dal.None))
	if err != nil {
		return out, err
	}
	row, err := tx.Get(schema.Invalidations, doomed, dal.None)
	if err != nil {
		return out, err
	}
	if h == nil {
		if row == nil || schema.InvalidationOf(row).GenerationStamp != rep.GenerationStamp {
			Invalidate(tx, schema.Replica{StorageID: storage, BlockID: rep.ID,
				GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes})
		}
		return out, nil
	}
	if row != nil {
		if schema.InvalidationOf(row).GenerationStamp == rep.GenerationStamp {
			return out, nil // it is on its way out
		}
		// The DataNode has another replica there now.
		tx.Delete(schema.Invalidations, doomed)
	}
	switch rep.State {
	case ReportFinalized:
		return r.finalized(tx, h, storage, rep.Block, hint)
	case ReportRWR, ReportRBW:
		// While the block is being written these are what recovery starts from, and
		// they are known as expected replicas. A block that is complete has no use
		// for one that was cut off; one that is still being written may be finalized
		// in a moment.
		outdated := rep.GenerationStamp != h.Block.GenerationStamp
		if h.Block.State == schema.BlockComplete && (rep.State == ReportRWR || outdated) {
			return out, r.spoil(tx, h, storage, rep.Block)
		}
	}
	return out, nil // being copied, or under recovery: nothing to know yet
}

// finalized takes a finalized replica into the rows.
func (r *Registry) finalized(tx *txn.Tx, h *Held, storage int64, rep Block, hint string) (out outcome, err error) {
	switch h.Block.State {
	case schema.BlockUnderConstruction, schema.BlockUnderRecovery:
		if rep.GenerationStamp < h.Block.GenerationStamp {
			// Left over from a pipeline that failed, or a report from before it did.
			// A later full report tells which, once the block is complete.
			return out, nil
		}
	default:
		if rep.GenerationStamp != h.Block.GenerationStamp || rep.NumBytes != h.Block.NumBytes {
			return out, r.spoil(tx, h, storage, rep)
		}
	}
	old := h.on(storage)
	if old != nil && old.State != schema.ReplicaExpected && old.GenerationStamp == rep.GenerationStamp && old.NumBytes == rep.NumBytes {
		out.whole = r.whole(h)
		return out, nil // what is known of it, that it is corrupt perhaps, still holds
	}
	out.fresh = old == nil || old.State == schema.ReplicaExpected
	r.dropSiblings(tx, h, storage)
	h.put(tx, schema.Replica{StorageID: storage, State: schema.ReplicaFinalized,
		GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes})
	if h.finish(tx, r.opt.MinReplication) {
		r.Completed(tx, h)
	} else {
		err = r.balance(tx, h, hint)
	}
	out.whole = r.whole(h)
	return out, err
}

// whole reports whether a block is complete and has all its replicas.
func (r *Registry) whole(h *Held) bool {
	return h.Block.State == schema.BlockComplete && int64(r.count(h).live) >= h.Inode.Replication
}

// dropSiblings deletes the rows that expect the replica on another volume of the
// DataNode: it chose this one.
func (r *Registry) dropSiblings(tx *txn.Tx, h *Held, storage int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.storages[storage]
	if s == nil {
		return
	}
	h.drop(tx, func(rep *schema.Replica) bool {
		o := r.storages[rep.StorageID]
		return rep.State == schema.ReplicaExpected && rep.StorageID != storage && o != nil && o.node == s.node
	})
}

// spoil marks the replica on a storage as corrupt. It is deleted once there are
// enough good ones.
func (r *Registry) spoil(tx *txn.Tx, h *Held, storage int64, rep Block) error {
	old := h.on(storage)
	if old == nil || old.State != schema.ReplicaCorrupt || old.GenerationStamp != rep.GenerationStamp || old.NumBytes != rep.NumBytes {
		h.put(tx, schema.Replica{StorageID: storage, State: schema.ReplicaCorrupt,
			GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes})
	}
	return r.balance(tx, h, "")
}

// gone takes the news that a storage has no replica of a block any more. stamp is
// the generation stamp of the replica that went; a newer one stays.
func (r *Registry) gone(tx *txn.Tx, storage int64, b Block) error {
	doomed := invalidationKey(storage, b.ID)
	h, err := hold(tx, b.ID)
	if err != nil {
		return err
	}
	tx.Delete(schema.Invalidations, doomed)
	if h == nil {
		return nil
	}
	old := h.on(storage)
	if old == nil || old.State == schema.ReplicaExpected || old.GenerationStamp > b.GenerationStamp {
		return nil
	}
	h.drop(tx, func(rep *schema.Replica) bool { return rep.StorageID == storage })
	return r.balance(tx, h, "")
}

// CommitLast notes what a writer says of the last block of its file, and completes
// the block if enough replicas are there. in is the inode row, which the caller
// holds exclusively; its length changes. last is nil if the writer says nothing.
// Blocks that are complete stay as they are (HDFS: a repeated call).
func (r *Registry) CommitLast(tx *txn.Tx, in *schema.Inode, f *File, last *Block) error {
	b := f.Last()
	if last == nil || b == nil || b.State == schema.BlockComplete {
		return nil
	}
	if b.State == schema.BlockUnderRecovery {
		return fault.New(fault.IO, "Commit or complete block %s, whereas it is under recovery.", last)
	}
	h := f.Held(in, b)
	if b.State == schema.BlockUnderConstruction {
		switch {
		case b.GenerationStamp != last.GenerationStamp:
			return fault.New(fault.IO, "Commit block with mismatching GS. NN has %s, client submits %s", IDOf(b), last)
		case last.NumBytes < b.NumBytes:
			return fault.New(fault.IO, "Commit block %s with %d bytes, less than the stored %d", last, last.NumBytes, b.NumBytes)
		case last.NumBytes > in.BlockSize:
			return fault.New(fault.IO, "Commit block %s with %d bytes, more than the block size %d", last, last.NumBytes, in.BlockSize)
		}
		r.commit(tx, in, h, last.NumBytes)
	}
	if h.finish(tx, r.opt.MinReplication) {
		r.Completed(tx, h)
	}
	*b = h.Block
	f.Replicas[b.BlockID] = h.Replicas
	return nil
}

// commit fixes the length of a block. Replicas that were finalized with another
// length or an older stamp are no copies of it.
func (r *Registry) commit(tx *txn.Tx, in *schema.Inode, h *Held, length int64) {
	in.Length += length - h.Block.NumBytes
	h.Block.NumBytes, h.Block.State = length, schema.BlockCommitted
	h.save(tx)
	for i := range h.Replicas {
		rep := h.Replicas[i]
		if rep.State == schema.ReplicaFinalized && !h.good(&rep) {
			rep.State = schema.ReplicaCorrupt
			h.put(tx, rep)
		}
	}
}

// Recovered notes that the last block of f was recovered: its replicas on the
// targets have the stamp and the length, others are out of date. When complete is
// false the writer goes on with it.
func (r *Registry) Recovered(tx *txn.Tx, in *schema.Inode, f *File, stamp, length int64, complete bool, targets []Target) {
	b := f.Last()
	h := f.Held(in, b)
	h.Block.GenerationStamp, h.Block.NumBytes = stamp, length
	h.Block.RecoveryID = max(h.Block.RecoveryID, stamp)
	h.Block.RecoveryStarted, h.Block.TruncateTo = 0, 0
	h.Block.State = schema.BlockUnderConstruction
	state := int64(schema.ReplicaExpected)
	if complete {
		h.Block.State, state = schema.BlockComplete, schema.ReplicaFinalized
	}
	h.save(tx)
	tx.Delete(schema.Reconstructions, queueKey(b.BlockID))
	has := map[int64]bool{}
	for _, t := range targets {
		has[t.Storage.StorageID] = true
		h.put(tx, schema.Replica{StorageID: t.Storage.StorageID, State: state, GenerationStamp: stamp, NumBytes: length})
	}
	for _, rep := range h.Replicas {
		if !has[rep.StorageID] && !h.good(&rep) && rep.State != schema.ReplicaCorrupt {
			rep.State = schema.ReplicaCorrupt
			h.put(tx, rep)
		}
	}
	if complete {
		r.Completed(tx, h)
	}
	*b = h.Block
	f.Replicas[b.BlockID] = h.Replicas
}

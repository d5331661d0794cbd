package blocks

import (
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A Held is one block with its replicas and the inode row that locks them.
type Held struct {
	Inode    schema.Inode
	Block    schema.Block
	Replicas []schema.Replica
}

// String is the block as HDFS's messages show it.
func (b Block) String() string { return fmt.Sprintf("blk_%d_%d", b.ID, b.GenerationStamp) }

// IDOf returns the block of a row.
func IDOf(b *schema.Block) Block {
	return Block{ID: b.BlockID, GenerationStamp: b.GenerationStamp, NumBytes: b.NumBytes}
}

// LockInode locks the inode row with an id exclusively, wherever it is in the tree.
// It returns nil if there is none.
func LockInode(tx *txn.Tx, id int64) (*schema.Inode, error) {
	rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(id)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	in := schema.InodeOf(rows[0])
	tx.Lane(schema.KeyOf(schema.Int(in.ParentID)))
	row, err := tx.Get(schema.Inodes, schema.InodeKey(in.ParentID, in.Name), dal.Exclusive)
	if err != nil || row == nil {
		return nil, err
	}
	if in = schema.InodeOf(row); in.ID != id {
		return nil, nil
	}
	return &in, nil
}

// hold locks the file of a block and reads the block's rows. It returns nil if the
// block, or its file, is not there: a block id is never used again, so it will not
// come back. more announces further reads, to go with the lock.
func hold(tx *txn.Tx, block int64, more ...txn.Ref) (*Held, error) {
	tx.Want(more...)
	rows, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(block)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	b := schema.BlockOf(rows[0])
	replicas := schema.KeyOf(schema.Int(b.InodeID), schema.Int(block))
	tx.Want(txn.Prefix(schema.Replicas.Primary, replicas))
	in, err := LockInode(tx, b.InodeID)
	if err != nil || in == nil {
		return nil, err
	}
	h := &Held{Inode: *in, Block: b}
	if rows, err = tx.Lookup(schema.Replicas.Primary, replicas); err != nil {
		return nil, err
	}
	for _, r := range rows {
		h.Replicas = append(h.Replicas, schema.ReplicaOf(r))
	}
	return h, nil
}

// Held returns a block of f with its replicas. in is the row of its inode, which
// may be nil where only the replicas matter.
func (f *File) Held(in *schema.Inode, b *schema.Block) *Held {
	h := &Held{Block: *b, Replicas: f.Replicas[b.BlockID]}
	if in != nil {
		h.Inode = *in
	}
	return h
}

// good reports whether rep is what the writer committed, or while nothing is
// committed, whether it is finalized and not out of date.
func (h *Held) good(rep *schema.Replica) bool {
	if rep.State != schema.ReplicaFinalized {
		return false
	}
	switch h.Block.State {
	case schema.BlockUnderConstruction, schema.BlockUnderRecovery:
		return rep.GenerationStamp >= h.Block.GenerationStamp
	}
	return rep.GenerationStamp == h.Block.GenerationStamp && rep.NumBytes == h.Block.NumBytes
}

// on returns the replica on a storage, nil if there is none.
func (h *Held) on(storage int64) *schema.Replica {
	for i := range h.Replicas {
		if h.Replicas[i].StorageID == storage {
			return &h.Replicas[i]
		}
	}
	return nil
}

// put writes a replica row.
func (h *Held) put(tx *txn.Tx, rep schema.Replica) {
	rep.InodeID, rep.BlockID = h.Block.InodeID, h.Block.BlockID
	tx.Put(schema.Replicas, rep.Row())
	if old := h.on(rep.StorageID); old != nil {
		*old = rep
		return
	}
	h.Replicas = append(h.Replicas, rep)
}

// drop deletes the replica rows that match.
func (h *Held) drop(tx *txn.Tx, match func(*schema.Replica) bool) {
	kept := make([]schema.Replica, 0, len(h.Replicas))
	for _, rep := range h.Replicas {
		if match(&rep) {
			tx.Delete(schema.Replicas, schema.Replicas.Key(rep.Row()))
			continue
		}
		kept = append(kept, rep)
	}
	h.Replicas = kept
}

// save writes the block row.
func (h *Held) save(tx *txn.Tx) { tx.Put(schema.Blocks, h.Block.Row()) }

// finish makes a committed block complete once it has min good replicas, and
// reports whether it did.
func (h *Held) finish(tx *txn.Tx, min int64) bool {
	if h.Block.State != schema.BlockCommitted {
		return false
	}
	n := int64(0)
	for i := range h.Replicas {
		if h.good(&h.Replicas[i]) {
			n++
		}
	}
	if n < min {
		return false
	}
	h.Block.State = schema.BlockComplete
	h.save(tx)
	return true
}

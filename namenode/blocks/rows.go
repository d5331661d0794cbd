package blocks

import (
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A File is the blocks of one file and their replicas, in order of idx. They are
// read under the lock of the file's inode row, or in one snapshot.
//
// The recovery_id of a block row is the highest generation stamp that was handed
// out for the block. While the state is BlockUnderRecovery it is the id of the
// recovery that goes on. It never shrinks, so a replica that got a stamp in a
// pipeline or recovery that came to nothing is never taken for a good one.
type File struct {
	Blocks   []schema.Block
	Replicas map[int64][]schema.Replica // by block id
}

// Refs name the rows that ReadFile reads, for txn.Tx.Want.
func Refs(inode int64) []txn.Ref {
	k := schema.KeyOf(schema.Int(inode))
	return []txn.Ref{txn.Prefix(schema.Blocks.Primary, k), txn.Prefix(schema.Replicas.Primary, k)}
}

// ReadFile reads the blocks and replicas of a file.
func ReadFile(tx *txn.Tx, inode int64) (*File, error) {
	tx.Want(Refs(inode)...)
	k := schema.KeyOf(schema.Int(inode))
	rows, err := tx.Lookup(schema.Blocks.Primary, k)
	if err != nil {
		return nil, err
	}
	f := &File{Replicas: map[int64][]schema.Replica{}}
	for _, r := range rows {
		f.Blocks = append(f.Blocks, schema.BlockOf(r))
	}
	if rows, err = tx.Lookup(schema.Replicas.Primary, k); err != nil {
		return nil, err
	}
	for _, r := range rows {
		rep := schema.ReplicaOf(r)
		f.Replicas[rep.BlockID] = append(f.Replicas[rep.BlockID], rep)
	}
	return f, nil
}

// ReadTail reads the end of a file: the last block with its replicas and the block
// before it, if last is the id of the last block; else, or if last is 0, it reads
// the whole file. Either way the last blocks are the same: a file of thousands of
// blocks is not read for each block that is added.
func ReadTail(tx *txn.Tx, inode, last int64) (*File, error) {
	if last == 0 {
		return ReadFile(tx, inode)
	}
	rows, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(last)))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || schema.BlockOf(rows[0]).InodeID != inode {
		return ReadFile(tx, inode)
	}
	b := schema.BlockOf(rows[0])
	at := func(idx int64) schema.Key { return schema.KeyOf(schema.Int(inode), schema.Int(idx)) }
	keys := []schema.Key{at(b.Idx + 1)}
	if b.Idx > 0 {
		keys = append(keys, at(b.Idx-1))
	}
	replicas := schema.KeyOf(schema.Int(inode), schema.Int(last))
	tx.Want(txn.Prefix(schema.Replicas.Primary, replicas))
	beside, err := getAll(tx, schema.Blocks, keys)
	if err != nil {
		return nil, err
	}
	if beside[0] != nil {
		return ReadFile(tx, inode)
	}
	f := &File{Replicas: map[int64][]schema.Replica{}}
	if b.Idx > 0 && beside[1] != nil {
		f.Blocks = append(f.Blocks, schema.BlockOf(beside[1]))
	}
	f.Blocks = append(f.Blocks, b)
	if rows, err = tx.Lookup(schema.Replicas.Primary, replicas); err != nil {
		return nil, err
	}
	for _, r := range rows {
		f.Replicas[last] = append(f.Replicas[last], schema.ReplicaOf(r))
	}
	return f, nil
}

// Len is the number of blocks of the file, also when only its tail was read.
func (f *File) Len() int64 {
	if b := f.Last(); b != nil {
		return b.Idx + 1
	}
	return 0
}

// Penultimate returns the block before the last, nil if there is none.
func (f *File) Penultimate() *schema.Block {
	if len(f.Blocks) < 2 {
		return nil
	}
	return &f.Blocks[len(f.Blocks)-2]
}

// Short returns the blocks, of those that were read, that are not complete.
func (f *File) Short() (ids []int64) {
	for i := range f.Blocks {
		if f.Blocks[i].State != schema.BlockComplete {
			ids = append(ids, f.Blocks[i].BlockID)
		}
	}
	return ids
}

// Last returns the last block, nil if there is none.
func (f *File) Last() *schema.Block {
	if len(f.Blocks) == 0 {
		return nil
	}
	return &f.Blocks[len(f.Blocks)-1]
}

// Remove deletes blocks of a file with everything that hangs on them, and queues
// their replicas for deletion at the DataNodes.
func (f *File) Remove(tx *txn.Tx, blocks ...schema.Block) {
	for i := range blocks {
		b := &blocks[i]
		tx.Delete(schema.Blocks, schema.Blocks.Key(b.Row()))
		tx.Delete(schema.Reconstructions, schema.KeyOf(schema.Int(b.BlockID)))
		for _, rep := range f.Replicas[b.BlockID] {
			tx.Delete(schema.Replicas, schema.Replicas.Key(rep.Row()))
			Invalidate(tx, rep)
		}
	}
}

// Invalidate queues one replica for deletion at its DataNode.
func Invalidate(tx *txn.Tx, rep schema.Replica) {
	inv := schema.Invalidation{StorageID: rep.StorageID, BlockID: rep.BlockID,
		GenerationStamp: rep.GenerationStamp, NumBytes: rep.NumBytes}
	tx.Put(schema.Invalidations, inv.Row())
}

// GroupFiles sorts block and replica rows of many files by inode id.
func GroupFiles(blocks, replicas []schema.Row) map[int64]*File {
	files := map[int64]*File{}
	for _, r := range blocks {
		b := schema.BlockOf(r)
		f := files[b.InodeID]
		if f == nil {
			f = &File{Replicas: map[int64][]schema.Replica{}}
			files[b.InodeID] = f
		}
		f.Blocks = append(f.Blocks, b)
	}
	for _, r := range replicas {
		rep := schema.ReplicaOf(r)
		if f := files[rep.InodeID]; f != nil {
			f.Replicas[rep.BlockID] = append(f.Replicas[rep.BlockID], rep)
		}
	}
	return files
}

// Repipe notes that a block, which is being written with the stamp of its row, is
// written to the targets from now on. Replicas elsewhere have an older stamp: they
// are no copies any more, and go once the block is complete and has enough.
func Repipe(tx *txn.Tx, b *schema.Block, targets []Target) error {
	rows, err := tx.Lookup(schema.Replicas.Primary, schema.KeyOf(schema.Int(b.InodeID), schema.Int(b.BlockID)))
	if err != nil {
		return err
	}
	h := Held{Block: *b}
	for _, r := range rows {
		h.Replicas = append(h.Replicas, schema.ReplicaOf(r))
	}
	keep := map[int64]bool{}
	for _, t := range targets {
		id := t.Storage.StorageID
		keep[id] = true
		if old := h.on(id); old != nil && h.good(old) {
			continue // it was finalized with the new stamp already
		}
		h.put(tx, schema.Replica{StorageID: id, State: schema.ReplicaExpected, GenerationStamp: b.GenerationStamp})
	}
	for _, rep := range h.Replicas {
		if !keep[rep.StorageID] && rep.State != schema.ReplicaCorrupt {
			rep.State = schema.ReplicaCorrupt
			h.put(tx, rep)
		}
	}
	return nil
}

// Rows is the number of block and replica rows of the file.
func (f *File) Rows() int {
	n := len(f.Blocks)
	for _, reps := range f.Replicas {
		n += len(reps)
	}
	return n
}

// Move gives all blocks of a file, with what hangs on them, to another inode, where
// they are numbered from idx. Both inode rows are locked. It returns the blocks as
// they are there.
func (f *File) Move(tx *txn.Tx, inode, idx int64) (*File, error) {
	keys := make([]schema.Key, len(f.Blocks))
	for i := range f.Blocks {
		keys[i] = queueKey(f.Blocks[i].BlockID)
	}
	queued, err := getAll(tx, schema.Reconstructions, keys)
	if err != nil {
		return nil, err
	}
	moved := &File{Replicas: map[int64][]schema.Replica{}}
	for i, b := range f.Blocks {
		tx.Delete(schema.Blocks, schema.Blocks.Key(b.Row()))
		b.InodeID, b.Idx = inode, idx+int64(i)
		if err := tx.Insert(schema.Blocks, b.Row()); err != nil {
			return nil, err
		}
		moved.Blocks = append(moved.Blocks, b)
		for _, rep := range f.Replicas[b.BlockID] {
			tx.Delete(schema.Replicas, schema.Replicas.Key(rep.Row()))
			rep.InodeID = inode
			if err := tx.Insert(schema.Replicas, rep.Row()); err != nil {
				return nil, err
			}
			moved.Replicas[b.BlockID] = append(moved.Replicas[b.BlockID], rep)
		}
		if queued[i] != nil {
			q := schema.ReconstructionOf(queued[i])
			q.InodeID = inode
			tx.Put(schema.Reconstructions, q.Row())
		}
	}
	return moved, nil
}

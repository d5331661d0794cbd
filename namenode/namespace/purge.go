package namespace

import (
	"context"
	"fmt"
	"sync"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Bounds of one PurgeSome, whose transactions the engine may put together.
const (
	purgeRows     = 64  // rows of purge looked at
	purgeChildren = 200 // children of directories removed at once
	purgeBlocks   = 500 // blocks removed at once
	purgeLeast    = 4   // of either for one row
)

// PurgeSome removes a bounded piece of what hangs below deleted directories and on
// large deleted files. done means that nothing is left. One NameNode calls it from
// its background loop; it goes on where another one stopped.
func (n *Namespace) PurgeSome(ctx context.Context) (done bool, err error) {
	if on, _ := n.safe.On(); on {
		return true, nil
	}
	var rows []schema.Row
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		got, err := tx.Scan(txn.Range{Index: schema.Purge.Primary, Limit: purgeRows})
		rows = got.Rows
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read what is to be purged: %w", err)
	}
	// All at once: a tree of small directories would take a transaction for each.
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		wg.Go(func() { errs[i] = n.purgeOne(ctx, schema.PurgedOf(row), len(rows)) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return false, err // the others most often have the same reason
		}
	}
	return len(rows) == 0, nil
}

// purgeOne does one row's share of what is removed at once.
func (n *Namespace) purgeOne(ctx context.Context, p schema.Purged, rows int) error {
	purge, most := n.purgeFile, purgeBlocks
	if p.Kind == schema.KindDirectory {
		purge, most = n.purgeDirectory, purgeChildren
	}
	most = max(most/rows, purgeLeast)
	if err := n.update(ctx, func(tx *txn.Tx) error { return purge(tx, p, most) }); err != nil {
		return fmt.Errorf("purge inode %d: %w", p.InodeID, err)
	}
	return nil
}

// purgeDirectory removes at most so many children of a directory that is detached
// from the tree, and the rest of the directory when none are left. Nobody finds the
// children any more, but reports about their blocks still lock their inode rows, and
// so does it.
func (n *Namespace) purgeDirectory(tx *txn.Tx, p schema.Purged, most int) error {
	id := schema.KeyOf(schema.Int(p.InodeID))
	tx.Lane(id)
	got, err := tx.Scan(childrenOf(p.InodeID, "", most))
	if err != nil {
		return err
	}
	if len(got.Rows) == 0 {
		tx.Delete(schema.Directories, id)
		tx.Delete(schema.Purge, id)
		return nil
	}
	keys := make([]schema.Key, len(got.Rows))
	for i, row := range got.Rows {
		keys[i] = schema.Inodes.Key(row)
		tx.Want(txn.Row(schema.Inodes, keys[i], dal.Exclusive))
		if in := schema.InodeOf(row); in.Kind == schema.KindFile {
			tx.Want(blocks.Refs(in.ID)...)
		}
	}
	removed := 0 // blocks
	for _, key := range keys {
		row, err := tx.Get(schema.Inodes, key, dal.Exclusive)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		in := schema.InodeOf(row)
		if in.Kind == schema.KindFile {
			f, err := blocks.ReadFile(tx, in.ID)
			if err != nil {
				return err
			}
			if removed += min(len(f.Blocks), manyBlocks); removed > manyBlocks {
				return nil // the next transaction goes on
			}
			if err := n.removeFile(tx, &in); err != nil {
				return err
			}
			continue
		}
		child := schema.Purged{InodeID: in.ID, Kind: schema.KindDirectory, Since: p.Since}
		tx.Put(schema.Purge, child.Row())
		if err := removeExtras(tx, &in); err != nil {
			return err
		}
		tx.Delete(schema.Inodes, key)
	}
	return nil
}

// purgeFile removes at most so many blocks of a large deleted file. Without its inode
// row nobody else changes them.
func (n *Namespace) purgeFile(tx *txn.Tx, p schema.Purged, most int) error {
	id := schema.KeyOf(schema.Int(p.InodeID))
	got, err := tx.Scan(txn.Range{Index: schema.Blocks.Primary, Prefix: id, Limit: most})
	if err != nil {
		return err
	}
	if len(got.Rows) == 0 {
		return n.purgeReplicas(tx, id)
	}
	f := &blocks.File{Replicas: map[int64][]schema.Replica{}}
	for _, row := range got.Rows {
		b := schema.BlockOf(row)
		f.Blocks = append(f.Blocks, b)
		tx.Want(txn.Prefix(schema.Replicas.Primary, schema.KeyOf(schema.Int(p.InodeID), schema.Int(b.BlockID))))
	}
	for _, b := range f.Blocks {
		rows, err := tx.Lookup(schema.Replicas.Primary, schema.KeyOf(schema.Int(p.InodeID), schema.Int(b.BlockID)))
		if err != nil {
			return err
		}
		for _, row := range rows {
			f.Replicas[b.BlockID] = append(f.Replicas[b.BlockID], schema.ReplicaOf(row))
		}
	}
	f.Remove(tx, f.Blocks...)
	return nil
}

// purgeReplicas ends the purge of a file: a report that was under way when the file
// went may have left a replica row behind.
func (n *Namespace) purgeReplicas(tx *txn.Tx, id schema.Key) error {
	got, err := tx.Scan(txn.Range{Index: schema.Replicas.Primary, Prefix: id, Limit: purgeBlocks})
	if err != nil {
		return err
	}
	for _, row := range got.Rows {
		rep := schema.ReplicaOf(row)
		tx.Delete(schema.Replicas, schema.Replicas.Key(row))
		blocks.Invalidate(tx, rep)
	}
	if len(got.Rows) < purgeBlocks {
		tx.Delete(schema.Purge, id)
	}
	return nil
}

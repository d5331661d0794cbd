package namespace

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// queuePage is how many rows of a queue are read at once.
const queuePage = 500

// A QueuedBlock is a block that waits for something, with its replicas.
type QueuedBlock struct {
	schema.Reconstruction
	Path string
	Held *blocks.Held
}

// QueuedBlocks calls visit for each block that waits for copies or has lost all replicas,
// the most urgent first. It reads in pages, and leaves out files that were deleted.
func (n *Namespace) QueuedBlocks(ctx context.Context, visit func(*QueuedBlock) error) error {
	for after, more := schema.Key(""), true; more; {
		var page []QueuedBlock
		var last schema.Row
		err := n.eng.View(ctx, func(tx *txn.Tx) error {
			got, err := tx.Scan(txn.Range{Index: schema.ReconstructByUrgent, After: after, Limit: queuePage})
			if err != nil {
				return err
			}
			if more = len(got.Rows) == queuePage; more {
				last = got.Rows[queuePage-1]
			}
			page, err = queued(tx, got.Rows)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			if err := visit(&page[i]); err != nil {
				return err
			}
		}
		if more {
			after = schema.ReconstructByUrgent.KeyOf(last)
		}
	}
	return nil
}

// queued reads what belongs to rows of reconstructions.
func queued(tx *txn.Tx, rows []schema.Row) (page []QueuedBlock, err error) {
	var ids []int64
	replicas := func(q *schema.Reconstruction) schema.Key {
		return schema.KeyOf(schema.Int(q.InodeID), schema.Int(q.BlockID))
	}
	for _, row := range rows {
		q := schema.ReconstructionOf(row)
		ids = append(ids, q.InodeID)
		tx.Want(txn.Prefix(schema.BlocksByID, schema.KeyOf(schema.Int(q.BlockID))), txn.Prefix(schema.Replicas.Primary, replicas(&q)))
	}
	inodes, err := ancestry(tx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		q := schema.ReconstructionOf(row)
		found, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(q.BlockID)))
		if err != nil {
			return nil, err
		}
		reps, err := tx.Lookup(schema.Replicas.Primary, replicas(&q))
		if err != nil {
			return nil, err
		}
		path, ok := pathIn(inodes, q.InodeID)
		if !ok || len(found) == 0 {
			continue
		}
		h := &blocks.Held{Inode: inodes[q.InodeID], Block: schema.BlockOf(found[0])}
		for _, r := range reps {
			h.Replicas = append(h.Replicas, schema.ReplicaOf(r))
		}
		page = append(page, QueuedBlock{q, path, h})
	}
	return page, nil
}

// QueuedDeletions calls visit for each replica that a DataNode is to delete, storage by
// storage.
func (n *Namespace) QueuedDeletions(ctx context.Context, visit func(schema.Invalidation) error) error {
	return n.eachRow(ctx, schema.Invalidations, func(row schema.Row) error { return visit(schema.InvalidationOf(row)) })
}

// eachRow calls visit for each row of a table, in order of its key.
func (n *Namespace) eachRow(ctx context.Context, t *schema.Table, visit func(schema.Row) error) error {
	for after := schema.Key(""); ; {
		var rows []schema.Row
		err := n.eng.View(ctx, func(tx *txn.Tx) error {
			got, err := tx.Scan(txn.Range{Index: t.Primary, After: after, Limit: queuePage})
			rows = got.Rows
			return err
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := visit(row); err != nil {
				return err
			}
		}
		if len(rows) < queuePage {
			return nil
		}
		after = t.Key(rows[len(rows)-1])
	}
}

// Objects counts inodes and blocks, until ctx ends.
func (n *Namespace) Objects(ctx context.Context) (inodes, blockCount int64, err error) {
	err = n.eachRow(ctx, schema.Inodes, func(schema.Row) error {
		inodes++
		return nil
	})
	if err != nil {
		return inodes, 0, err
	}
	err = n.eachRow(ctx, schema.Blocks, func(schema.Row) error {
		blockCount++
		return nil
	})
	return inodes, blockCount, err
}

package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// AbandonBlock gives up the last block of a file that client writes. A block that
// is not the last one is left alone.
func (n *Namespace) AbandonBlock(ctx context.Context, c *Caller, src string, fileID int64, client string, b blocks.Block) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable("abandon block " + b.String() + " for file" + src); err != nil {
		return err
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		w, err := n.resolveOpen(tx, c, p, fileID, dal.Exclusive)
		if err != nil {
			return err
		}
		in, err := w.writing(tx, client, fileID)
		if err != nil {
			return err
		}
		f, err := blocks.ReadTail(tx, in.ID, b.ID)
		if err != nil {
			return err
		}
		if last := f.Last(); last != nil && last.BlockID == b.ID && last.State != schema.BlockComplete {
			before := w.fileUses(f)
			removeLast(tx, in, f)
			return w.charge(tx, w.fileUses(f).minus(before))
		}
		return nil
	})
}

// removeLast takes the last block off a file; in is changed and, if need be, written.
func removeLast(tx *txn.Tx, in *schema.Inode, f *blocks.File) {
	last := *f.Last()
	f.Remove(tx, last)
	f.Blocks = f.Blocks[:len(f.Blocks)-1]
	if last.NumBytes > 0 {
		in.Length -= last.NumBytes
		tx.Put(schema.Inodes, in.Row())
	}
}

package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Fsync notes the length of the last block of a file that client writes, if
// lastLength, in bytes, is above 0.
func (n *Namespace) Fsync(ctx context.Context, c *Caller, src string, fileID int64, client string, lastLength int64) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable("fsync file " + src); err != nil {
		return err
	}
	return n.update(ctx, func(tx *txn.Tx) error {
		w, err := n.resolveOpen(tx, c, p, fileID, dal.Exclusive)
		if err != nil {
			return err
		}
		in, err := w.writing(tx, client, fileID)
		if err != nil || lastLength <= 0 {
			return err
		}
		f, err := blocks.ReadFile(tx, in.ID)
		if err != nil {
			return err
		}
		b := f.Last()
		if b == nil || b.State != schema.BlockUnderConstruction || lastLength > in.BlockSize {
			return nil // the length comes with the block
		}
		in.Length += lastLength - b.NumBytes
		b.NumBytes = lastLength
		saveBlock(tx, b)
		tx.Put(schema.Inodes, in.Row())
		return nil
	})
}

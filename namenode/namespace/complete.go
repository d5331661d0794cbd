package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Complete closes a file that client writes. last is its last block with its
// length, nil for none. false means that the last blocks have too few replicas as
// yet: the client asks again. A repeated call of one that closed the file is true.
func (n *Namespace) Complete(ctx context.Context, c *Caller, src, client string, last *blocks.Block, fileID int64) (bool, error) {
	p, err := parse(src)
	if err != nil {
		return false, err
	}
	if err := n.writable("complete file ", src); err != nil {
		return false, err
	}
	var done bool
	var short []int64
	end := func(tx *txn.Tx) error {
		done, short = false, nil
		w, err := n.resolveOpen(tx, c, p, fileID, dal.Exclusive)
		if err != nil {
			return err
		}
		var f *blocks.File
		if w.found() && w.target().Kind == schema.KindFile {
			if f, err = blocks.ReadTail(tx, w.target().ID, lastID(last)); err != nil {
				return err
			}
		}
		in, err := w.writing(tx, client, fileID)
		if err != nil {
			if fault.KindOf(err) == fault.LeaseExpired && f != nil && w.target().ClientName == "" && same(last, f.Last()) {
				done = true
				return nil
			}
			return err
		}
		if done, err = n.complete(tx, in, f, last); err == nil && !done {
			short = f.Short()
		}
		return err
	}
	err = n.awaiting(ctx, func() ([]int64, error) {
		err := n.update(ctx, end)
		return short, err
	})
	return err == nil && done, err
}

// complete commits the last block and closes the file if its last two blocks have
// enough replicas. The others had them when further blocks were added.
func (n *Namespace) complete(tx *txn.Tx, in *schema.Inode, f *blocks.File, last *blocks.Block) (bool, error) {
	if b := f.Penultimate(); b != nil && b.State != schema.BlockComplete {
		return false, nil
	}
	length := in.Length
	if err := n.blocks.CommitLast(tx, in, f, last); err != nil {
		return false, err
	}
	if b := f.Last(); b != nil && b.State != schema.BlockComplete {
		if in.Length != length {
			tx.Put(schema.Inodes, in.Row())
		}
		return false, nil
	}
	closeFile(tx, in)
	return true, nil
}

package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// SetReplication sets how many replicas the blocks of the file src should have.
// false means that src is not a file. The replicas follow in the background.
func (n *Namespace) SetReplication(ctx context.Context, c *Caller, src string, replication int64) (bool, error) {
	if err := n.checkReplication(src, replication); err != nil {
		return false, err
	}
	p, err := parse(src)
	if err != nil {
		return false, err
	}
	if err := n.writable("set replication for " + src); err != nil {
		return false, err
	}
	var set bool
	err = n.update(ctx, func(tx *txn.Tx) error {
		set = false
		w, err := n.resolve(tx, p, dal.Exclusive)
		if err != nil {
			return err
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if err := w.requireTarget(c, Write); err != nil {
			return err
		}
		if !w.found() || w.target().Kind != schema.KindFile {
			return nil
		}
		set = true
		in := w.target()
		old := in.Replication
		if old == replication {
			return nil
		}
		if old < replication {
			w.growing(tx)
		}
		f, err := blocks.ReadFile(tx, in.ID)
		if err != nil {
			return err
		}
		before := w.fileUses(f)
		in.Replication = replication
		if err := w.charge(tx, w.fileUses(f).minus(before)); err != nil {
			return err
		}
		tx.Put(schema.Inodes, in.Row())
		blocks.Adjust(tx, in, f, old, replication)
		return nil
	})
	return err == nil && set, err
}

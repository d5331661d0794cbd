package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// GetBlockLocations returns the blocks that cover length bytes of the file src from
// offset, nearest replicas first, and notes the access time if the last one noted
// is too long ago.
func (n *Namespace) GetBlockLocations(ctx context.Context, c *Caller, src string, offset, length int64) (*blocks.Located, error) {
	p, err := parse(src)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fault.New(fault.InvalidArgument, "Negative offset is not supported. File: %s", src)
	}
	if length < 0 {
		return nil, fault.New(fault.InvalidArgument, "Negative length is not supported. File: %s", src)
	}
	var located *blocks.Located
	var in schema.Inode
	var now int64
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		w, err := n.resolve(tx, p, dal.None)
		if err != nil {
			return err
		}
		// HDFS says what is no file before it looks at rights, those on the way included.
		if w.blocked {
			return w.notDirectory(false)
		}
		file, err := w.file()
		if err != nil {
			return err
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		if err := w.requireTarget(c, Read); err != nil {
			return err
		}
		if err := w.requireReadable(c); err != nil {
			return err
		}
		f, err := blocks.ReadFile(tx, file.ID)
		if err != nil {
			return err
		}
		in, now = *file, tx.Now()
		located = n.blocks.Locate(f, in.Length, in.ClientName != "", offset, length, c.Host)
		return nil
	})
	if err != nil {
		return nil, err
	}
	safe, why := n.safe.On()
	if safe {
		for i := range located.Blocks {
			if len(located.Blocks[i].Targets) == 0 {
				return nil, fault.New(fault.SafeMode, "Zero blocklocations for %s. Name node is in safe mode.\n%s", src, why)
			}
		}
	} else if n.set.ATimePrecision > 0 && now > in.ATime+n.set.ATimePrecision {
		// The reader has its answer whether or not the time can be noted.
		_ = n.accessed(ctx, in.ID, now)
	}
	return located, nil
}

// accessed sets the access time of a file.
func (n *Namespace) accessed(ctx context.Context, id, at int64) error {
	return n.update(ctx, func(tx *txn.Tx) error {
		in, err := blocks.LockInode(tx, id)
		if err != nil || in == nil || in.ATime >= at {
			return err
		}
		in.ATime = at
		tx.Put(schema.Inodes, in.Row())
		return nil
	})
}

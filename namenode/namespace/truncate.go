package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Truncate cuts the file src to length bytes. false means that its last block is
// being cut by the DataNodes: the file is open until that is done.
func (n *Namespace) Truncate(ctx context.Context, c *Caller, src string, length int64, client string) (bool, error) {
	p, err := parse(src)
	if err != nil {
		return false, err
	}
	if length < 0 {
		return false, fault.New(fault.InvalidArgument, "Cannot truncate to a negative file size: %d.", length)
	}
	if client == "" || len(client) > 255 {
		return false, fault.New(fault.InvalidArgument, "the client name has %d bytes; 1 to 255 are allowed", len(client))
	}
	if err := n.writable("truncate for " + src); err != nil {
		return false, err
	}
	t := truncation{n: n, c: c, client: client, length: length}
	for t.more = true; t.more; {
		err := n.takingOver(ctx, c, src, client, opTruncate, func() error {
			return n.update(ctx, func(tx *txn.Tx) error {
				t.done, t.more, t.rec = false, false, nil
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
				in, err := w.file()
				if err != nil {
					return err
				}
				if err := t.run(tx, w, in); err != nil {
					return err
				}
				c.changed(in)
				return nil
			})
		})
		if err != nil {
			return false, err
		}
	}
	if t.rec != nil {
		n.blocks.StartRecovery(*t.rec) // without a DataNode it is asked for again later
	}
	return t.done, nil
}

// A truncation is one call of Truncate.
type truncation struct {
	n      *Namespace
	c      *Caller
	client string
	length int64

	done bool
	more bool // blocks are left to remove: a large file is cut in steps
	rec  *blocks.Recovery
}

func (t *truncation) run(tx *txn.Tx, w *walk, in *schema.Inode) error {
	if w.policy(len(w.inodes)) == lazyPersist {
		return fault.New(fault.Unsupported, "Cannot truncate lazy persist file %s", w.path())
	}
	w.growing(tx)
	f, err := blocks.ReadFile(tx, in.ID)
	if err != nil {
		return err
	}
	if last := f.Last(); in.ClientName != "" && last != nil && last.State == schema.BlockUnderRecovery && last.TruncateTo > 0 {
		if in.Length-last.NumBytes+last.TruncateTo == t.length {
			return nil // this very truncation is under way
		}
		return fault.New(fault.BeingCreated, "Failed to %s %s for %s on %s because %s is being truncated.",
			opTruncate, w.path(), t.client, t.c.Host, w.path())
	}
	if err := w.requireClosed(tx, t.c, t.client, opTruncate); err != nil {
		return err
	}
	switch {
	case in.Length == t.length:
		t.done = true
		return nil
	case in.Length < t.length:
		return fault.New(fault.InvalidArgument, "Cannot truncate to a larger file size. Current size: %d, truncate size: %d.", in.Length, t.length)
	}
	before := w.fileUses(f)
	t.cut(tx, in, f)
	return w.charge(tx, w.fileUses(f).minus(before))
}

// cut removes the blocks beyond the new length, and has the last one cut if the
// length is within it.
func (t *truncation) cut(tx *txn.Tx, in *schema.Inode, f *blocks.File) {
	var size int64
	keep := 0
	for keep < len(f.Blocks) && size < t.length {
		size += f.Blocks[keep].NumBytes
		keep++
	}
	in.MTime = tx.Now()
	if len(f.Blocks)-keep > manyBlocks {
		t.more = true
		keep = len(f.Blocks) - manyBlocks
	}
	gone := f.Blocks[keep:]
	for i := range gone {
		in.Length -= gone[i].NumBytes
	}
	f.Remove(tx, gone...)
	f.Blocks = f.Blocks[:keep]
	if t.more || in.Length == t.length {
		t.done = !t.more
		tx.Put(schema.Inodes, in.Row())
		return
	}
	last := f.Last()
	last.TruncateTo = last.NumBytes - (in.Length - t.length)
	t.rec = t.n.blocks.Recover(tx, in, f)
	// The length stays until the DataNodes are done: clients wait for it to change.
	open(tx, in, t.client, t.c.Host)
}

package namespace

import (
	"context"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// lazyPersist is the storage policy whose files cannot be appended to or truncated.
const lazyPersist = 15

// Append opens the file src for writing at its end. The block is the last one if
// it has room; with FlagNewBlock it has no targets: the client asks for a new one
// after it. It is nil if the last block is full or there is none. A repeated call
// gets the first one's answer.
func (n *Namespace) Append(ctx context.Context, c *Caller, src, client string, flags CreateFlags) (*blocks.LocatedBlock, *FileStatus, error) {
	p, err := parse(src)
	if err != nil {
		return nil, nil, err
	}
	if err := n.writable("append to file" + src); err != nil {
		return nil, nil, err
	}
	if client == "" || len(client) > 255 {
		return nil, nil, fault.New(fault.InvalidArgument, "the client name has %d bytes; 1 to 255 are allowed", len(client))
	}
	var lb *blocks.LocatedBlock
	var st *FileStatus
	err = n.takingOver(ctx, c, src, client, opAppend, func() error {
		return n.update(ctx, func(tx *txn.Tx) error {
			lb, st = nil, nil
			c.wantAnswer(tx)
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return err
			}
			answer, done, err := c.answered(tx)
			if err != nil {
				return err
			}
			if done {
				lb, st, err = n.appended(tx, answer)
				return err
			}
			lb, st, err = n.append(tx, c, w, client, flags)
			return err
		})
	})
	if err == nil && lb != nil {
		n.blocks.Expect(lb.BlockID)
	}
	return lb, st, err
}

func (n *Namespace) append(tx *txn.Tx, c *Caller, w *walk, client string, flags CreateFlags) (*blocks.LocatedBlock, *FileStatus, error) {
	if err := w.traverse(c, false); err != nil {
		return nil, nil, err
	}
	if w.found() && w.target().Kind == schema.KindDirectory {
		return nil, nil, fault.New(fault.Exists, "Cannot append to directory %s; already exists as a directory.", w.path())
	}
	if err := w.requireTarget(c, Write); err != nil {
		return nil, nil, err
	}
	if !w.found() {
		return nil, nil, fault.New(fault.NotFound, "Failed to append to non-existent file %s for client %s", w.path(), c.Host)
	}
	in := w.target()
	if w.policy(len(w.inodes)) == lazyPersist {
		return nil, nil, fault.New(fault.Unsupported, "Cannot append to lazy persist file %s", w.path())
	}
	w.growing(tx)
	f, err := blocks.ReadFile(tx, in.ID)
	if err != nil {
		return nil, nil, err
	}
	if err := w.requireClosed(tx, c, client, opAppend); err != nil {
		return nil, nil, err
	}
	last := f.Last()
	if last != nil && n.blocks.Live(f.Held(in, last)) < n.set.MinReplication {
		return nil, nil, fault.New(fault.IO, "append: lastBlock=%s of src=%s is not sufficiently replicated yet.", blocks.IDOf(last), w.path())
	}
	before := w.fileUses(f)
	open(tx, in, client, c.Host)
	var lb *blocks.LocatedBlock
	answer := int64(0)
	switch {
	case last == nil:
	case flags&FlagNewBlock != 0:
		lb = &blocks.LocatedBlock{Block: *last, Offset: -1, Size: last.NumBytes} // HDFS does not tell
	case last.NumBytes < in.BlockSize:
		last.State = schema.BlockUnderConstruction
		saveBlock(tx, last)
		l := n.blocks.LocateBlock(f.Held(in, last), in.Length-last.NumBytes, c.Host)
		lb, answer = &l, last.BlockID
	}
	if err := w.charge(tx, w.fileUses(f).minus(before)); err != nil {
		return nil, nil, err
	}
	st := &FileStatus{Inode: *w.effective(), ModTime: in.MTime}
	return lb, st, c.remember(tx, fmt.Sprintf("%d %d %d", in.ID, answer, flags&FlagNewBlock))
}

// appended is the answer to a repeated append: the file as it is open since.
func (n *Namespace) appended(tx *txn.Tx, answer string) (*blocks.LocatedBlock, *FileStatus, error) {
	var inode, block int64
	var flags CreateFlags
	if _, err := fmt.Sscan(answer, &inode, &block, &flags); err != nil {
		return nil, nil, fault.New(fault.IO, "the retry cache holds %q where the answer of an append was expected", answer)
	}
	rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(inode)))
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, fault.New(fault.NotFound, "the file with id %d was opened by this call and is deleted since", inode)
	}
	in := schema.InodeOf(rows[0])
	f, err := blocks.ReadFile(tx, inode)
	if err != nil {
		return nil, nil, err
	}
	st := &FileStatus{Inode: in, ModTime: in.MTime}
	last := f.Last()
	switch {
	case last == nil:
	case flags&FlagNewBlock != 0:
		return &blocks.LocatedBlock{Block: *last, Offset: -1, Size: last.NumBytes}, st, nil
	case last.BlockID == block:
		l := n.blocks.LocateBlock(f.Held(&in, last), in.Length-last.NumBytes, in.ClientMachine)
		return &l, st, nil
	}
	return nil, st, nil
}

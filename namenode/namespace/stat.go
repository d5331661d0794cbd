package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// GetFileInfo returns the status of src, nil if it does not exist. With located the
// block locations of a file come along; HDFS asks for no rights on the file even then.
func (n *Namespace) GetFileInfo(ctx context.Context, c *Caller, src string, located bool) (*FileStatus, error) {
	p, err := parse(src)
	if err != nil {
		return nil, err
	}
	if p.isReserved() {
		return reservedStatus(p), nil
	}
	var st struct {
		FileStatus
		found bool
	}
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		st.found = false
		w, err := n.resolve(tx, p, dal.None)
		if err != nil {
			return err
		}
		if w.blocked && n.super(c) {
			// HDFS tells everybody else that a file is in the way.
			return nil
		}
		if err := w.traverse(c, false); err != nil || !w.found() {
			return err
		}
		st.found = true
		return n.status(tx, w.effective(), located, c.Host, &st.FileStatus)
	})
	if err != nil || !st.found {
		return nil, err
	}
	return &st.FileStatus, nil
}

// status sets st to an inode completed with what its directory or block rows say.
func (n *Namespace) status(tx *txn.Tx, in *schema.Inode, located bool, host string, st *FileStatus) error {
	*st = FileStatus{Inode: *in, ModTime: in.MTime}
	if in.Kind == schema.KindDirectory {
		row, err := tx.Get(schema.Directories, tx.Key(schema.Int(in.ID)), dal.None)
		if err != nil {
			return err
		}
		if row != nil {
			st.setDirectory(schema.DirectoryOf(row))
		}
		return nil
	}
	if located {
		f, err := blocks.ReadFile(tx, in.ID)
		if err != nil {
			return err
		}
		st.Located = n.blocks.Locate(f, in.Length, in.ClientName != "", 0, in.Length, host)
	}
	return nil
}

// reservedStatus is the status of the made-up directory /.reserved, which nobody owns; nil
// for what is below it.
func reservedStatus(p names) *FileStatus {
	if len(p.parts) > 1 {
		return nil
	}
	return &FileStatus{Inode: schema.Inode{ID: schema.RootID, Kind: schema.KindDirectory, Mode: 0o1770}}
}

// IsFileClosed reports whether the file src is not open for writing.
func (n *Namespace) IsFileClosed(ctx context.Context, c *Caller, src string) (bool, error) {
	var closed bool
	err := n.viewFile(ctx, c, src, func(_ *txn.Tx, _ *walk, in *schema.Inode) error {
		closed = in.ClientName == ""
		return nil
	})
	return closed, err
}

// GetPreferredBlockSize returns the block size of the file src in bytes.
func (n *Namespace) GetPreferredBlockSize(ctx context.Context, c *Caller, src string) (int64, error) {
	var size int64
	err := n.viewFile(ctx, c, src, func(_ *txn.Tx, _ *walk, in *schema.Inode) error {
		size = in.BlockSize
		return nil
	})
	return size, err
}

// CheckAccess returns an error unless c has the rights want on src.
func (n *Namespace) CheckAccess(ctx context.Context, c *Caller, src string, want Access) error {
	return n.view(ctx, c, src, func(_ *txn.Tx, w *walk) error {
		if !w.found() {
			return fault.New(fault.NotFound, "Path not found: %s", w.path())
		}
		return w.requireTarget(c, want)
	})
}

// view runs fn on a path that c may traverse.
func (n *Namespace) view(ctx context.Context, c *Caller, src string, fn func(*txn.Tx, *walk) error) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	return n.eng.View(ctx, func(tx *txn.Tx) error {
		w, err := n.resolve(tx, p, dal.None)
		if err != nil {
			return err
		}
		if err := w.traverse(c, false); err != nil {
			return err
		}
		return fn(tx, w)
	})
}

// viewFile runs fn on an existing file.
func (n *Namespace) viewFile(ctx context.Context, c *Caller, src string, fn func(*txn.Tx, *walk, *schema.Inode) error) error {
	return n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		in, err := w.fileAsked()
		if err != nil {
			return err
		}
		return fn(tx, w, in)
	})
}

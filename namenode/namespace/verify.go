package namespace

import (
	"context"
	"errors"
	"fmt"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// VerifyUsage compares what a directory with a quota says that its tree uses with what is
// there. wrong tells what differs, "" if nothing does or the directory is gone or has no
// quota any more. A large tree is counted in steps first; only if that differs, or the tree
// changes meanwhile, it is closed and counted again, while changes below it wait.
func (n *Namespace) VerifyUsage(ctx context.Context, dir int64) (wrong string, err error) {
	wrong, whole, err := n.verifySmall(ctx, dir)
	if err != nil || whole {
		return wrong, err
	}
	if same, err := n.verifyOpen(ctx, dir); err != nil || same {
		return "", err
	}
	t, err := n.count(ctx, dir)
	if err == nil {
		err = n.viewUsage(ctx, dir, func(_ *txn.Tx, in *schema.Inode, q *quota) error {
			wrong = ""
			if in != nil && in.ClientName == t.token {
				wrong = q.differs(t.under(in.StoragePolicy))
			}
			return nil
		})
	}
	if t != nil {
		err = errors.Join(err, n.openDir(context.WithoutCancel(ctx), t.dir, t.token))
	}
	var lost *uncounted
	if fault.KindOf(err) == fault.NotFound || errors.As(err, &lost) {
		return "", nil
	}
	return wrong, err
}

// viewUsage shows a directory, with the storage policy that holds for it, and what it says;
// in is nil if it is gone or has no quota.
func (n *Namespace) viewUsage(ctx context.Context, dir int64, fn func(tx *txn.Tx, in *schema.Inode, q *quota) error) error {
	return n.eng.View(ctx, func(tx *txn.Tx) error {
		w, err := n.resolve(tx, byID(dir), dal.None)
		if fault.KindOf(err) == fault.NotFound || err == nil && (!w.found() || w.target().Flags&schema.FlagHasQuota == 0) {
			return fn(tx, nil, nil)
		}
		if err != nil {
			return err
		}
		q, err := readQuota(tx, w.target(), dal.None)
		if err != nil {
			return err
		}
		return fn(tx, w.effective(), q)
	})
}

// verifySmall compares in one snapshot; whole is false if the tree is too large for it.
func (n *Namespace) verifySmall(ctx context.Context, dir int64) (wrong string, whole bool, err error) {
	err = n.viewUsage(ctx, dir, func(tx *txn.Tx, in *schema.Inode, q *quota) error {
		wrong, whole = "", true
		if in == nil {
			return nil
		}
		t := newCount(dir)
		var err error
		if whole, err = t.small(tx, in); err == nil && whole {
			wrong = q.differs(t.under(in.StoragePolicy))
		}
		return err
	})
	return wrong, whole, err
}

// verifyOpen counts a tree that may change, and reports whether that is what the directory
// says before and after.
func (n *Namespace) verifyOpen(ctx context.Context, dir int64) (same bool, err error) {
	var root *schema.Inode
	var before, after quota
	read := func(into *quota) error {
		return n.viewUsage(ctx, dir, func(_ *txn.Tx, in *schema.Inode, q *quota) error {
			if root = in; in != nil {
				*into = *q
			}
			return nil
		})
	}
	if err := read(&before); err != nil || root == nil {
		return err == nil, err
	}
	t := newCount(dir)
	t.names, t.below = 1, map[int64]*count{}
	top := *root
	top.StoragePolicy = 0
	c := treeCount{n: n, ctx: ctx, all: t, inside: map[int64][]*count{}}
	err = n.walkFrom(ctx, "", top, func(d *treeDir, entries []schema.Inode) error { return c.visit(&d.in, entries) })
	if err != nil {
		return false, err
	}
	if err := read(&after); err != nil || root == nil {
		return err == nil, err
	}
	return before.used == after.used && before.differs(t.under(root.StoragePolicy)) == "", nil
}

// differs tells how what is used differs from what a directory says, "" if it does not.
func (q *quota) differs(u usage) string {
	if q.used.names != u.names || q.used.space != u.space {
		return fmt.Sprintf("uses %d names and %d bytes and says %d and %d", u.names, u.space, q.used.names, q.used.space)
	}
	if q.noTypes() && q.used.types == (byType{}) {
		return ""
	}
	for i, kind := range QuotaTypes {
		if q.used.types[i] != u.types[i] {
			return fmt.Sprintf("uses %d bytes of storage type %s and says %d", u.types[i], blocks.TypeName(kind), q.used.types[i])
		}
	}
	return ""
}

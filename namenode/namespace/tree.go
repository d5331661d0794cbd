package namespace

import (
	"cmp"
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// Bounds of one read of walkTree.
const (
	treeDirs = 32   // directories read at once
	treePage = 1000 // children of each
)

// A treeDir is a directory that walkTree still has to read, from a name on.
type treeDir struct {
	path  string
	in    schema.Inode
	acl   []acl.Entry // its stored list; while it is visited
	after string
	some  bool // a page of it was read before
}

// walkTree calls visit for pages of the children of every directory of the tree at
// src, the directory itself first; a directory without children is visited once
// with none. It reads in bounded steps, so what changes meanwhile may or may not be
// seen. Of a file, visit gets the file as the only entry of a nil directory. A
// directory without a storage policy is shown with the one that it inherits in the tree.
func (n *Namespace) walkTree(ctx context.Context, src string, visit func(dir *treeDir, entries []schema.Inode) error) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	var root schema.Inode
	var path string
	err = n.eng.View(ctx, func(tx *txn.Tx) error {
		w, err := n.resolve(tx, p, dal.None)
		if err != nil {
			return err
		}
		if !w.found() {
			return w.missing()
		}
		root, path = *w.target(), w.path()
		return nil
	})
	if err != nil {
		return err
	}
	if root.Kind == schema.KindFile {
		return visit(nil, []schema.Inode{root})
	}
	return n.walkFrom(ctx, path, root, visit)
}

// walkFrom is walkTree for a directory that was looked up.
func (n *Namespace) walkFrom(ctx context.Context, path string, root schema.Inode,
	visit func(dir *treeDir, entries []schema.Inode) error) error {
	stack := []treeDir{{path: path, in: root}}
	for len(stack) > 0 {
		k := max(0, len(stack)-treeDirs)
		step := append([]treeDir(nil), stack[k:]...)
		stack = stack[:k]
		pages, err := n.readDirs(ctx, step)
		if err != nil {
			return err
		}
		for i, page := range pages {
			d := step[i]
			if len(page) > 0 || !d.some {
				if err := visit(&d, page); err != nil {
					return err
				}
			}
			stack = append(stack, below(d, page)...)
		}
	}
	return nil
}

// below returns what a page leaves to read: the rest of the directory and the
// directories in the page.
func below(d treeDir, page []schema.Inode) []treeDir {
	var more []treeDir
	if len(page) == treePage {
		more = append(more, treeDir{path: d.path, in: d.in, after: page[len(page)-1].Name, some: true})
	}
	base := d.path
	if base == "/" {
		base = ""
	}
	for _, in := range page {
		if in.Kind == schema.KindDirectory {
			in.StoragePolicy = cmp.Or(in.StoragePolicy, d.in.StoragePolicy)
			more = append(more, treeDir{path: base + "/" + in.Name, in: in})
		}
	}
	return more
}

// readDirs reads a page of each directory, and their lists.
func (n *Namespace) readDirs(ctx context.Context, dirs []treeDir) ([][]schema.Inode, error) {
	pages := make([][]schema.Inode, len(dirs))
	err := n.eng.View(ctx, func(tx *txn.Tx) error {
		for _, d := range dirs {
			tx.Want(childrenOf(d.in.ID, d.after, treePage).Ref())
			if d.in.Flags&schema.FlagHasACL != 0 {
				tx.Want(txn.Prefix(schema.ACLs.Primary, tx.Key(schema.Int(d.in.ID))))
			}
		}
		for i, d := range dirs {
			got, err := tx.Scan(childrenOf(d.in.ID, d.after, treePage))
			if err != nil {
				return err
			}
			if dirs[i].acl, err = readACL(tx, &d.in); err != nil {
				return err
			}
			pages[i] = make([]schema.Inode, len(got.Rows))
			for j, r := range got.Rows {
				pages[i][j] = schema.InodeOf(r)
			}
		}
		return nil
	})
	return pages, err
}

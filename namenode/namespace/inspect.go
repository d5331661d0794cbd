package namespace

import (
	"cmp"
	"context"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// inspectPage is how many children of a directory are read at once, with their blocks.
const inspectPage = 200

// An Inspected is an inode with the rows of its blocks.
type Inspected struct {
	Path  string
	Inode schema.Inode // with the storage policy that holds for it
	File  *blocks.File // of a file
}

// withHeld brings the blocks, replicas and list of each child.
var withHeld = &txn.Followers{
	followKind(schema.Blocks, schema.KindFile),
	followKind(schema.Replicas, schema.KindFile),
	{Index: schema.ACLs.Primary, Column: inodeID},
}

// Inspect returns what is at src, nil if there is nothing. The caller needs the right to
// read a file.
func (n *Namespace) Inspect(ctx context.Context, c *Caller, src string) (*Inspected, error) {
	var found *Inspected
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		found = nil
		if !w.found() {
			return nil
		}
		i := &Inspected{Path: w.path(), Inode: *w.effective()}
		if i.Inode.Kind == schema.KindFile {
			if err := w.requireTarget(c, Read); err != nil {
				return err
			}
			var err error
			if i.File, err = blocks.ReadFile(tx, i.Inode.ID); err != nil {
				return err
			}
		}
		found = i
		return nil
	})
	return found, err
}

// InspectChildren returns a page of the children of the directory src whose names come
// after a name, and whether there are more. A directory that is not there any more has
// none. denied is the error for the first file that the caller may not read; the page ends
// before it.
func (n *Namespace) InspectChildren(ctx context.Context, c *Caller, src, after string) (page []Inspected, more bool, denied, err error) {
	err = n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		page, more, denied = nil, false, nil
		if !w.found() || w.target().Kind != schema.KindDirectory {
			return nil
		}
		if err := w.requireTarget(c, Read|Execute); err != nil {
			return err
		}
		dir := w.effective()
		r := txn.Range{Index: schema.Inodes.Primary, Limit: inspectPage, Follow: withHeld,
			Prefix: tx.Key(schema.Int(schema.PartitionOf(dir.ID)), schema.Int(dir.ID))}
		if after != "" {
			r.After = schema.InodeKey(dir.ID, after)
		}
		got, err := tx.Scan(r)
		if err != nil {
			return err
		}
		more = len(got.Rows) == inspectPage
		page, denied = inspected(w, c, dir, got)
		return nil
	})
	return page, more, denied, err
}

// inspected makes a page of the rows of children.
func inspected(w *walk, c *Caller, dir *schema.Inode, got dal.Rows) (page []Inspected, denied error) {
	files := blocks.GroupFiles(got.Followed[0], got.Followed[1])
	lists := map[int64][]schema.Row{}
	for _, row := range got.Followed[2] {
		id := schema.ACLOf(row).InodeID
		lists[id] = append(lists[id], row)
	}
	base := strings.TrimSuffix(w.path(), "/") + "/"
	for _, row := range got.Rows {
		i := Inspected{Path: base + schema.InodeOf(row).Name, Inode: schema.InodeOf(row)}
		if i.Inode.Kind == schema.KindFile {
			if !w.super(c) && !allowed(c, &i.Inode, aclOf(lists[i.Inode.ID]), Read) {
				return page, denyRead(c, &i)
			}
			if i.File = files[i.Inode.ID]; i.File == nil {
				i.File = &blocks.File{}
			}
		}
		i.Inode.StoragePolicy = cmp.Or(i.Inode.StoragePolicy, dir.StoragePolicy)
		page = append(page, i)
	}
	return page, nil
}

func denyRead(c *Caller, i *Inspected) error { return denied(c, Read, i.Path, &i.Inode) }

// InspectBlock returns the block with an id, the inode that it belongs to and its path;
// nil if there is none. Only a superuser may.
func (n *Namespace) InspectBlock(ctx context.Context, c *Caller, id int64) (*blocks.Held, string, error) {
	if err := n.RequireSuper(c, "fsck"); err != nil {
		return nil, "", err
	}
	var held *blocks.Held
	var path string
	err := n.eng.View(ctx, func(tx *txn.Tx) error {
		held, path = nil, ""
		rows, err := tx.Lookup(schema.BlocksByID, schema.KeyOf(schema.Int(id)))
		if err != nil || len(rows) == 0 {
			return err
		}
		b := schema.BlockOf(rows[0])
		inodes, err := ancestry(tx, []int64{b.InodeID})
		if err != nil {
			return err
		}
		reps, err := tx.Lookup(schema.Replicas.Primary, schema.KeyOf(schema.Int(b.InodeID), schema.Int(id)))
		if err != nil {
			return err
		}
		p, ok := pathIn(inodes, b.InodeID)
		if !ok {
			return nil
		}
		h := &blocks.Held{Inode: inodes[b.InodeID], Block: b}
		for _, row := range reps {
			h.Replicas = append(h.Replicas, schema.ReplicaOf(row))
		}
		held, path = h, p
		return nil
	})
	return held, path, err
}

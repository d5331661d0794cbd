package namespace

import (
	"context"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// openPage is how many open files are read, and answered, at once
// (dfs.namenode.list.openfiles.num.responses).
const openPage = 1000

// An OpenFileEntry is a file that is open for writing.
type OpenFileEntry struct {
	ID            int64
	Path          string
	ClientName    string
	ClientMachine string
}

// ListOpenFiles returns a page of the open files at or below path ("" or "/" for
// all) whose ids are larger than after, in order of their ids, and whether there
// are more. Only a superuser may.
func (n *Namespace) ListOpenFiles(ctx context.Context, c *Caller, after int64, path string) (page []OpenFileEntry, more bool, err error) {
	return n.listOpen(ctx, c, after, path, func(_ *txn.Tx, all []OpenFileEntry) ([]OpenFileEntry, error) { return all, nil })
}

// ListBlockingFiles is ListOpenFiles for those files that hold up a DataNode which is to
// be decommissioned.
func (n *Namespace) ListBlockingFiles(ctx context.Context, c *Caller, after int64, path string) (page []OpenFileEntry, more bool, err error) {
	return n.listOpen(ctx, c, after, path, func(tx *txn.Tx, all []OpenFileEntry) (blocking []OpenFileEntry, err error) {
		for _, f := range all {
			tx.Want(blocks.Refs(f.ID)...)
		}
		for _, f := range all {
			file, err := blocks.ReadFile(tx, f.ID)
			if err != nil {
				return nil, err
			}
			if n.blocks.HoldsUp(file) {
				blocking = append(blocking, f)
			}
		}
		return blocking, nil
	})
}

// listOpen reads open files until some are chosen.
func (n *Namespace) listOpen(ctx context.Context, c *Caller, after int64, path string,
	choose func(*txn.Tx, []OpenFileEntry) ([]OpenFileEntry, error)) (page []OpenFileEntry, more bool, err error) {
	if path != "" && !strings.HasPrefix(path, "/") {
		return nil, false, notAbsolute(path)
	}
	if err := n.RequireSuper(c, "listOpenFiles"); err != nil {
		return nil, false, err
	}
	below := strings.TrimRight(path, "/") + "/"
	for {
		var found []OpenFileEntry
		var last int64
		err := n.eng.View(ctx, func(tx *txn.Tx) error {
			var err error
			if found, last, err = openFiles(tx, after); err != nil {
				return err
			}
			found, err = choose(tx, found)
			return err
		})
		if err != nil {
			return nil, false, err
		}
		for _, f := range found {
			if strings.HasPrefix(f.Path+"/", below) {
				page = append(page, f)
			}
		}
		if last == 0 || len(page) > 0 {
			return page, last != 0, nil
		}
		after = last
	}
}

// openFiles reads a page of open files with their paths. last is the id to go on
// from, 0 at the end. Files that were deleted with a directory above them, and only
// wait for the purge, are left out.
func openFiles(tx *txn.Tx, after int64) (found []OpenFileEntry, last int64, err error) {
	r := txn.Range{Index: schema.OpenFiles.Primary, Limit: openPage}
	if after > 0 {
		r.After = schema.KeyOf(schema.Int(after))
	}
	got, err := tx.Scan(r)
	if err != nil {
		return nil, 0, err
	}
	if len(got.Rows) == openPage {
		last = schema.OpenFileOf(got.Rows[openPage-1]).InodeID
	}
	ids := make([]int64, len(got.Rows))
	for i, row := range got.Rows {
		ids[i] = schema.OpenFileOf(row).InodeID
	}
	inodes, err := ancestry(tx, ids)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		if path, ok := pathIn(inodes, id); ok {
			in := inodes[id]
			found = append(found, OpenFileEntry{ID: id, Path: path, ClientName: in.ClientName, ClientMachine: in.ClientMachine})
		}
	}
	return found, last, nil
}

// ancestry reads inodes and all inodes above them, one level of all paths a round
// trip.
func ancestry(tx *txn.Tx, ids []int64) (map[int64]schema.Inode, error) {
	inodes := map[int64]schema.Inode{}
	for len(ids) > 0 {
		for _, id := range ids {
			tx.Want(txn.Prefix(schema.InodesByID, schema.KeyOf(schema.Int(id))))
		}
		var above []int64
		for _, id := range ids {
			rows, err := tx.Lookup(schema.InodesByID, schema.KeyOf(schema.Int(id)))
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				continue
			}
			in := schema.InodeOf(rows[0])
			inodes[id] = in
			if _, known := inodes[in.ParentID]; !known && in.ParentID != schema.RootParentID {
				above = append(above, in.ParentID)
			}
		}
		slices.Sort(above)
		ids = slices.Compact(above)
	}
	return inodes, nil
}

// pathIn is the path of an inode; ok is false if it is not below the root.
func pathIn(inodes map[int64]schema.Inode, id int64) (path string, ok bool) {
	var up []string
	for id != schema.RootID {
		in, found := inodes[id]
		if !found || len(up) > MaxPathDepth {
			return "", false
		}
		up = append(up, in.Name)
		id = in.ParentID
	}
	slices.Reverse(up)
	return "/" + strings.Join(up, "/"), true
}

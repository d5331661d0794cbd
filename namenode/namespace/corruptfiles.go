package namespace

import (
	"context"
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// corruptPage is how many blocks without a good replica are answered at once
// (dfs.corruptfilesreturned.max).
const corruptPage = 500

// A CorruptFile is a block without a good replica and the file that it is of.
type CorruptFile struct {
	BlockID     int64
	Replication int64
	Path        string
}

// ListCorruptFiles returns a page of the blocks without a good replica whose files'
// names begin with path. cookie is "" at first, and then what the call before
// returned; an empty page is the end. Only a superuser may.
func (n *Namespace) ListCorruptFiles(ctx context.Context, c *Caller, path, cookie string) (page []CorruptFile, next string, err error) {
	if err := n.RequireSuper(c, "listCorruptFileBlocks"); err != nil {
		return nil, "", err
	}
	for more := true; more && len(page) == 0; {
		var found []CorruptFile
		var last string
		err := n.eng.View(ctx, func(tx *txn.Tx) error {
			var err error
			found, last, more, err = corruptFiles(tx, cookie)
			return err
		})
		if err != nil {
			return nil, "", err
		}
		cookie = last
		for _, f := range found {
			if strings.HasPrefix(f.Path, path) {
				page = append(page, f)
			}
		}
	}
	return page, cookie, nil
}

// corruptFiles reads a page behind a cookie. Files that were deleted with a
// directory above them are left out.
func corruptFiles(tx *txn.Tx, cookie string) (found []CorruptFile, last string, more bool, err error) {
	r := txn.Range{Index: schema.ReconstructByUrgent, After: blocks.BeforeMissing(), Limit: corruptPage}
	var priority, block int64
	if _, err := fmt.Sscanf(cookie, "%d.%d", &priority, &block); err == nil {
		r.After = schema.KeyOf(schema.Int(priority), schema.Int(block))
	}
	got, err := tx.Scan(r)
	if err != nil {
		return nil, "", false, err
	}
	more = len(got.Rows) == corruptPage
	var rows []schema.Reconstruction
	var ids []int64
	for _, row := range got.Rows {
		q := schema.ReconstructionOf(row)
		if !blocks.Missing(q) {
			more = false
			break
		}
		rows, ids = append(rows, q), append(ids, q.InodeID)
		cookie = fmt.Sprintf("%d.%d", q.Priority, q.BlockID)
	}
	inodes, err := ancestry(tx, ids)
	if err != nil {
		return nil, "", false, err
	}
	for _, q := range rows {
		if path, ok := pathIn(inodes, q.InodeID); ok {
			found = append(found, CorruptFile{BlockID: q.BlockID, Replication: inodes[q.InodeID].Replication, Path: path})
		}
	}
	return found, cookie, more, nil
}

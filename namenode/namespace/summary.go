package namespace

import (
	"context"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A ContentSummary counts a tree; the directory itself counts. A quota of -1 is
// none.
type ContentSummary struct {
	Length         int64 // bytes
	FileCount      int64
	DirectoryCount int64
	SpaceConsumed  int64 // bytes with all replicas
	Quota          int64
	SpaceQuota     int64
}

// GetContentSummary counts what is at and below src. It reads in steps: a tree that
// changes meanwhile may be counted partly before and partly after.
func (n *Namespace) GetContentSummary(ctx context.Context, c *Caller, src string) (*ContentSummary, error) {
	sum := &ContentSummary{Quota: -1, SpaceQuota: -1}
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		if !w.found() {
			return w.missing()
		}
		row, err := tx.Get(schema.Directories, schema.KeyOf(schema.Int(w.target().ID)), dal.None)
		if err != nil || row == nil || w.target().Kind == schema.KindFile {
			return err
		}
		d := schema.DirectoryOf(row)
		sum.Quota, sum.SpaceQuota = d.NSQuota, d.DSQuota
		return nil
	})
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	err = n.walkTree(ctx, src, func(dir *treeDir, entries []schema.Inode) error {
		if dir != nil && !seen[dir.in.ID] {
			if !n.super(c) && !allowed(c, &dir.in, dir.acl, Read|Execute) {
				return denied(c, Read|Execute, dir.path, &dir.in)
			}
			seen[dir.in.ID] = true
			sum.DirectoryCount++
		}
		for i := range entries {
			if in := &entries[i]; in.Kind == schema.KindFile {
				sum.FileCount++
				sum.Length += in.Length
				sum.SpaceConsumed += in.Length * in.Replication
			}
		}
		return nil
	})
	return sum, err
}

// A QuotaUsage is a tree's quotas and what is used of them.
type QuotaUsage struct {
	FileAndDirectoryCount int64
	Quota                 int64
	SpaceConsumed         int64
	SpaceQuota            int64
}

// GetQuotaUsage returns the quotas of src and what they count.
func (n *Namespace) GetQuotaUsage(ctx context.Context, c *Caller, src string) (*QuotaUsage, error) {
	s, err := n.GetContentSummary(ctx, c, src)
	if err != nil {
		return nil, err
	}
	return &QuotaUsage{s.FileCount + s.DirectoryCount, s.Quota, s.SpaceConsumed, s.SpaceQuota}, nil
}

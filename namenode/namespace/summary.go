package namespace

import (
	"cmp"
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
	SpaceConsumed  int64 // bytes with all replicas; a block that is written counts as a whole one
	Quota          int64
	SpaceQuota     int64
	Types          []TypeUsage // all, or none if there is nothing to tell
}

// A TypeUsage is the quota for one type of storage and what is used of it.
type TypeUsage struct {
	Type  int64
	Quota int64 // bytes, -1 for none
	Used  int64 // bytes
}

// typeUsages lists the types of storage if there is something to tell of one.
func typeUsages(quotas, used byType) (out []TypeUsage) {
	something := false
	for i, t := range QuotaTypes {
		something = something || quotas[i] > 0 || used[i] > 0
		out = append(out, TypeUsage{Type: t, Quota: quotas[i], Used: used[i]})
	}
	if !something {
		return nil
	}
	return out
}

// GetContentSummary counts what is at and below src. It reads in steps: a tree that
// changes meanwhile may be counted partly before and partly after.
func (n *Namespace) GetContentSummary(ctx context.Context, c *Caller, src string) (*ContentSummary, error) {
	var q *quota
	var policy int64
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) (err error) {
		if !w.found() {
			return w.missing()
		}
		policy = w.policy(w.above())
		q, err = readQuota(tx, w.target(), dal.None)
		return err
	})
	if err != nil {
		return nil, err
	}
	sum := &ContentSummary{Quota: q.names, SpaceQuota: q.space}
	t := newCount(0)
	var types byType // by length: as in HDFS, a block that is written does not count here
	seen := map[int64]bool{}
	err = n.walkTree(ctx, src, func(dir *treeDir, entries []schema.Inode) error {
		inherited := int64(0)
		if dir != nil {
			inherited = dir.in.StoragePolicy
			if !seen[dir.in.ID] {
				if !n.super(c) && !allowed(c, &dir.in, dir.acl, Read|Execute) {
					return denied(c, Read|Execute, dir.path, &dir.in)
				}
				seen[dir.in.ID] = true
				sum.DirectoryCount++
			}
		}
		lasts, err := n.lastBlocks(ctx, entries)
		if err != nil {
			return err
		}
		for i := range entries {
			if in := &entries[i]; in.Kind == schema.KindFile {
				sum.FileCount++
				sum.Length += in.Length
				t.addFile(in, lasts[in.ID], inherited)
				for i, bytes := range typesOf(cmp.Or(in.StoragePolicy, inherited, policy), in.Length, in.Replication) {
					types[i] += bytes
				}
			}
		}
		return nil
	})
	sum.SpaceConsumed = t.space
	sum.Types = typeUsages(q.types, types)
	return sum, err
}

// A QuotaUsage is a tree's quotas and what is used of them.
type QuotaUsage struct {
	FileAndDirectoryCount int64
	Quota                 int64
	SpaceConsumed         int64
	SpaceQuota            int64
	Types                 []TypeUsage // all, or none if there is nothing to tell
}

// GetQuotaUsage returns the quotas of src and what they count. A directory with a quota
// knows it; any other tree is counted.
func (n *Namespace) GetQuotaUsage(ctx context.Context, c *Caller, src string) (*QuotaUsage, error) {
	var u *QuotaUsage
	err := n.view(ctx, c, src, func(tx *txn.Tx, w *walk) error {
		u = nil
		if !w.found() {
			return noEntry(w.path())
		}
		if w.target().Flags&schema.FlagHasQuota == 0 {
			return nil
		}
		if err := w.requireTarget(c, Read|Execute); err != nil {
			return err
		}
		q, err := readQuota(tx, w.target(), dal.None)
		if err != nil {
			return err
		}
		u = &QuotaUsage{q.used.names, q.names, q.used.space, q.space, typeUsages(q.types, q.used.types)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if u != nil {
		return u, nil
	}
	s, err := n.GetContentSummary(ctx, c, src)
	if err != nil {
		return nil, err
	}
	return &QuotaUsage{s.FileCount + s.DirectoryCount, s.Quota, s.SpaceConsumed, s.SpaceQuota, s.Types}, nil
}

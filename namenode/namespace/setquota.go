package namespace

import (
	"context"
	"math"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// A QuotaRequest sets quotas of a directory. KeepQuota leaves one as it is, NoQuota
// takes it away.
type QuotaRequest struct {
	Src   string
	Names int64 // files and directories
	Space int64 // bytes with all replicas
	Type  int64 // of storage; not 0: Space is about what lies there
}

// KeepQuota is the value of a quota that is left as it is (HDFS: QUOTA_DONT_SET).
const KeepQuota = math.MaxInt64

// SetQuota sets the quotas of a directory. What is there already is counted first; more
// than the quota is no error.
func (n *Namespace) SetQuota(ctx context.Context, c *Caller, r QuotaRequest) error {
	if !n.set.OwnerSetsQuota {
		if err := n.RequireSuper(c, r.Operation()); err != nil {
			return err
		}
	}
	p, err := parse(r.Src)
	if err != nil {
		return err
	}
	if err := n.writable("set quota on ", r.Src); err != nil {
		return err
	}
	return n.counting(ctx, func(ctx context.Context) error {
		return n.update(ctx, func(tx *txn.Tx) error {
			w, err := n.resolve(tx, p, dal.Exclusive)
			if err != nil {
				return err
			}
			if err := w.traverse(c, false); err != nil {
				return err
			}
			if !w.super(c) && !w.ownsParent(c) {
				return fault.New(fault.AccessDenied, "Access denied for user %s. Superuser or owner of parent folder privilege is required", c.User)
			}
			if err := r.check(!n.set.NoTypeQuotas); err != nil {
				return err
			}
			if !w.found() {
				return fault.New(fault.NotFound, "Directory does not exist: %s", w.path())
			}
			if w.target().Kind != schema.KindDirectory {
				return fault.New(fault.NotDirectory, "`%s': Is not a directory", w.path())
			}
			if r.Type != 0 && slotOf(r.Type) < 0 {
				return nil // as in HDFS: it is accepted, and nothing ever counts for it
			}
			return n.setQuota(tx, w, &r)
		})
	})
}

// ownsParent reports whether the directory of the target belongs to the caller.
func (w *walk) ownsParent(c *Caller) bool {
	i := w.above() - 1
	return i >= 0 && i < len(w.inodes) && w.inodes[i].UserName == c.User
}

// Operation is the request's name in the audit log.
func (r *QuotaRequest) Operation() string {
	switch {
	case r.Names == NoQuota && r.Space == KeepQuota:
		return "clearQuota"
	case r.Names == KeepQuota && r.Space == NoQuota:
		return "clearSpaceQuota"
	case r.Space == KeepQuota:
		return "setQuota"
	case r.Names == KeepQuota:
		return "setSpaceQuota"
	}
	return "setQuota"
}

func (r *QuotaRequest) check(byType bool) error {
	if r.Names < NoQuota || r.Space < NoQuota {
		return fault.New(fault.IllegalArgument, "Illegal value for nsQuota or ssQuota : %d and %d", r.Names, r.Space)
	}
	if r.Type == 0 {
		return nil
	}
	if r.Names != KeepQuota || !byType {
		return fault.New(fault.UnsupportedAction, "Failed to set quota by storage type because either"+
			"dfs.quota.by.storage.type.enabled is set to %t or nsQuota value is illegal %d", byType, r.Names)
	}
	return nil
}

// slotOf is the place of a type of storage in QuotaTypes, -1 for none.
func slotOf(t int64) int {
	for i, q := range QuotaTypes {
		if q == t {
			return i
		}
	}
	return -1
}

// apply changes q as the request asks.
func (r *QuotaRequest) apply(q *quota, root bool) {
	switch {
	case r.Names == NoQuota && root:
		q.names = math.MaxInt64 // the root always has one
	case r.Names != KeepQuota:
		q.names = r.Names
	}
	switch {
	case r.Space == KeepQuota:
	case r.Type != 0:
		q.types[slotOf(r.Type)] = r.Space
	default:
		q.space = r.Space
	}
}

func (n *Namespace) setQuota(tx *txn.Tx, w *walk, r *QuotaRequest) error {
	in := *w.target()
	tx.Alone()
	wantQuota(tx, &in)
	q, err := readQuota(tx, &in, dal.Exclusive)
	if err != nil {
		return err
	}
	old := *q
	if w.isRoot() && q.names < 0 {
		q.names = math.MaxInt64
	}
	r.apply(q, w.isRoot())
	none := q.none() || w.isRoot() && q.names == math.MaxInt64 && q.space < 0 && q.noTypes()
	if *q == old && in.ClientName == "" && (none || in.Flags&schema.FlagHasQuota != 0) {
		return nil
	}
	count := !none && in.Flags&schema.FlagHasQuota == 0
	types := !q.noTypes() && in.Flags&schema.FlagHasTypeQuota == 0
	if count || types {
		t, err := n.tree(tx, w, types)
		if err != nil {
			return err
		}
		used := t.under(w.policy(len(w.inodes)))
		if count {
			q.used.names, q.used.space = used.names, used.space
		}
		if types {
			q.used.types = used.types
		}
	}
	if none {
		q.used = usage{}
	}
	if q.noTypes() {
		q.used.types = byType{}
	}
	return saveQuota(tx, &in, q, none)
}

// saveQuota writes the rows of a directory, whose inode row is locked exclusively.
func saveQuota(tx *txn.Tx, in *schema.Inode, q *quota, none bool) error {
	k := schema.KeyOf(schema.Int(in.ID))
	row, err := tx.Get(schema.Directories, k, dal.Exclusive)
	if err != nil {
		return err
	}
	if row == nil {
		return fault.New(fault.IO, "directory %d has no row of its own", in.ID)
	}
	d := schema.DirectoryOf(row)
	d.NSQuota, d.DSQuota, d.NSUsed, d.DSUsed = q.names, q.space, q.used.names, q.used.space
	tx.Put(schema.Directories, d.Row())
	hadTypes := in.Flags&schema.FlagHasTypeQuota != 0
	in.Flags &^= schema.FlagHasQuota | schema.FlagHasTypeQuota
	if !none {
		in.Flags |= schema.FlagHasQuota
	}
	switch {
	case !q.noTypes():
		in.Flags |= schema.FlagHasTypeQuota
		row := typeRow(in.ID, q.types, q.used.types)
		tx.Put(schema.TypeQuotas, row.Row())
	case hadTypes:
		tx.Delete(schema.TypeQuotas, k)
	}
	reopen(in)
	tx.Put(schema.Inodes, in.Row())
	return nil
}

package namespace

import (
	"cmp"
	"context"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// policy is the storage policy that the first n inodes of the path leave to what is
// below them, 0 for none.
func (w *walk) policy(n int) int64 {
	for i := min(n, len(w.inodes)) - 1; i >= 0; i-- {
		if id := w.inodes[i].StoragePolicy; id != 0 {
			return id
		}
	}
	return 0
}

// effective is the target with the policy that it has or inherits.
func (w *walk) effective() *schema.Inode {
	policy := w.policy(len(w.inodes))
	if policy == w.target().StoragePolicy {
		return w.target()
	}
	in := *w.target()
	in.StoragePolicy = policy
	return &in
}

// ownPolicy is the policy that a new file gets for itself: one that was asked for, or one
// of its directory that it has from its creation or not at all.
func (w *walk) ownPolicy(r *CreateRequest) int64 {
	if r.Flags&FlagLazyPersist != 0 {
		return lazyPersist
	}
	if inherited := w.policy(w.above()); r.StoragePolicy == 0 && inherited == lazyPersist {
		return inherited
	}
	return r.StoragePolicy
}

// noEntry is the error for a file or directory that does not exist.
func noEntry(path string) error {
	return fault.New(fault.NotFound, "File/Directory does not exist: %s", path)
}

// StoragePolicy is the id of the policy that src has or inherits, 0 for none.
func (n *Namespace) StoragePolicy(ctx context.Context, c *Caller, src string) (id int64, err error) {
	err = n.view(ctx, c, src, func(_ *txn.Tx, w *walk) error {
		if !w.found() {
			return noEntry(w.path())
		}
		id = w.policy(len(w.inodes))
		return w.requireTarget(c, Read)
	})
	return id, err
}

// SetStoragePolicy sets the policy, by its name, for what is written at src and below
// from now on. Replicas that are there stay where they are.
func (n *Namespace) SetStoragePolicy(ctx context.Context, c *Caller, src, name string) error {
	if err := n.mayChoosePolicy(c, "set storage policy"); err != nil {
		return err
	}
	p := blocks.PolicyNamed(name)
	if p == nil {
		return fault.New(fault.InvalidArgument, "Cannot find a block policy with the name %s", name)
	}
	return n.setPolicy(ctx, c, src, "set storage policy for ", p.ID)
}

// UnsetStoragePolicy takes the policy of src away, so that it has that of its
// directory.
func (n *Namespace) UnsetStoragePolicy(ctx context.Context, c *Caller, src string) error {
	if err := n.mayChoosePolicy(c, "unset storage policy"); err != nil {
		return err
	}
	return n.setPolicy(ctx, c, src, "unset storage policy for ", 0)
}

// mayChoosePolicy is what the operator says to that. op is a verb and "storage policy".
func (n *Namespace) mayChoosePolicy(c *Caller, op string) error {
	if n.set.NoPolicies {
		return fault.New(fault.IO, "Failed to %s since dfs.storage.policy.enabled is set to false.", op)
	}
	if n.set.SuperPolicies {
		return n.RequireSuper(c, strings.Replace(op, " storage policy", "StoragePolicy", 1))
	}
	return nil
}

func (n *Namespace) setPolicy(ctx context.Context, c *Caller, src, what string, id int64) error {
	p, err := parse(src)
	if err != nil {
		return err
	}
	if err := n.writable(what, src); err != nil {
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
			if err := w.requireTarget(c, Write); err != nil {
				return err
			}
			if !w.found() {
				return noEntry(w.path())
			}
			return n.changePolicy(tx, w, id)
		})
	})
}

func (n *Namespace) changePolicy(tx *txn.Tx, w *walk, id int64) error {
	in := *w.target()
	if in.Kind == schema.KindFile {
		if err := checkFilePolicy(in.StoragePolicy, id); err != nil {
			return err
		}
	} else {
		tx.Alone()
	}
	if in.StoragePolicy == id {
		return nil
	}
	if err := n.recharge(tx, w, id); err != nil {
		return err
	}
	in.StoragePolicy = id
	if in.Kind == schema.KindDirectory {
		reopen(&in)
	}
	tx.Put(schema.Inodes, in.Row())
	return nil
}

// checkFilePolicy refuses policies that a file has from its creation or not at all.
func checkFilePolicy(old, id int64) error {
	if id == 0 {
		return nil
	}
	if p := blocks.PolicyOf(id); p.OnlyAtCreation() {
		return fault.New(fault.InvalidArgument, "Policy %s cannot be set after file creation.", p.String())
	}
	if p := blocks.PolicyOf(old); p.OnlyAtCreation() {
		return fault.New(fault.InvalidArgument, "Existing policy %s cannot be changed after file creation.", p.Name)
	}
	return nil
}

// recharge moves what the target uses to other types of storage in the quotas above it,
// before it gets a policy. A policy is never refused for a quota, as in HDFS.
func (n *Namespace) recharge(tx *txn.Tx, w *walk, id int64) error {
	if any, err := anyTypeQuotas(tx); err != nil || !any {
		return err
	}
	t, err := n.tree(tx, w, true)
	if err != nil {
		return err
	}
	in := w.target()
	inherited := w.policy(w.above())
	d := t.under(cmp.Or(id, inherited)).minus(t.under(cmp.Or(in.StoragePolicy, inherited)))
	if in.Kind == schema.KindFile { // whose own policy is part of the count
		before, after := *in, *in
		after.StoragePolicy = id
		size := t.space / max(1, in.Replication)
		d.types = typesOf(cmp.Or(after.StoragePolicy, inherited), size, in.Replication)
		d.add(usage{types: typesOf(cmp.Or(before.StoragePolicy, inherited), size, in.Replication)}.negative())
	}
	w.note(tx, 0, len(w.inodes), d)
	return t.retype(tx, cmp.Or(id, inherited))
}

package namespace

import (
	"cmp"

	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// moveUsage moves what the source of a move uses from the quotas above it to those above
// the destination, and takes off what the move replaces: gone. As in HDFS only quotas that the
// source comes into may refuse it.
func (n *Namespace) moveUsage(tx *txn.Tx, from, to *walk, gone usage) error {
	policy, newPolicy := from.policy(from.above()), to.policy(to.above())
	quotas := from.quotas(from.above()) || to.quotas(to.above())
	retype, err := n.changesTypes(tx, from.target(), policy, newPolicy)
	if err != nil || !quotas && !retype {
		return err
	}
	common := 0
	for common < min(from.above(), to.above()) && from.inodes[common].ID == to.inodes[common].ID {
		common++
	}
	if common == from.above() && common == to.above() && !to.found() {
		return nil // a new name in the same directory
	}
	t := newCount(0)
	beyond := len(from.withQuotas(common, from.above()))+len(to.withQuotas(common, to.above())) > 0
	if beyond || retype {
		if t, err = n.tree(tx, from, retype || from.typeQuotas(from.above()) || to.typeQuotas(to.above())); err != nil {
			return err
		}
	}
	own := from.target().StoragePolicy
	before, after := t.under(cmp.Or(own, policy)), t.under(cmp.Or(own, newPolicy))
	if err := to.chargeBetween(tx, common, to.above(), after.minus(gone)); err != nil {
		return err
	}
	from.note(tx, common, from.above(), before.negative())
	from.note(tx, 0, common, after.minus(before).minus(gone))
	if retype {
		from.note(tx, from.above(), len(from.inodes), after.minus(before))
		return t.retype(tx, cmp.Or(own, newPolicy))
	}
	return nil
}

// changesTypes reports whether a move changes which types of storage count for files
// below quotas by type.
func (n *Namespace) changesTypes(tx *txn.Tx, in *schema.Inode, policy, newPolicy int64) (bool, error) {
	if policy == newPolicy || in.StoragePolicy != 0 {
		return false, nil
	}
	return anyTypeQuotas(tx)
}

// replacedUsage is what the target of a move uses that is there: a file, or an empty
// directory.
func (n *Namespace) replacedUsage(tx *txn.Tx, to *walk) (usage, error) {
	if !to.found() || !to.quotas(to.above()) {
		return usage{}, nil
	}
	if to.target().Kind == schema.KindDirectory {
		return usage{names: 1}, nil
	}
	t, err := n.tree(tx, to, to.typeQuotas(to.above()))
	if err != nil {
		return usage{}, err
	}
	return t.under(to.policy(len(to.inodes))), nil
}

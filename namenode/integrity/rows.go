package integrity

import (
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/txn"
)

// An owner is the inode that a row belongs to.
type owner struct {
	in   *schema.Inode // nil if there is none
	gone bool          // it is being removed
}

// owners reads the inodes of ids, each as it is in the tree or listed for removal.
func (l *look) owners(ids []int64) (map[int64]owner, error) {
	for _, v := range ids {
		l.tx.Want(txn.Prefix(schema.InodesByID, id(v)), txn.Row(schema.Purge, id(v), dal.None))
	}
	all := map[int64]owner{}
	for _, v := range ids {
		if _, known := all[v]; known {
			continue
		}
		rows, err := l.tx.Lookup(schema.InodesByID, id(v))
		if err != nil {
			return nil, err
		}
		var o owner
		if len(rows) > 0 {
			in := schema.InodeOf(rows[0])
			o.in = &in
		}
		row, err := l.get(schema.Purge, id(v))
		if err != nil {
			return nil, err
		}
		o.gone = row != nil
		all[v] = o
	}
	return all, nil
}

func (o owner) missing() bool { return o.in == nil && !o.gone }

// column returns one column of all rows.
func (l *look) column(i int) []int64 {
	ids := make([]int64, len(l.rows))
	for k, row := range l.rows {
		ids[k] = row[i].Int()
	}
	return ids
}

// variables has nothing to compare: what has to be there was looked for.
func (c *Checker) variables(*look) error { return nil }

func (c *Checker) directories(l *look) error {
	owners, err := l.owners(l.column(0))
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		if d := schema.DirectoryOf(row); owners[d.ID].missing() {
			l.say(i, "directories has a row for %d, which is not there", d.ID)
		}
	}
	return nil
}

func (c *Checker) typeQuotas(l *look) error {
	owners, err := l.owners(l.column(0))
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		switch o := owners[row[0].Int()]; {
		case o.in == nil:
			l.say(i, "type_quotas has a row for %d, which is not there", row[0].Int())
		case o.in.Flags&schema.FlagHasTypeQuota == 0:
			l.say(i, "type_quotas has a row for %s, which has no flag for it", called(o.in))
		}
	}
	return nil
}

// leases wants a lease that nobody renews to have a file.
func (c *Checker) leases(l *look) error {
	files := func(holder string) txn.Range {
		return txn.Range{Index: schema.OpenFilesByHolder, Prefix: schema.KeyOf(schema.Str(holder)), Limit: 1}
	}
	var old []int
	for i, row := range l.rows {
		if v := schema.LeaseOf(row); l.tx.Now()-v.Renewed > c.LeaseLimit.Milliseconds() {
			old = append(old, i)
			l.tx.Want(files(v.Holder).Ref())
		}
	}
	for _, i := range old {
		v := schema.LeaseOf(l.rows[i])
		got, err := l.tx.Scan(files(v.Holder))
		if err != nil {
			return err
		}
		if len(got.Rows) == 0 {
			l.say(i, "the lease of %q, not renewed for %d minutes, has no file", v.Holder, (l.tx.Now()-v.Renewed)/60_000)
		}
	}
	return nil
}

// openFiles wants inode, open_files and leases to name the same writers.
func (c *Checker) openFiles(l *look) error {
	lease := func(o *schema.OpenFile) schema.Key { return schema.KeyOf(schema.Str(o.Holder)) }
	for _, row := range l.rows {
		o := schema.OpenFileOf(row)
		l.tx.Want(txn.Row(schema.Leases, lease(&o), dal.None))
	}
	owners, err := l.owners(l.column(0))
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		o := schema.OpenFileOf(row)
		held, err := l.get(schema.Leases, lease(&o))
		if err != nil {
			return err
		}
		if held == nil {
			l.say(i, "inode %d is open for %q, who has no lease", o.InodeID, o.Holder)
		}
		switch w := owners[o.InodeID]; {
		case w.missing():
			l.say(i, "open_files has inode %d, which is not there", o.InodeID)
		case w.in != nil && w.in.ClientName != o.Holder:
			l.say(i, "%s is open for %q in open_files and for %q in inodes", called(w.in), o.Holder, w.in.ClientName)
		}
	}
	return nil
}

// blocks wants each block to belong to a file.
func (c *Checker) blocks(l *look) error {
	next := schema.KeyOf(schema.Str(schema.VarNextBlockID))
	l.tx.Want(txn.Row(schema.Variables, next, dal.None))
	owners, err := l.owners(l.column(0))
	if err != nil {
		return err
	}
	last, err := l.get(schema.Variables, next)
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		b := schema.BlockOf(row)
		switch o := owners[b.InodeID]; {
		case o.missing():
			l.say(i, "block %d belongs to inode %d, which is not there", b.BlockID, b.InodeID)
		case o.in != nil && o.in.Kind != schema.KindFile:
			l.say(i, "block %d belongs to %s, which is no file", b.BlockID, called(o.in))
		}
		if last != nil && b.BlockID >= schema.VariableOf(last).Value {
			l.say(i, "block %d exists, the next id to hand out is %d", b.BlockID, schema.VariableOf(last).Value)
		}
	}
	return nil
}

// replicas wants each copy to belong to a block and to lie on a storage.
func (c *Checker) replicas(l *look) error {
	for _, row := range l.rows {
		r := schema.ReplicaOf(row)
		l.tx.Want(txn.Prefix(schema.BlocksByID, id(r.BlockID)), txn.Row(schema.Storages, id(r.StorageID), dal.None), txn.Row(schema.Purge, id(r.InodeID), dal.None))
	}
	for i, row := range l.rows {
		r := schema.ReplicaOf(row)
		found, err := l.tx.Lookup(schema.BlocksByID, id(r.BlockID))
		if err != nil {
			return err
		}
		purged, err := l.get(schema.Purge, id(r.InodeID))
		if err != nil {
			return err
		}
		storage, err := l.get(schema.Storages, id(r.StorageID))
		if err != nil {
			return err
		}
		if storage == nil {
			l.say(i, "a replica of block %d is on storage %d, which is not there", r.BlockID, r.StorageID)
		}
		if r.State < schema.ReplicaFinalized || r.State > schema.ReplicaExcess {
			l.say(i, "a replica of block %d has the state %d", r.BlockID, r.State)
		}
		if len(found) == 0 {
			if purged == nil {
				l.say(i, "a replica of block %d, which is not there", r.BlockID)
			}
			continue
		}
		b := schema.BlockOf(found[0])
		if b.InodeID != r.InodeID {
			l.say(i, "block %d belongs to inode %d, a replica of it to %d", b.BlockID, b.InodeID, r.InodeID)
		}
		if r.State == schema.ReplicaFinalized && b.State == schema.BlockComplete && r.NumBytes != b.NumBytes {
			l.say(i, "block %d has %d bytes, a good replica of it %d", b.BlockID, b.NumBytes, r.NumBytes)
		}
	}
	return nil
}

// reconstructions wants queued blocks to be of the files that they are queued for. A row
// may outlive its block for a while.
func (c *Checker) reconstructions(l *look) error {
	for _, block := range l.column(0) {
		l.tx.Want(txn.Prefix(schema.BlocksByID, id(block)))
	}
	for i, row := range l.rows {
		q := schema.ReconstructionOf(row)
		found, err := l.tx.Lookup(schema.BlocksByID, id(q.BlockID))
		if err != nil {
			return err
		}
		if len(found) > 0 && schema.BlockOf(found[0]).InodeID != q.InodeID {
			l.say(i, "reconstructions: block %d belongs to inode %d, not to %d", q.BlockID, schema.BlockOf(found[0]).InodeID, q.InodeID)
		}
	}
	return nil
}

func (c *Checker) invalidations(l *look) error {
	for _, storage := range l.column(0) {
		l.tx.Want(txn.Row(schema.Storages, id(storage), dal.None))
	}
	for i, row := range l.rows {
		q := schema.InvalidationOf(row)
		storage, err := l.get(schema.Storages, id(q.StorageID))
		if err != nil {
			return err
		}
		if storage == nil {
			l.say(i, "invalidations: block %d on storage %d, which is not there", q.BlockID, q.StorageID)
		}
	}
	return nil
}

func (c *Checker) storages(l *look) error {
	key := func(row schema.Row) schema.Key { return schema.KeyOf(schema.Str(schema.StorageOf(row).DatanodeUUID)) }
	for _, row := range l.rows {
		l.tx.Want(txn.Row(schema.Datanodes, key(row), dal.None))
	}
	for i, row := range l.rows {
		node, err := l.get(schema.Datanodes, key(row))
		if err != nil {
			return err
		}
		if node == nil {
			s := schema.StorageOf(row)
			l.say(i, "storage %d belongs to DataNode %q, which is not there", s.StorageID, s.DatanodeUUID)
		}
	}
	return nil
}

func (c *Checker) acls(l *look) error { return l.extras("ACL entries", schema.FlagHasACL) }

func (c *Checker) xattrs(l *look) error { return l.extras("extended attributes", schema.FlagHasXAttrs) }

// extras wants rows that hang on an inode to be of one whose flag says so.
func (l *look) extras(what string, flag int64) error {
	owners, err := l.owners(l.column(0))
	if err != nil {
		return err
	}
	for i, row := range l.rows {
		switch o := owners[row[0].Int()]; {
		case o.missing():
			l.say(i, what+" of inode %d, which is not there", row[0].Int())
		case o.in != nil && o.in.Flags&flag == 0:
			l.say(i, what+" of %s, which has no flag for them", called(o.in))
		}
	}
	return nil
}

// purged wants what is being removed to be out of the tree.
func (c *Checker) purged(l *look) error {
	for i, row := range l.rows {
		if p := schema.PurgedOf(row); p.Kind != schema.KindDirectory && p.Kind != schema.KindFile {
			l.say(i, "purge_queue: inode %d has the kind %d", p.InodeID, p.Kind)
		}
	}
	return nil
}

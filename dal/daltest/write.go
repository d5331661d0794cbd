package daltest

import (
	"fmt"
	"slices"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var changeChecks = []check{
	{"insert of a key that is there", func(k *kit) {
		a := inode(k.base, "a", k.base+1)
		k.write(insert(schema.Inodes, a))
		k.wantKind(k.try(insert(schema.Inodes, inode(k.base, "a", k.base+2))), dal.Duplicate)
		k.want(k.get(schema.Inodes, schema.Inodes.Key(a)), a)
	}},
	{"one duplicate of many undoes all of the commit", func(k *kit) {
		a := inode(k.base, "b", k.base+1)
		k.write(insert(schema.Inodes, a))
		err := k.try(
			insert(schema.Purge, row(schema.Purge, "inode_id", k.base)),
			insert(schema.Inodes, inode(k.base, "a", k.base+2)),
			insert(schema.Inodes, inode(k.base, "b", k.base+3)),
			insert(schema.Inodes, inode(k.base, "c", k.base+4)))
		k.wantKind(err, dal.Duplicate)
		k.want(k.read(scan(schema.Inodes.Primary, key(k.base), "", 0))[0].Rows, a)
		k.want(k.get(schema.Purge, key(k.base)))
	}},
	{"insert of a unique key that another row has", func(k *kit) {
		a := inode(k.base, "a", k.base+1)
		k.write(insert(schema.Inodes, a))
		k.wantKind(k.try(insert(schema.Inodes, inode(k.base, "b", k.base+1))), dal.Duplicate)
		k.want(k.get(schema.Inodes, schema.InodeKey(k.base, "b")))
	}},
	{"two inserts of one key in one commit", func(k *kit) {
		k.wantKind(k.try(insert(schema.Directories, directory(k.base, 1)), insert(schema.Directories, directory(k.base, 2))), dal.Duplicate)
		k.want(k.get(schema.Directories, key(k.base)))
	}},
	{"delete", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)), insert(schema.Directories, directory(k.base+1, 1)))
		k.write(remove(schema.Directories, key(k.base)), remove(schema.Directories, key(k.base+7)))
		k.want(k.get(schema.Directories, key(k.base), key(k.base+1)), directory(k.base+1, 1))
	}},
	{"put of a new row and over an old one", func(k *kit) {
		k.write(put(schema.Directories, directory(k.base, 1)))
		k.write(put(schema.Directories, directory(k.base, 5)), put(schema.Directories, directory(k.base+1, 6)))
		k.want(k.get(schema.Directories, key(k.base), key(k.base+1)), directory(k.base, 5), directory(k.base+1, 6))
	}},
	{"put twice in one commit: the last one stays", func(k *kit) {
		k.write(put(schema.Directories, directory(k.base, 1)), put(schema.Directories, directory(k.base, 2)))
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 2))
	}},
	{"put of a row with a unique key", func(k *kit) {
		a := inode(k.base, "a", k.base+1)
		k.write(put(schema.Inodes, a))
		b := a.Clone()
		b[schema.Inodes.Column("user_name")] = schema.Str("other")
		k.write(put(schema.Inodes, b))
		k.want(k.read(dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base + 1)}})[0].Rows, b)
		c := b.Clone()
		c[schema.Inodes.Column("id")] = schema.Int(k.base + 2)
		k.write(put(schema.Inodes, c))
		k.want(k.read(dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base + 1), key(k.base + 2)}})[0].Rows, c)
	}},
	{"put of a row that is all key", func(k *kit) {
		r := row(schema.Guards, "id", k.base)
		k.write(put(schema.Guards, r))
		k.write(put(schema.Guards, r))
		k.want(k.get(schema.Guards, schema.Guards.Key(r)), r)
	}},
	{"add sums and keeps the larger", func(k *kit) {
		k.write(insert(schema.Directories, row(schema.Directories, "id", k.base, "mtime", 100, "entries", 5, "ns_quota", 7)))
		k.write(add(schema.Directories, row(schema.Directories, "id", k.base, "mtime", 90, "entries", 2, "ns_quota", 99, "ns_used", -3)))
		k.want(k.get(schema.Directories, key(k.base)), row(schema.Directories, "id", k.base, "mtime", 100, "entries", 7, "ns_quota", 7, "ns_used", -3))
		k.write(add(schema.Directories, row(schema.Directories, "id", k.base, "mtime", 110)))
		k.want(k.get(schema.Directories, key(k.base)), row(schema.Directories, "id", k.base, "mtime", 110, "entries", 7, "ns_quota", 7, "ns_used", -3))
	}},
	{"add to many rows, equal and different, to no row", func(k *kit) {
		var adds, inserts []dal.Change
		var want []schema.Row
		for i := range int64(9) {
			inserts = append(inserts, insert(schema.Directories, directory(k.base+i, i)))
			adds = append(adds, add(schema.Directories, row(schema.Directories, "id", k.base+i, "mtime", 10+i%2, "entries", 1, "ns_used", i, "ds_used", -i)))
			want = append(want, row(schema.Directories, "id", k.base+i, "mtime", 10+i%2, "entries", i+1, "ns_used", i, "ds_used", -i))
		}
		k.write(inserts...)
		k.write(append(adds, add(schema.Directories, directory(k.base+50, 1)))...)
		k.want(k.get(schema.Directories, append(keysOf(schema.Directories, want), key(k.base+50))...), want...)
	}},
	{"add twice to one row in one commit", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)), insert(schema.Directories, directory(k.base+1, 1)))
		k.write(
			add(schema.Directories, row(schema.Directories, "id", k.base, "mtime", 9, "entries", 1)),
			add(schema.Directories, row(schema.Directories, "id", k.base+1, "entries", 1)),
			add(schema.Directories, row(schema.Directories, "id", k.base, "mtime", 5, "entries", 3)))
		k.want(k.get(schema.Directories, key(k.base), key(k.base+1)),
			row(schema.Directories, "id", k.base, "mtime", 9, "entries", 5), directory(k.base+1, 2))
	}},
	{"add by a key of bytes", func(k *kit) {
		var adds []dal.Change
		var want []schema.Row
		for i, h := range []string{"adder 1", "adder 1 ", "adder 1\x00", "adder '2", "adder \xff"} {
			k.write(insert(schema.Leases, row(schema.Leases, "holder", h, "renewed", 5)))
			adds = append(adds, add(schema.Leases, row(schema.Leases, "holder", h, "renewed", 4+i)))
			want = append(want, row(schema.Leases, "holder", h, "renewed", max(5, 4+i)))
		}
		k.write(adds...)
		slices.SortFunc(want, func(a, b schema.Row) int { return a[0].Compare(b[0]) })
		k.want(k.get(schema.Leases, keysOf(schema.Leases, want)...), want...)
	}},
	{"commit of no changes", func(k *kit) { k.write() }},
}

var orderChecks = []check{
	{"delete and insert of one key", func(k *kit) {
		a, b := inode(k.base, "a", k.base+1), inode(k.base, "a", k.base+2)
		k.write(insert(schema.Inodes, a))
		k.write(remove(schema.Inodes, schema.Inodes.Key(a)), insert(schema.Inodes, b))
		k.want(k.get(schema.Inodes, schema.Inodes.Key(b)), b)
	}},
	{"delete and insert of one unique key under another primary key", func(k *kit) {
		a, b := inode(k.base, "a", k.base+1), inode(k.base+5, "z", k.base+1)
		k.write(insert(schema.Inodes, a))
		k.write(remove(schema.Inodes, schema.Inodes.Key(a)), insert(schema.Inodes, b))
		k.want(k.read(dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base + 1)}})[0].Rows, b)
	}},
	{"insert, add, put, delete of one row in one commit", func(k *kit) {
		k.write(insert(schema.Directories, directory(k.base, 1)), add(schema.Directories, directory(k.base, 2)))
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 3))
		k.write(put(schema.Directories, directory(k.base, 9)), add(schema.Directories, directory(k.base, 1)))
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 10))
		k.write(put(schema.Directories, directory(k.base, 9)), remove(schema.Directories, key(k.base)))
		k.want(k.get(schema.Directories, key(k.base)))
	}},
	{"changes of many tables and ops", func(k *kit) {
		d := directory(k.base, 0)
		k.write(insert(schema.Directories, d), insert(schema.Purge, row(schema.Purge, "inode_id", k.base)))
		f, b := inode(k.base, "f", k.base+1), row(schema.Blocks, "inode_id", k.base+1, "block_id", k.base)
		k.write(remove(schema.Purge, key(k.base)), insert(schema.Inodes, f), add(schema.Directories, directory(k.base, 1)),
			insert(schema.Blocks, b), put(schema.Leases, row(schema.Leases, "holder", fmt.Sprint("many", k.base))))
		k.want(k.get(schema.Inodes, schema.Inodes.Key(f)), f)
		k.want(k.get(schema.Directories, key(k.base)), directory(k.base, 1))
		k.want(k.get(schema.Blocks, key(k.base+1, 0)), b)
		k.want(k.get(schema.Purge, key(k.base)))
	}},
}

var mistakeChecks = []check{
	{"too many keys", func(k *kit) {
		keys := make([]schema.Key, k.store.Traits().MaxKeys+1)
		for i := range keys {
			keys[i] = key(i)
		}
		_, err := k.store.Read(k.ctx, []dal.Fetch{{Table: schema.Directories, Keys: keys}})
		k.wantKind(err, dal.Permanent)
	}},
	{"too many changes", func(k *kit) {
		changes := make([]dal.Change, k.store.Traits().MaxChanges+1)
		for i := range changes {
			changes[i] = remove(schema.Directories, key(i))
		}
		k.wantKind(k.try(changes...), dal.Permanent)
	}},
	{"a scan with a lock", func(k *kit) {
		f := scan(schema.Inodes.Primary, key(k.base), "", 0)
		f.Lock = dal.Shared
		_, err := k.begin().Fetch(k.ctx, []dal.Fetch{f})
		k.wantKind(err, dal.Permanent)
	}},
	{"a lock on part of a key", func(k *kit) {
		_, err := k.begin().Fetch(k.ctx, []dal.Fetch{{Table: schema.Inodes, Keys: []schema.Key{key(k.base)}, Lock: dal.Shared}})
		k.wantKind(err, dal.Permanent)
	}},
	{"values that do not fit", func(k *kit) {
		long := make([]byte, 256)
		r := inode(k.base, string(long), k.base)
		k.wantKind(k.try(insert(schema.Inodes, r)), dal.Permanent)
		r = inode(k.base, "a", k.base)
		r[0] = schema.Str("x")
		k.wantKind(k.try(dal.Change{Op: dal.Insert, Table: schema.Inodes, Key: schema.InodeKey(k.base, "a"), Row: r}), dal.Permanent)
		k.wantKind(k.try(dal.Change{Op: dal.Insert, Table: schema.Inodes, Key: schema.InodeKey(k.base, "a"), Row: r[:3]}), dal.Permanent)
		r = inode(k.base, "a", k.base)
		r[5] = schema.Null
		k.wantKind(k.try(insert(schema.Inodes, r)), dal.Permanent)
	}},
}

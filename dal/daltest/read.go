package daltest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var getChecks = []check{
	{"get of no row", func(k *kit) {
		k.want(k.get(schema.Inodes, schema.InodeKey(k.base, "none")))
	}},
	{"get of one row", func(k *kit) {
		r := inode(k.base, "a", k.base)
		k.write(insert(schema.Inodes, r))
		k.want(k.get(schema.Inodes, schema.Inodes.Key(r)), r)
	}},
	{"get of many rows, in index order, each once", func(k *kit) {
		a, b, c := inode(k.base, "a", k.base+1), inode(k.base, "b", k.base+2), inode(k.base+1, "a", k.base+3)
		k.write(insert(schema.Inodes, c), insert(schema.Inodes, a), insert(schema.Inodes, b))
		keys := []schema.Key{schema.Inodes.Key(c), schema.Inodes.Key(b), schema.InodeKey(k.base, "none"), schema.Inodes.Key(a), schema.Inodes.Key(b)}
		before := slices.Clone(keys)
		k.want(k.get(schema.Inodes, keys...), a, b, c)
		if !slices.Equal(keys, before) {
			k.Error("the caller's keys were changed")
		}
	}},
	{"get of no keys", func(k *kit) { k.want(k.get(schema.Inodes)) }},
	{"read of no fetches", func(k *kit) { k.read() }},
	{"get by a unique index", func(k *kit) {
		a, b := inode(k.base, "z", k.base+1), inode(k.base, "a", k.base+2)
		k.write(insert(schema.Inodes, a), insert(schema.Inodes, b))
		got := k.read(dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{key(k.base + 2), key(k.base + 3), key(k.base + 1)}})
		k.want(got[0].Rows, a, b)
	}},
	{"get by a key that several rows have", func(k *kit) {
		var rows []schema.Row
		for i := range int64(3) {
			r := row(schema.Leases, "holder", fmt.Sprint("several", k.base+i), "renewed", k.base)
			rows = append(rows, r)
			k.write(insert(schema.Leases, r))
		}
		got := k.read(dal.Fetch{Table: schema.Leases, Index: schema.LeasesByRenewed, Keys: []schema.Key{key(k.base)}})
		slices.SortFunc(got[0].Rows, func(a, b schema.Row) int { return a[0].Compare(b[0]) })
		k.want(got[0].Rows, rows...)
	}},
	{"get by prefixes of keys", func(k *kit) {
		rows := blocks(k, 3, 3)
		got := k.read(dal.Fetch{Table: schema.Blocks, Keys: []schema.Key{key(k.base + 2), key(k.base), key(k.base + 9)}})
		k.want(got[0].Rows, slices.Concat(rows[0:3], rows[6:9])...)
	}},
	{"get by prefixes of a secondary index", func(k *kit) {
		a := row(schema.OpenFiles, "inode_id", k.base+2, "holder", "pre")
		b := row(schema.OpenFiles, "inode_id", k.base+1, "holder", "pre")
		k.write(insert(schema.OpenFiles, a), insert(schema.OpenFiles, b))
		got := k.read(dal.Fetch{Table: schema.OpenFiles, Index: schema.OpenFilesByHolder, Keys: []schema.Key{key("pre"), key("pr")}})
		k.want(got[0].Rows, b, a)
	}},
	{"get of as many keys as the store takes", func(k *kit) {
		n := int64(k.store.Traits().MaxKeys)
		var changes []dal.Change
		var keys []schema.Key
		var rows []schema.Row
		for i := range n {
			r := inode(k.base, fmt.Sprintf("%06d", i), k.base+i)
			rows = append(rows, r)
			changes = append(changes, insert(schema.Inodes, r))
			keys = append(keys, schema.Inodes.Key(r))
		}
		k.write(changes...)
		slices.Reverse(keys)
		k.want(k.get(schema.Inodes, keys...), rows...)
	}},
	{"several fetches are answered in their order", func(k *kit) {
		a, d := inode(k.base, "a", k.base), directory(k.base, 1)
		k.write(insert(schema.Inodes, a), insert(schema.Directories, d))
		got := k.read(
			dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(k.base)}},
			dal.Fetch{Table: schema.Leases, Keys: []schema.Key{key("nobody")}},
			dal.Fetch{Table: schema.Inodes, Keys: []schema.Key{schema.Inodes.Key(a)}},
			dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(k.base)}})
		k.want(got[0].Rows, d)
		k.want(got[1].Rows)
		k.want(got[2].Rows, a)
		k.want(got[3].Rows, d)
	}},
}

// blocks writes files with blocks each and returns the rows in key order.
func blocks(k *kit, files, each int64) []schema.Row {
	var rows []schema.Row
	var changes []dal.Change
	for f := range files {
		for i := range each {
			r := row(schema.Blocks, "inode_id", k.base+f, "idx", i, "block_id", k.base+f*each+i)
			rows = append(rows, r)
			changes = append(changes, insert(schema.Blocks, r))
		}
	}
	k.write(changes...)
	return rows
}

// scan is a fetch of a part of an index.
func scan(x *schema.Index, prefix, after schema.Key, limit int) dal.Fetch {
	return dal.Fetch{Table: x.Table(), Index: x, Scan: &dal.Scan{Prefix: prefix, After: after, Limit: limit}}
}

var scanChecks = []check{
	{"scan beyond keys", func(k *kit) {
		var rows []schema.Row
		for _, r := range [][3]int64{{0, 0, 1}, {0, 0, 2}, {0, 0, 3}, {0, 1, 5}, {0, 1, 6}, {0, 2, 1}, {1, 0, 9}, {2, 0, 1}, {2, 0, 2}} {
			rows = append(rows, row(schema.BatchMarkers, "namenode_id", k.base+r[0], "lane", r[1], "batch", r[2], "changed", "x\x00"))
			k.write(insert(schema.BatchMarkers, rows[len(rows)-1]))
		}
		after := func(keys ...schema.Key) []schema.Row {
			got := k.read(dal.Fetch{Table: schema.BatchMarkers, Scan: &dal.Scan{Beyond: keys}})[0].Rows
			return slices.DeleteFunc(slices.Clone(got), func(r schema.Row) bool { return r[0].Int() < k.base || r[0].Int() > k.base+2 })
		}
		k.want(after(), rows...)
		k.want(after(key(k.base, 0, 2)), rows[2:]...)
		k.want(after(key(k.base+2, 0, 2), key(k.base, 1, 5), key(k.base, 0, 3)), rows[4], rows[5], rows[6])
		k.want(after(key(k.base)), rows[6:]...)
		k.want(after(key(k.base, 0), key(k.base+2), key(k.base+1, 0, 8)), rows[3:7]...)
		k.want(after(key(k.base, 0, 3), key(k.base, 1, 6), key(k.base, 2, 1), key(k.base+1, 0, 9), key(k.base+2, 0, 7)))
	}},
	{"scan of a prefix", func(k *kit) {
		a, b, c := inode(k.base, "a", k.base+1), inode(k.base, "b", k.base+2), inode(k.base+1, "a", k.base+3)
		k.write(insert(schema.Inodes, c), insert(schema.Inodes, b), insert(schema.Inodes, a))
		k.want(k.read(scan(schema.Inodes.Primary, key(k.base, k.base), "", 0))[0].Rows, a, b)
		k.want(k.read(scan(schema.Inodes.Primary, key(k.base), "", 0))[0].Rows, a, b)
		k.want(k.read(scan(schema.Inodes.Primary, key(k.base+2, k.base+2), "", 0))[0].Rows)
	}},
	{"scan with limit and after", func(k *kit) {
		rows := blocks(k, 2, 5)
		p := key(k.base)
		k.want(k.read(scan(schema.Blocks.Primary, p, "", 2))[0].Rows, rows[0:2]...)
		k.want(k.read(scan(schema.Blocks.Primary, p, key(k.base, 1), 2))[0].Rows, rows[2:4]...)
		k.want(k.read(scan(schema.Blocks.Primary, p, key(k.base, 3), 2))[0].Rows, rows[4:5]...)
		k.want(k.read(scan(schema.Blocks.Primary, p, key(k.base, 4), 2))[0].Rows)
		k.want(k.read(scan(schema.Blocks.Primary, p, key(k.base, 1), 0))[0].Rows, rows[2:5]...)
		k.want(k.read(scan(schema.Blocks.Primary, p, key(k.base, -7), 1))[0].Rows, rows[0:1]...)
	}},
	{"scan after the prefix itself is empty", func(k *kit) {
		blocks(k, 1, 3)
		k.want(k.read(scan(schema.Blocks.Primary, key(k.base), key(k.base), 0))[0].Rows)
	}},
	{"scan after part of a key skips all that starts with it", func(k *kit) {
		rows := blocks(k, 3, 2)
		k.want(k.read(scan(schema.Blocks.Primary, "", key(k.base), 3))[0].Rows, rows[2:5]...)
		k.want(k.read(scan(schema.Blocks.Primary, "", key(k.base, 0), 3))[0].Rows, rows[1:4]...)
	}},
	{"scan of three columns after a key without a prefix", func(k *kit) {
		a, b, c := inode(k.base, "b", k.base+1), inode(k.base+1, "a", k.base+2), inode(k.base+2, "a", k.base+3)
		k.write(insert(schema.Inodes, a), insert(schema.Inodes, b), insert(schema.Inodes, c))
		k.want(k.read(scan(schema.Inodes.Primary, "", schema.InodeKey(k.base, "a"), 3))[0].Rows, a, b, c)
		k.want(k.read(scan(schema.Inodes.Primary, "", schema.InodeKey(k.base, "b"), 2))[0].Rows, b, c)
		k.want(k.read(scan(schema.Inodes.Primary, key(k.base+1), schema.InodeKey(k.base+1, "Z"), 2))[0].Rows, b)
	}},
	{"scan of a whole index", func(k *kit) {
		var rows []schema.Row
		for i := range int64(4) {
			r := row(schema.Purge, "inode_id", k.base+i)
			rows = append(rows, r)
			k.write(insert(schema.Purge, r))
		}
		k.want(k.read(scan(schema.Purge.Primary, "", "", 0))[0].Rows, rows...)
		k.want(k.read(scan(schema.Purge.Primary, "", key(k.base+1), 1))[0].Rows, rows[2])
	}},
	{"scan of a secondary index", func(k *kit) {
		var rows []schema.Row
		for i := range int64(4) {
			r := row(schema.OpenFiles, "inode_id", k.base+i, "holder", fmt.Sprint("scan", i/2))
			rows = append(rows, r)
			k.write(insert(schema.OpenFiles, r))
		}
		k.want(k.read(scan(schema.OpenFilesByHolder, key("scan1"), "", 0))[0].Rows, rows[2:]...)
		k.want(k.read(scan(schema.OpenFilesByHolder, key("scan0"), key("scan0", k.base), 5))[0].Rows, rows[1])
		k.want(k.read(scan(schema.OpenFilesByHolder, "", key("scan0", k.base), 2))[0].Rows, rows[1:3]...)
	}},
	{"scan of an index that is not unique, in its order", func(k *kit) {
		for i := range int64(6) {
			k.write(insert(schema.Leases, row(schema.Leases, "holder", fmt.Sprint("order", 9-i), "renewed", k.base+i/2)))
		}
		got := k.read(scan(schema.LeasesByRenewed, "", key(k.base), 4))[0].Rows
		var at []int64
		for _, r := range got {
			at = append(at, r[1].Int()-k.base)
		}
		if !slices.Equal(at, []int64{1, 1, 2, 2}) {
			k.Errorf("renewed %v", at)
		}
	}},
}

var valueChecks = []check{
	{"names with every byte", func(k *kit) {
		var rows []schema.Row
		for b := range 256 {
			rows = append(rows, inode(k.base, "n"+string([]byte{byte(b)}), k.base+int64(b)))
		}
		values(k, rows)
	}},
	{"names that look alike", func(k *kit) {
		names := []string{"", " ", "  ", "A", "A ", "a", "a ", "a\x00", "a\x00\x00", "a\\", "a'", "a''", `a"`, "a\\'", "a%", "a_", "a--", "a;", "a/*", "a\n", "a\r\n",
			"é", "e\u0301", "\xff", "\xff\xfe", "\xe2\x28\xa1", "日本", "日本 ", "😀", "x'41'", "0x41", "NULL", "null", "?", "??", "\x1a", "\b\t"}
		slices.Sort(names)
		var rows []schema.Row
		for i, n := range names {
			rows = append(rows, inode(k.base, n, k.base+int64(i)))
		}
		values(k, rows)
	}},
	{"names of 255 bytes", func(k *kit) {
		var rows []schema.Row
		for i, c := range []string{"\x00", " ", "a", "é", "\xff"} {
			rows = append(rows, inode(k.base, strings.Repeat(c, 255/len(c)), k.base+int64(i)))
		}
		values(k, rows)
	}},
	{"integers to their ends", func(k *kit) {
		var rows []schema.Row
		for _, n := range []int64{math.MinInt64, math.MinInt64 + 1, -1 << 32, -1, 0, 1, 1 << 31, 1 << 53, math.MaxInt64 - 1, math.MaxInt64} {
			rows = append(rows, row(schema.Directories, "id", n, "entries", n, "ns_used", -(n+1)))
		}
		for _, r := range rows {
			k.write(put(schema.Directories, r))
			k.want(k.get(schema.Directories, schema.Directories.Key(r)), r)
		}
		k.want(k.get(schema.Directories, keysOf(schema.Directories, rows)...), rows...)
		k.want(k.read(scan(schema.Directories.Primary, "", key(int64(math.MaxInt64-2)), 0))[0].Rows, rows[8:]...)
		k.write(removeAll(schema.Directories, rows)...)
		k.want(k.get(schema.Directories, keysOf(schema.Directories, rows)...))
	}},
	{"long values", func(k *kit) {
		all := make([]byte, 65535)
		for i := range all {
			all[i] = byte(i)
		}
		var rows []schema.Row
		for i, n := range []int{0, 1, 255, 4096, 65535} {
			rows = append(rows, row(schema.XAttrs, "inode_id", k.base, "namespace", 1, "name", fmt.Sprint("user.", i), "value", string(all[:n])))
		}
		for _, r := range rows {
			k.write(insert(schema.XAttrs, r))
		}
		k.want(k.read(scan(schema.XAttrs.Primary, key(k.base), "", 0))[0].Rows, rows...)
	}},
}

// values writes rows of Inodes, given in order, and finds each again in every way.
func values(k *kit, rows []schema.Row) {
	k.Helper()
	t := schema.Inodes
	var changes []dal.Change
	for _, r := range rows {
		changes = append(changes, insert(t, r))
	}
	k.write(changes...)
	k.want(k.read(scan(t.Primary, key(rows[0][0].Int()), "", 0))[0].Rows, rows...)
	k.want(k.get(t, keysOf(t, rows)...), rows...)
	for i, r := range rows {
		k.want(k.get(t, t.Key(r)), r)
		k.want(k.read(scan(t.Primary, key(r[0].Int(), r[1].Int()), t.Key(r), 2))[0].Rows, rows[i+1:min(i+3, len(rows))]...)
	}
	k.write(remove(t, t.Key(rows[0])))
	k.want(k.get(t, keysOf(t, rows)...), rows[1:]...)
	k.write(removeAll(t, rows[:len(rows)-1])...)
	k.want(k.read(scan(t.Primary, key(rows[0][0].Int()), "", 0))[0].Rows, rows[len(rows)-1])
}

func removeAll(t *schema.Table, rows []schema.Row) []dal.Change {
	var changes []dal.Change
	for _, r := range rows {
		changes = append(changes, remove(t, t.Key(r)))
	}
	return changes
}

func keysOf(t *schema.Table, rows []schema.Row) []schema.Key {
	var keys []schema.Key
	for _, r := range rows {
		keys = append(keys, t.Key(r))
	}
	return keys
}

var followChecks = []check{
	{"follow of keys", func(k *kit) {
		files, bs := followed(k)
		col := schema.Inodes.Column("id")
		got := k.read(dal.Fetch{Table: schema.Inodes, Keys: keysOf(schema.Inodes, files[:2]),
			Follow: []dal.Follow{{Index: schema.Blocks.Primary, Column: col}, {Index: schema.ACLs.Primary, Column: col}}})
		k.want(got[0].Rows, files[:2]...)
		k.want(got[0].Followed[0], bs[:4]...)
		k.want(got[0].Followed[1])
	}},
	{"follow of some of the rows", func(k *kit) {
		files, bs := followed(k)
		col := schema.Inodes.Column("id")
		for i, want := range [][]schema.Row{bs[:2], bs[2:4]} {
			got := k.read(dal.Fetch{Table: schema.Inodes, Keys: keysOf(schema.Inodes, files[:2]),
				Follow: []dal.Follow{{Index: schema.Blocks.Primary, Column: col, OnlyColumn: col, Only: files[i][col]}}})
			k.want(got[0].Rows, files[:2]...)
			k.want(got[0].Followed[0], want...)
		}
		none := k.read(dal.Fetch{Table: schema.Inodes, Keys: keysOf(schema.Inodes, files),
			Follow: []dal.Follow{{Index: schema.Blocks.Primary, Column: col, OnlyColumn: col, Only: schema.Int(-7)}}})
		k.want(none[0].Rows, files...)
		k.want(none[0].Followed[0])
	}},
	{"follow of a limited scan", func(k *kit) {
		files, bs := followed(k)
		f := scan(schema.Inodes.Primary, key(k.base, k.base), schema.Inodes.Key(files[0]), 1)
		f.Follow = []dal.Follow{{Index: schema.Blocks.Primary, Column: schema.Inodes.Column("id")}}
		got := k.read(f)
		k.want(got[0].Rows, files[1])
		k.want(got[0].Followed[0], bs[2:4]...)
	}},
	{"follow of a scan of a secondary index", func(k *kit) {
		files, _ := followed(k)
		for _, f := range files[1:] {
			k.write(insert(schema.OpenFiles, row(schema.OpenFiles, "inode_id", f[3].Int(), "holder", fmt.Sprint("follow", k.base))))
		}
		f := scan(schema.OpenFilesByHolder, key(fmt.Sprint("follow", k.base)), "", 0)
		f.Follow = []dal.Follow{{Index: schema.InodesByID, Column: 0}}
		k.want(k.read(f)[0].Followed[0], files[1:]...)
	}},
	{"follow of rows with the same value brings each row once", func(k *kit) {
		_, bs := followed(k)
		got := k.read(dal.Fetch{Table: schema.Blocks, Keys: []schema.Key{schema.Blocks.Key(bs[0]), schema.Blocks.Key(bs[1])},
			Follow: []dal.Follow{{Index: schema.InodesByID, Column: 0}}})
		if n := len(got[0].Followed[0]); n != 1 {
			k.Errorf("%d rows", n)
		}
	}},
	{"follow of nothing", func(k *kit) {
		got := k.read(dal.Fetch{Table: schema.Inodes, Keys: []schema.Key{schema.InodeKey(k.base, "none")},
			Follow: []dal.Follow{{Index: schema.Blocks.Primary, Column: schema.Inodes.Column("id")}}})
		k.want(got[0].Rows)
		k.want(got[0].Followed[0])
	}},
	{"follow of locked rows", func(k *kit) {
		files, bs := followed(k)
		tx := k.begin()
		got := k.fetch(tx, dal.Fetch{Table: schema.Inodes, Keys: keysOf(schema.Inodes, files[1:]), Lock: dal.Exclusive,
			Follow: []dal.Follow{{Index: schema.Blocks.Primary, Column: schema.Inodes.Column("id")}}},
			dal.Fetch{Table: schema.Directories, Keys: []schema.Key{key(k.base)}})
		k.want(got[0].Rows, files[1:]...)
		k.want(got[0].Followed[0], bs[2:]...)
		k.want(got[1].Rows)
	}},
}

// followed writes three files with two blocks each.
func followed(k *kit) (files, bs []schema.Row) {
	for i, name := range []string{"a", "b", "c"} {
		files = append(files, inode(k.base, name, k.base+int64(i)))
	}
	k.write(insert(schema.Inodes, files[0]), insert(schema.Inodes, files[1]), insert(schema.Inodes, files[2]))
	return files, blocks(k, 3, 2)
}

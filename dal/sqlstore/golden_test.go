package sqlstore

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// A call is a call of the store whose statements are in the golden files.
type call struct {
	name    string
	read    []dal.Fetch // Store.Read
	lock    []dal.Fetch // the first Tx.Fetch
	changes []dal.Change
}

func goldenCalls() []call {
	inode := func(names ...string) dal.Fetch {
		f := dal.Fetch{Table: schema.Inodes}
		for i, n := range names {
			f.Keys = append(f.Keys, schema.InodeKey(int64(i+1), n))
		}
		return f
	}
	locked := func(f dal.Fetch, l dal.Lock) dal.Fetch {
		f.Lock = l
		return f
	}
	guard := dal.Fetch{Table: schema.Guards, Keys: []schema.Key{schema.KeyOf(schema.Int(1))}, Lock: dal.Exclusive}
	ls := dal.Fetch{Table: schema.Inodes, Scan: &dal.Scan{Prefix: schema.KeyOf(schema.Int(5), schema.Int(5)), After: schema.InodeKey(5, "it's"), Limit: 1000}}
	located := ls
	located.Follow = []dal.Follow{{Index: schema.Blocks.Primary, Column: schema.Inodes.Column("id")}}
	byID := dal.Fetch{Table: schema.Inodes, Index: schema.InodesByID, Keys: []schema.Key{schema.KeyOf(schema.Int(7)), schema.KeyOf(schema.Int(8))}}
	next := dal.Fetch{Table: schema.Blocks, Scan: &dal.Scan{After: schema.KeyOf(schema.Int(7), schema.Int(2)), Limit: 10}}
	adds := func(n, step int64) (cs []dal.Change) {
		for i := range n {
			d := schema.Directory{ID: i + 1, MTime: 1000, Entries: 1 + i*step, NSUsed: 1}
			cs = append(cs, change(dal.Add, schema.Directories, d.Row()))
		}
		return cs
	}
	deletes := func(t *schema.Table, n int) (cs []dal.Change) {
		for i := range n {
			cs = append(cs, change(dal.Delete, t, testRow(t, i)))
		}
		return cs
	}
	name, load := schema.Lease{Holder: "ü'\\", Renewed: 1}, schema.Namenode{ID: 1, Load: 2}
	return []call{
		{name: "stat", read: []dal.Fetch{inode("a")}},
		{name: "stat of many", read: []dal.Fetch{inode("a", "b", "c")}},
		{name: "ls", read: []dal.Fetch{ls}},
		{name: "ls with blocks", read: []dal.Fetch{located}},
		{name: "open: two statements", read: []dal.Fetch{inode("a", "b"), {Table: schema.Blocks, Keys: []schema.Key{schema.KeyOf(schema.Int(9))}}}},
		{name: "by unique index", read: []dal.Fetch{byID}},
		{name: "the next page of a table", read: []dal.Fetch{next}},
		{name: "read that says what to lock", read: []dal.Fetch{locked(inode("a", "b"), dal.Shared), inode("c")}},
		{name: "lock", lock: []dal.Fetch{guard, locked(inode("a", "b"), dal.Shared), locked(inode("c"), dal.Exclusive)}},
		{name: "add to one row", changes: adds(1, 0)},
		{name: "add the same to many rows", changes: adds(3, 0)},
		{name: "add different sums", changes: adds(3, 1)},
		{name: "delete", changes: deletes(schema.Inodes, 1)},
		{name: "delete few", changes: deletes(schema.Purge, 4)},
		{name: "delete many", changes: deletes(schema.Inodes, 5)},
		{name: "insert and put", changes: []dal.Change{change(dal.Insert, schema.Purge, testRow(schema.Purge, 1)), change(dal.Insert, schema.Purge, testRow(schema.Purge, 2)),
			change(dal.Put, schema.Leases, name.Row()), change(dal.Put, schema.Namenodes, load.Row()), change(dal.Put, schema.Guards, testRow(schema.Guards, 1))}},
	}
}

// statements renders what a call sends: the shape for people, and the texts.
func (c *call) statements(t *testing.T, d *dialect) string {
	t.Helper()
	var texts []string
	keep := func(_ context.Context, _ any, sc *script) error {
		if !d.placeholders {
			texts = append(texts, string(sc.buf))
		}
		for i := range sc.stmts {
			st := &sc.stmts[i]
			if d.placeholders {
				texts = append(texts, string(sc.buf[st.from:st.to]))
			}
			if st.into != nil && d.placeholders {
				*st.into = append(*st.into, testRow(st.table, 1)) // for a Follow
			}
		}
		return nil
	}
	var shapes []string
	s := &Store{d: d, run: keep, trace: func(shape string) { shapes = append(shapes, shape) }}
	x := &tx{s: s}
	var err error
	switch {
	case c.read != nil:
		_, err = s.reading(c.read, &textConn{rows: true}).answer(t.Context(), c.read)
	case c.lock != nil:
		_, err = x.locking(&textConn{rows: true}).answer(t.Context(), c.lock)
	default:
		var last bool
		err = x.commit(t.Context(), x.locking(&textConn{rows: true}), c.changes, &last)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("# %s\n%s\n    %s\n\n", c.name, strings.Join(shapes, "\n"), strings.Join(texts, "\n    "))
}

// TestGolden shows every change of a statement in review. The shapes are what
// Trace gives, the indented lines what is sent.
func TestGolden(t *testing.T) {
	for name, d := range map[string]dialect{"innodb": innodb, "ndb": ndb, "sqlite": sqlite} {
		var got strings.Builder
		for _, c := range goldenCalls() {
			got.WriteString(c.statements(t, d.ready()))
		}
		file := filepath.Join("testdata", name+".txt")
		if *rewrite {
			if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s differs; run go test -run Golden -rewrite and look at the difference.\n%s", file, got.String())
		}
	}
}

// TestTextsStaySmall: no text is above the smallest default of max_allowed_packet,
// 4 MiB, however much a commit holds.
func TestTextsStaySmall(t *testing.T) {
	var changes []dal.Change
	for i := range 200 {
		v := schema.XAttr{InodeID: int64(i), Name: "user.a", Value: strings.Repeat("\xff", 65535)}
		changes = append(changes, change(dal.Insert, schema.XAttrs, v.Row()))
	}
	for i := range 9000 {
		changes = append(changes, change(dal.Put, schema.Inodes, fileRow(int64(i), strings.Repeat("ü", 127), int64(i))))
	}
	texts, commits := 0, 0
	s := &Store{d: innodb.ready()}
	s.run = func(_ context.Context, _ any, sc *script) error {
		texts++
		if len(sc.buf) > 4<<20 {
			t.Errorf("text %d has %d bytes", texts, len(sc.buf))
		}
		if strings.HasSuffix(string(sc.buf), "COMMIT") {
			commits++
		}
		return nil
	}
	x := &tx{s: s}
	var last bool
	if err := x.commit(t.Context(), x.locking(&textConn{rows: true}), changes, &last); err != nil || !last {
		t.Fatal(last, err)
	}
	if texts < 10 || commits != 1 {
		t.Errorf("%d texts, %d commits", texts, commits)
	}
}

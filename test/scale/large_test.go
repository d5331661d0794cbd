// Package scale shows that work does not grow where it must not: with the size of a
// directory that is moved, removed or changed, and with the number of NameNodes.
// Statements and round trips are counted, times are printed.
package scale

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/peers"
)

const (
	few  = 1_000
	many = 1_000_000
)

// trips are the statements of round trips.
type trips struct {
	mu   sync.Mutex
	list []string
}

func (tr *trips) add(s string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.list = append(tr.list, s)
}

// take returns what came since the last take.
func (tr *trips) take() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	list := tr.list
	tr.list = nil
	return list
}

// statements counts those of round trips.
func statements(list []string) int {
	n := 0
	for _, trip := range list {
		n += strings.Count(trip, ";") + strings.Count(strings.TrimSpace(trip), "\n") + 1
	}
	return n
}

// traced opens stores that show their statements.
func traced(url string, tr *trips) func(testing.TB) dal.Store {
	return func(tb testing.TB) dal.Store {
		tb.Helper()
		l, err := open.Locate(conf.New(map[string]string{open.KeyURL: url}))
		if err != nil {
			tb.Fatal(err)
		}
		store, err := l.Open(tr.add)
		if err != nil {
			tb.Fatal(err)
		}
		return store
	}
}

// fill puts the directory /name with files into a store: their inodes, which are all
// that is below a directory. It returns the next free id.
func fill(t *testing.T, store dal.Store, id int64, name string, files int) int64 {
	t.Helper()
	var changes []dal.Change
	put := func(table *schema.Table, row schema.Row) {
		changes = append(changes, dal.Change{Op: dal.Insert, Table: table, Key: table.Key(row), Row: row})
	}
	flush := func() {
		t.Helper()
		tx, err := store.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := tx.Commit(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
		changes = changes[:0]
	}
	dir := id
	in := schema.Inode{ParentID: schema.RootID, PartitionID: schema.PartitionOf(schema.RootID), Name: name, ID: dir,
		Kind: schema.KindDirectory, UserName: "root", GroupName: "supergroup", Mode: 0o755}
	put(schema.Inodes, in.Row())
	put(schema.Directories, (&schema.Directory{ID: dir, Entries: int64(files), NSQuota: -1, DSQuota: -1}).Row())
	root := schema.Directory{ID: schema.RootID, Entries: 1}
	changes = append(changes, dal.Change{Op: dal.Add, Table: schema.Directories, Key: schema.KeyOf(schema.Int(schema.RootID)), Row: root.Row()})
	flush()
	for i := range files {
		id++
		in := schema.Inode{ParentID: dir, PartitionID: schema.PartitionOf(dir), Name: fmt.Sprintf("f%07d", i), ID: id,
			Kind: schema.KindFile, UserName: "root", GroupName: "supergroup", Mode: 0o644, Replication: 1, BlockSize: 1 << 20}
		put(schema.Inodes, in.Row())
		if len(changes) == 5000 {
			flush()
		}
	}
	next := schema.Variable{Name: schema.VarNextInodeID, Value: id + 1}
	changes = append(changes, dal.Change{Op: dal.Put, Table: schema.Variables, Key: schema.Variables.Key(next.Row()), Row: next.Row()})
	flush()
	return id + 1
}

// TestSizeOfDirectory: what is done to a directory takes the same statements whatever
// is in it.
func TestSizeOfDirectory(t *testing.T) {
	for name, url := range map[string]func() string{
		"sqlite":  func() string { return "sqlite://" + filepath.Join(t.TempDir(), "namespace.db") },
		"mariadb": func() string { return mariadb.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			var tr trips
			open := traced(url(), &tr)
			if name == "sqlite" {
				open = peers.Same(open(t))
			}
			p := peers.Start(t, peers.Options{Nodes: 1, Open: open})
			began := time.Now()
			next := fill(t, p.Store, schema.FirstInodeID, "few", few)
			fill(t, p.Store, next, "many", many)
			t.Logf("%d files made in %v", few+many, time.Since(began).Round(time.Second))
			compare(t, p, &tr)
			purge(t, p)
		})
	}
}

// compare runs operations on both directories and compares their statements.
func compare(t *testing.T, p *peers.Peers, tr *trips) {
	t.Helper()
	ctx, ns := t.Context(), p.Nodes[0].NS
	for _, dir := range []string{"/to-few/below", "/to-many/below"} {
		if err := ns.Mkdirs(ctx, peers.Root, dir, 0o755, true); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name string
		do   func(dir string) error
	}{
		{"first look", func(dir string) error { // the hints are warm from here on
			_, err := ns.GetFileInfo(ctx, peers.Root, "/"+dir, false)
			return err
		}},
		{"mv within its directory", func(dir string) error {
			return ns.Rename2(ctx, peers.Root, "/"+dir, "/"+dir+"-moved", namespace.RenameOptions{})
		}},
		{"mv to another directory", func(dir string) error {
			return done(ns.Rename(ctx, peers.Root, "/"+dir+"-moved", "/to-"+dir+"/below"))
		}},
		{"mv of a directory above", func(dir string) error {
			return ns.Rename2(ctx, peers.Root, "/to-"+dir+"/below", "/to-"+dir+"/top", namespace.RenameOptions{})
		}},
		{"chmod", func(dir string) error {
			return ns.SetPermission(ctx, peers.Root, "/to-"+dir+"/top/"+dir+"-moved", 0o700)
		}},
		{"chown", func(dir string) error {
			return ns.SetOwner(ctx, peers.Root, "/to-"+dir+"/top/"+dir+"-moved", "alice", "users")
		}},
		{"rm -r", func(dir string) error {
			return done(ns.Delete(ctx, peers.Root, "/to-"+dir+"/top/"+dir+"-moved", true))
		}},
	}
	for _, step := range steps {
		var seen [2][]string
		var took [2]time.Duration
		for i, dir := range []string{"few", "many"} {
			tr.take()
			began := time.Now()
			if err := step.do(dir); err != nil {
				t.Fatalf("%s of %s: %v", step.name, dir, err)
			}
			took[i], seen[i] = time.Since(began), tr.take()
		}
		t.Logf("%-24s %d statements in %d round trips; %v with %d files, %v with %d", step.name+":", statements(seen[1]), len(seen[1]),
			took[0].Round(time.Microsecond), few, took[1].Round(time.Microsecond), many)
		if step.name != "first look" && !slices.Equal(seen[0], seen[1]) {
			t.Errorf("%s: with %d files\n%s\nwith %d files\n%s", step.name, few, strings.Join(seen[0], "\n"), many, strings.Join(seen[1], "\n"))
		}
	}
}

func done(ok bool, err error) error {
	if err == nil && !ok {
		return fmt.Errorf("the answer is false")
	}
	return err
}

// purge runs a few steps of the removal of what hung below, each of which is bounded.
func purge(t *testing.T, p *peers.Peers) {
	t.Helper()
	const steps, most = 20, 1000 // changes of a transaction
	n := p.Nodes[0]
	counting := faulty.New(n.Store)
	var rows, largest int
	counting.Observe(func(c faulty.Call) {
		rows += len(c.Changes)
		largest = max(largest, len(c.Changes))
	})
	ns := peers.On(t, counting, 2).NS
	began := time.Now()
	for range steps {
		finished, err := ns.PurgeSome(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if finished {
			t.Fatal("the purge of a million files ended after a few steps")
		}
	}
	t.Logf("%d steps of the purge: %d rows changed, at most %d at once, %v", steps, rows, largest, time.Since(began).Round(time.Millisecond))
	if largest > most || rows == 0 {
		t.Errorf("a transaction of the purge has %d changes, %d in all", largest, rows)
	}
}

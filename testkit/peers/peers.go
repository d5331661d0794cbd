// Package peers runs the rules of several NameNodes over one database, all in this
// process: each has its own engine, its own hints and, where the store is a database
// server or the test wants it, its own connections. It promises that at the end of
// a test the rows fit together. It knows no wire and no DataNode.
package peers

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fsck"
	"github.com/hopsql/hopsql/txn"
)

// Options say what to start.
type Options struct {
	Nodes int
	// Open returns the store of one NameNode. All of them must show the same rows.
	Open func(tb testing.TB) dal.Store
	// Wrap, if not nil, stands between a NameNode, counted from 0, and its store.
	Wrap func(node int, store dal.Store) dal.Store
	// Damaged leaves the check of the rows at the end out.
	Damaged bool
}

// A Node is one NameNode.
type Node struct {
	Store  dal.Store // as the NameNode sees it
	Engine *txn.Engine
	Blocks *blocks.Registry
	NS     *namespace.Namespace
}

// Peers are the NameNodes of one file system.
type Peers struct {
	Nodes []*Node
	Store dal.Store // for looking at the rows from outside

	tb testing.TB
}

// Root is the superuser, on no DataNode's machine.
var Root = &namespace.Caller{User: "root", Host: "10.9.9.9"}

// Start formats the store and starts the NameNodes.
func Start(tb testing.TB, opt Options) *Peers {
	tb.Helper()
	p := &Peers{Store: opt.Open(tb), tb: tb}
	Format(tb, p.Store)
	tb.Cleanup(func() {
		if !opt.Damaged {
			p.Check()
		}
		closeStore(tb, p.Store)
	})
	for i := range opt.Nodes {
		p.Nodes = append(p.Nodes, p.start(opt, i))
	}
	return p
}

func (p *Peers) start(opt Options, i int) *Node {
	store := opt.Open(p.tb)
	if store != p.Store {
		p.tb.Cleanup(func() { closeStore(p.tb, store) })
	}
	if opt.Wrap != nil {
		store = opt.Wrap(i, store)
	}
	return On(p.tb, store, int64(i+1))
}

// On starts one more NameNode, with an id of its own, on a store that the caller
// closes.
func On(tb testing.TB, store dal.Store, id int64) *Node {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	eng, err := txn.New(store, txn.Options{NodeID: id, HintIndexes: blocks.HintIndexes, Logger: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(eng.Close)
	reg := blocks.NewRegistry(eng, blocks.Options{Logger: quiet})
	if err := reg.Load(context.Background()); err != nil {
		tb.Fatal(err)
	}
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup", CheckPermissions: true}
	return &Node{Store: store, Engine: eng, Blocks: reg, NS: namespace.New(eng, reg, never{}, set)}
}

// never is a safe mode that is off.
type never struct{}

func (never) On() (bool, string) { return false, "" }

// Joining is never the case either.
func (never) Joining() bool { return false }

func closeStore(tb testing.TB, store dal.Store) {
	if err := store.Close(); err != nil {
		tb.Error(err)
	}
}

// Check fails the test if the rows do not fit together.
func (p *Peers) Check() {
	p.tb.Helper()
	// The context of the test is over when its clean-up runs.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	bad, err := fsck.Check(ctx, p.Store)
	if err != nil || len(bad) > 0 {
		p.tb.Errorf("the rows do not fit together: %v\n%s", err, strings.Join(bad, "\n"))
	}
}

// Rows returns all rows of a table.
func (p *Peers) Rows(t *schema.Table) []schema.Row {
	p.tb.Helper()
	got, err := p.Store.Read(context.Background(), []dal.Fetch{{Table: t, Scan: &dal.Scan{}}})
	if err != nil {
		p.tb.Fatal(err)
	}
	return got[0].Rows
}

// At returns an Open for the value of dfs.storage.driver.url: each NameNode has
// connections of its own.
func At(url string) func(testing.TB) dal.Store {
	return func(tb testing.TB) dal.Store {
		tb.Helper()
		store, err := open.Open(context.Background(), conf.New(map[string]string{open.KeyURL: url}))
		if err != nil {
			tb.Fatal(err)
		}
		return store
	}
}

// Same returns an Open that hands out one store to all.
func Same(store dal.Store) func(testing.TB) dal.Store {
	return func(testing.TB) dal.Store { return store }
}

// Format writes the rows of an empty file system, whose root belongs to root and
// has the mode 755, into a store without rows.
func Format(tb testing.TB, store dal.Store) {
	tb.Helper()
	ctx := context.Background()
	if err := store.Admin().Migrate(ctx); err != nil {
		tb.Fatal(err)
	}
	root := schema.Inode{ID: schema.RootID, UserName: "root", GroupName: "supergroup", Mode: 0o755}
	dir := schema.Directory{ID: schema.RootID, NSQuota: 1<<63 - 1, DSQuota: -1}
	changes := []dal.Change{
		{Table: schema.Inodes, Row: root.Row()},
		{Table: schema.Directories, Row: dir.Row()},
	}
	for name, value := range map[string]int64{schema.VarNextInodeID: schema.FirstInodeID,
		schema.VarNextBlockID: schema.FirstBlockID, schema.VarNextStorageID: 1, schema.VarNextNodeID: 1,
		schema.VarFormatted: 1, schema.VarNamespaceID: 1, schema.VarClusterID: 0, schema.VarBlockPoolID: 0,
		schema.VarCTime: 1, schema.VarEpoch: 0, schema.VarSafeMode: 0} {
		v := schema.Variable{Name: name, Value: value, Text: "CID-test"}
		changes = append(changes, dal.Change{Table: schema.Variables, Row: v.Row()})
	}
	for i := range changes {
		changes[i].Op, changes[i].Key = dal.Insert, changes[i].Table.Key(changes[i].Row)
	}
	tx, err := store.Begin(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.Commit(ctx, changes); err != nil {
		tb.Fatal(err)
	}
}

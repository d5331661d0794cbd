// Package fakecluster runs the rules of a NameNode over a store, usually in memory, with
// DataNodes that are a map each. It promises that time only goes on when a test says
// so, that everything happens in the test's own goroutine, and that at the end of a
// test the rows of the store fit together. It knows no wire and no file.
package fakecluster

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fsck"
	"github.com/hopsql/hopsql/txn"
)

// BlockSize is the block size of the files that Write makes, in bytes.
const BlockSize = 1 << 20

// None as Options.Datanodes is no DataNode.
const None = -1

// Options say how a cluster starts. The zero value is three DataNodes on one rack.
type Options struct {
	Datanodes int
	Racks     []string // of the DataNodes, in turn
	Capacity  int64    // bytes of each volume
	Blocks    blocks.Options
	Safe      *blocks.SafeOptions // nil: never in safe mode
	Limits    func(*namespace.Limits)
	Markers   bool // commits may have an unknown outcome
	// Store is an empty store to use in place of one in memory; the cluster closes it.
	Store dal.Store
}

// A Cluster is one NameNode and its DataNodes.
type Cluster struct {
	T     testing.TB
	Store *faulty.Store
	Eng   *txn.Engine
	Reg   *blocks.Registry
	Safe  *blocks.Safe
	NS    *namespace.Namespace
	DN    []*Datanode

	opt Options
	now atomic.Int64 // ms
	log atomic.Int64 // NameNodes started
}

// Root is the superuser, on no DataNode's machine.
var Root = &namespace.Caller{User: "root", Host: "10.9.9.9"}

// New starts a cluster whose DataNodes are registered and have sent a heartbeat.
func New(t testing.TB, opt Options) *Cluster {
	t.Helper()
	if opt.Datanodes == 0 {
		opt.Datanodes = 3
	}
	if opt.Capacity == 0 {
		opt.Capacity = 1 << 40
	}
	if opt.Store == nil {
		opt.Store = memstore.New(func(tr *dal.Traits) { tr.Markers = opt.Markers })
	}
	c := &Cluster{T: t, Store: faulty.New(opt.Store), opt: opt}
	c.now.Store(1_700_000_000_000)
	c.format()
	c.start()
	for i := range max(0, opt.Datanodes) {
		c.AddDatanode(fmt.Sprintf("10.0.0.%d", i+1), 9866)
	}
	c.Beat()
	t.Cleanup(func() {
		c.Check()
		c.Eng.Close()
		_ = c.Store.Close()
	})
	return c
}

// Now is the time of the cluster.
func (c *Cluster) Now() time.Time { return time.UnixMilli(c.now.Load()) }

// Pass lets time go on, without anything happening.
func (c *Cluster) Pass(d time.Duration) { c.now.Add(d.Milliseconds()) }

// Live lets time go on with heartbeats and the background work of the NameNode.
func (c *Cluster) Live(d time.Duration) {
	c.T.Helper()
	const step = 3 * time.Second
	for ; d > 0; d -= step {
		c.Pass(min(d, step))
		c.Beat()
		c.Tick()
	}
}

// Tick does the background work once.
func (c *Cluster) Tick() {
	c.T.Helper()
	if err := c.Reg.Attend(context.Background()); err != nil {
		c.T.Fatal(err)
	}
	if err := c.Reg.Tick(context.Background()); err != nil {
		c.T.Fatal(err)
	}
	if err := c.Reg.Count(context.Background()); err != nil {
		c.T.Fatal(err)
	}
}

// Restart kills the NameNode and starts another one on the same store.
func (c *Cluster) Restart() {
	c.T.Helper()
	c.Eng.Close()
	c.start()
}

func (c *Cluster) start() {
	c.T.Helper()
	eng, err := txn.New(c.Store, txn.Options{NodeID: c.log.Add(1), Now: c.Now, HintIndexes: blocks.HintIndexes})
	if err != nil {
		c.T.Fatal(err)
	}
	opt := c.opt.Blocks
	opt.Now, opt.Seed = c.Now, 7
	opt.Logger = slog.New(slog.DiscardHandler)
	c.Eng = eng
	c.Reg = blocks.NewRegistry(eng, opt)
	if err := c.Reg.Load(context.Background()); err != nil {
		c.T.Fatal(err)
	}
	c.Reg.TakeOver(c.log.Load())
	safe := blocks.SafeOptions{}
	if c.opt.Safe != nil {
		safe = *c.opt.Safe
	}
	safe.Now = c.Now
	c.Safe = blocks.NewSafe(eng, c.Reg, safe)
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup", CheckPermissions: true}
	if c.opt.Limits != nil {
		c.opt.Limits(&set.Limits)
	}
	c.NS = namespace.New(eng, c.Reg, c.Safe, set)
}

// format writes the rows that every file system has.
func (c *Cluster) format() {
	c.T.Helper()
	root := schema.Inode{ID: schema.RootID, UserName: "root", GroupName: "supergroup", Mode: 0o777}
	dir := schema.Directory{ID: schema.RootID, NSQuota: 1<<63 - 1, DSQuota: -1}
	changes := []dal.Change{
		{Op: dal.Insert, Table: schema.Inodes, Row: root.Row()},
		{Op: dal.Insert, Table: schema.Directories, Row: dir.Row()},
	}
	for name, value := range map[string]int64{schema.VarNextInodeID: schema.FirstInodeID,
		schema.VarNextBlockID: schema.FirstBlockID, schema.VarNextStorageID: 1, schema.VarNextNodeID: 1,
		schema.VarFormatted: 1, schema.VarNamespaceID: 1, schema.VarClusterID: 0, schema.VarBlockPoolID: 0,
		schema.VarCTime: 1, schema.VarEpoch: 0, schema.VarSafeMode: 0} {
		v := schema.Variable{Name: name, Value: value}
		changes = append(changes, dal.Change{Op: dal.Insert, Table: schema.Variables, Row: v.Row()})
	}
	for i := range changes {
		changes[i].Key = changes[i].Table.Key(changes[i].Row)
	}
	tx, err := c.Store.Begin(context.Background())
	if err != nil {
		c.T.Fatal(err)
	}
	if err := tx.Commit(context.Background(), changes); err != nil {
		c.T.Fatal(err)
	}
}

// Check fails the test if the rows do not fit together.
func (c *Cluster) Check() {
	c.T.Helper()
	bad, err := fsck.Check(context.Background(), c.Store.Store)
	if err != nil || len(bad) > 0 {
		c.T.Errorf("the rows do not fit together: %v\n%s", err, strings.Join(bad, "\n"))
	}
}

// Rows returns all rows of a table.
func (c *Cluster) Rows(t *schema.Table) []schema.Row {
	c.T.Helper()
	got, err := c.Store.Store.Read(context.Background(), []dal.Fetch{{Table: t, Scan: &dal.Scan{}}})
	if err != nil {
		c.T.Fatal(err)
	}
	return got[0].Rows
}

// Replicas returns the replica rows of a block.
func (c *Cluster) Replicas(block int64) []schema.Replica {
	c.T.Helper()
	var out []schema.Replica
	for _, row := range c.Rows(schema.Replicas) {
		if rep := schema.ReplicaOf(row); rep.BlockID == block {
			out = append(out, rep)
		}
	}
	return out
}

// Block returns the row of a block, nil if there is none.
func (c *Cluster) Block(id int64) *schema.Block {
	c.T.Helper()
	for _, row := range c.Rows(schema.Blocks) {
		if b := schema.BlockOf(row); b.BlockID == id {
			return &b
		}
	}
	return nil
}

// A Namenode is one more NameNode on the store of a Cluster.
type Namenode struct {
	Reg *blocks.Registry
	NS  *namespace.Namespace
}

// Second starts another NameNode, at which all DataNodes register and beat once.
func (c *Cluster) Second() *Namenode {
	c.T.Helper()
	eng, reg, safe, ns := c.Eng, c.Reg, c.Safe, c.NS
	c.start()
	c.T.Cleanup(c.Eng.Close)
	n := &Namenode{Reg: c.Reg, NS: c.NS}
	c.Beat()
	c.Beat()
	c.Eng, c.Reg, c.Safe, c.NS = eng, reg, safe, ns
	return n
}

// Package fakecluster runs the rules of a NameNode over a store, usually in memory, with
// DataNodes that are a map each. It promises that time only goes on when a test says
// so, that everything happens in the test's own goroutine, and that at the end of a
// test the rows of the store fit together. It knows no wire and no file.
package fakecluster

import (
	"context"
	"fmt"
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

// A Cluster is one NameNode, which leads, and its DataNodes. A test may start further
// NameNodes.
type Cluster struct {
	T  testing.TB
	NN []*NameNode // all that were started
	DN []*Datanode

	// The first NameNode, or the one that Restart put in its place.
	Store *faulty.Store
	Eng   *txn.Engine
	Reg   *blocks.Registry
	Safe  *blocks.Safe
	NS    *namespace.Namespace

	opt   Options
	now   atomic.Int64 // ms
	log   atomic.Int64 // NameNodes started
	epoch int64
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
	c := &Cluster{T: t, opt: opt}
	c.now.Store(1_700_000_000_000)
	c.format()
	c.start()
	for i := range max(0, opt.Datanodes) {
		c.AddDatanode(fmt.Sprintf("10.0.0.%d", i+1), 9866)
	}
	c.Beat()
	t.Cleanup(func() {
		c.Check()
		for _, n := range c.living() {
			n.Eng.Close()
		}
		_ = opt.Store.Close()
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

// Restart kills the first NameNode and starts another one in its place, which leads.
func (c *Cluster) Restart() {
	c.T.Helper()
	c.Kill(c.NN[0])
	c.NN = c.NN[1:]
	c.start()
}

// start puts a NameNode in the first place.
func (c *Cluster) start() {
	c.T.Helper()
	if c.Store == nil { // what a test observes, or makes fail, stays so
		c.Store = faulty.New(c.opt.Store)
	}
	n := c.join(c.Store)
	c.NN = append([]*NameNode{n}, c.NN[:len(c.NN)-1]...)
	c.Eng, c.Reg, c.Safe, c.NS = n.Eng, n.Reg, n.Safe, n.NS
	c.Lead(n)
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
	tx, err := c.opt.Store.Begin(context.Background())
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
	bad, err := fsck.Check(context.Background(), c.opt.Store)
	if err != nil || len(bad) > 0 {
		c.T.Errorf("the rows do not fit together: %v\n%s", err, strings.Join(bad, "\n"))
	}
}

// Rows returns all rows of a table.
func (c *Cluster) Rows(t *schema.Table) []schema.Row {
	c.T.Helper()
	got, err := c.opt.Store.Read(context.Background(), []dal.Fetch{{Table: t, Scan: &dal.Scan{}}})
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

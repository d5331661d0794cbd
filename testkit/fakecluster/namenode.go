package fakecluster

import (
	"context"
	"log/slog"

	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/txn"
)

// A NameNode is one of those that serve from the store of a cluster.
type NameNode struct {
	Store *faulty.Store // its own calls
	Eng   *txn.Engine
	Reg   *blocks.Registry
	Safe  *blocks.Safe
	NS    *namespace.Namespace
	Leads bool
	Deaf  bool // the reports of DataNodes do not reach it

	gone bool
}

// AddNameNode starts a NameNode beside the others. DataNodes learn of it with their
// next heartbeat.
func (c *Cluster) AddNameNode() *NameNode { return c.join(faulty.New(c.opt.Store)) }

func (c *Cluster) join(store *faulty.Store) *NameNode {
	c.T.Helper()
	n := &NameNode{Store: store}
	eng, err := txn.New(n.Store, txn.Options{NodeID: c.log.Add(1), Now: c.Now, HintIndexes: blocks.HintIndexes})
	if err != nil {
		c.T.Fatal(err)
	}
	opt := c.opt.Blocks
	opt.Now, opt.Seed = c.Now, 7
	opt.Logger = slog.New(slog.DiscardHandler)
	opt.Others = func() bool { return len(c.living()) > 1 }
	n.Eng = eng
	n.Reg = blocks.NewRegistry(eng, opt)
	if err := n.Reg.Load(context.Background()); err != nil {
		c.T.Fatal(err)
	}
	safe := blocks.SafeOptions{}
	if c.opt.Safe != nil {
		safe = *c.opt.Safe
	}
	safe.Now = c.Now
	n.Safe = blocks.NewSafe(eng, n.Reg, safe)
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup", CheckPermissions: true}
	if c.opt.Limits != nil {
		c.opt.Limits(&set.Limits)
	}
	n.NS = namespace.New(eng, n.Reg, n.Safe, set)
	c.NN = append(c.NN, n)
	return n
}

// Second is AddNameNode, after which all DataNodes have registered and sent a heartbeat.
func (c *Cluster) Second() *NameNode {
	c.T.Helper()
	n := c.AddNameNode()
	c.Beat()
	c.Beat()
	return n
}

// Lead makes a NameNode the leader. The one that led before is not told so if it is
// gone.
func (c *Cluster) Lead(n *NameNode) {
	for _, o := range c.living() {
		if o.Leads {
			o.Leads = false
			o.Reg.Resign()
		}
	}
	c.epoch++
	n.Leads = true
	n.Reg.TakeOver(c.epoch)
}

// Kill ends a NameNode at once. Another one leads when Lead says so.
func (c *Cluster) Kill(n *NameNode) {
	n.gone, n.Leads = true, false
	n.Eng.Close()
}

// living returns the NameNodes that were not killed.
func (c *Cluster) living() (list []*NameNode) {
	for _, n := range c.NN {
		if !n.gone {
			list = append(list, n)
		}
	}
	return list
}

// Tick does the background work once, at each NameNode.
func (c *Cluster) Tick() {
	c.T.Helper()
	for _, n := range c.living() {
		if n.Leads {
			c.must(n.Reg.Attend(context.Background()))
			c.must(n.Reg.Tick(context.Background()))
		}
		c.must(n.Reg.Count(context.Background()))
	}
}

func (c *Cluster) must(err error) {
	c.T.Helper()
	if err != nil {
		c.T.Fatal(err)
	}
}

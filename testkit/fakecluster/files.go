package fakecluster

import (
	"context"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
)

// Create opens a new file for client.
func (c *Cluster) Create(path, client string, replication int64) *namespace.FileStatus {
	c.T.Helper()
	st, err := c.NS.Create(context.Background(), Root, namespace.CreateRequest{Src: path, Mode: 0o644, ClientName: client,
		Flags: namespace.FlagCreate, CreateParent: true, Replication: replication, BlockSize: BlockSize})
	if err != nil {
		c.T.Fatal(err)
	}
	return st
}

// AddBlock asks for the next block of a file.
func (c *Cluster) AddBlock(path, client string, file int64, previous *blocks.Block) *blocks.LocatedBlock {
	c.T.Helper()
	lb, err := c.NS.AddBlock(context.Background(), Root, namespace.AddBlockRequest{Src: path, ClientName: client, FileID: file, Previous: previous})
	if err != nil {
		c.T.Fatal(err)
	}
	return lb
}

// Fill writes bytes to a block on all its targets, which finalize and report it.
func (c *Cluster) Fill(lb *blocks.LocatedBlock, size int64) blocks.Block {
	c.T.Helper()
	b := blocks.IDOf(&lb.Block)
	b.NumBytes = size
	for _, t := range lb.Targets {
		c.Named(t.Datanode.UUID).Store(b)
	}
	return b
}

// Start has the targets of a block hold some bytes that are not finalized.
func (c *Cluster) Start(lb *blocks.LocatedBlock, size int64) blocks.Block {
	b := blocks.IDOf(&lb.Block)
	b.NumBytes = size
	for _, t := range lb.Targets {
		c.Named(t.Datanode.UUID).Begin(b)
	}
	return b
}

// Complete closes a file, which must succeed.
func (c *Cluster) Complete(path, client string, file int64, last *blocks.Block) {
	c.T.Helper()
	done, err := c.NS.Complete(context.Background(), Root, path, client, last, file)
	if err != nil || !done {
		c.T.Fatalf("complete %s: %v, %v", path, done, err)
	}
}

// Write makes a file with blocks of the sizes and returns the blocks.
func (c *Cluster) Write(path string, replication int64, sizes ...int64) []blocks.Block {
	c.T.Helper()
	st := c.Create(path, "writer", replication)
	var all []blocks.Block
	var last *blocks.Block
	for _, size := range sizes {
		b := c.Fill(c.AddBlock(path, "writer", st.ID, last), size)
		all = append(all, b)
		last = &all[len(all)-1]
	}
	c.Complete(path, "writer", st.ID, last)
	return all
}

// Locate returns the block locations of a whole file.
func (c *Cluster) Locate(path string) *blocks.Located {
	c.T.Helper()
	l, err := c.NS.GetBlockLocations(context.Background(), Root, path, 0, 1<<62)
	if err != nil {
		c.T.Fatal(err)
	}
	return l
}

// Holders returns how many DataNodes that are up have a finalized replica of a block.
func (c *Cluster) Holders(block int64) int {
	n := 0
	for _, d := range c.DN {
		if rep, ok := d.Replicas[block]; ok && !d.Down && rep.State == blocks.ReportFinalized {
			n++
		}
	}
	return n
}

package namespace_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// TestEverythingAtOnce has writers on two NameNodes, with renames, deletions,
// reports and the background work between them; then all rows must fit together and
// every file that was closed must have its blocks.
func TestEverythingAtOnce(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			everythingAtOnce(t, fakecluster.New(t, fakecluster.Options{Datanodes: 5, Store: open(t)}))
		})
	}
}

func everythingAtOnce(t *testing.T, c *fakecluster.Cluster) {
	second := c.Second()
	nodes := []*fakecluster.NameNode{c.NN[0], second}
	var writers, others sync.WaitGroup
	stop := make(chan struct{})
	for w := range 8 {
		writers.Go(func() { writeFiles(t, c, nodes, w) })
	}
	for i, n := range nodes {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := n.Reg.Tick(bg); err != nil {
					t.Error(err)
				}
				if _, err := n.NS.PurgeSome(bg); err != nil {
					t.Error(err)
				}
				if err := n.NS.RecoverExpired(bg); err != nil {
					t.Error(err)
				}
				reportAll(t, c, n, i)
			}
		})
	}
	writers.Wait()
	close(stop)
	others.Wait()
	good := map[int64]bool{}
	for _, row := range c.Rows(schema.Replicas) {
		if rep := schema.ReplicaOf(row); rep.State == schema.ReplicaFinalized {
			good[rep.BlockID] = true
		}
	}
	for _, row := range c.Rows(schema.Blocks) {
		if b := schema.BlockOf(row); b.State == schema.BlockComplete && !good[b.BlockID] {
			t.Errorf("block %d has no replica", b.BlockID)
		}
	}
}

// writeFiles writes files of several blocks, with every call at one NameNode or the
// other, and moves or deletes what it wrote. DataNodes report to both.
func writeFiles(t *testing.T, c *fakecluster.Cluster, nodes []*fakecluster.NameNode, w int) {
	rng := rand.New(rand.NewPCG(uint64(w), 9))
	any := func() *fakecluster.NameNode { return nodes[rng.IntN(len(nodes))] }
	client := fmt.Sprintf("client-%d", w)
	for i := range 30 {
		path := fmt.Sprintf("/d%d/%d/f%d", rng.IntN(3), w, i)
		st, err := any().NS.Create(bg, fakecluster.Root, namespace.CreateRequest{Src: path, Mode: 0o644, ClientName: client,
			Flags: namespace.FlagCreate, CreateParent: true, Replication: 3, BlockSize: mib})
		if err != nil {
			t.Errorf("create: %v", err)
			return
		}
		var last *blocks.Block
		for range 1 + rng.IntN(3) {
			lb, err := any().NS.AddBlock(bg, fakecluster.Root, namespace.AddBlockRequest{Src: path, ClientName: client, FileID: st.ID, Previous: last})
			if errors.Is(err, fault.NotReplicatedYet) {
				break
			}
			if err != nil {
				t.Errorf("addBlock %s: %v", path, err)
				return
			}
			b := blocks.IDOf(&lb.Block)
			b.NumBytes = 100
			for _, target := range lb.Targets {
				events := []blocks.Events{{Storage: blocks.StorageRef{UUID: target.Storage.UUID, Type: blocks.TypeDisk},
					Events: []blocks.Event{{Kind: blocks.Received, Block: b}}}}
				for _, n := range nodes {
					if err := n.Reg.Incremental(bg, target.Datanode.UUID, events); err != nil {
						t.Errorf("received: %v", err)
					}
				}
			}
			last = &b
		}
		if done, err := any().NS.Complete(bg, fakecluster.Root, path, client, last, st.ID); err != nil || !done {
			t.Errorf("complete %s: %v, %v", path, done, err)
		}
		switch rng.IntN(4) {
		case 0:
			_, err = any().NS.Delete(bg, fakecluster.Root, path, false)
		case 1:
			_, err = any().NS.Rename(bg, fakecluster.Root, path, path+".moved")
		case 2:
			_, err = any().NS.SetReplication(bg, fakecluster.Root, path, int64(1+rng.IntN(4)))
		}
		if err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// reportAll sends a full report of one storage that says what the rows say.
func reportAll(t *testing.T, c *fakecluster.Cluster, n *fakecluster.NameNode, i int) {
	d := c.DN[i]
	rep := blocks.FullReport{Datanode: d.Row.UUID, Storage: d.Storage}
	var id int64
	for _, row := range c.Rows(schema.Storages) {
		if s := schema.StorageOf(row); s.UUID == d.Storage.UUID {
			id = s.StorageID
		}
	}
	for _, row := range c.Rows(schema.Replicas) {
		if r := schema.ReplicaOf(row); r.StorageID == id && r.State == schema.ReplicaFinalized {
			rep.Replicas = append(rep.Replicas, blocks.ReportedReplica{Block: blocks.Block{ID: r.BlockID, GenerationStamp: r.GenerationStamp, NumBytes: r.NumBytes}})
		}
	}
	if err := n.Reg.FullReport(bg, rep); err != nil {
		t.Errorf("full report: %v", err)
	}
}

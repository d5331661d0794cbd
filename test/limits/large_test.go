// Package limits tests what a NameNode does at the edges: large tables, bad
// input, missing databases, full disks, clients that misbehave.
package limits

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/cluster"
)

const (
	manyFiles   = 1_000_000
	filesPerDir = 1000
	maxStart    = time.Second
	maxMemory   = 256 << 20
)

// filler writes rows in transactions as large as the store likes them.
type filler struct {
	t       *testing.T
	store   dal.Store
	changes []dal.Change
}

func (f *filler) put(t *schema.Table, r schema.Row) {
	f.changes = append(f.changes, dal.Change{Op: dal.Put, Table: t, Key: t.Key(r), Row: r})
	if len(f.changes) >= 5000 {
		f.flush()
	}
}

func (f *filler) flush() {
	f.t.Helper()
	tx, err := f.store.Begin(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.Commit(f.t.Context(), f.changes); err != nil {
		f.t.Fatal(err)
	}
	f.changes = f.changes[:0]
}

// fill puts a million files of one block each into a formatted store, as their
// writers and a DataNode would have left them.
func fill(t *testing.T, store dal.Store) {
	t.Helper()
	f := &filler{t: t, store: store}
	now := time.Now().UnixMilli()
	const owner, group = "root", "supergroup"
	directory := func(parent, id int64, name string, entries int64) {
		in := schema.Inode{PartitionID: schema.PartitionOf(parent), ParentID: parent, Name: name, ID: id,
			Kind: schema.KindDirectory, UserName: owner, GroupName: group, Mode: 0o755}
		f.put(schema.Inodes, in.Row())
		f.put(schema.Directories, (&schema.Directory{ID: id, MTime: now, Entries: entries, NSQuota: -1, DSQuota: -1}).Row())
	}
	const top, dirs = schema.FirstInodeID, manyFiles / filesPerDir
	f.put(schema.Directories, (&schema.Directory{ID: schema.RootID, MTime: now, Entries: 1, NSQuota: -1, DSQuota: -1}).Row())
	directory(schema.RootID, top, "many", dirs)
	f.put(schema.Datanodes, (&schema.Datanode{UUID: "gone", IP: "127.0.0.1", Host: "gone", XferPort: 1, Location: "/default-rack"}).Row())
	f.put(schema.Storages, (&schema.Storage{StorageID: 1, UUID: "DS-gone", DatanodeUUID: "gone"}).Row())
	id, block := int64(top), int64(schema.FirstBlockID)
	for d := range dirs {
		id++
		dir := id
		directory(top, dir, fmt.Sprintf("d%04d", d), filesPerDir)
		for i := range filesPerDir {
			id++
			block++
			in := schema.Inode{PartitionID: schema.PartitionOf(dir), ParentID: dir, Name: fmt.Sprintf("file-%06d", i), ID: id,
				Kind: schema.KindFile, UserName: owner, GroupName: group, Mode: 0o644, MTime: now, ATime: now,
				Length: 1000, Replication: 1, BlockSize: 128 << 20}
			f.put(schema.Inodes, in.Row())
			f.put(schema.Blocks, (&schema.Block{InodeID: id, BlockID: block, GenerationStamp: schema.FirstGenStamp, NumBytes: 1000}).Row())
			f.put(schema.Replicas, (&schema.Replica{InodeID: id, BlockID: block, StorageID: 1, GenerationStamp: schema.FirstGenStamp, NumBytes: 1000}).Row())
		}
	}
	for name, next := range map[string]int64{schema.VarNextInodeID: id + 1, schema.VarNextBlockID: block + 1, schema.VarNextStorageID: 2} {
		f.put(schema.Variables, (&schema.Variable{Name: name, Value: next}).Row())
	}
	f.flush()
}

// TestMillionFiles starts a NameNode on a million files: it is up within a second
// and stays below 256 MB while they are all listed.
func TestMillionFiles(t *testing.T) {
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.New(t, cluster.Options{StoreURL: storeURL})
		c.Format(t)
		store := cluster.OpenStore(t, c.StoreURL)
		began := time.Now()
		fill(t, store)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("filled in %v", time.Since(began).Round(time.Second))
		c.CheckStore(t)
		for range 3 {
			took := c.StartNameNode(t)
			t.Logf("up after %v", took.Round(time.Millisecond))
			if took > maxStart {
				t.Errorf("up after %v, which is more than %v", took, maxStart)
			}
			c.StopNameNode(t)
		}
		c.StartNameNode(t)
		listEverything(t, c)
	})
}

func listEverything(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	memory := func(when string) {
		t.Helper()
		rss, err := c.NameNode().RSS()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MB", when, rss>>20)
		if rss > maxMemory {
			t.Errorf("%s: %d MB of memory, more than %d MB", when, rss>>20, maxMemory>>20)
		}
	}
	memory("after the start")
	cfg, err := conf.Load(conf.Options{Dir: c.Conf})
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	files, began := 0, time.Now()
	err = cl.Walk("/many", func(info *client.FileInfo, err error) error {
		if err == nil && !info.Dir {
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != manyFiles {
		t.Errorf("%d files listed, want %d", files, manyFiles)
	}
	t.Logf("listed in %v", time.Since(began).Round(time.Millisecond))
	memory("after listing everything")
	sum, err := cl.ContentSummary("/many")
	if err != nil {
		t.Fatal(err)
	}
	if sum.Files != manyFiles || sum.Length != manyFiles*1000 {
		t.Errorf("summary: %+v", sum)
	}
	memory("after the content summary")
	for i := range 20_000 {
		name := fmt.Sprintf("/many/d%04d/file-%06d", (i*7919)%(manyFiles/filesPerDir), (i*104729)%filesPerDir)
		if _, err := cl.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	memory("after 20,000 stats all over the tree")
}

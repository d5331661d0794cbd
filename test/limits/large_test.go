// Package limits tests what a NameNode does at the edges: large tables, bad
// input, missing databases, full disks, clients that misbehave.
package limits

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/bulk"
	"github.com/hopsql/hopsql/testkit/cluster"
)

const (
	manyFiles   = 1_000_000
	filesPerDir = 1000
	maxStart    = time.Second
	maxMemory   = 256 << 20
)

// fill puts a million files of one block each into a formatted store, as their
// writers and a DataNode would have left them.
func fill(t *testing.T, storeURL string) {
	t.Helper()
	l, err := bulk.Open(storeURL)
	if err != nil {
		t.Fatal(err)
	}
	tree := bulk.Tree{Blocks: true, Directories: []bulk.Directory{{Name: "many", Parent: -1}}}
	for d := range manyFiles / filesPerDir {
		tree.Directories = append(tree.Directories, bulk.Directory{Name: fmt.Sprintf("d%04d", d), Parent: 0, Files: func() (names []string) {
			for i := range filesPerDir {
				names = append(names, fmt.Sprintf("file-%06d", i))
			}
			return names
		}})
	}
	if _, err := l.Fill(t.Context(), tree); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMillionFiles starts a NameNode on a million files: it is up within a second
// and stays below 256 MB while they are all listed.
func TestMillionFiles(t *testing.T) {
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.New(t, cluster.Options{StoreURL: storeURL})
		c.Format(t)
		began := time.Now()
		fill(t, c.StoreURL)
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

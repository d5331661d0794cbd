package failover

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/schema"
)

// blockFiles returns the ids of the finished replicas in a DataNode's folder.
func blockFiles(t *testing.T, dir string) map[int64]bool {
	t.Helper()
	ids := map[int64]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it was just removed
		}
		number, block := strings.CutPrefix(filepath.Base(path), "blk_")
		if id, bad := strconv.ParseInt(number, 10, 64); block && bad == nil && strings.Contains(path, "/finalized/") {
			ids[id] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// wantSettled waits until the background work has nothing left to do after all that
// happened: each block of a file has as many replicas as the file wants, nothing is
// queued, and DataNodes hold no block that belongs to nobody.
func (o *observer) wantSettled(datanodes int) {
	o.t.Helper()
	began := time.Now()
	for {
		left := o.unsettled(datanodes)
		if left == "" {
			o.t.Logf("all blocks are as they should be after %v", time.Since(began).Round(10*time.Millisecond))
			return
		}
		if time.Since(began) > time.Minute {
			o.t.Fatalf("a minute later there are still %s", left)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (o *observer) unsettled(datanodes int) string {
	o.t.Helper()
	onDisk := make([]map[int64]bool, datanodes) // before the rows: blocks may come meanwhile
	for i := range onDisk {
		onDisk[i] = blockFiles(o.t, o.c.DataDir(i))
	}
	wanted := map[int64]int64{} // replicas of a file
	for _, r := range o.read(schema.Inodes) {
		in := schema.InodeOf(r)
		wanted[in.ID] = in.Replication
	}
	good := map[int64]int64{} // replicas of a block
	for _, r := range o.read(schema.Replicas) {
		if rep := schema.ReplicaOf(r); rep.State == schema.ReplicaFinalized {
			good[rep.BlockID]++
		}
	}
	blocks := map[int64]bool{}
	few, many := 0, 0
	for _, r := range o.read(schema.Blocks) {
		b := schema.BlockOf(r)
		blocks[b.BlockID] = true
		switch n := good[b.BlockID]; {
		case n < wanted[b.InodeID]:
			few++
		case n > wanted[b.InodeID]:
			many++
		}
	}
	nobodys := 0
	for i := range onDisk {
		for id := range onDisk[i] {
			if !blocks[id] {
				nobodys++
			}
		}
	}
	var left []string
	for _, x := range []struct {
		n    int
		what string
	}{
		{few, "blocks with too few replicas"}, {many, "blocks with too many replicas"}, {nobodys, "replicas on DataNodes whose block is not there"},
		{o.rows(schema.Purge), "inodes to purge"}, {o.rows(schema.Invalidations), "replicas to delete"}, {o.rows(schema.Reconstructions), "blocks to copy"},
	} {
		if x.n > 0 {
			left = append(left, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(left, ", ")
}

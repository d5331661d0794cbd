package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/fsck"
	"github.com/hopsql/hopsql/namenode/integrity"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// answer is an Output in memory that counts its pieces.
type answer struct {
	bytes.Buffer
	flushed int
}

func (a *answer) Flush() error {
	a.flushed++
	return nil
}

func ask(t *testing.T, c *fakecluster.Cluster, q fsck.Request) (string, error) {
	t.Helper()
	if q.Caller == nil {
		q.Caller = fakecluster.Root
	}
	k := &fsck.Checker{Rows: &integrity.Checker{Engine: c.Eng, Usage: c.NS.VerifyUsage, LeaseLimit: time.Hour}, Namespace: c.NS, Replicas: c.Reg, BlockPoolID: "BP-1", Replication: 3, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return c.Now().UTC() }, Salvage: func(_ context.Context, _, file, dir string, runs [][2]int64) error {
			if file != "/d/broken" || dir != "/lost+found/d/broken" || len(runs) != 2 || runs[1] != [2]int64{2 << 20, 3 << 20} {
				t.Errorf("salvage of %s to %s: %v", file, dir, runs)
			}
			return nil
		}}
	var out answer
	err := k.Run(t.Context(), &out, &q)
	if out.flushed == 0 {
		t.Error("nothing was sent before the end")
	}
	return out.String(), err
}

// golden compares an answer with the one in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// damaged is a file system with everything that can be wrong with a file.
func damaged(t *testing.T) *fakecluster.Cluster {
	t.Helper()
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Racks: []string{"/a", "/b"}})
	c.Write("/d/good", 3, fakecluster.BlockSize, 100)
	broken := c.Write("/d/broken", 2, fakecluster.BlockSize, fakecluster.BlockSize, fakecluster.BlockSize)
	rotten := c.Write("/d/rotten", 2, 500)
	c.Write("/d/empty", 1)
	c.Write("/d/short", 3, 70)
	if _, err := c.NS.SetReplication(t.Context(), fakecluster.Root, "/d/short", 5); err != nil {
		t.Fatal(err)
	}
	open := c.Create("/d/open", "writer", 2)
	lb := c.AddBlock("/d/open", "writer", open.ID, nil)
	c.Start(lb, 10)
	if err := c.NS.Mkdirs(t.Context(), fakecluster.Root, "/d/secret", 0o700, true); err != nil {
		t.Fatal(err)
	}
	c.Live(time.Minute)
	for _, d := range c.DN {
		if _, ok := d.Replicas[broken[1].ID]; ok {
			delete(d.Replicas, broken[1].ID)
			d.Report(blocks.Event{Block: broken[1], Kind: blocks.Deleted})
		}
	}
	var bad []blocks.BadReplica
	for _, rep := range c.Replicas(rotten[0].ID) {
		for _, row := range c.Rows(schema.Storages) {
			if s := schema.StorageOf(row); s.StorageID == rep.StorageID {
				bad = append(bad, blocks.BadReplica{Block: rotten[0], Datanode: s.DatanodeUUID, Storage: s.UUID})
			}
		}
	}
	if err := c.Reg.BadBlocks(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnswers(t *testing.T) {
	c := damaged(t)
	bob := &namespace.Caller{User: "bob", Host: "10.9.9.8"}
	for name, q := range map[string]fsck.Request{
		"plain":       {Path: "/"},
		"files":       {Path: "/d", Files: true, Progress: true},
		"blocks":      {Path: "/d", Files: true, Blocks: true, Open: true, Maintenance: true},
		"locations":   {Path: "/d/good", Files: true, Blocks: true, Locations: true, Domains: true},
		"racks":       {Path: "/d/good", Files: true, Blocks: true, Racks: true},
		"details":     {Path: "/d", Files: true, Blocks: true, Details: true, Open: true},
		"policies":    {Path: "/", Policies: true},
		"corrupt":     {Path: "/", CorruptFiles: true},
		"morecorrupt": {Path: "/", CorruptFiles: true, Skip: "2"},
		"nocorrupt":   {Path: "/d/good", CorruptFiles: true},
		"missing":     {Path: "/nope"},
		"denied":      {Path: "/", Files: true, Caller: bob},
		"deniedlist":  {Path: "/", CorruptFiles: true, Caller: bob},
		"deniedblock": {Path: "/", BlockIDs: "blk_1073741825", Caller: bob},
		"block":       {Path: "/", BlockIDs: "blk_1073741825 blk_1073741830_1001 blk_7 blk_x nonsense"},
		"metadata":    {Path: "/", Metadata: true},
		"deniedrows":  {Path: "/", Metadata: true, Caller: bob},
		"replicate":   {Path: "/", Replicate: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, c, q)
			if refused := strings.HasPrefix(name, "denied"); refused != errors.Is(err, fault.AccessDenied) {
				t.Errorf("error %v", err)
			}
			golden(t, name, got)
		})
	}
}

// TestTreatment moves and deletes what lost data; what is well stays.
func TestTreatment(t *testing.T) {
	c := damaged(t)
	if _, err := ask(t, c, fsck.Request{Path: "/d/broken", Move: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, c, fsck.Request{Path: "/", Delete: true}); err != nil || !strings.HasSuffix(got, "is CORRUPT") {
		t.Fatalf("%v\n%s", err, got)
	}
	got, err := ask(t, c, fsck.Request{Path: "/", Files: true})
	if err != nil || !strings.HasSuffix(got, "is HEALTHY") {
		t.Errorf("after -delete: %v\n%s", err, got)
	}
	for _, path := range []string{"/d/good", "/d/short", "/d/empty"} {
		if !strings.Contains(got, path+" ") {
			t.Errorf("%s is gone:\n%s", path, got)
		}
	}
}

// TestProgress wants a dot for each hundred files, a line for each thousand names, and
// pages that fit together.
func TestProgress(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	for i := range 1050 {
		name := "/many/f" + string(rune('a'+i%26)) + "/" + strings.Repeat("x", i/26+1)
		st := c.Create(name, "w", 1)
		c.Complete(name, "w", st.ID, nil)
	}
	got, err := ask(t, c, fsck.Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, "\n\n.........\n.\nStatus: HEALTHY") || !strings.Contains(got, " Total files:\t1050\n") || !strings.Contains(got, " Total dirs:\t\t\t28\n") {
		t.Errorf("%s", got)
	}
}

// TestMetaSave writes what is to do with the blocks of a damaged file system.
func TestMetaSave(t *testing.T) {
	c := damaged(t)
	k := &fsck.Checker{Namespace: c.NS, Replicas: c.Reg, Now: c.Now}
	var out bytes.Buffer
	if err := k.MetaSave(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"9 files and directories, 8 blocks = 17 total filesystem objects\nLive Datanodes: 3\nDead Datanodes: 0\n",
		"Metasave: Blocks waiting for reconstruction: 1\n/d/short: blk_1073741831_1001 (replicas: live: 3 decommissioning and decommissioned: 0 corrupt: 0 in excess: 0 maintenance mode: 0)  10.0.0.1:9866 :  10.0.0.2:9866 :  10.0.0.3:9866 : \n",
		"Metasave: Blocks currently missing: 2\n", "/d/broken: blk_1073741828_1001 MISSING (replicas: live: 0 ",
		"corrupt: 2 in excess: 0 maintenance mode: 0)  10.0.0.1:9866(corrupt) :  10.0.0.2:9866(corrupt) : \n",
		"Metasave: Blocks being reconstructed: 0\nMetasave: Blocks 0 waiting deletion from 0 datanodes.\nCorrupt Blocks:\nBlock=blk_1073741830_1001\tSize=500\tNode=10.0.0.1:9866\tStorageID=DS-0\tStorageState=NORMAL\tTotalReplicas=2\tReason=CORRUPTION_REPORTED\n",
		"Metasave: Number of datanodes: 3\n10.0.0.1:9866 /a IN 1099511627776(1 TB) "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if _, err := c.NS.Delete(t.Context(), fakecluster.Root, "/d/good", false); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := k.MetaSave(t.Context(), &out); err != nil || !strings.Contains(out.String(), "Metasave: Blocks 6 waiting deletion from 3 datanodes.\n10.0.0.1:9866[blk_1073741825_1001, blk_1073741826_1001]\n") {
		t.Errorf("deletions: %v\n%s", err, out.String())
	}
}

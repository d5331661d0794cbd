package namespace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

const mib = fakecluster.BlockSize

var bg = context.Background()

// refused checks the kind and the text of an error.
func refused(t *testing.T, err error, kind fault.Kind, text string) {
	t.Helper()
	if err == nil || !errors.Is(err, kind) || err.Error() != text {
		t.Errorf("got  %q (%s)\nwant %q (%s)", err, fault.KindOf(err), text, kind)
	}
}

func addBlock(c *fakecluster.Cluster, path, client string, file int64, previous *blocks.Block) (*blocks.LocatedBlock, error) {
	return c.NS.AddBlock(bg, root, namespace.AddBlockRequest{Src: path, ClientName: client, FileID: file, Previous: previous})
}

func TestAddBlockTwiceIsOneBlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 3)
	one := c.AddBlock("/f", "w", st.ID, nil)
	if one.BlockID <= 0 || one.GenerationStamp != schema.FirstGenStamp || one.Offset != 0 || one.NumBytes != 0 || len(one.Targets) != 3 {
		t.Errorf("%+v", one)
	}
	again := c.AddBlock("/f", "w", st.ID, nil)
	if again.BlockID != one.BlockID || len(again.Targets) != 3 {
		t.Errorf("the repeated call got block %d, not %d", again.BlockID, one.BlockID)
	}
	b := c.Fill(one, mib)
	two := c.AddBlock("/f", "w", st.ID, &b)
	if two.BlockID == one.BlockID || two.Offset != mib {
		t.Errorf("%+v", two)
	}
	again = c.AddBlock("/f", "w", st.ID, &b)
	if again.BlockID != two.BlockID || again.Offset != mib {
		t.Errorf("%+v", again)
	}
	if n := len(c.Rows(schema.Blocks)); n != 2 {
		t.Errorf("%d blocks", n)
	}
	if err := c.NS.Fsync(bg, root, "/f", st.ID, "w", 7); err != nil {
		t.Fatal(err)
	}
	_, err := addBlock(c, "/f", "w", st.ID, &b)
	refused(t, err, fault.IO, fmt.Sprintf("Request looked like a retry to allocate block blk_%d_1001 but it already contains 7 bytes", two.BlockID))
	_, err = addBlock(c, "/f", "w", st.ID, nil)
	refused(t, err, fault.IO, fmt.Sprintf("Cannot allocate block in /f: passed 'previous' block null does not match actual last block in file blk_%d_1001", two.BlockID))
	_, err = addBlock(c, "/f", "w", st.ID, &blocks.Block{ID: 5, GenerationStamp: 6})
	refused(t, err, fault.IO, fmt.Sprintf("Cannot allocate block in /f: passed 'previous' block blk_5_6 does not match actual last block in file blk_%d_1001", two.BlockID))
}

func TestAddBlockWaitsForReplicas(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Limits: func(l *namespace.Limits) { l.MaxBlocks = 3 }})
	d := c.DN[0]
	st := c.Create("/f", "w", 1)
	d.Silent = true
	one := c.Fill(c.AddBlock("/f", "w", st.ID, nil), mib)
	two := c.Fill(c.AddBlock("/f", "w", st.ID, &one), mib)
	if row := c.Block(one.ID); row.State != schema.BlockCommitted || row.NumBytes != mib {
		t.Errorf("%+v", row)
	}
	_, err := addBlock(c, "/f", "w", st.ID, &two)
	refused(t, err, fault.NotReplicatedYet, "Not replicated yet: /f")
	if done, err := c.NS.Complete(bg, root, "/f", "w", &two, st.ID); done || err != nil {
		t.Errorf("complete: %v, %v", done, err)
	}
	d.Silent = false
	d.Report(blocks.Event{Kind: blocks.Received, Block: one})
	three := c.Fill(c.AddBlock("/f", "w", st.ID, &two), 5)
	d.Report(blocks.Event{Kind: blocks.Received, Block: two})
	_, err = addBlock(c, "/f", "w", st.ID, &three)
	refused(t, err, fault.IO, "File has reached the limit on maximum number of blocks (dfs.namenode.fs-limits.max-blocks-per-file): 3 >= 3")
	c.Complete("/f", "w", st.ID, &three)
	c.Complete("/f", "w", st.ID, &three) // the answer was lost
	st2, err := c.NS.GetFileInfo(bg, root, "/f", false)
	if err != nil || st2.Length != 2*mib+5 || st2.ClientName != "" {
		t.Errorf("%+v, %v", st2, err)
	}
}

func TestWhoMayWrite(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 1)
	id := st.ID
	_, err := addBlock(c, "/f", "thief", id, nil)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("Client (=thief) is not the lease owner (=w: /f (inode %d) Holder thief does not have any open files.", id))
	c.Create("/g", "thief", 1)
	_, err = addBlock(c, "/f", "thief", id, nil)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("Client (=thief) is not the lease owner (=w: /f (inode %d) [Lease.  Holder: thief, pending creates: 1]", id))
	_, err = addBlock(c, "/nope", "w", 99, nil)
	refused(t, err, fault.NotFound, "File does not exist: /nope (inode 99) [Lease.  Holder: w, pending creates: 1]")
	if err := c.NS.Mkdirs(bg, root, "/d", 0o755, true); err != nil {
		t.Fatal(err)
	}
	_, err = addBlock(c, "/d", "w", 0, nil)
	refused(t, err, fault.LeaseExpired, "INode is not a regular file: /d (inode 0) [Lease.  Holder: w, pending creates: 1]")
	c.Complete("/f", "w", id, nil)
	_, err = addBlock(c, "/f", "w", id, nil)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("File is not open for writing: /f (inode %d) Holder w does not have any open files.", id))
	if done, err := c.NS.Complete(bg, root, "/f", "w", nil, id); !done || err != nil {
		t.Errorf("a repeated complete of an empty file: %v, %v", done, err)
	}
	_, err = c.NS.Complete(bg, root, "/f", "w", &blocks.Block{ID: 1}, id)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("File is not open for writing: /f (inode %d) Holder w does not have any open files.", id))
}

// TestRenamedWhileOpen: the writer goes on under the old path, by id, even when
// another file is at that path now.
func TestRenamedWhileOpen(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/a/f", "w", 1)
	b := c.Fill(c.AddBlock("/a/f", "w", st.ID, nil), mib)
	if ok, err := c.NS.Rename(bg, root, "/a", "/b"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	c.Create("/a/f", "other", 1)
	b2 := c.Fill(c.AddBlock("/a/f", "w", st.ID, &b), 5)
	if err := c.NS.Fsync(bg, root, "/a/f", st.ID, "w", 5); err != nil {
		t.Fatal(err)
	}
	c.Complete("/a/f", "w", st.ID, &b2)
	got, err := c.NS.GetFileInfo(bg, root, "/b/f", false)
	if err != nil || got.Length != mib+5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDeletedWhileOpen(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/a/b/f", "w", 1)
	b := c.Start(c.AddBlock("/a/b/f", "w", st.ID, nil), 1)
	if ok, err := c.NS.Delete(bg, root, "/a", true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	_, err := addBlock(c, "/a/b/f", "w", st.ID, &b)
	refused(t, err, fault.NotFound, fmt.Sprintf("File does not exist: /a/b/f (inode %d) [Lease.  Holder: w, pending creates: 1]", st.ID))
	_, err = c.NS.UpdateBlockForPipeline(bg, root, "w", b)
	refused(t, err, fault.IO, fmt.Sprintf("The file %s belonged to does not exist or it is not under construction.", b))
	purge(t, c)
	_, err = c.NS.UpdateBlockForPipeline(bg, root, "w", b)
	refused(t, err, fault.IO, fmt.Sprintf("%s does not exist.", b))
	if n := len(c.Rows(schema.OpenFiles)) + len(c.Rows(schema.Blocks)) + len(c.Rows(schema.Replicas)); n != 0 {
		t.Errorf("%d rows are left of it", n)
	}
}

func TestAbandonBlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 1)
	one := c.Fill(c.AddBlock("/f", "w", st.ID, nil), mib)
	two := blocks.IDOf(&c.AddBlock("/f", "w", st.ID, &one).Block)
	for range 2 { // a repeated call changes nothing
		if err := c.NS.AbandonBlock(bg, root, "/f", st.ID, "w", two); err != nil {
			t.Fatal(err)
		}
	}
	if c.Block(two.ID) != nil || c.Block(one.ID) == nil {
		t.Error("the wrong block is gone")
	}
	if err := c.NS.AbandonBlock(bg, root, "/f", st.ID, "w", one); err != nil || c.Block(one.ID) == nil {
		t.Errorf("a complete block: %v", err)
	}
	lb, err := c.NS.AddBlock(bg, root, namespace.AddBlockRequest{Src: "/f", ClientName: "w", FileID: st.ID, Previous: &one, Excluded: []string{"dn-0", "dn-1"}})
	if err != nil || lb.Targets[0].Datanode.UUID != "dn-2" {
		t.Errorf("%+v, %v", lb, err)
	}
	b := c.Fill(lb, 3)
	c.Complete("/f", "w", st.ID, &b)
}

func TestPipelineRecovery(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	b := c.Start(lb, 10)
	one, err := c.NS.UpdateBlockForPipeline(bg, root, "w", b)
	if err != nil || one.GenerationStamp != 1002 || one.NumBytes != 10 {
		t.Fatalf("%+v, %v", one, err)
	}
	two, err := c.NS.UpdateBlockForPipeline(bg, root, "w", b)
	if err != nil || two.GenerationStamp != 1003 {
		t.Fatalf("a stamp is handed out twice: %+v, %v", two, err)
	}
	_, err = c.NS.UpdateBlockForPipeline(bg, root, "thief", b)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("Lease mismatch: %s is accessed by a non lease holder thief", b))
	existing := []string{lb.Targets[0].Datanode.UUID, lb.Targets[1].Datanode.UUID}
	more, err := c.NS.AdditionalDatanode(bg, root, namespace.AdditionalRequest{Src: "/f", FileID: st.ID, ClientName: "w", Block: b,
		Existing: existing, StorageIDs: []string{lb.Targets[0].Storage.UUID, lb.Targets[1].Storage.UUID}, Excluded: []string{lb.Targets[2].Datanode.UUID}, Count: 1})
	if err != nil || len(more.Targets) != 3 || more.Targets[0].Datanode.UUID != existing[0] || more.Targets[2].Datanode.UUID == lb.Targets[2].Datanode.UUID {
		t.Fatalf("%+v, %v", more, err)
	}
	next := blocks.Block{ID: b.ID, GenerationStamp: 1003, NumBytes: 10}
	update := namespace.UpdatePipelineRequest{ClientName: "w", Old: b, New: next}
	for _, target := range more.Targets {
		update.Datanodes = append(update.Datanodes, target.Datanode.UUID)
		update.StorageIDs = append(update.StorageIDs, target.Storage.UUID)
	}
	once := &namespace.Caller{User: "root", ClientID: "0123456789abcdef", CallID: 1}
	if err := c.NS.UpdatePipeline(bg, once, update); err != nil {
		t.Fatal(err)
	}
	again := *once
	again.Retry = 1
	if err := c.NS.UpdatePipeline(bg, &again, update); err != nil {
		t.Errorf("a repeated call: %v", err)
	}
	err = c.NS.UpdatePipeline(bg, root, update)
	refused(t, err, fault.IO, fmt.Sprintf("Update %s (len = 10) to an older state: %s (len = 10)", b, next))
	if l := c.Locate("/f"); len(l.Last.Targets) != 3 || l.Last.GenerationStamp != 1003 || l.FileLength != 0 || l.LastComplete {
		t.Errorf("%+v", l.Last)
	}
	next.NumBytes = 30
	for _, target := range more.Targets {
		c.Named(target.Datanode.UUID).Store(next)
	}
	c.Complete("/f", "w", st.ID, &next)
	_, err = c.NS.UpdateBlockForPipeline(bg, root, "w", next)
	refused(t, err, fault.IO, fmt.Sprintf("Unexpected BlockUCState: %s is COMPLETE but not UNDER_CONSTRUCTION", next))
	c.Live(30 * time.Second)
	if n := len(c.Rows(schema.Replicas)); n != 3 {
		t.Errorf("%d replica rows", n)
	}
}

func TestCommitChecks(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 1)
	b := c.Fill(c.AddBlock("/f", "w", st.ID, nil), 10)
	for _, bad := range []struct {
		b    blocks.Block
		text string
	}{
		{blocks.Block{ID: b.ID, GenerationStamp: 1009, NumBytes: 10}, fmt.Sprintf("Commit block with mismatching GS. NN has %s, client submits blk_%d_1009", b, b.ID)},
		{blocks.Block{ID: b.ID, GenerationStamp: 1001, NumBytes: mib + 1}, fmt.Sprintf("Commit block %s with 1048577 bytes, more than the block size 1048576", b)},
	} {
		_, err := c.NS.Complete(bg, root, "/f", "w", &bad.b, st.ID)
		refused(t, err, fault.IO, bad.text)
	}
	short := b
	short.NumBytes = 5 // the replica is longer: it is no copy of what was committed
	if done, err := c.NS.Complete(bg, root, "/f", "w", &short, st.ID); done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	for _, d := range c.DN {
		if _, ok := d.Replicas[b.ID]; ok {
			d.Store(short)
		}
	}
	c.Complete("/f", "w", st.ID, &short)
}

// TestRoundTripsOfWriting counts what calls with warm hints cost: lock and read, write and
// commit; one for a read.
func TestRoundTripsOfWriting(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	var ops []string
	c.Store.Observe(func(call faulty.Call) { ops = append(ops, string(call.Op)) })
	cost := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(ops, want) {
			t.Errorf("%s: %v, want %v", what, ops, want)
		}
		ops = nil
	}
	st := c.Create("/d/f", "w", 1)
	warm := c.Fill(c.AddBlock("/d/f", "w", st.ID, nil), mib) // takes a range of ids
	ops = nil
	lb := c.AddBlock("/d/f", "w", st.ID, &warm)
	cost("addBlock", "fetch", "commit")
	b := c.Start(lb, 9)
	if _, err := c.NS.UpdateBlockForPipeline(bg, root, "w", b); err != nil {
		t.Fatal(err)
	}
	cost("updateBlockForPipeline", "fetch", "commit")
	c.Fill(lb, 9)
	cost("blockReceived", "fetch", "commit")
	b.NumBytes = 9
	c.Complete("/d/f", "w", st.ID, &b)
	cost("complete", "fetch", "commit")
	c.Locate("/d/f")
	cost("getBlockLocations", "read")
	if err := c.NS.RenewLease(bg, root, "w"); err != nil {
		t.Fatal(err)
	}
	cost("renewLease", "commit")
	if _, _, err := c.NS.Append(bg, root, "/d/f", "w", namespace.FlagAppend); err != nil {
		t.Fatal(err)
	}
	cost("append", "fetch", "commit")
	if err := c.NS.AbandonBlock(bg, root, "/d/f", st.ID, "w", b); err != nil {
		t.Fatal(err)
	}
	cost("abandonBlock", "fetch", "commit")
	c.Store.Observe(nil)
}

// TestManyBlocks: the blocks of a file are not read for each one that is added.
func TestManyBlocks(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	st := c.Create("/f", "w", 1)
	var last *blocks.Block
	for range 50 {
		b := c.Fill(c.AddBlock("/f", "w", st.ID, last), mib)
		last = &b
	}
	c.Store.Observe(func(call faulty.Call) {
		for _, f := range call.Fetches {
			for _, k := range f.Keys {
				if f.Table == schema.Blocks && f.By().Len(k) < len(f.By().Cols) {
					t.Errorf("all blocks of the file are read: %v", f.By().Name)
				}
			}
		}
	})
	b := c.Fill(c.AddBlock("/f", "w", st.ID, last), mib)
	c.Complete("/f", "w", st.ID, &b)
	c.Store.Observe(nil)
	if l := c.Locate("/f"); len(l.Blocks) != 51 || l.FileLength != 51*mib {
		t.Errorf("%d blocks, %d bytes", len(l.Blocks), l.FileLength)
	}
}

// TestNegativeRange and names of missing files, as HDFS says them.
func TestLocationErrors(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	c.Create("/f", "w", 1)
	_, err := c.NS.GetBlockLocations(bg, root, "/f", -1, 5)
	refused(t, err, fault.InvalidArgument, "Negative offset is not supported. File: /f")
	_, err = c.NS.GetBlockLocations(bg, root, "/f", 0, -5)
	refused(t, err, fault.InvalidArgument, "Negative length is not supported. File: /f")
	_, err = c.NS.GetBlockLocations(bg, root, "/nope", 0, 5)
	refused(t, err, fault.NotFound, "File does not exist: /nope")
	bob := &namespace.Caller{User: "bob", Host: "10.1.1.1"}
	if err := c.NS.SetPermission(bg, root, "/f", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = c.NS.GetBlockLocations(bg, bob, "/f", 0, 5); !errors.Is(err, fault.AccessDenied) || !strings.Contains(err.Error(), "access=READ") {
		t.Errorf("%v", err)
	}
}

func TestAccessTime(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Limits: func(l *namespace.Limits) { l.ATimePrecision = 60_000 }})
	c.Write("/f", 1, 5)
	before, _ := c.NS.GetFileInfo(bg, root, "/f", false)
	c.Pass(59 * time.Second)
	c.Locate("/f")
	if st, _ := c.NS.GetFileInfo(bg, root, "/f", false); st.ATime != before.ATime {
		t.Error("noted within the precision")
	}
	c.Pass(2 * time.Second)
	c.Locate("/f")
	if st, _ := c.NS.GetFileInfo(bg, root, "/f", false); st.ATime != c.Now().UnixMilli() {
		t.Errorf("access time %d, want %d", st.ATime, c.Now().UnixMilli())
	}
}

func purge(t *testing.T, c *fakecluster.Cluster) {
	t.Helper()
	for {
		done, err := c.NS.PurgeSome(bg)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
	}
}

package namespace_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

func info(t *testing.T, c *fakecluster.Cluster, path string) *namespace.FileStatus {
	t.Helper()
	st, err := c.NS.GetFileInfo(bg, root, path, false)
	if err != nil || st == nil {
		t.Fatalf("%s: %v, %v", path, st, err)
	}
	return st
}

// recoverLoop does the background work of leases for a while.
func recoverLoop(t *testing.T, c *fakecluster.Cluster, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= 3 * time.Second {
		c.Live(3 * time.Second)
		if err := c.NS.RecoverExpired(bg); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAppendToPartialBlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	old := c.Write("/f", 3, mib, 100)
	once := &namespace.Caller{User: "root", Host: "10.0.0.1", ClientID: "0123456789abcdef", CallID: 9}
	lb, st, err := c.NS.Append(bg, once, "/f", "a", namespace.FlagAppend)
	if err != nil || lb == nil || lb.BlockID != old[1].ID || lb.NumBytes != 100 || lb.Offset != mib || len(lb.Targets) != 3 || st.Length != mib+100 {
		t.Fatalf("%+v, %+v, %v", lb, st, err)
	}
	if lb.Targets[0].Datanode.IP != "10.0.0.1" {
		t.Errorf("the writer's own DataNode is not the first: %v", lb.Targets[0])
	}
	again := *once
	again.Retry = 1
	lb2, st2, err := c.NS.Append(bg, &again, "/f", "a", namespace.FlagAppend)
	if err != nil || lb2 == nil || lb2.BlockID != lb.BlockID || len(lb2.Targets) != 3 || st2.ID != st.ID {
		t.Errorf("repeated: %+v, %+v, %v", lb2, st2, err)
	}
	// Readers still see what was there.
	if l := c.Locate("/f"); l.FileLength != mib || l.LastComplete || l.Last.NumBytes != 100 || !l.UnderConstruction {
		t.Errorf("%+v", l)
	}
	up, err := c.NS.UpdateBlockForPipeline(bg, root, "a", old[1])
	if err != nil {
		t.Fatal(err)
	}
	next := blocks.Block{ID: old[1].ID, GenerationStamp: up.GenerationStamp, NumBytes: 100}
	update := namespace.UpdatePipelineRequest{ClientName: "a", Old: old[1], New: next}
	for _, target := range lb.Targets {
		update.Datanodes = append(update.Datanodes, target.Datanode.UUID)
	}
	if err := c.NS.UpdatePipeline(bg, root, update); err != nil {
		t.Fatal(err)
	}
	next.NumBytes = 150
	for _, d := range c.DN {
		d.Store(next)
	}
	c.Complete("/f", "a", st.ID, &next)
	if st := info(t, c, "/f"); st.Length != mib+150 {
		t.Errorf("%d bytes", st.Length)
	}
	c.Live(15 * time.Second)
	if n := len(c.Rows(schema.Reconstructions)) + len(c.Rows(schema.Invalidations)); n != 0 {
		t.Errorf("%d rows queued", n)
	}
}

func TestAppendThatWritesNothing(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	b := c.Write("/f", 2, 100)[0]
	_, st, err := c.NS.Append(bg, root, "/f", "a", namespace.FlagAppend)
	if err != nil {
		t.Fatal(err)
	}
	c.Complete("/f", "a", st.ID, &b)
	if st := info(t, c, "/f"); st.Length != 100 {
		t.Errorf("%d bytes", st.Length)
	}
}

func TestAppendAtTheEndOfABlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	full := c.Write("/full", 1, mib)[0]
	lb, st, err := c.NS.Append(bg, root, "/full", "a", namespace.FlagAppend)
	if err != nil || lb != nil {
		t.Fatalf("%+v, %v", lb, err)
	}
	b := c.Fill(c.AddBlock("/full", "a", st.ID, nil), 5)
	if b.ID == full.ID {
		t.Error("no new block")
	}
	c.Complete("/full", "a", st.ID, &b)

	part := c.Write("/part", 1, 100)[0]
	lb, st, err = c.NS.Append(bg, root, "/part", "a", namespace.FlagAppend|namespace.FlagNewBlock)
	if err != nil || lb == nil || lb.BlockID != part.ID || len(lb.Targets) != 0 {
		t.Fatalf("%+v, %v", lb, err)
	}
	b = c.Fill(c.AddBlock("/part", "a", st.ID, &part), 5)
	c.Complete("/part", "a", st.ID, &b)
	if l := c.Locate("/part"); len(l.Blocks) != 2 || l.FileLength != 105 || l.Blocks[1].Offset != 100 {
		t.Errorf("%+v", l)
	}

	c.Write("/empty", 1)
	lb, st, err = c.NS.Append(bg, root, "/empty", "a", namespace.FlagAppend)
	if err != nil || lb != nil || st.Length != 0 {
		t.Errorf("%+v, %v", lb, err)
	}
}

func TestAppendErrors(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	caller := &namespace.Caller{User: "root", Host: "10.8.8.8"}
	_, _, err := c.NS.Append(bg, caller, "/nope", "a", namespace.FlagAppend)
	refused(t, err, fault.NotFound, "Failed to append to non-existent file /nope for client 10.8.8.8")
	if err := c.NS.Mkdirs(bg, root, "/d", 0o755, true); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.NS.Append(bg, caller, "/d", "a", namespace.FlagAppend)
	refused(t, err, fault.Exists, "Cannot append to directory /d; already exists as a directory.")
	c.Create("/f", "w", 1)
	_, _, err = c.NS.Append(bg, caller, "/f", "a", namespace.FlagAppend)
	refused(t, err, fault.BeingCreated, "Failed to APPEND_FILE /f for a on 10.8.8.8 because this file lease is currently owned by w on 10.9.9.9")
	_, _, err = c.NS.Append(bg, caller, "/f", "w", namespace.FlagAppend)
	refused(t, err, fault.BeingCreated, "Failed to APPEND_FILE /f for w on 10.8.8.8 because w is already the current lease holder.")
	b := c.Write("/g", 1, 5)[0]
	for _, d := range c.DN {
		_, has := d.Replicas[b.ID]
		d.Down = has
	}
	c.Live(11 * time.Minute)
	_, _, err = c.NS.Append(bg, caller, "/g", "a", namespace.FlagAppend)
	refused(t, err, fault.IO, fmt.Sprintf("append: lastBlock=%s of src=/g is not sufficiently replicated yet.", b))
}

// TestSoftLimit: after a minute of silence another client may have the file.
func TestSoftLimit(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	create := func(client string) error {
		_, err := c.NS.Create(bg, root, namespace.CreateRequest{Src: "/f", Mode: 0o644, ClientName: client,
			Flags: namespace.FlagCreate, Replication: 2, BlockSize: mib})
		return err
	}
	st := c.Create("/f", "w", 2)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	c.Start(lb, 50)
	c.Pass(50 * time.Second)
	if err := c.NS.RenewLease(bg, root, "w"); err != nil {
		t.Fatal(err)
	}
	c.Pass(50 * time.Second)
	c.Beat()
	refused(t, create("x"), fault.BeingCreated, "Failed to CREATE_FILE /f for x on 127.0.0.1 because this file lease is currently owned by w on 10.9.9.9")
	c.Pass(11 * time.Second)
	refused(t, create("x"), fault.RecoveryInProgress, "Failed to CREATE_FILE /f for x on 127.0.0.1 because lease recovery is in progress. Try again later.")
	refused(t, create("x"), fault.RecoveryInProgress, "Failed to CREATE_FILE /f for x on 127.0.0.1 because another recovery is in progress by w on 10.9.9.9")
	c.Beat() // the DataNodes recover the block
	refused(t, create("x"), fault.Exists, "/f for client 127.0.0.1 already exists")
	if st := info(t, c, "/f"); st.ClientName != "" || st.Length != 50 {
		t.Errorf("%+v", st)
	}
	if b := c.Block(lb.BlockID); b.GenerationStamp != 1002 || b.State != schema.BlockComplete {
		t.Errorf("%+v", b)
	}
	_, err := addBlock(c, "/f", "w", st.ID, nil)
	refused(t, err, fault.LeaseExpired, fmt.Sprintf("File is not open for writing: /f (inode %d) Holder w does not have any open files.", st.ID))
}

// TestSoftLimitOfCompleteFile: nothing is to be recovered, so the file is closed and
// opened again at once.
func TestSoftLimitOfCompleteFile(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	c.Create("/f", "w", 2)
	c.Pass(61 * time.Second)
	c.Beat()
	lb, st, err := c.NS.Append(bg, root, "/f", "a", namespace.FlagAppend)
	if err != nil || lb != nil || info(t, c, "/f").ClientName != "a" {
		t.Errorf("%+v, %+v, %v", lb, st, err)
	}
}

func TestHardLimit(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	gone := c.Create("/gone", "w", 2) // a block that was given out and never written
	c.AddBlock("/gone", "w", gone.ID, nil)
	half := c.Create("/half", "w", 2)
	first := c.Fill(c.AddBlock("/half", "w", half.ID, nil), mib)
	c.Start(c.AddBlock("/half", "w", half.ID, &first), 70)
	c.Create("/empty", "w", 2)
	c.Create("/kept", "alive", 2)
	for range 19 {
		c.Live(time.Minute)
		if err := c.NS.RenewLease(bg, root, "alive"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.NS.RecoverExpired(bg); err != nil || len(c.Rows(schema.OpenFiles)) != 4 {
		t.Fatalf("%d files are open, %v", len(c.Rows(schema.OpenFiles)), err)
	}
	recoverLoop(t, c, 2*time.Minute)
	if st := info(t, c, "/half"); st.Length != mib+70 || st.ClientName != "" {
		t.Errorf("half: %+v", st)
	}
	if st := info(t, c, "/gone"); st.Length != 0 || st.ClientName != "" || len(c.Locate("/gone").Blocks) != 0 {
		t.Errorf("gone: %+v", st)
	}
	if st := info(t, c, "/empty"); st.ClientName != "" {
		t.Errorf("empty: %+v", st)
	}
	if st := info(t, c, "/kept"); st.ClientName != "alive" {
		t.Errorf("kept: %+v", st)
	}
	recoverLoop(t, c, 3*time.Minute)
	for _, row := range c.Rows(schema.Leases) {
		if l := schema.LeaseOf(row); l.Holder != "alive" {
			t.Errorf("the lease of %q is left", l.Holder)
		}
	}
}

// TestRecoveryThatGetsLost: the NameNode dies with the command, the first DataNodes
// are away; it is tried again until it works.
func TestRecoveryThatGetsLost(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	c.Start(lb, 70)
	c.Pass(21 * time.Minute)
	c.Beat()
	c.Beat()
	if err := c.NS.RecoverExpired(bg); err != nil {
		t.Fatal(err)
	}
	if in := info(t, c, "/f"); in.ClientName != "HDFS_NameNode" || c.Block(lb.BlockID).State != schema.BlockUnderRecovery {
		t.Fatalf("%+v %+v", in, c.Block(lb.BlockID))
	}
	for _, d := range c.DN {
		d.Down = true
	}
	c.Restart()
	recoverLoop(t, c, 80*time.Second)
	if b := c.Block(lb.BlockID); b.RecoveryID != 1002 {
		t.Error("another recovery was begun before the first one was overdue")
	}
	recoverLoop(t, c, 80*time.Second)
	if b := c.Block(lb.BlockID); b.RecoveryID != 1003 {
		t.Errorf("no new recovery: %+v", b)
	}
	for _, d := range c.DN {
		d.Down = false
	}
	recoverLoop(t, c, 30*time.Second)
	if in := info(t, c, "/f"); in.ClientName != "" || in.Length != 70 {
		t.Errorf("%+v", in)
	}
	if n := len(c.Rows(schema.Reconstructions)); n != 0 {
		t.Errorf("%d rows are left in the queue", n)
	}
}

// TestRecoveryBegunElsewhere: the DataNodes obey only one NameNode.
func TestRecoveryBegunElsewhere(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	other := c.Second()
	st := c.Create("/f", "w", 3)
	c.Start(c.AddBlock("/f", "w", st.ID, nil), 70)
	if closed, err := other.NS.RecoverLease(bg, root, "/f", "x"); closed || err != nil {
		t.Fatal(closed, err)
	}
	c.Live(6 * time.Second)
	if closed, err := other.NS.RecoverLease(bg, root, "/f", "x"); !closed || err != nil {
		t.Error(closed, err)
	}
}

// TestCommittedBlockOfDeadWriter: the replica's report was late.
func TestCommittedBlockOfDeadWriter(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	c.DN[0].Silent = true
	st := c.Create("/f", "w", 1)
	b := c.Fill(c.AddBlock("/f", "w", st.ID, nil), 70)
	if done, err := c.NS.Complete(bg, root, "/f", "w", &b, st.ID); done || err != nil {
		t.Fatal(done, err)
	}
	closed, err := c.NS.RecoverLease(bg, root, "/f", "other")
	refused(t, err, fault.BeingCreated, "DIR* NameSystem.internalReleaseLease: Failed to release lease for file /f. "+
		"Committed blocks are waiting to be minimally replicated. Try again later.")
	c.Pass(21 * time.Minute)
	c.Beat()
	if err := c.NS.RecoverExpired(bg); err != nil || closed {
		t.Fatal(err)
	}
	c.DN[0].Silent = false
	c.DN[0].FullReport()
	recoverLoop(t, c, 2*time.Minute)
	if in := info(t, c, "/f"); in.ClientName != "" || in.Length != 70 {
		t.Errorf("%+v", in)
	}
}

func TestRecoverLease(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	c.Start(lb, 70)
	c.Named(lb.Targets[1].Datanode.UUID).Replicas[lb.BlockID] = blocks.ReportedReplica{State: blocks.ReportRBW,
		Block: blocks.Block{ID: lb.BlockID, GenerationStamp: 1001, NumBytes: 60}}
	for i := range 2 {
		closed, err := c.NS.RecoverLease(bg, root, "/f", "other")
		if closed || err != nil {
			t.Errorf("call %d: %v, %v", i, closed, err)
		}
	}
	if in := info(t, c, "/f"); in.ClientName != "other" {
		t.Errorf("%+v", in)
	}
	c.Beat()
	closed, err := c.NS.RecoverLease(bg, root, "/f", "other")
	if !closed || err != nil || info(t, c, "/f").Length != 60 {
		t.Errorf("%v, %v, %+v", closed, err, info(t, c, "/f"))
	}
	if closed, err := c.NS.IsFileClosed(bg, root, "/f"); !closed || err != nil {
		t.Errorf("%v, %v", closed, err)
	}
	_, err = c.NS.RecoverLease(bg, root, "/nope", "other")
	refused(t, err, fault.NotFound, "File does not exist: /nope")
}

func TestBlockSynchronizationErrors(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	st := c.Create("/f", "w", 3)
	lb := c.AddBlock("/f", "w", st.ID, nil)
	b := c.Start(lb, 70)
	err := c.NS.CommitBlockSynchronization(bg, blocks.Synchronization{Block: b, NewStamp: 1002, NewLength: 70, CloseFile: true})
	refused(t, err, fault.IO, fmt.Sprintf("The recovery id 1002 does not match current recovery id 0 for block %s", b))
	if _, err := c.NS.RecoverLease(bg, root, "/f", "x"); err != nil {
		t.Fatal(err)
	}
	err = c.NS.CommitBlockSynchronization(bg, blocks.Synchronization{Block: b, NewStamp: 1001, NewLength: 70, CloseFile: true})
	refused(t, err, fault.IO, fmt.Sprintf("The recovery id 1001 does not match current recovery id 1002 for block %s", b))
	_, err = c.NS.Complete(bg, root, "/f", "x", &b, st.ID)
	refused(t, err, fault.IO, fmt.Sprintf("Commit or complete block %s, whereas it is under recovery.", b))
	done := blocks.Synchronization{Block: b, NewStamp: 1002, NewLength: 70, CloseFile: true, Datanodes: []string{"dn-0"}}
	for range 2 {
		if err := c.NS.CommitBlockSynchronization(bg, done); err != nil {
			t.Error(err)
		}
	}
	unknown := blocks.Block{ID: 7, GenerationStamp: 8}
	err = c.NS.CommitBlockSynchronization(bg, blocks.Synchronization{Block: unknown})
	refused(t, err, fault.IO, "Block (=blk_7_8) not found")
	if err := c.NS.CommitBlockSynchronization(bg, blocks.Synchronization{Block: unknown, Delete: true}); err != nil {
		t.Error(err)
	}
}

func TestListOpenFiles(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	for i := range 1100 {
		c.Create(fmt.Sprintf("/a/%d/f%d", i%3, i), "w", 1)
	}
	last := c.Create("/b/x", "other", 1)
	c.Create("/gone/x", "other", 1)
	if _, err := c.NS.Delete(bg, root, "/gone", true); err != nil {
		t.Fatal(err)
	}
	page, more, err := c.NS.ListOpenFiles(bg, root, 0, "/")
	if err != nil || !more || len(page) != 1000 || page[0].Path != "/a/0/f0" || page[0].ClientName != "w" || page[0].ClientMachine != "10.9.9.9" {
		t.Fatalf("%d, %v, %v", len(page), more, err)
	}
	page, more, err = c.NS.ListOpenFiles(bg, root, page[999].ID, "")
	if err != nil || more || len(page) != 101 || page[100].ID != last.ID {
		t.Errorf("%d, %v, %v", len(page), more, err)
	}
	page, more, err = c.NS.ListOpenFiles(bg, root, 0, "/b")
	if err != nil || more || len(page) != 1 || page[0].Path != "/b/x" {
		t.Errorf("%+v, %v, %v", page, more, err)
	}
	_, _, err = c.NS.ListOpenFiles(bg, &namespace.Caller{User: "bob"}, 0, "")
	refused(t, err, fault.AccessDenied, "Access denied for user bob. Superuser privilege is required for operation listOpenFiles")
	purge(t, c)
}

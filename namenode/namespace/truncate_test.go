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

func TestTruncateAtABlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	b := c.Write("/f", 2, mib, mib, 10)
	for _, length := range []int64{2*mib + 10, 2 * mib, mib, 0} {
		for range 2 {
			done, err := c.NS.Truncate(bg, root, "/f", length, "t")
			if !done || err != nil || info(t, c, "/f").Length != length {
				t.Errorf("%d: %v, %v", length, done, err)
			}
		}
	}
	c.Live(15 * time.Second)
	for _, b := range b {
		if c.Holders(b.ID) != 0 {
			t.Errorf("%s is still there", b)
		}
	}
	_, err := c.NS.Truncate(bg, root, "/f", 1, "t")
	refused(t, err, fault.InvalidArgument, "Cannot truncate to a larger file size. Current size: 0, truncate size: 1.")
	_, err = c.NS.Truncate(bg, root, "/f", -1, "t")
	refused(t, err, fault.InvalidArgument, "Cannot truncate to a negative file size: -1.")
	_, err = c.NS.Truncate(bg, root, "/nope", 1, "t")
	refused(t, err, fault.NotFound, "File does not exist: /nope")
}

func TestTruncateWithinABlock(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	b := c.Write("/f", 3, mib, mib, 10)
	for range 2 { // a repeated call gets the same answer
		done, err := c.NS.Truncate(bg, root, "/f", mib+7, "t")
		if done || err != nil {
			t.Fatalf("%v, %v", done, err)
		}
	}
	if st := info(t, c, "/f"); st.Length != 2*mib || st.ClientName != "t" {
		t.Errorf("%+v", st)
	}
	_, err := c.NS.Truncate(bg, root, "/f", 3, "t")
	refused(t, err, fault.BeingCreated, "Failed to TRUNCATE_FILE /f for t on 127.0.0.1 because /f is being truncated.")
	_, _, err = c.NS.Append(bg, root, "/f", "a", namespace.FlagAppend)
	refused(t, err, fault.RecoveryInProgress, "Failed to APPEND_FILE /f for a on 127.0.0.1 because another recovery is in progress by t on 127.0.0.1")
	c.Beat()
	if closed, err := c.NS.IsFileClosed(bg, root, "/f"); !closed || err != nil {
		t.Errorf("%v, %v", closed, err)
	}
	st := info(t, c, "/f")
	l := c.Locate("/f")
	if st.Length != mib+7 || len(l.Blocks) != 2 || l.Blocks[1].NumBytes != 7 || l.Blocks[1].BlockID != b[1].ID || len(l.Blocks[1].Targets) != 3 {
		t.Errorf("%+v, %+v", st, l)
	}
	done, err := c.NS.Truncate(bg, root, "/f", mib+7, "t")
	if !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	c.Live(30 * time.Second)
	if c.Holders(b[2].ID) != 0 || c.Holders(b[1].ID) != 3 {
		t.Error("replicas")
	}
}

// TestTruncateInSteps: more blocks than one transaction takes.
func TestTruncateInSteps(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1})
	sizes := make([]int64, 1203)
	for i := range sizes {
		sizes[i] = 1
	}
	c.Write("/f", 1, sizes...)
	done, err := c.NS.Truncate(bg, root, "/f", 2, "t")
	if !done || err != nil || info(t, c, "/f").Length != 2 || len(c.Rows(schema.Blocks)) != 2 {
		t.Errorf("%v, %v, %d blocks", done, err, len(c.Rows(schema.Blocks)))
	}
}

func TestConcat(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 4})
	want := []blocks.Block{}
	want = append(want, c.Write("/d/to", 2, mib, 10)...)
	want = append(want, c.Write("/d/b", 3, 20)...)
	want = append(want, c.Write("/d/a", 1, mib, 30)...)
	once := &namespace.Caller{User: "root", Host: "h", ClientID: "0123456789abcdef", CallID: 3}
	if err := c.NS.Concat(bg, once, "/d/to", []string{"/d/b", "/d/a"}); err != nil {
		t.Fatal(err)
	}
	again := *once
	again.Retry = 1
	if err := c.NS.Concat(bg, &again, "/d/to", []string{"/d/b", "/d/a"}); err != nil {
		t.Errorf("repeated: %v", err)
	}
	l := c.Locate("/d/to")
	var at int64
	for i, b := range l.Blocks {
		if b.BlockID != want[i].ID || b.NumBytes != want[i].NumBytes || b.Offset != at {
			t.Errorf("block %d: %+v, want %+v at %d", i, b, want[i], at)
		}
		at += b.NumBytes
	}
	if len(l.Blocks) != len(want) || l.FileLength != at || info(t, c, "/d/to").Length != at {
		t.Errorf("%d blocks, %d bytes", len(l.Blocks), l.FileLength)
	}
	if st := info(t, c, "/d"); st.ChildrenNum != 1 {
		t.Errorf("%d children", st.ChildrenNum)
	}
	c.Live(30 * time.Second)
	for _, b := range want { // now they all have the target's replication
		if c.Holders(b.ID) != 2 {
			t.Errorf("%s: %d replicas", b, c.Holders(b.ID))
		}
	}
	// A report about a moved block finds it.
	lb := want[3]
	for _, d := range c.DN {
		if _, has := d.Replicas[lb.ID]; has {
			delete(d.Replicas, lb.ID)
			d.Report(blocks.Event{Kind: blocks.Deleted, Block: lb})
			break
		}
	}
	c.Live(30 * time.Second)
	if c.Holders(lb.ID) != 2 {
		t.Errorf("%d replicas", c.Holders(lb.ID))
	}
}

func TestConcatErrors(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{})
	c.Write("/d/to", 1, 10)
	c.Write("/d/a", 1, 10)
	c.Write("/d/empty", 1)
	c.Write("/e/x", 1, 10)
	c.Create("/d/open", "w", 1)
	big, err := c.NS.Create(bg, root, namespace.CreateRequest{Src: "/d/big", Mode: 0o644, ClientName: "w", Flags: namespace.FlagCreate, Replication: 1, BlockSize: 2 * mib})
	if err != nil {
		t.Fatal(err)
	}
	b := c.Fill(c.AddBlock("/d/big", "w", big.ID, nil), 5)
	c.Complete("/d/big", "w", big.ID, &b)
	for _, test := range []struct {
		to   string
		srcs []string
		kind fault.Kind
		text string
	}{
		{"", nil, fault.IllegalArgument, "Target file name is empty"},
		{"/d/to", nil, fault.IllegalArgument, "No sources given"},
		{"/d/to", []string{"/e/x"}, fault.InvalidArgument, "Source file /e/x is not in the same directory with the target /d/to"},
		{"/d/to", []string{"/d/to"}, fault.InvalidArgument, "concat: the src file /d/to is the same with the target file /d/to"},
		{"/d/to", []string{"/d/a", "/d/a"}, fault.InvalidArgument, "concat: at least two of the source files are the same"},
		{"/d/to", []string{"/d/empty"}, fault.InvalidArgument, "concat: source file /d/empty is invalid or empty or underConstruction"},
		{"/d/to", []string{"/d/open"}, fault.InvalidArgument, "concat: source file /d/open is invalid or empty or underConstruction"},
		{"/d/open", []string{"/d/a"}, fault.InvalidArgument, "concat: target file /d/open is under construction"},
		{"/d/to", []string{"/d/big"}, fault.InvalidArgument, "concat: source file /d/big has preferred block size 2097152 which is greater than the target file's preferred block size 1048576"},
		{"/d/to", []string{"/d/nope"}, fault.NotFound, "File does not exist: /d/nope"},
		{"/d", []string{"/d/a"}, fault.NotFound, "Path is not a file: /d"},
		{"/.reserved/.inodes/16387", []string{"/d/a"}, fault.IO, "Concat operation doesn't support .reserved relative path : /.reserved/.inodes/16387"},
	} {
		refused(t, c.NS.Concat(bg, root, test.to, test.srcs), test.kind, test.text)
	}
}

func TestPurge(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 2})
	for i := range 450 {
		c.Write(fmt.Sprintf("/a/%d/b/f%d", i%5, i), 2, 5)
	}
	sizes := make([]int64, 1203)
	c.Write("/a/large", 1, sizes...)
	c.Write("/large", 1, sizes...)
	c.Create("/a/1/open", "w", 1)
	if err := c.NS.Mkdirs(bg, root, "/a/empty/x", 0o755, true); err != nil {
		t.Fatal(err)
	}
	kept := c.Write("/kept", 2, 5)[0]
	for _, path := range []string{"/a", "/large"} {
		if ok, err := c.NS.Delete(bg, root, path, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for i := 0; ; i++ {
		done, err := c.NS.PurgeSome(bg)
		if err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			c.Restart() // it goes on
		}
		c.Check()
		if done {
			break
		}
	}
	for _, table := range []*schema.Table{schema.Purge, schema.OpenFiles, schema.Reconstructions} {
		if n := len(c.Rows(table)); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	if n := len(c.Rows(schema.Inodes)); n != 2 || len(c.Rows(schema.Directories)) != 1 || len(c.Rows(schema.Blocks)) != 1 || len(c.Rows(schema.Replicas)) != 2 {
		t.Errorf("%d inodes, %d directories, %d blocks, %d replicas", n, len(c.Rows(schema.Directories)), len(c.Rows(schema.Blocks)), len(c.Rows(schema.Replicas)))
	}
	c.Live(30 * time.Second)
	for _, d := range c.DN {
		if len(d.Replicas) != 1 || d.Replicas[kept.ID].ID != kept.ID {
			t.Errorf("%s has %d replicas", d.Row.UUID, len(d.Replicas))
		}
	}
}

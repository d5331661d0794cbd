package namespace_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// TestEveryFailureOfWriting runs a life of files once for each of its round trips
// and each kind of failure, and fails that one. Nobody may notice.
func TestEveryFailureOfWriting(t *testing.T) {
	for name, f := range map[string]faulty.Fault{
		"conflict":       {Kind: dal.Conflict},
		"unavailable":    {Kind: dal.Unavailable},
		"answer lost":    {Kind: dal.UnknownOutcome, Done: true},
		"commit lost":    {Kind: dal.UnknownOutcome},
		"duplicate once": {Kind: dal.Duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			i, done := 1, false
			for ; !done; i++ {
				c := fakecluster.New(t, fakecluster.Options{Markers: true})
				done = true
				n := 0
				c.Store.Fail(func(call faulty.Call) *faulty.Fault {
					onlyCommits := f.Kind == dal.UnknownOutcome || f.Kind == dal.Duplicate
					if onlyCommits && call.Op != faulty.Commit {
						return nil
					}
					if n++; n != i {
						return nil
					}
					done = false
					return &f
				})
				lifeOfFiles(t, c)
				c.Store.Reset()
				c.Check()
				if t.Failed() {
					t.Fatalf("at round trip %d", i)
				}
			}
			if i < 30 {
				t.Errorf("only %d round trips", i)
			}
		})
	}
}

// TestWritingOnEveryStore: what the rules ask of a store it can do.
func TestWritingOnEveryStore(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Store: open(t)})
			lifeOfFiles(t, c)
			var some []blocks.Block
			for i := range 20 {
				some = append(some, c.Write(fmt.Sprintf("/many/f%d", i), 2, mib, 5)...)
			}
			c.DN[0].Down = true
			c.Live(12 * time.Minute)
			for _, b := range some {
				if c.Holders(b.ID) != 2 {
					t.Errorf("%s: %d replicas", b, c.Holders(b.ID))
				}
			}
			c.Restart()
			c.DN[0].Down = false
			if ok, err := c.NS.Delete(bg, root, "/many", true); !ok || err != nil {
				t.Error(ok, err)
			}
			purge(t, c)
			c.Live(time.Minute)
			for _, b := range some {
				if c.Holders(b.ID) != 0 {
					t.Errorf("%s: %d replicas after it was deleted", b, c.Holders(b.ID))
				}
			}
			if n := len(c.Rows(schema.Invalidations)) + len(c.Rows(schema.Reconstructions)); n != 0 {
				t.Errorf("%d rows are left in the queues", n)
			}
		})
	}
}

func lifeOfFiles(t *testing.T, c *fakecluster.Cluster) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	call := int64(0)
	once := func() *namespace.Caller {
		call++
		return &namespace.Caller{User: "root", Host: "10.0.0.1", ClientID: "0123456789abcdef", CallID: call}
	}
	st := c.Create("/f", "w", 2)
	one := c.Fill(c.AddBlock("/f", "w", st.ID, nil), mib)
	lb := c.AddBlock("/f", "w", st.ID, &one)
	two := c.Start(lb, 10)
	up, err := c.NS.UpdateBlockForPipeline(bg, root, "w", two)
	must(err)
	next := blocks.Block{ID: two.ID, GenerationStamp: up.GenerationStamp, NumBytes: 10}
	must(c.NS.UpdatePipeline(bg, once(), namespace.UpdatePipelineRequest{ClientName: "w", Old: two, New: next, Datanodes: []string{lb.Targets[0].Datanode.UUID}}))
	c.Named(lb.Targets[0].Datanode.UUID).Store(next)
	c.Complete("/f", "w", st.ID, &next)
	part, st, err := c.NS.Append(bg, once(), "/f", "a", namespace.FlagAppend)
	must(err)
	end := blocks.IDOf(&part.Block)
	c.Complete("/f", "a", st.ID, &end)
	c.Write("/g", 2, 30)
	must(c.NS.Concat(bg, once(), "/f", []string{"/g"}))
	_, err = c.NS.Truncate(bg, root, "/f", mib+5, "t")
	must(err)
	c.Beat()
	if got := info(t, c, "/f"); got.Length != mib+5 || got.ClientName != "" {
		t.Errorf("%+v", got)
	}
	_, err = c.NS.SetReplication(bg, root, "/f", 3)
	must(err)
	c.Live(45 * time.Second)
	for _, b := range c.Locate("/f").Blocks {
		if len(b.Targets) != 3 {
			t.Errorf("block %d: %d replicas", b.BlockID, len(b.Targets))
		}
	}
	c.Create("/d/open", "w", 1)
	if ok, err := c.NS.Delete(bg, once(), "/d", true); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	purge(t, c)
	if n := len(c.Rows(schema.OpenFiles)) + len(c.Rows(schema.Purge)); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

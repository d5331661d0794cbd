package namespace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/acl"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/fakecluster"
)

// scans counts the reads of a NameNode that looked through the children of a directory,
// from now on.
func scans(n *fakecluster.NameNode) *atomic.Int64 {
	var count atomic.Int64
	n.Store.Observe(func(call faulty.Call) {
		if slices.ContainsFunc(call.Fetches, func(f dal.Fetch) bool { return f.Scan != nil && f.Table != schema.BatchMarkers }) {
			count.Add(1)
		}
	})
	return &count
}

// entries is what a listing says, Answer apart.
func entries(n *namespace.Namespace, dir, after string) string {
	l, err := n.GetListing(bg, root, dir, after, false)
	if l == nil {
		return fmt.Sprint("none: ", err)
	}
	return fmt.Sprintf("%+v, %d more", l.Entries, l.Remaining)
}

// TestListingsHold: a directory in which nothing changed is not looked through again, and
// one that changed in the smallest thing is.
func TestListingsHold(t *testing.T) {
	c := fakecluster.New(t, fakecluster.Options{Datanodes: 1, Limits: func(l *namespace.Limits) { l.ListLimit = 3 }})
	second := c.Second()
	for i := range 5 {
		c.Write(fmt.Sprintf("/d/f%d", i), 1, 10)
	}
	if err := c.NS.Mkdirs(bg, root, "/d/a/b", 0o755, true); err != nil {
		t.Fatal(err)
	}
	count := scans(second)
	list := func(what string, want int64) {
		t.Helper()
		from := count.Load()
		page := entries(second.NS, "/d", "")
		if got := count.Load() - from; got != want {
			t.Errorf("%s: looked through the directory %d times, want %d", what, got, want)
		}
		if fresh := entries(c.AddNameNode().NS, "/d", ""); page != fresh {
			t.Errorf("%s: %s\nwant %s", what, page, fresh)
		}
	}
	list("first", 1)
	list("again", 0)
	if entries(second.NS, "/d", "f1") == entries(second.NS, "/d", "") {
		t.Error("the second page is the first")
	}
	list("after the second page", 0)
	if err := c.NS.Mkdirs(bg, root, "/d/a/c", 0o755, true); err != nil {
		t.Fatal(err)
	}
	list("a directory in it got another child", 0)
	if err := c.NS.SetPermission(bg, root, "/d/f1", 0o600); err != nil {
		t.Fatal(err)
	}
	list("another mode", 1)
	if err := c.NS.SetPermission(bg, root, "/d/f1", 0o600); err != nil {
		t.Fatal(err)
	}
	list("the mode that it has", 0)
	if err := c.NS.SetStoragePolicy(bg, root, "/", "COLD"); err != nil {
		t.Fatal(err)
	}
	list("another storage policy above", 1)
}

// TestListingsAreTrue: whatever one NameNode does, another one, which lists the same
// directories all the time, says what one says that has just started.
func TestListingsAreTrue(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			c := fakecluster.New(t, fakecluster.Options{Datanodes: 3, Store: open(t), Limits: func(l *namespace.Limits) { l.ListLimit = 4 }})
			second := c.Second()
			count := scans(second)
			listed := int64(0)
			rnd := rand.New(rand.NewPCG(1, uint64(len(name))))
			for step := range 400 {
				what, err := change(c, rnd)
				c.Pass(time.Duration(rnd.IntN(3)) * time.Millisecond)
				fresh := node(t, c.Store, 1000+int64(step))
				for _, dir := range []string{"/", "/a", "/b", "/a/b"} {
					for _, after := range []string{"", "b"} {
						listed++
						if got, want := entries(second.NS, dir, after), entries(fresh, dir, after); got != want {
							t.Fatalf("step %d, %s (%v): %s after %q is\n%s, want\n%s", step, what, err, dir, after, got, want)
						}
					}
				}
			}
			if again := listed - count.Load(); again < listed/4 {
				t.Errorf("of %d listings only %d were known", listed, again)
			}
		})
	}
}

// change does something in a small tree, or tries to, and says what.
func change(c *fakecluster.Cluster, rnd *rand.Rand) (what string, err error) {
	names := []string{"/a", "/b", "/a/b", "/a/f", "/b/f", "/a/b/f", "/a/b/c", "/b/c", "/a/c"}
	p, q := names[rnd.IntN(len(names))], names[rnd.IntN(len(names))]
	ns := c.NN[0].NS
	ctx := context.Background()
	write := func() error {
		st, err := ns.Create(ctx, root, namespace.CreateRequest{Src: p, Mode: 0o644, ClientName: "w",
			Flags: namespace.FlagCreate | namespace.FlagOverwrite, CreateParent: true, Replication: 2, BlockSize: mib})
		if err != nil || rnd.IntN(3) == 0 {
			return err
		}
		lb, err := ns.AddBlock(ctx, root, namespace.AddBlockRequest{Src: p, ClientName: "w", FileID: st.ID})
		if err != nil {
			return err
		}
		b := c.Fill(lb, 1+rnd.Int64N(1000))
		if rnd.IntN(3) == 0 {
			return ns.Fsync(ctx, root, p, st.ID, "w", b.NumBytes)
		}
		_, err = ns.Complete(ctx, root, p, "w", &b, st.ID)
		return err
	}
	is := func(ok bool, err error) error {
		if err == nil && !ok {
			return fmt.Errorf("no")
		}
		return err
	}
	all := []struct {
		name string
		do   func() error
	}{
		{"mkdirs " + p, func() error { return ns.Mkdirs(ctx, root, p, 0o755, true) }},
		{"write " + p, write},
		{"delete " + p, func() error { return is(ns.Delete(ctx, root, p, true)) }},
		{"rename " + p + " " + q, func() error { return is(ns.Rename(ctx, root, p, q)) }},
		{"rename2 " + p + " " + q, func() error { return ns.Rename2(ctx, root, p, q, namespace.RenameOptions{Overwrite: true}) }},
		{"chmod " + p, func() error { return ns.SetPermission(ctx, root, p, 0o700+rnd.Int64N(64)) }},
		{"chown " + p, func() error { return ns.SetOwner(ctx, root, p, fmt.Sprint("u", rnd.IntN(5)), "") }},
		{"times " + p, func() error { return ns.SetTimes(ctx, root, p, 1+rnd.Int64N(1e6), 1+rnd.Int64N(1e6)) }},
		{"setrep " + p, func() error { return is(ns.SetReplication(ctx, root, p, 1+rnd.Int64N(3))) }},
		{"policy " + p, func() error {
			return ns.SetStoragePolicy(ctx, root, p, []string{"HOT", "COLD", "WARM"}[rnd.IntN(3)])
		}},
		{"acl " + p, func() error {
			return ns.ModifyACL(ctx, root, p, []acl.Entry{{Kind: acl.User, Name: "x", Perm: rnd.Int64N(8)}})
		}},
		{"no acl " + p, func() error { return ns.RemoveACL(ctx, root, p) }},
		{"xattr " + p, func() error {
			return ns.SetXAttr(ctx, root, p, namespace.XAttr{Name: "n", Value: []byte{1}}, 0)
		}},
		{"quota " + p, func() error {
			return ns.SetQuota(ctx, root, namespace.QuotaRequest{Src: p, Names: 10 + rnd.Int64N(100), Space: namespace.KeepQuota})
		}},
		{"truncate " + p, func() error { return is(ns.Truncate(ctx, root, p, rnd.Int64N(3), "w")) }},
		{"append " + p, func() error { _, _, err := ns.Append(ctx, root, p, "w", 0); return err }},
		{"read " + p, func() error {
			c.Pass(2 * time.Hour)
			c.Beat()
			_, err := ns.GetBlockLocations(ctx, root, p, 0, 10)
			return err
		}},
		{"purge", func() error { _, err := ns.PurgeSome(ctx); return err }},
		{"recover " + p, func() error { return is(ns.RecoverLease(ctx, root, p, "r")) }},
	}
	a := all[rnd.IntN(len(all))]
	return a.name, a.do()
}

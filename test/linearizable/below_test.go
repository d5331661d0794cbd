package linearizable

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/peers"
)

// A creator makes files below a directory until it is gone.
type creator struct {
	ns   *namespace.Namespace
	name string
	made []string // below the directory
}

// run creates files in dir and in dir/deep, the parents of which must be there. A
// create that begins when gone is set must fail, and every failure be "not found".
func (c *creator) run(ctx context.Context, dir string, gone *atomic.Bool) error {
	for i := 0; ; i++ {
		file := fmt.Sprintf("%s-%d", c.name, i)
		if i%2 == 1 {
			file = "deep/" + file
		}
		late := gone.Load()
		_, err := c.ns.Create(ctx, peers.Root, namespace.CreateRequest{Src: dir + "/" + file, Mode: 0o644, ClientName: c.name,
			Flags: namespace.FlagCreate, Replication: 1, BlockSize: 1 << 20})
		switch {
		case err == nil && late:
			return fmt.Errorf("%s/%s was created when %s was gone", dir, file, dir)
		case err == nil:
			c.made = append(c.made, file)
		case errors.Is(err, fault.NotFound) && late:
			return nil
		case !errors.Is(err, fault.NotFound):
			return err
		}
	}
}

// below runs creators at all NameNodes in a fresh directory, takes the directory away
// in the middle, and returns what was created, in order.
func below(t *testing.T, p *peers.Peers, dir string, take func(ns *namespace.Namespace) error) []string {
	t.Helper()
	ctx := t.Context()
	if err := p.Nodes[0].NS.Mkdirs(ctx, peers.Root, dir+"/deep", 0o755, true); err != nil {
		t.Fatal(err)
	}
	var gone atomic.Bool
	var wg sync.WaitGroup
	creators := make([]*creator, 2*len(p.Nodes))
	for i := range creators {
		creators[i] = &creator{ns: p.Nodes[i%len(p.Nodes)].NS, name: fmt.Sprint(i)}
		wg.Go(func() {
			if err := creators[i].run(ctx, dir, &gone); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(rand.N(60 * time.Millisecond))
	if err := take(p.Nodes[rand.IntN(len(p.Nodes))].NS); err != nil {
		t.Fatal(err)
	}
	gone.Store(true)
	wg.Wait()
	var made []string
	for _, c := range creators {
		made = append(made, c.made...)
	}
	slices.Sort(made)
	return made
}

// files are the files of a directory and of its directory deep, in order.
func files(t *testing.T, ns *namespace.Namespace, dir string) []string {
	t.Helper()
	var names []string
	for _, sub := range []string{"", "deep/"} {
		after := ""
		for more := true; more; {
			page, err := ns.GetListing(t.Context(), peers.Root, dir+"/"+sub, after, false)
			if err != nil || page == nil {
				t.Fatalf("list %s/%s: %v, %v", dir, sub, page, err)
			}
			for _, e := range page.Entries {
				if after = e.Path; !e.IsDir() {
					names = append(names, sub+e.Path)
				}
			}
			more = page.Remaining > 0
		}
	}
	slices.Sort(names)
	return names
}

const takenAway = 15 // directories in each test

// onPeers runs a test with NameNodes on each store.
func onPeers(t *testing.T, n int, test func(t *testing.T, p *peers.Peers)) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) {
			test(t, peers.Start(t, peers.Options{Nodes: n, Open: open(t), Wrap: paused}))
		})
	}
}

// TestCreatesBesideMove: a file that is created while a directory above is moved is
// below the new name, or was refused because the old one was gone.
func TestCreatesBesideMove(t *testing.T) {
	onPeers(t, 2, func(t *testing.T, p *peers.Peers) {
		total := 0
		for i := range takenAway {
			from, to := fmt.Sprintf("/old/%d", i), fmt.Sprintf("/new-%d", i)
			var seen []string
			made := below(t, p, from, func(ns *namespace.Namespace) error {
				err := ns.Rename2(t.Context(), peers.Root, from, to, namespace.RenameOptions{})
				// By its old path nothing can be created any more.
				seen = files(t, ns, to)
				return err
			})
			total += len(made)
			if !slices.Equal(seen, made) {
				t.Fatalf("below %s were %d files after the mv, %d were created: %v and %v", to, len(seen), len(made), seen, made)
			}
			for _, n := range p.Nodes {
				if got := files(t, n.NS, to); !slices.Equal(got, made) {
					t.Fatalf("below %s are %d files, %d were created: %v and %v", to, len(got), len(made), got, made)
				}
			}
		}
		t.Logf("%d files created beside %d moves", total, takenAway)
	})
}

// TestCreatesBesideRemoval: a file that is created while a directory above is removed
// goes with it, or was refused; nothing stays behind.
func TestCreatesBesideRemoval(t *testing.T) {
	onPeers(t, 2, func(t *testing.T, p *peers.Peers) {
		total := 0
		for i := range takenAway {
			dir := fmt.Sprintf("/old/%d", i)
			made := below(t, p, dir, func(ns *namespace.Namespace) error {
				removed, err := ns.Delete(t.Context(), peers.Root, dir, true)
				if err == nil && !removed {
					err = errors.New("rm -r says false")
				}
				purge(t, p)
				return err
			})
			total += len(made)
		}
		for _, row := range p.Rows(schema.Inodes) {
			if in := schema.InodeOf(row); in.ID != schema.RootID && in.Name != "old" {
				t.Errorf("inode %d (%q) below %d is left behind", in.ID, in.Name, in.ParentID)
			}
		}
		t.Logf("%d files created beside %d removals", total, takenAway)
	})
}

// purge removes all that hung below removed directories, at all NameNodes at once, as
// when the lead changes.
func purge(t *testing.T, p *peers.Peers) {
	t.Helper()
	var wg sync.WaitGroup
	for _, n := range p.Nodes {
		wg.Go(func() {
			for finished := false; !finished; {
				var err error
				if finished, err = n.NS.PurgeSome(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

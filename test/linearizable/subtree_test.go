package linearizable

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/peers"
)

const (
	movers  = 3  // each has a directory /m0, /m1, … in which it moves homes about
	homes   = 3  // directories of each mover, in which a worker works
	changes = 60 // of a mover
)

// A home is a directory that its mover moves, changes and perhaps removes while its
// worker works in it. The worker knows it by its inode id, so that it need not know
// where it is.
type home struct {
	ns     *namespace.Namespace // of the worker
	id     int64
	worker string
	mode   int64
	owner  string
	gone   atomic.Bool // before it is removed
	dead   atomic.Bool // after it was removed

	below map[string]bool // what is in it; true for a directory
}

// work changes things in the home until stop is set. Nobody else does, so that every
// call must succeed as long as the home is there, and none when it is gone.
func (h *home) work(ctx context.Context, rng *rand.Rand, stop *atomic.Bool) error {
	for i := 0; !stop.Load(); i++ {
		dead := h.dead.Load()
		change, err := h.step(ctx, rng, i)
		switch {
		case err == nil && dead:
			return fmt.Errorf("%s works in a directory that was removed", h.worker)
		case err == nil:
			change()
		case errors.Is(err, fault.NotFound) && h.gone.Load():
			return nil
		default:
			return fmt.Errorf("%s: %w", h.worker, err)
		}
	}
	return nil
}

// step makes one call. The function changes what the worker knows to be there.
func (h *home) step(ctx context.Context, rng *rand.Rand, i int) (func(), error) {
	path := func(name string) string { return fmt.Sprintf("/.reserved/.inodes/%d/%s", h.id, name) }
	fresh := fmt.Sprintf("%s-%d", h.worker, i)
	names := slices.Sorted(maps.Keys(h.below))
	switch n := rng.IntN(10); {
	case n < 4 || len(names) == 0:
		_, err := h.ns.Create(ctx, peers.Root, namespace.CreateRequest{Src: path(fresh), Mode: 0o644, ClientName: h.worker,
			Flags: namespace.FlagCreate, Replication: 1, BlockSize: 1 << 20})
		return func() { h.below[fresh] = false }, err
	case n < 6:
		return func() { h.below[fresh] = true }, h.ns.Mkdirs(ctx, peers.Root, path(fresh), 0o755, false)
	case n < 8:
		old := names[rng.IntN(len(names))]
		err := h.ns.Rename2(ctx, peers.Root, path(old), path(fresh), namespace.RenameOptions{})
		return func() { h.below[fresh] = h.below[old]; delete(h.below, old) }, err
	default:
		old := names[rng.IntN(len(names))]
		removed, err := h.ns.Delete(ctx, peers.Root, path(old), true)
		if err == nil && !removed {
			err = fmt.Errorf("rm of %s is false", old)
		}
		return func() { delete(h.below, old) }, err
	}
}

// A mover changes the homes in its directory.
type mover struct {
	ns    *namespace.Namespace
	dir   string
	homes map[string]*home // by name
	worst time.Duration    // the longest that a call of its own took
}

func (m *mover) run(ctx context.Context, rng *rand.Rand) error {
	for i := range changes {
		names := slices.Sorted(maps.Keys(m.homes))
		name := names[rng.IntN(len(names))]
		h, path := m.homes[name], m.dir+"/"+name
		began := time.Now()
		var err error
		switch n := rng.IntN(10); {
		case n < 5:
			to := fmt.Sprintf("moved-%d", i)
			err = m.ns.Rename2(ctx, peers.Root, path, m.dir+"/"+to, namespace.RenameOptions{})
			delete(m.homes, name)
			m.homes[to] = h
		case n < 7:
			h.mode = []int64{0o700, 0o755, 0o777}[rng.IntN(3)]
			err = m.ns.SetPermission(ctx, peers.Root, path, h.mode)
		case n < 9 || len(names) == 1:
			h.owner = []string{"alice", "bob"}[rng.IntN(2)]
			err = m.ns.SetOwner(ctx, peers.Root, path, h.owner, "")
		default:
			h.gone.Store(true)
			_, err = m.ns.Delete(ctx, peers.Root, path, true)
			h.dead.Store(true)
			delete(m.homes, name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m.worst = max(m.worst, time.Since(began))
	}
	return nil
}

// expected is the tree as movers and workers know it.
func (m *mover) expected() []string {
	list := []string{fmt.Sprintf("%s d755 root", m.dir)}
	for name, h := range m.homes {
		path := m.dir + "/" + name
		list = append(list, fmt.Sprintf("%s d%o %s", path, h.mode, h.owner))
		for name, dir := range h.below {
			if dir {
				list = append(list, fmt.Sprintf("%s/%s d755 root", path, name))
			} else {
				list = append(list, fmt.Sprintf("%s/%s -644 root", path, name))
			}
		}
	}
	return list
}

// walkTree lists everything below a directory that is not empty, by its path.
func walkTree(t *testing.T, ns *namespace.Namespace, dir string) []string {
	t.Helper()
	var list []string
	after := ""
	for more := true; more; {
		page, err := ns.GetListing(t.Context(), peers.Root, dir+"/", after, false)
		if err != nil || page == nil {
			t.Fatalf("list %s: %v, %v", dir, page, err)
		}
		for _, e := range page.Entries {
			after = e.Path
			kind := "-"
			if e.IsDir() {
				kind = "d"
			}
			list = append(list, fmt.Sprintf("%s/%s %s%o %s", dir, e.Path, kind, e.Mode, e.UserName))
			if e.IsDir() {
				list = append(list, walkTree(t, ns, dir+"/"+e.Path)...)
			}
		}
		more = page.Remaining > 0
	}
	return list
}

// TestWorkBelow: directories are moved, changed and removed while others work below
// them, each at a NameNode of its own. Nobody who works in one notices, unless it is
// removed, and at the end everything is where it was put.
func TestWorkBelow(t *testing.T) {
	onPeers(t, nodes, func(t *testing.T, p *peers.Peers) {
		seed := firstSeed()
		t.Logf("seed %d", seed)
		ctx := t.Context()
		var all []*mover
		var stop atomic.Bool
		var moving, working sync.WaitGroup
		for i := range movers {
			m := &mover{ns: p.Nodes[i%nodes].NS, dir: fmt.Sprintf("/m%d", i), homes: map[string]*home{}}
			all = append(all, m)
			for j := range homes {
				// The workers of a mover are at all NameNodes.
				h := &home{ns: p.Nodes[(i+j)%nodes].NS, worker: fmt.Sprintf("w%d%d", i, j), mode: 0o755, owner: "root", below: map[string]bool{}}
				name := fmt.Sprint(j)
				if err := m.ns.Mkdirs(ctx, peers.Root, m.dir+"/"+name, 0o755, true); err != nil {
					t.Fatal(err)
				}
				st, err := m.ns.GetFileInfo(ctx, peers.Root, m.dir+"/"+name, false)
				if err != nil || st == nil {
					t.Fatalf("%v, %v", st, err)
				}
				h.id = st.ID
				m.homes[name] = h
				working.Go(func() {
					if err := h.work(ctx, rand.New(rand.NewPCG(seed, uint64(10+homes*i+j))), &stop); err != nil {
						t.Error(err)
					}
				})
			}
		}
		for i, m := range all {
			moving.Go(func() {
				if err := m.run(ctx, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
					t.Error(err)
				}
			})
		}
		moving.Wait()
		stop.Store(true)
		working.Wait()
		compareTree(t, p, all)
		purge(t, p)
	})
}

// compareTree compares what every NameNode shows with what was done.
func compareTree(t *testing.T, p *peers.Peers, all []*mover) {
	t.Helper()
	var want []string
	var worst time.Duration
	for _, m := range all {
		want = append(want, m.expected()...)
		worst = max(worst, m.worst)
	}
	slices.Sort(want)
	t.Logf("%d files and directories at the end; %d calls on directories, the slowest took %v", len(want), movers*changes, worst.Round(time.Millisecond))
	for i, n := range p.Nodes {
		got := walkTree(t, n.NS, "")
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("NameNode %d shows\n%s\nbut what was made is\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

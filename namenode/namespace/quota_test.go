package namespace_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/schema"
)

func setNames(t *testing.T, n *namespace.Namespace, src string, names int64) {
	t.Helper()
	err := n.SetQuota(context.Background(), root, namespace.QuotaRequest{Src: src, Names: names, Space: namespace.KeepQuota})
	if err != nil {
		t.Fatal(err)
	}
}

// readQuotas returns the directories with quotas, and how many are closed.
func readQuotas(t *testing.T, store dal.Store) (dirs []schema.Directory, closed int) {
	t.Helper()
	got, err := store.Read(context.Background(), []dal.Fetch{
		{Table: schema.Inodes, Scan: &dal.Scan{}}, {Table: schema.Directories, Scan: &dal.Scan{}}})
	if err != nil {
		t.Fatal(err)
	}
	has := map[int64]bool{}
	for _, row := range got[0].Rows {
		in := schema.InodeOf(row)
		has[in.ID] = in.Flags&schema.FlagHasQuota != 0
		if in.Kind == schema.KindDirectory && in.ClientName != "" {
			closed++
		}
	}
	for _, row := range got[1].Rows {
		if d := schema.DirectoryOf(row); has[d.ID] {
			dirs = append(dirs, d)
		}
	}
	return dirs, closed
}

// TestQuotaIsNeverExceeded: callers at two NameNodes make, move and delete files and
// trees below two quotas, one in the other. At no moment is more there than a quota
// allows, and the directories know exactly what is there.
func TestQuotaIsNeverExceeded(t *testing.T) {
	defer namespace.CountInSteps(3)()
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() { store.Close() })
			format(t, store)
			nodes := []*namespace.Namespace{node(t, store, 1), node(t, store, 2)}
			for _, d := range []string{"/q/in", "/q/side", "/out"} {
				if err := nodes[0].Mkdirs(context.Background(), root, d, 0o755, true); err != nil {
					t.Fatal(err)
				}
			}
			setNames(t, nodes[0], "/q", 40)
			setNames(t, nodes[1], "/q/in", 15)
			var callers sync.WaitGroup
			var mu sync.Mutex
			refused, done := 0, 0
			for i := range 12 {
				callers.Go(func() {
					rng := rand.New(rand.NewPCG(7, uint64(i)))
					for range 40 {
						err := anyChange(nodes[rng.IntN(2)], rng)
						mu.Lock()
						switch fault.KindOf(err) {
						case fault.NSQuota:
							refused++
						default:
							if err == nil {
								done++
							} else if !isFault(err) {
								t.Error(err)
							}
						}
						mu.Unlock()
					}
				})
			}
			ended := make(chan struct{})
			go func() { callers.Wait(); close(ended) }()
			for running := true; running; {
				select {
				case <-ended:
					running = false
				default:
				}
				mustCheck(t, store)
				dirs, closed := readQuotas(t, store)
				for _, d := range dirs {
					if d.NSUsed > d.NSQuota {
						t.Fatalf("directory %d has %d names, its quota is %d", d.ID, d.NSUsed, d.NSQuota)
					}
				}
				if !running && closed > 0 {
					t.Errorf("%d directories are still closed", closed)
				}
			}
			if refused == 0 || done < 50 {
				t.Errorf("%d changes done and %d refused for a quota: no contest", done, refused)
			}
		})
	}
}

// anyChange does one thing somewhere.
func anyChange(n *namespace.Namespace, rng *rand.Rand) error {
	ctx := context.Background()
	dir := func() string { return []string{"/q/in", "/q/side", "/out", "/q"}[rng.IntN(4)] }
	name := func() string { return fmt.Sprintf("%s/n%d", dir(), rng.IntN(6)) }
	switch rng.IntN(8) {
	case 0, 1:
		return createFile(n, name(), false)
	case 2:
		return n.Mkdirs(ctx, root, fmt.Sprintf("%s/a%d/b", name(), rng.IntN(4)), 0o755, true)
	case 3:
		return createFile(n, fmt.Sprintf("%s/f%d", name(), rng.IntN(9)), true)
	case 4:
		_, err := n.Delete(ctx, root, name(), true)
		return err
	case 5:
		return n.Rename2(ctx, root, name(), name(), namespace.RenameOptions{Overwrite: true})
	}
	_, err := n.Rename(ctx, root, name(), name())
	return err
}

// TestClosedDirectoryIsOpenedAgain: a NameNode that ends while it counts leaves the
// directory closed; another one opens it after a while, and not before.
func TestClosedDirectoryIsOpenedAgain(t *testing.T) {
	store := faulty.New(stores["memory"](t))
	t.Cleanup(func() { store.Close() })
	format(t, store)
	n := node(t, store, 1)
	if err := n.Mkdirs(context.Background(), root, "/d/e", 0o755, true); err != nil {
		t.Fatal(err)
	}
	mark(t, store, "d", "count 1", time.Now().Add(-10*time.Second).UnixMilli())
	ctx, cancel := context.WithCancel(context.Background())
	var looked atomic.Int64
	store.Observe(func(faulty.Call) {
		if looked.Add(1) == 10 { // it waits and looks again and again
			cancel()
		}
	})
	if err := n.Mkdirs(ctx, root, "/d/f", 0o755, true); !errors.Is(err, context.Canceled) {
		t.Errorf("a change went into a closed directory: %v", err)
	}
	if _, closed := readQuotas(t, store); closed != 1 {
		t.Error("somebody took the mark off")
	}
	if st, err := n.GetFileInfo(context.Background(), root, "/d/e", false); err != nil || st == nil {
		t.Errorf("a closed directory cannot be read: %v", err)
	}
	mark(t, store, "d", "count 1", time.Now().Add(-2*time.Minute).UnixMilli())
	if err := n.Mkdirs(context.Background(), root, "/d/f", 0o755, true); err != nil {
		t.Errorf("a directory stays closed: %v", err)
	}
	if _, closed := readQuotas(t, store); closed != 0 {
		t.Error("the mark is still there")
	}
}

// mark closes a directory of the root.
func mark(t *testing.T, store dal.Store, name, token string, at int64) {
	t.Helper()
	ctx := context.Background()
	k := schema.InodeKey(schema.RootID, name)
	got, err := store.Read(ctx, []dal.Fetch{{Table: schema.Inodes, Keys: []schema.Key{k}}})
	if err != nil {
		t.Fatal(err)
	}
	in := schema.InodeOf(got[0].Rows[0])
	in.ClientName, in.MTime = token, at
	tx, err := store.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	marker := schema.BatchMarker{NamenodeID: 77, Batch: time.Now().UnixNano(), Committed: 1} // somebody changed something
	err = tx.Commit(ctx, []dal.Change{{Op: dal.Put, Table: schema.Inodes, Key: k, Row: in.Row()},
		{Op: dal.Insert, Table: schema.BatchMarkers, Key: schema.BatchMarkers.Key(marker.Row()), Row: marker.Row()}})
	if err != nil {
		t.Fatal(err)
	}
}

package namespace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/fsck"
	"github.com/hopsql/hopsql/txn"
)

// node is one of several NameNodes on one store.
func node(t *testing.T, store dal.Store, id int64) *namespace.Namespace {
	t.Helper()
	eng, err := txn.New(store, txn.Options{NodeID: id})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(eng.Close)
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup", CheckPermissions: true}
	return namespace.New(eng, blocks.NewRegistry(eng, blocks.Options{}), noSafeMode{}, set)
}

var root = &namespace.Caller{User: "root", Host: "127.0.0.1"}

func createFile(n *namespace.Namespace, src string, parents bool) error {
	_, err := n.Create(context.Background(), root, namespace.CreateRequest{Src: src, Mode: 0o644, ClientName: "w",
		Flags: namespace.FlagCreate, CreateParent: parents, Replication: 1, BlockSize: 1 << 20})
	return err
}

func mustCheck(t *testing.T, store dal.Store) {
	t.Helper()
	bad, err := fsck.Check(context.Background(), store)
	if err != nil || len(bad) > 0 {
		t.Errorf("the rows do not fit together: %v\n%s", err, strings.Join(bad, "\n"))
	}
}

// TestCreateBesideDelete: of "create d/f" and "delete d" of an empty directory, at
// two NameNodes at once, one must see the other; else f is an orphan.
func TestCreateBesideDelete(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() { store.Close() })
			format(t, store)
			a, b := node(t, store, 1), node(t, store, 2)
			ctx := context.Background()
			for i := range 100 {
				d := fmt.Sprintf("/d%d", i)
				if err := a.Mkdirs(ctx, root, d, 0o755, false); err != nil {
					t.Fatal(err)
				}
				var created error
				var deleted bool
				var wg sync.WaitGroup
				wg.Go(func() { created = createFile(a, d+"/f", false) })
				wg.Go(func() { deleted, _ = b.Delete(ctx, root, d, false) })
				wg.Wait()
				if (created == nil) == deleted {
					t.Fatalf("round %d: created %v, deleted %v", i, created, deleted)
				}
			}
			mustCheck(t, store)
		})
	}
}

// TestMovesIntoEachOther: "mv a b/x" and "mv b a/x" at once must not both happen;
// else a and b are a cycle cut off from the root.
func TestMovesIntoEachOther(t *testing.T) {
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() { store.Close() })
			format(t, store)
			a, b := node(t, store, 1), node(t, store, 2)
			ctx := context.Background()
			for i := range 100 {
				p, q := fmt.Sprintf("/p%d", i), fmt.Sprintf("/q%d", i)
				for _, d := range []string{p, q} {
					if err := a.Mkdirs(ctx, root, d, 0o755, false); err != nil {
						t.Fatal(err)
					}
				}
				var one, two bool
				var wg sync.WaitGroup
				wg.Go(func() { one, _ = a.Rename(ctx, root, p, q+"/x") })
				wg.Go(func() { two, _ = b.Rename(ctx, root, q, p+"/x") })
				wg.Wait()
				if one == two {
					t.Fatalf("round %d: %v, %v", i, one, two)
				}
			}
			mustCheck(t, store)
		})
	}
}

// TestRandomWork runs random operations at three NameNodes and checks the tables.
func TestRandomWork(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	for name, open := range testStores() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			t.Cleanup(func() { store.Close() })
			format(t, store)
			var wg sync.WaitGroup
			for id := range int64(3) {
				n := node(t, store, id+1)
				for w := range int64(8) {
					wg.Go(func() { randomWork(t, n, rand.New(rand.NewPCG(uint64(seed), uint64(id*100+w)))) })
				}
			}
			wg.Wait()
			mustCheck(t, store)
		})
	}
}

func randomWork(t *testing.T, n *namespace.Namespace, rng *rand.Rand) {
	ctx := context.Background()
	path := func() string {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			fmt.Fprintf(&b, "/%d", rng.IntN(3))
		}
		return b.String()
	}
	for range 150 {
		var err error
		switch rng.IntN(6) {
		case 0:
			err = n.Mkdirs(ctx, root, path(), 0o755, true)
		case 1:
			err = createFile(n, path(), true)
		case 2:
			_, err = n.Delete(ctx, root, path(), rng.IntN(2) == 0)
		case 3:
			_, err = n.Rename(ctx, root, path(), path())
		case 4:
			err = n.Rename2(ctx, root, path(), path(), namespace.RenameOptions{Overwrite: true})
		case 5:
			_, err = n.GetListing(ctx, root, path(), "", false)
		}
		// The rules refuse many of these; what must not come is an error of the
		// store or of the engine.
		if err != nil && !isFault(err) {
			t.Errorf("%v", err)
			return
		}
	}
}

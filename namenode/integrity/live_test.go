package integrity_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/namenode/integrity"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/testkit/fakecluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// TestNoFalseAlarms checks a system again and again while calls of all sorts change it.
func TestNoFalseAlarms(t *testing.T) {
	t.Run("memory", func(t *testing.T) { checkBesideCalls(t, nil, 30) })
	if testing.Short() {
		return
	}
	t.Run("mariadb", func(t *testing.T) {
		store, err := open.Open(t.Context(), conf.New(map[string]string{open.KeyURL: mariadb.Database(t)}))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkBesideCalls(t, store, 5)
	})
}

func checkBesideCalls(t *testing.T, store dal.Store, times int) {
	t.Helper()
	cl := fakecluster.New(t, fakecluster.Options{Store: store})
	ns, root := cl.NS, fakecluster.Root
	for _, dir := range []string{"/q/a", "/q/b", "/free/a"} {
		if err := ns.Mkdirs(t.Context(), root, dir, 0o755, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := ns.SetQuota(t.Context(), root, namespace.QuotaRequest{Src: "/q", Names: 1_000_000, Space: 1 << 50}); err != nil {
		t.Fatal(err)
	}
	cl.Write("/q/a/whole", 2, 100, 100)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	const seed = 1
	for i := range uint64(4) {
		wg.Go(func() { churn(ctx, ns, rand.New(rand.NewPCG(seed, i)), fmt.Sprint("writer", i)) })
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			_, _ = ns.PurgeSome(ctx) // ends with ctx
		}
	})
	c := &integrity.Checker{Engine: cl.Eng, Usage: ns.VerifyUsage, LeaseLimit: time.Hour, Pause: time.Millisecond}
	for range times {
		_, err := c.Run(t.Context(), &integrity.Listener{
			Found: func(f string) { t.Errorf("seed %d: found in a sound system: %s", seed, f) },
			Note:  func(string, ...any) {}, Read: func(string, int64) {}, Done: func(string, int64) {},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	wg.Wait()
}

// churn makes, moves and removes names until ctx ends. Errors are part of it: others are
// at the same names.
func churn(ctx context.Context, ns *namespace.Namespace, rnd *rand.Rand, client string) {
	root := fakecluster.Root
	name := func() string {
		return fmt.Sprintf("/%s/%s/%d", []string{"q", "free"}[rnd.IntN(2)], []string{"a", "b", "c"}[rnd.IntN(3)], rnd.IntN(8))
	}
	for ctx.Err() == nil {
		path := name()
		switch rnd.IntN(8) {
		case 0, 1:
			st, err := ns.Create(ctx, root, namespace.CreateRequest{Src: path, Mode: 0o644, ClientName: client,
				Flags: namespace.FlagCreate | namespace.FlagOverwrite, CreateParent: true, Replication: 2, BlockSize: fakecluster.BlockSize})
			if err == nil && rnd.IntN(2) == 0 {
				_, _ = ns.Complete(ctx, root, path, client, nil, st.ID)
			}
		case 2, 3:
			_ = ns.Mkdirs(ctx, root, path+"/deep/er", 0o755, true)
		case 4, 5:
			_, _ = ns.Rename(ctx, root, path, name())
		case 6:
			_, _ = ns.Delete(ctx, root, path, true)
		case 7:
			_ = ns.SetPermission(ctx, root, path, 0o700)
		}
	}
}

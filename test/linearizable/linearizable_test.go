package linearizable

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/testkit/mariadb"
	"github.com/hopsql/hopsql/testkit/peers"
)

const nodes = 3

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the first history; 0 for one of the clock")
	histories = flag.Int("histories", 200, "how many histories of each kind on each store")
)

// firstSeed is where this run begins. The directory of a history carries its seed.
func firstSeed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return uint64(time.Now().UnixMilli())
}

// An opener returns how the NameNodes of one file system come to their rows.
type opener func(t *testing.T) func(testing.TB) dal.Store

// stores are databases with connections of each NameNode's own, and stores that all
// share. The short run leaves the server out.
func stores() map[string]opener {
	all := map[string]opener{"memory": inMemory, "sqlite": func(t *testing.T) func(testing.TB) dal.Store {
		return peers.Same(peers.At("sqlite://" + filepath.Join(t.TempDir(), "namespace.db"))(t))
	}}
	if !testing.Short() {
		all["mariadb"] = onMariaDB
	}
	return all
}

func inMemory(*testing.T) func(testing.TB) dal.Store {
	return peers.Same(memstore.New(func(tr *dal.Traits) { tr.Markers = true }))
}

func onMariaDB(t *testing.T) func(testing.TB) dal.Store { return peers.At(mariadb.Database(t)) }

// TestLinearizable: every history of several NameNodes has an explanation, at full
// speed and with pauses before the commits.
func TestLinearizable(t *testing.T) {
	n := *histories
	if testing.Short() {
		n = 20
	}
	for name, open := range stores() {
		for kind, wrap := range map[string]func(int, dal.Store) dal.Store{
			"fast": nil,
			"slow": paused,
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				p := peers.Start(t, peers.Options{Nodes: nodes, Open: open(t), Wrap: wrap})
				if bad := runHistories(t, p, firstSeed(), n); bad != nil {
					t.Errorf("no order of the calls explains their answers: seed %d, shown in %s", bad.seed, bad.show())
				}
			})
		}
	}
}

// TestPlantedBug: without the shared locks on the rows above a target the checker
// soon finds a history that has no explanation. It shows that the checker looks.
func TestPlantedBug(t *testing.T) {
	const tries = 2000
	openers := map[string]opener{"memory": inMemory}
	if !testing.Short() {
		openers["mariadb"] = onMariaDB
	}
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			wrap := func(_ int, s dal.Store) dal.Store { return &slow{Store: s, unlocked: true} }
			p := peers.Start(t, peers.Options{Nodes: nodes, Open: open(t), Wrap: wrap, Damaged: true})
			first := firstSeed()
			bad := runHistories(t, p, first, tries)
			if bad == nil {
				t.Fatalf("%d histories without the locks, and all have an explanation", tries)
			}
			t.Logf("found in history %d, seed %d", bad.seed-first+1, bad.seed)
		})
	}
}

// TestRootDirectory: the same with the root as the directory of each history, whose
// mode changes too.
func TestRootDirectory(t *testing.T) {
	n := *histories
	if testing.Short() {
		n = 20
	}
	first := firstSeed()
	for seed := first; seed < first+uint64(n); seed++ {
		p := peers.Start(t, peers.Options{Nodes: nodes, Open: inMemory(t), Wrap: paused})
		if err := p.Nodes[0].NS.SetPermission(t.Context(), peers.Root, "/", 0o777); err != nil {
			t.Fatal(err)
		}
		h, err := recordIn(t.Context(), p, "", seed)
		if err != nil {
			t.Fatal(err)
		}
		if h.result != porcupine.Ok {
			t.Fatalf("%s: no order of the calls explains their answers: seed %d, shown in %s", h.result, seed, h.show())
		}
	}
	t.Logf("seeds %d to %d", first, first+uint64(n)-1)
}

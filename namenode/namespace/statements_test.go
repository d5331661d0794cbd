package namespace_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// warm is a list of operations whose hints are warm; each is shown with the
// statements that it sends.
const warm = `$ addblock /d/f
$ received /d/f
$ addblock /d/f
$ received /d/f
$ complete /d/f
$ open /d/f
$ stat /d
$ stat /d/f
$ ls /d
$ mkdirs /d/new
$ create /d/g call=1,0
$ delete /d/g call=2,0
$ rename /d/f /e/f call=3,0
$ rename /d/new /e/new call=4,0
$ rename2 /e/f /e/h overwrite=yes call=5,0
$ chmod 700 /e/h
$ settimes /d
$ delete /e recursive=yes call=6,0
`

// TestStatements compares the statements of every operation with the golden file of
// each dialect. One blank line apart are round trips.
func TestStatements(t *testing.T) {
	places := map[string]func(t *testing.T) open.Location{
		"sqlite": func(t *testing.T) open.Location {
			return open.Location{File: filepath.Join(t.TempDir(), "namespace.db")}
		},
		"innodb": func(t *testing.T) open.Location { return locate(t, mariadb.Database(t)) },
		// The statements of the NDB dialect on the tables of the server that is here.
		"ndb": func(t *testing.T) open.Location {
			l := locate(t, mariadb.Database(t))
			l.MySQL.Engine = sqlstore.NDBStatements
			return l
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			file := "testdata/statements/" + name + ".txt"
			s, trace := tracedScenario(t, place(t))
			s.run(setup+"$ datanode\n", false)
			var out strings.Builder
			for line := range strings.Lines(warm) {
				trace.reset()
				out.WriteString(s.run(line, false))
				for i, trip := range trace.all() {
					if i > 0 {
						out.WriteString("\n")
					}
					for st := range strings.Lines(trip) {
						out.WriteString("    " + strings.TrimSpace(st) + "\n")
					}
				}
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("statements differ:\n%s", diff(string(want), out.String()))
			}
		})
	}
}

// A trips collects round trips.
type trips struct {
	mu   sync.Mutex
	list []string
}

func (tr *trips) add(s string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.list = append(tr.list, s)
}

func (tr *trips) reset() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.list = nil
}

func (tr *trips) all() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.list
}

func locate(t *testing.T, url string) open.Location {
	t.Helper()
	l, err := open.Locate(conf.New(map[string]string{open.KeyURL: url}))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tracedScenario(t *testing.T, l open.Location) (*scenario, *trips) {
	t.Helper()
	var tr trips
	store, err := l.Open(tr.add)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Admin().Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return newScenario(t, store), &tr
}

// TestWarmRoundTrips states the counts that the golden files show: reads in one round
// trip, changes in two, on every store; fewer on one that nobody else changes, where what is
// known is not asked for.
func TestWarmRoundTrips(t *testing.T) {
	want := map[string]int{"stat": 1, "ls": 1, "open": 1}
	for name, openStore := range testStores() {
		t.Run(name, func(t *testing.T) {
			s := newScenario(t, openStore(t))
			s.run(setup+"$ datanode\n", false)
			n := 0
			s.store.Observe(func(faulty.Call) { n++ })
			for line := range strings.Lines(warm) {
				n = 0
				s.run(line, false)
				words := strings.Fields(line)
				most, ok := want[words[1]]
				if !ok {
					most = 2
				}
				if n > most || n < most && name != "sqlite" {
					t.Errorf("%s: %d round trips, want %d", words[1:], n, most)
				}
			}
		})
	}
}

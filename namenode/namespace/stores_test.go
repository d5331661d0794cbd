package namespace_test

import (
	"path/filepath"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// testStores are the stores that the rules are tested on, each opened empty. The
// short run leaves the server out of the tests that open a store many times.
func testStores() map[string]func(t testing.TB) dal.Store {
	if !testing.Short() {
		return stores
	}
	return map[string]func(t testing.TB) dal.Store{"memory": stores["memory"], "sqlite": stores["sqlite"]}
}

var stores = map[string]func(t testing.TB) dal.Store{
	"memory":  func(testing.TB) dal.Store { return memstore.New(func(tr *dal.Traits) { tr.Markers = true }) },
	"sqlite":  openSQLite,
	"mariadb": openMariaDB,
}

func openSQLite(t testing.TB) dal.Store {
	return openURL(t, "sqlite://"+filepath.Join(t.TempDir(), "namespace.db"))
}

func openMariaDB(t testing.TB) dal.Store { return openURL(t, mariadb.Database(t)) }

func openURL(t testing.TB, url string) dal.Store {
	t.Helper()
	store, err := open.Open(t.Context(), conf.New(map[string]string{open.KeyURL: url}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Admin().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

package cluster

import (
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/open"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/fsck"
)

// OpenStore opens a store from outside of any NameNode, by the value of
// dfs.storage.driver.url. A SQLite file must not be in use.
func OpenStore(tb testing.TB, storeURL string) dal.Store {
	tb.Helper()
	store, err := open.Open(tb.Context(), conf.New(map[string]string{open.KeyURL: storeURL}))
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// CheckStore fails the test when the rows of the store do not fit together. The
// NameNode must not be running on SQLite.
func (c *Cluster) CheckStore(tb testing.TB) {
	tb.Helper()
	store := OpenStore(tb, c.StoreURL)
	defer func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	}()
	found, err := fsck.Check(tb.Context(), store)
	if err != nil {
		tb.Fatal(err)
	}
	if len(found) > 0 {
		tb.Errorf("the rows do not fit together:\n%s", strings.Join(found, "\n"))
	}
}

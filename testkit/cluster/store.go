package cluster

import (
	"net/url"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/sqlstore"
	"github.com/hopsql/hopsql/testkit/fsck"
)

// OpenStore opens a store from outside of any NameNode, by the value of
// dfs.storage.driver.url. A SQLite file must not be in use.
func OpenStore(tb testing.TB, storeURL string) dal.Store {
	tb.Helper()
	u, err := url.Parse(storeURL)
	if err != nil {
		tb.Fatal(err)
	}
	var store dal.Store
	if u.Scheme == "sqlite" {
		store, err = sqlstore.OpenSQLite(sqlstore.SQLiteConfig{Path: u.Path})
	} else {
		password, _ := u.User.Password()
		store, err = sqlstore.OpenMySQL(sqlstore.MySQLConfig{
			Address: u.Host, User: u.User.Username(), Password: password,
			Database: strings.TrimPrefix(u.Path, "/"), Engine: u.Query().Get("engine"),
		})
	}
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

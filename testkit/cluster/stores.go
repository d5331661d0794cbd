package cluster

import (
	"testing"

	"github.com/hopsql/hopsql/testkit/mariadb"
)

// OnEachStore runs a test once on SQLite and once on an empty MariaDB database,
// handing it the value of dfs.storage.driver.url.
func OnEachStore(t *testing.T, test func(t *testing.T, storeURL string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("mariadb", func(t *testing.T) { test(t, mariadb.Database(t)) })
}

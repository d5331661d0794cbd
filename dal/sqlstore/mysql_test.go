package sqlstore

import (
	"net"
	"strconv"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/daltest"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// serverConfig names a new database on the tests' MariaDB.
func serverConfig(t testing.TB) MySQLConfig {
	t.Helper()
	s := mariadb.Shared(t)
	return MySQLConfig{
		Address: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), User: s.User, Password: s.Password,
		Database: s.Database(t), Engine: InnoDB,
	}
}

// openServer returns a migrated store in a new database.
func openServer(t testing.TB, cfg MySQLConfig, d dialect) *Store {
	t.Helper()
	s, err := openMySQL(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Admin().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractInnoDB(t *testing.T) {
	daltest.Run(t, func(t *testing.T) dal.Store { return openServer(t, serverConfig(t), innodb) })
}

func TestContractNDBStatements(t *testing.T) {
	daltest.Run(t, func(t *testing.T) dal.Store { return openServer(t, serverConfig(t), ndbOnInnoDB()) })
}

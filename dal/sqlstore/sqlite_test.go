package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/daltest"
)

// openFile returns a migrated store in a new file.
func openFile(t testing.TB) *Store {
	t.Helper()
	s, err := OpenSQLite(SQLiteConfig{Path: filepath.Join(t.TempDir(), "a folder?#%41", "names.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Admin().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractSQLite(t *testing.T) {
	daltest.Run(t, func(t *testing.T) dal.Store { return openFile(t) })
}

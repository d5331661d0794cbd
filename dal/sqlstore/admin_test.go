package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// both runs f on a fresh store of each kind.
func both(t *testing.T, f func(t *testing.T, s *Store)) {
	t.Run("innodb", func(t *testing.T) { f(t, openServer(t, serverConfig(t), innodb)) })
	t.Run("sqlite", func(t *testing.T) { f(t, openFile(t)) })
}

func wantVersion(t *testing.T, s *Store, want uint, wantDirty bool) {
	t.Helper()
	got, dirty, err := s.Admin().Version(t.Context())
	if err != nil || got != want || dirty != wantDirty {
		t.Fatalf("version %d, dirty %v, error %v; want %d, %v", got, dirty, err, want, wantDirty)
	}
}

func exec(t *testing.T, s *Store, text string) {
	t.Helper()
	if _, err := s.write.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestReport(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		fill(t, s, 5, "SELECT 1 FROM %s LIMIT 1")
		r, err := s.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Bytes == 0 || r.Server == "" || r.Where == "" || len(r.Tables) < len(schema.Tables) {
			t.Errorf("%+v", r)
		}
		for _, size := range r.Tables {
			if !r.Estimated && size.Rows != 5 {
				t.Errorf("%+v", size)
			}
		}
	})
}

func TestMigrationThatBrokeOffIsRunAgain(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		commit(t, s, []dal.Change{change(dal.Insert, schema.Inodes, testRow(schema.Inodes, 1))})
		exec(t, s, "DROP TABLE xattrs")
		exec(t, s, "UPDATE schema_migrations SET dirty=TRUE, version=1")
		wantVersion(t, s, 1, true)
		if err := s.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantVersion(t, s, schema.Version, false)
		commit(t, s, []dal.Change{change(dal.Insert, schema.XAttrs, testRow(schema.XAttrs, 1))})
		rows, err := s.Read(t.Context(), []dal.Fetch{{Table: schema.Inodes, Scan: &dal.Scan{}}})
		if err != nil || len(rows[0].Rows) != 1 {
			t.Error("the data is gone", err)
		}
	})
}

func TestDropThatBrokeOffIsRunAgain(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		exec(t, s, "DROP TABLE xattrs")
		exec(t, s, "UPDATE schema_migrations SET dirty=TRUE, version=-1")
		for range 2 {
			if err := s.Admin().Drop(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantVersion(t, s, 0, false)
		}
		if err := s.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		commit(t, s, []dal.Change{change(dal.Insert, schema.Inodes, testRow(schema.Inodes, 1))})
	})
}

func TestMigrationAfterADropThatBrokeOff(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		exec(t, s, "DROP TABLE xattrs")
		exec(t, s, "UPDATE schema_migrations SET dirty=TRUE, version=-1")
		if err := s.Admin().Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		commit(t, s, []dal.Change{change(dal.Insert, schema.XAttrs, testRow(schema.XAttrs, 1))})
	})
}

func TestNewerTablesAreLeftAlone(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		exec(t, s, "UPDATE schema_migrations SET version=99")
		wantVersion(t, s, 99, false)
		for _, f := range []func(context.Context) error{s.Admin().Migrate, s.Admin().Drop} {
			if err := f(t.Context()); !dal.Is(err, dal.Permanent) || !strings.Contains(err.Error(), "newer") {
				t.Error(err)
			}
		}
		wantVersion(t, s, 99, false)
	})
}

func TestManyMigrateAtOnce(t *testing.T) {
	cfg := serverConfig(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := OpenMySQL(cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Admin().Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := openServer(t, cfg, innodb)
	wantVersion(t, s, schema.Version, false)
}

func TestMigrateCreatesTheDatabase(t *testing.T) {
	cfg := serverConfig(t)
	name := cfg.Database
	cfg.Database += "_`new"
	s, err := OpenMySQL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer s.Close()
		if _, err := s.write.Exec("DROP DATABASE `" + name + "_``new`"); err != nil {
			t.Error(err)
		}
	})
	wantVersion(t, s, 0, false)
	_, err = s.Read(t.Context(), []dal.Fetch{{Table: schema.Purge, Scan: &dal.Scan{}}})
	if !dal.Is(err, dal.Permanent) || !strings.Contains(err.Error(), "namenode -format") {
		t.Error(err)
	}
	if err := s.Admin().Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantVersion(t, s, schema.Version, false)
}

func TestASecondProcessIsRefusedAFile(t *testing.T) {
	s := openFile(t)
	path := strings.TrimPrefix(s.where, "file ")
	_, err := OpenSQLite(SQLiteConfig{Path: path})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Path != path+".lock" || locked.PID != strconv.Itoa(os.Getpid()) {
		t.Fatal(err)
	}
	for _, part := range []string{path, strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %s", part, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenSQLite(SQLiteConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wantVersion(t, again, schema.Version, false)
}

func TestAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSQLite(SQLiteConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Admin().Version(t.Context()); !dal.Is(err, dal.Permanent) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func TestAFullFile(t *testing.T) {
	s := openFile(t)
	exec(t, s, "PRAGMA max_page_count=200")
	big := func(i int) []dal.Change {
		v := schema.XAttr{InodeID: int64(i), Name: "x", Value: strings.Repeat("x", 60_000)}
		r := v.Row()
		return []dal.Change{change(dal.Insert, schema.XAttrs, r), change(dal.Insert, schema.Purge, testRow(schema.Purge, i))}
	}
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		tx, _ := s.Begin(t.Context())
		err = tx.Commit(t.Context(), big(n))
		tx.Rollback()
	}
	if !dal.Is(err, dal.Full) {
		t.Fatal(err)
	}
	rows, err := s.Read(t.Context(), []dal.Fetch{{Table: schema.Purge, Scan: &dal.Scan{}}, {Table: schema.XAttrs, Scan: &dal.Scan{}}})
	if err != nil || len(rows[0].Rows) != n-1 || len(rows[1].Rows) != n-1 {
		t.Fatal(len(rows[0].Rows), len(rows[1].Rows), n, err)
	}
	exec(t, s, "PRAGMA max_page_count=100000")
	commit(t, s, big(n))
}

func TestCommitSurvivesAKill(t *testing.T) {
	// The write-ahead log without the process that wrote it: a copy of the files.
	s := openFile(t)
	for i := range 20 {
		commit(t, s, []dal.Change{change(dal.Insert, schema.Purge, testRow(schema.Purge, i))})
	}
	path := strings.TrimPrefix(s.where, "file ")
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := OpenSQLite(SQLiteConfig{Path: copied})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.Read(t.Context(), []dal.Fetch{{Table: schema.Purge, Scan: &dal.Scan{}}})
	if err != nil || len(rows[0].Rows) != 20 {
		t.Fatal(len(rows), err)
	}
	for _, pragma := range []string{"journal_mode=wal", "synchronous=2"} {
		name, want, _ := strings.Cut(pragma, "=")
		var got string
		if err := s.write.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Error(fmt.Sprint(name, "=", got), err)
		}
	}
}

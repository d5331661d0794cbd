package mariadb

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, s *Server, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestKilledServerKeepsWhatItCommitted(t *testing.T) {
	s := Start(t)
	db := open(t, s, s.Database(t))
	for _, q := range []string{"CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO t VALUES (7)"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	s.Kill()
	if err := db.Ping(); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	var a int
	if err := db.QueryRow("SELECT a FROM t").Scan(&a); err != nil || a != 7 {
		t.Fatalf("after the restart: %d, %v", a, err)
	}
}

func TestPausedServerIsSilentAndComesBack(t *testing.T) {
	s := Start(t)
	db := open(t, s, "")
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := db.PingContext(ctx); err == nil {
		t.Fatal("a paused server answers")
	}
	s.Continue()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
}

// TestTemporaryTablesAreApart matters where servers start side by side: one that
// starts removes the temporary tables it finds.
func TestTemporaryTablesAreApart(t *testing.T) {
	s := Start(t)
	var dir string
	if err := open(t, s, "").QueryRow("SELECT @@tmpdir").Scan(&dir); err != nil || dir != s.temporary() {
		t.Errorf("temporary tables are in %q (%v), want %q", dir, err, s.temporary())
	}
}

func TestSettingsThatResultsDependOn(t *testing.T) {
	db := open(t, Shared(t), "")
	for name, want := range map[string]string{"innodb_flush_log_at_trx_commit": "1", "max_connections": "200"} {
		var got string
		if err := db.QueryRow("SELECT @@global." + name).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %s", name, got, err, want)
		}
	}
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	first, second := Database(t), Database(t)
	if first == second {
		t.Fatalf("the same database twice: %s", first)
	}
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "mysql" || u.Query().Get("engine") != "innodb" || len(u.Path) < 2 {
		t.Errorf("URL %s is not a mysql:// URL of a database", u.Redacted())
	}
}

func TestGivenWantsAWholeURL(t *testing.T) {
	s, err := Given("mysql://root:geheim@127.0.0.1:3333")
	if err != nil || s.User != "root" || s.Password != "geheim" || s.Port != 3333 {
		t.Errorf("Given = %+v, %v", s, err)
	}
	if err := s.Restart(); err == nil {
		t.Error("a given server can be started")
	}
	for _, bad := range []string{"127.0.0.1:3306", "mysql://127.0.0.1:3306", "mysql://a:b@host", "postgres://a:b@host:1"} {
		if _, err := Given(bad); err == nil || !strings.Contains(err.Error(), EnvURL) {
			t.Errorf("Given(%q): error %v does not name %s", bad, err, EnvURL)
		}
	}
}

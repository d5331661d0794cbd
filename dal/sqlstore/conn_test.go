package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

var purgeScan = dal.Fetch{Table: schema.Purge, Scan: &dal.Scan{}}

func purgeRow(i int) dal.Change { return change(dal.Insert, schema.Purge, testRow(schema.Purge, i)) }

// count returns the rows of Purge.
func count(t *testing.T, s *Store) int {
	t.Helper()
	rows, err := s.Read(t.Context(), []dal.Fetch{purgeScan})
	if err != nil {
		t.Fatal(err)
	}
	return len(rows[0].Rows)
}

func variable(t *testing.T, db *sql.DB, names ...string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SHOW SESSION VARIABLES WHERE variable_name IN ('"+strings.Join(names, "','")+"')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var name, value string
	for rows.Next() {
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEverySessionIsReadCommitted(t *testing.T) {
	s := openServer(t, serverConfig(t), innodb)
	s.read.SetMaxOpenConns(1)
	want := func(when string) {
		t.Helper()
		if got := variable(t, s.read, "tx_isolation", "transaction_isolation"); got != "READ-COMMITTED" {
			t.Errorf("%s: %s", when, got)
		}
		var begun int
		if err := s.read.QueryRow("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id=CONNECTION_ID()").Scan(&begun); err != nil || begun != 0 {
			t.Errorf("%s: %d transactions are open, %v", when, begun, err)
		}
	}
	want("new")
	for range 2 {
		s.read.SetMaxIdleConns(0) // a new connection
		want("another one")
	}
	s.read.SetMaxIdleConns(1)
	if _, err := s.Read(t.Context(), []dal.Fetch{purgeScan, purgeScan}); err != nil {
		t.Fatal(err)
	}
	want("after a read of two statements")
	exec(t, s, "DROP TABLE xattrs")
	_, err := s.Read(t.Context(), []dal.Fetch{purgeScan, {Table: schema.XAttrs, Scan: &dal.Scan{}}, purgeScan})
	if !dal.Is(err, dal.Permanent) || !strings.Contains(err.Error(), "namenode") {
		t.Fatal(err)
	}
	want("after a read that failed")
	if got := variable(t, s.read, "sql_mode"); !strings.Contains(got, "STRICT_ALL_TABLES") || !strings.Contains(got, "NO_ENGINE_SUBSTITUTION") {
		t.Error(got)
	}
}

func TestIdleConnectionsThatBreakAreReplaced(t *testing.T) {
	cfg := serverConfig(t)
	s := openServer(t, cfg, innodb)
	other := openServer(t, cfg, innodb)
	for i := range 5 {
		n := count(t, s)
		kill(t, other, cfg.Database)
		if i%2 == 0 {
			commit(t, s, []dal.Change{purgeRow(i)})
			n++
		}
		if got := count(t, s); got != n {
			t.Errorf("%d rows, want %d", got, n)
		}
	}
}

// kill ends all connections to a database but the one that it uses.
func kill(t *testing.T, s *Store, database string) {
	t.Helper()
	conn, err := s.read.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE db=? AND id<>CONNECTION_ID()", database)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := conn.ExecContext(t.Context(), "KILL "+id); err != nil {
			t.Log(err) // it may have ended meanwhile
		}
	}
	time.Sleep(20 * time.Millisecond) // until the other side can see it
}

func TestAConnectionThatBreaksInATransaction(t *testing.T) {
	cfg := serverConfig(t)
	s := openServer(t, cfg, innodb)
	other := openServer(t, cfg, innodb)
	for _, next := range []func(tx dal.Tx) error{
		func(tx dal.Tx) error { _, err := tx.Fetch(t.Context(), []dal.Fetch{purgeScan}); return err },
		func(tx dal.Tx) error { return tx.Commit(t.Context(), []dal.Change{purgeRow(1)}) },
	} {
		tx, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Fetch(t.Context(), []dal.Fetch{purgeScan}); err != nil {
			t.Fatal(err)
		}
		kill(t, other, cfg.Database)
		if err := next(tx); !dal.Is(err, dal.Unavailable) && !dal.Is(err, dal.UnknownOutcome) {
			t.Error(err)
		}
		tx.Rollback()
	}
	if n := count(t, s); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestServerDownAndBack(t *testing.T) {
	server := mariadb.Start(t)
	cfg := MySQLConfig{Address: net.JoinHostPort(server.Host, strconv.Itoa(server.Port)), User: server.User, Password: server.Password, Database: "d", Engine: InnoDB}
	s := openServer(t, cfg, innodb)
	commit(t, s, []dal.Change{purgeRow(1)})
	server.Kill()
	for range 2 {
		start := time.Now()
		_, err := s.Read(t.Context(), []dal.Fetch{purgeScan})
		if !dal.Is(err, dal.Unavailable) || !strings.Contains(err.Error(), cfg.Address) || strings.Contains(err.Error(), cfg.Password) {
			t.Error(err)
		}
		tx, _ := s.Begin(t.Context())
		if err := tx.Commit(t.Context(), []dal.Change{purgeRow(2)}); !dal.Is(err, dal.Unavailable) {
			t.Error(err)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d rows", n)
	}

	local := cfg
	local.Address = server.Socket
	l, err := OpenMySQL(local)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n := count(t, l); n != 1 {
		t.Errorf("%d rows through the unix socket", n)
	}

	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Read(ctx, []dal.Fetch{purgeScan}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	server.Continue()
	tx, _ := s.Begin(t.Context())
	if _, err := tx.Fetch(t.Context(), []dal.Fetch{purgeScan}); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := tx.Commit(ctx, []dal.Change{purgeRow(3)}); !dal.Is(err, dal.UnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
	server.Continue()
	if n := count(t, s); n != 1 && n != 2 {
		t.Errorf("%d rows", n)
	}
}

// A statement whose caller has gone must not keep its locks until the lock wait runs
// out at the server.
func TestAnEndedContextEndsTheWaitAtTheServer(t *testing.T) {
	s := openServer(t, serverConfig(t), innodb)
	commit(t, s, []dal.Change{purgeRow(1), purgeRow(2)})
	lock := func(ctx context.Context, ids ...int64) (dal.Tx, error) {
		f := dal.Fetch{Table: schema.Purge, Lock: dal.Exclusive}
		for _, id := range ids {
			f.Keys = append(f.Keys, schema.KeyOf(schema.Int(id)))
		}
		tx, err := s.Begin(t.Context())
		if err == nil {
			_, err = tx.Fetch(ctx, []dal.Fetch{f})
		}
		return tx, err
	}
	holder, err := lock(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, 1, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	start := time.Now()
	third, err := lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	third.Rollback()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("the lock came after %v", d)
	}
}

// A cutter is a proxy that breaks the connection at the next COMMIT, before or
// after the server got it.
type cutter struct {
	net.Listener
	server string
	mode   atomic.Int32
}

const (
	pass int32 = iota
	cutBefore
	cutAfter
)

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, server: server}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	t.Cleanup(func() { l.Close() })
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	answers := make(chan struct{})
	var deaf atomic.Bool
	go func() {
		defer close(answers)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if deaf.Load() {
				// Each statement is answered for itself: wait until the last one is.
				server.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if mode := c.mode.Load(); mode != pass && bytes.Contains(buf[:n], []byte("; COMMIT")) {
			if mode == cutBefore {
				return
			}
			deaf.Store(true)
			if _, err := server.Write(buf[:n]); err == nil {
				<-answers
			}
			return
		}
		if _, err := server.Write(buf[:n]); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

func TestTheOutcomeOfACommitIsUnknownWhenTheConnectionBreaks(t *testing.T) {
	cfg := serverConfig(t)
	direct := openServer(t, cfg, innodb)
	c := newCutter(t, cfg.Address)
	cfg.Address = c.Addr().String()
	s := openServer(t, cfg, innodb)
	want := 0
	for _, mode := range []int32{cutBefore, cutAfter} {
		for _, fetched := range []bool{false, true} {
			c.mode.Store(pass)
			tx, _ := s.Begin(t.Context())
			if fetched {
				if _, err := tx.Fetch(t.Context(), []dal.Fetch{purgeScan}); err != nil {
					t.Fatal(err)
				}
			}
			c.mode.Store(mode)
			err := tx.Commit(t.Context(), []dal.Change{purgeRow(want*10 + int(mode))})
			tx.Rollback()
			if !dal.Is(err, dal.UnknownOutcome) {
				t.Errorf("mode %d: %v", mode, err)
			}
			if mode == cutAfter {
				want++
			}
			if n := count(t, direct); n != want {
				t.Errorf("mode %d: %d rows, want %d", mode, n, want)
			}
		}
	}
	c.mode.Store(pass)
	if n := count(t, s); n != want {
		t.Errorf("%d rows", n)
	}
}

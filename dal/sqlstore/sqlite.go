package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	lite "modernc.org/sqlite"

	"github.com/hopsql/hopsql/dal"
)

// maxStatements is how many prepared statements a connection keeps.
const maxStatements = 512

// SQLiteConfig says which file holds the tables.
type SQLiteConfig struct {
	Path string
	// Trace is as in MySQLConfig; one call of the store counts as a round trip.
	Trace func(roundTrip string)
}

// OpenSQLite returns a store in a file, which is created with its folder if it is
// missing. Only one process can have it open: a second one gets a *LockedError.
func OpenSQLite(cfg SQLiteConfig) (*Store, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	// One connection writes; transactions queue for it and never meet in SQLite.
	// Readers see the last commit meanwhile (write-ahead log). Cache sizes are KiB.
	// 16 MB of log, in pages, before it is copied into the file: four times SQLite's own
	// limit, as most pages that a batch changes are changed again by the next ones.
	write, err := openLite(path, 1, "cache_size(-32768)", "wal_autocheckpoint(4000)")
	if err != nil {
		return nil, closeAfter(err, unlock)
	}
	read, err := openLite(path, max(2, runtime.GOMAXPROCS(0)), "cache_size(-8192)")
	if err != nil {
		return nil, closeAfter(err, unlock)
	}
	d := sqlite.ready()
	d.traits.Local = &dal.Local{}
	return &Store{
		attempts: 3,
		d:        d, read: read, write: write, unlock: unlock, trace: cfg.Trace, kind: sqliteKind,
		run:    sendPrepared,
		ensure: func(context.Context) error { return nil },
		where:  "file " + path,
	}, nil
}

func closeAfter(err error, unlock func() error) error {
	_ = unlock() // the first error says more
	return err
}

// openLite opens a pool of n connections with the pragmas that every one needs.
func openLite(path string, n int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(5000)", // for somebody with the sqlite3 tool
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(OFF)",
		"temp_store(MEMORY)",
	}, pragmas...)}
	base, err := lite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(liteConnector{base})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// liteConnector opens connections that keep their prepared statements.
type liteConnector struct{ driver.Connector }

// Connect is part of driver.Connector.
func (c liteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	base, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := base.(liteDriver)
	if !ok {
		base.Close()
		return nil, unexpected("the SQLite driver's %T lacks a method", base)
	}
	return &liteConn{liteDriver: conn, stmts: map[string]liteStmt{}}, nil
}

// liteDriver is what the driver's connections can do.
type liteDriver interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type liteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// liteConn is a connection with its prepared statements by text.
type liteConn struct {
	liteDriver
	stmts map[string]liteStmt
}

// Close is part of driver.Conn.
func (c *liteConn) Close() error {
	c.forget()
	return c.liteDriver.Close()
}

func (c *liteConn) forget() {
	for _, st := range c.stmts {
		_ = st.Close() // it only frees memory
	}
	clear(c.stmts)
}

func (c *liteConn) prepared(ctx context.Context, text []byte) (liteStmt, error) {
	if st := c.stmts[string(text)]; st != nil {
		return st, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	base, err := c.PrepareContext(ctx, string(text))
	if err != nil {
		return nil, err
	}
	st, ok := base.(liteStmt)
	if !ok {
		base.Close()
		return nil, unexpected("the SQLite driver's %T lacks a method", base)
	}
	c.stmts[string(text)] = st
	return st, nil
}

// sendPrepared runs a script's statements one by one.
func sendPrepared(ctx context.Context, conn any, sc *script) error {
	c := conn.(*liteConn)
	var d decoder
	for i := range sc.stmts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.send(sc, &sc.stmts[i], &d); err != nil {
			return err
		}
	}
	return nil
}

// send runs one statement. The driver is given no context: it would start a
// goroutine for each, and a statement is over in well under a second.
func (c *liteConn) send(sc *script, st *statement, d *decoder) error {
	ctx := context.Background()
	prep, err := c.prepared(ctx, sc.buf[st.from:st.to])
	if err != nil {
		return err
	}
	if st.into == nil {
		_, err := prep.ExecContext(ctx, sc.arguments(st))
		return err
	}
	rows, err := prep.QueryContext(ctx, sc.arguments(st))
	if err != nil {
		return err
	}
	err = d.all(rows, st.table, st.into)
	if e := rows.Close(); err == nil {
		err = e
	}
	return err
}

package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The engines of a MySQL server.
const (
	InnoDB     = "innodb"
	NDBCluster = "ndbcluster"
	// NDBStatements sends what NDBCluster would, to InnoDB tables: for tests on a
	// server that has no NDB.
	NDBStatements = "ndb-statements"
)

// MySQLConfig says where a MySQL or MariaDB server is and how to use it.
type MySQLConfig struct {
	Address  string // host:port, or the absolute path of a unix socket
	User     string
	Password string
	Database string
	Engine   string // InnoDB or NDBCluster
	TLS      string // as in go-sql-driver/mysql: "", "true", "skip-verify", "preferred"

	MaxConnections int           // 0 is 16
	DialTimeout    time.Duration // 0 is 2 s
	LockWait       time.Duration // how long a statement waits for a lock; 0 is 5 s, whole seconds
	// Silence is after how long without a word from this process the server rolls back
	// what a connection was doing and ends it: a process that was stopped keeps its
	// locks for no longer. 0 is 4 s, whole seconds.
	Silence time.Duration
	// Trace, if not nil, is called with the statements of every round trip, values
	// as "?", column lists as "…" and repetitions as "×n".
	Trace func(roundTrip string)
}

// OpenMySQL returns a store on a server. It connects to nothing yet: a server that
// is down shows as Unavailable at the first call.
func OpenMySQL(cfg MySQLConfig) (*Store, error) {
	switch cfg.Engine {
	case InnoDB:
		return openMySQL(cfg, innodb)
	case NDBCluster:
		return openMySQL(cfg, ndb)
	case NDBStatements:
		return openMySQL(cfg, ndbOnInnoDB())
	}
	return nil, fmt.Errorf("unknown engine %q: it must be %s or %s", cfg.Engine, InnoDB, NDBCluster)
}

// ndbOnInnoDB is the NDB dialect on tables that any server can make.
func ndbOnInnoDB() dialect {
	d := ndb
	d.folder, d.engine = innodb.folder, innodb.engine
	return d
}

func openMySQL(cfg MySQLConfig, d dialect) (*Store, error) {
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 16
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 2 * time.Second
	}
	if cfg.LockWait == 0 {
		cfg.LockWait = 5 * time.Second
	}
	if cfg.Silence == 0 {
		cfg.Silence = 4 * time.Second
	}
	c, err := newTextConnector(cfg, &d, cfg.Database)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetMaxIdleConns(cfg.MaxConnections)
	db.SetConnMaxIdleTime(cfg.Silence / 2) // before the server does
	s := &Store{
		d: d.ready(), read: db, write: db, trace: cfg.Trace, kind: mysqlKind,
		run: sendText,
		// After a pause all idle connections are broken, and one more try finds a new one.
		attempts: cfg.MaxConnections + 2,
		where:    "database server " + cfg.Address,
	}
	s.ensure = func(ctx context.Context) error { return ensureDatabase(ctx, cfg, &d) }
	var background sync.WaitGroup
	s.stop = func(conn any) { background.Go(func() { s.kill(conn) }) }
	s.unlock = func() error {
		background.Wait()
		return nil
	}
	return s, nil
}

// textConnector opens connections whose sessions are as every statement here
// expects them, whatever the server's defaults are.
type textConnector struct {
	driver.Connector
	setup string
}

func newTextConnector(cfg MySQLConfig, d *dialect, database string) (*textConnector, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = cfg.User, cfg.Password, database
	c.Net, c.Addr = "tcp", cfg.Address
	if filepath.IsAbs(cfg.Address) {
		c.Net = "unix"
	}
	c.TLSConfig = cfg.TLS
	c.Timeout = cfg.DialTimeout
	c.MultiStatements = true
	c.Logger = quiet{}
	base, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	// The name of the variable for the isolation level differs between MySQL 5.6,
	// MySQL 8 and MariaDB; this statement does not.
	silence := strconv.Itoa(max(1, int(cfg.Silence/time.Second)))
	setup := "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; " +
		"SET autocommit=1, sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', default_storage_engine=" + d.engine +
		", innodb_lock_wait_timeout=" + strconv.Itoa(max(1, int(cfg.LockWait/time.Second))) +
		", wait_timeout=" + silence + ", net_read_timeout=" + silence + "; " +
		"SELECT CONNECTION_ID(), VERSION()"
	return &textConnector{Connector: base, setup: setup}, nil
}

// quiet drops the driver's own log: its errors are returned too.
type quiet struct{}

func (quiet) Print(...any) {}

// Connect is part of driver.Connector.
func (c *textConnector) Connect(ctx context.Context) (driver.Conn, error) {
	base, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := base.(textDriver)
	if !ok {
		base.Close()
		return nil, unexpected("the MySQL driver's %T lacks a method", base)
	}
	t := &textConn{textDriver: conn}
	if err := t.begin(ctx, c.setup); err != nil {
		base.Close()
		return nil, err
	}
	return t, nil
}

// textDriver is what the driver's connections can do.
type textDriver interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// textConn is a connection that knows its number at the server and what that can do.
type textConn struct {
	textDriver
	id   int64
	rows bool // see rowsByKey
}

// begin sends the set-up of the session and learns who is there.
func (c *textConn) begin(ctx context.Context, setup string) error {
	rows, err := c.QueryContext(ctx, setup, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	dest := make([]driver.Value, 2)
	if err := rows.Next(dest); err != nil {
		return err
	}
	switch id := dest[0].(type) {
	case int64:
		c.id = id
	case uint64:
		c.id = int64(id)
	default:
		return unexpected("CONNECTION_ID() is a %T", dest[0])
	}
	version, ok := dest[1].([]byte)
	if !ok {
		return unexpected("VERSION() is a %T", dest[1])
	}
	c.rows = rowsByKey(string(version))
	return nil
}

// rowsByKey reports whether a server looks up (a,b) IN ((…),…) by key, which costs it
// a third less than the same with AND and OR. MySQL before 5.7.3 scans the table.
func rowsByKey(version string) bool {
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 3 {
		return false
	}
	if strings.Contains(version, "MariaDB") {
		return major > 10 || major == 10 && minor >= 3
	}
	return major > 5 || major == 5 && (minor > 7 || minor == 7 && patch >= 3)
}

// kill ends a connection at the server. Where it fails the server finds out by
// itself, at the latest when the lock wait runs out.
func (s *Store) kill(conn any) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackPatience)
	defer cancel()
	_, _ = s.write.ExecContext(ctx, "KILL "+strconv.FormatInt(conn.(*textConn).id, 10))
}

// sendText sends a script as one text and collects its rows.
func sendText(ctx context.Context, conn any, sc *script) error {
	c := conn.(*textConn)
	text := string(sc.buf)
	var wanted []*statement
	for i := range sc.stmts {
		if sc.stmts[i].into != nil {
			wanted = append(wanted, &sc.stmts[i])
		}
	}
	if len(wanted) == 0 {
		_, err := c.ExecContext(ctx, text, nil)
		return err
	}
	rows, err := c.QueryContext(ctx, text, nil)
	if err != nil {
		return err
	}
	err = readResults(rows.(driver.RowsNextResultSet), wanted)
	if e := rows.Close(); err == nil {
		err = e
	}
	return err
}

// readResults reads the rows of all statements, and the outcome of those behind
// the last rows.
func readResults(rows driver.RowsNextResultSet, wanted []*statement) error {
	var d decoder
	for i, st := range wanted {
		if i > 0 {
			if err := rows.NextResultSet(); err != nil {
				return err
			}
		}
		if err := d.all(rows, st.table, st.into); err != nil {
			return err
		}
	}
	switch err := rows.NextResultSet(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return unexpected("the database answered more than %d results", len(wanted))
	default:
		return err
	}
}

// ensureDatabase creates the database if it is missing.
func ensureDatabase(ctx context.Context, cfg MySQLConfig, d *dialect) error {
	c, err := newTextConnector(cfg, d, "")
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+escapeName(cfg.Database)+"`")
	return err
}

// escapeName doubles the quotes of an identifier.
func escapeName(name string) string {
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		if name[i] == '`' {
			out = append(out, '`')
		}
		out = append(out, name[i])
	}
	return string(out)
}

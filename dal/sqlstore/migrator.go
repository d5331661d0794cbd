package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"github.com/hopsql/hopsql/migrations"
	"github.com/hopsql/hopsql/schema"
)

const (
	// versionTable is golang-migrate's own name and layout, so that its command
	// line tool can look at it.
	versionTable = "schema_migrations"
	lockTable    = "schema_lock"
	// migrateWait is how long one migration waits for another one to end.
	migrateWait = 60 * time.Second
)

// migrator is a database of golang-migrate. The library's own MySQL driver locks
// with GET_LOCK, which is local to one SQL node of an NDB Cluster, and makes its
// table with the server's default engine; here the lock is a row, held by a
// transaction, and both tables have the engine of the others.
type migrator struct {
	ctx  context.Context // of the call that migrates
	db   *sql.DB
	d    *dialect
	lock *migrationLock
}

// migrationLock is a transaction on a connection of its own.
type migrationLock struct {
	conn *sql.Conn
	tx   *sql.Tx
}

// longestMigration is how many seconds the lock may be held: the server must not take
// the silence of its connection for the end of this process.
const longestMigration = "86400"

// end ends the transaction, and the connection, whose session is not that of others.
func (l *migrationLock) end(how func() error) error {
	err := how()
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
	return err
}

var _ database.Driver = (*migrator)(nil)

// migration calls run with the library, for the version that the tables are at.
func (s *Store) migration(ctx context.Context, run func(m *migrate.Migrate, from int, dirty bool) error) error {
	src, err := iofs.New(migrations.FS, s.d.folder)
	if err != nil {
		return err
	}
	drv := &migrator{ctx: ctx, db: s.write, d: s.d}
	m, err := migrate.NewWithInstance("iofs", src, s.d.traits.Name, drv)
	if err != nil {
		return err
	}
	defer m.Close() // nothing is left in files and connections that are not ours
	m.LockTimeout = 2 * migrateWait
	if err := drv.makeTable(versionTable, "version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL"); err != nil {
		return err
	}
	from, dirty, err := drv.Version()
	if err != nil {
		return err
	}
	if from > schema.Version {
		return fmt.Errorf("%w: %d, this program's is %d; run a newer program", errTooNew, from, schema.Version)
	}
	return run(m, from, dirty)
}

func (m *migrator) makeTable(name, columns string) error {
	text := "CREATE TABLE IF NOT EXISTS " + name + " (" + columns + ")"
	if m.d.engine != "" {
		text += " ENGINE=" + m.d.engine
	}
	_, err := m.db.ExecContext(m.ctx, text)
	return err
}

// Open is part of database.Driver and not used: the database is open.
func (m *migrator) Open(string) (database.Driver, error) {
	return nil, errors.New("the database is open already")
}

// Close is part of database.Driver. The connections belong to the store.
func (m *migrator) Close() error { return nil }

// Lock is part of database.Driver. In SQLite the process owns the file.
func (m *migrator) Lock() error {
	if m.d.engine == "" {
		return nil
	}
	if err := m.makeTable(lockTable, "id BIGINT NOT NULL PRIMARY KEY"); err != nil {
		return err
	}
	if _, err := m.db.ExecContext(m.ctx, "INSERT IGNORE INTO "+lockTable+" VALUES (1)"); err != nil {
		return err
	}
	for end := time.Now().Add(migrateWait); ; {
		err := m.tryLock()
		var my *mysql.MySQLError
		if err == nil || !errors.As(err, &my) || my.Number != 1205 || m.ctx.Err() != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("another process has been changing the tables for %v: %w", migrateWait, database.ErrLocked)
		}
	}
}

func (m *migrator) tryLock() error {
	conn, err := m.db.Conn(m.ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(m.ctx, "SET wait_timeout="+longestMigration); err != nil {
		return errors.Join(err, conn.Close())
	}
	l := &migrationLock{conn: conn}
	if l.tx, err = conn.BeginTx(m.ctx, nil); err != nil {
		return l.end(func() error { return err })
	}
	var id int64
	if err := l.tx.QueryRowContext(m.ctx, "SELECT id FROM "+lockTable+" WHERE id=1 FOR UPDATE").Scan(&id); err != nil {
		return errors.Join(err, l.end(l.tx.Rollback))
	}
	m.lock = l
	return nil
}

// Unlock is part of database.Driver.
func (m *migrator) Unlock() error {
	if m.lock == nil {
		return nil
	}
	l := m.lock
	m.lock = nil
	return l.end(l.tx.Commit)
}

// Run is part of database.Driver. SQLite's DDL is a transaction; MySQL's is not,
// and each step can be run again.
func (m *migrator) Run(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if m.d.engine != "" {
		_, err := m.db.ExecContext(m.ctx, string(text))
		return err
	}
	return m.transact(func(tx *sql.Tx) error {
		_, err := tx.ExecContext(m.ctx, string(text))
		return err
	})
}

func (m *migrator) transact(f func(*sql.Tx) error) error {
	tx, err := m.db.BeginTx(m.ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// SetVersion is part of database.Driver.
func (m *migrator) SetVersion(version int, dirty bool) error {
	return m.transact(func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(m.ctx, "DELETE FROM "+versionTable); err != nil {
			return err
		}
		// A step down to nothing that broke off must be seen too.
		if version < 0 && !dirty {
			return nil
		}
		_, err := tx.ExecContext(m.ctx, fmt.Sprintf("INSERT INTO %s (version, dirty) VALUES (%d, %t)", versionTable, version, dirty))
		return err
	})
}

// Version is part of database.Driver.
func (m *migrator) Version() (version int, dirty bool, err error) {
	err = m.db.QueryRowContext(m.ctx, "SELECT version, dirty FROM "+versionTable).Scan(&version, &dirty)
	if errors.Is(err, sql.ErrNoRows) {
		return database.NilVersion, false, nil
	}
	return version, dirty, err
}

// Drop is part of database.Driver and not used: the down steps drop the tables.
func (m *migrator) Drop() error { return errors.New("tables are dropped by the down steps") }

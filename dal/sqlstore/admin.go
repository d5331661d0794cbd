package sqlstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	lite "modernc.org/sqlite"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// Admin is part of dal.Store.
func (s *Store) Admin() dal.Admin { return admin{s} }

type admin struct{ s *Store }

// Version is part of dal.Admin. A database that does not exist has version 0.
func (a admin) Version(ctx context.Context) (uint, bool, error) {
	if err := a.s.usable(ctx, "version"); err != nil {
		return 0, false, err
	}
	m := &migrator{ctx: ctx, db: a.s.write, d: a.s.d}
	version, dirty, err := m.Version()
	if missing(err) || noDatabase(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, a.s.fail(ctx, "version", err, false)
	}
	return uint(max(version, 0)), dirty, nil
}

// missing reports whether err says that there is no such table.
func missing(err error) bool {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number == 1146
	}
	var e *lite.Error
	// SQLite has no number of its own for it.
	return errors.As(err, &e) && strings.Contains(err.Error(), "no such table: "+versionTable)
}

// noDatabase reports whether err says that there is no such database.
func noDatabase(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && my.Number == 1049
}

// Clock is part of dal.Admin. SQLite's machine is this one.
func (a admin) Clock(ctx context.Context) (time.Time, error) {
	if err := a.s.usable(ctx, "clock"); err != nil {
		return time.Time{}, err
	}
	if a.s.d.engine == "" {
		return time.Now(), nil
	}
	var us int64
	const text = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
	if err := a.s.read.QueryRowContext(ctx, text).Scan(&us); err != nil {
		return time.Time{}, a.s.fail(ctx, "clock", err, false)
	}
	return time.UnixMicro(us), nil
}

// Migrate is part of dal.Admin. A database that does not exist is created, and a
// step that broke off is run again: all steps can be.
func (a admin) Migrate(ctx context.Context) error {
	return a.migrate(ctx, "migrate", func(m *migrate.Migrate, from int, dirty bool) error {
		if dirty {
			before := from - 1
			if before < 1 {
				before = database.NilVersion
			}
			if err := m.Force(before); err != nil {
				return err
			}
		}
		return m.Up()
	})
}

// Drop is part of dal.Admin. The record of the version stays, and says 0.
func (a admin) Drop(ctx context.Context) error {
	return a.migrate(ctx, "drop", func(m *migrate.Migrate, _ int, dirty bool) error {
		if dirty {
			if err := m.Force(schema.Version); err != nil {
				return err
			}
		}
		return m.Down()
	})
}

var errTooNew = errors.New("the tables are of a newer version than this program knows")

// migrate calls run with the version that the database is at.
func (a admin) migrate(ctx context.Context, op string, run func(m *migrate.Migrate, from int, dirty bool) error) error {
	if err := a.s.usable(ctx, op); err != nil {
		return err
	}
	err := a.s.migration(ctx, run)
	if noDatabase(err) {
		if err = a.s.ensure(ctx); err == nil {
			err = a.s.migration(ctx, run)
		}
	}
	switch {
	case err == nil, errors.Is(err, migrate.ErrNoChange):
		return nil
	case errors.Is(err, errTooNew):
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: a.s.at(err)}
	case errors.Is(err, database.ErrLocked), errors.Is(err, migrate.ErrLocked), errors.Is(err, migrate.ErrLockTimeout):
		return &dal.Error{Kind: dal.Conflict, Op: op, Err: a.s.at(err)}
	}
	return a.s.fail(ctx, op, err, false)
}

// Truncate is part of dal.Admin.
func (a admin) Truncate(ctx context.Context) error {
	if err := a.s.usable(ctx, "truncate"); err != nil {
		return err
	}
	for _, t := range schema.Tables {
		text := "TRUNCATE TABLE " + t.Name
		if a.s.d.engine == "" {
			text = "DELETE FROM " + t.Name // all rows: SQLite frees whole pages
		}
		if _, err := a.s.write.ExecContext(ctx, text); err != nil {
			return a.s.fail(ctx, "truncate", err, false)
		}
	}
	return nil
}

// Package sqlstore keeps the tables of schema in SQLite, in MySQL or MariaDB with
// InnoDB, or in MySQL NDB Cluster. It is the only package with SQL in it. It
// promises the contract of dal: the statements of one call are one round trip,
// every session has the isolation that dal asks for, and no error shows a
// password. It knows nothing of files and of who calls.
package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"github.com/hopsql/hopsql/dal"
)

var (
	errOver   = errors.New("the transaction is over")
	errClosed = errors.New("the store is closed")
	errLost   = errors.New("the connection is lost")
)

// Store is a dal.Store in a SQL database. It is safe for concurrent use.
type Store struct {
	d     *dialect
	read  *sql.DB
	write *sql.DB // the same as read where the server does the locking
	where string  // for error messages: the address or the file, no password
	// run sends a script over a driver's connection and collects its rows.
	run func(ctx context.Context, conn any, sc *script) error
	// kind tells what an error of the server means.
	kind   func(err error, sent bool) (k dal.Kind, known bool)
	stop   func(conn any)                  // ends on the server what a connection was doing
	ensure func(ctx context.Context) error // creates the database
	unlock func() error                    // the last thing of Close
	trace  func(roundTrip string)
	sent   counters
	closed atomic.Bool
	// attempts is on how many connections a call is sent as long as they turn out to be
	// broken before anything was sent.
	attempts int
}

var _ dal.Store = (*Store)(nil)

// Traits is part of dal.Store.
func (s *Store) Traits() dal.Traits { return s.d.traits }

// Close is part of dal.Store.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := errors.Join(s.read.Close(), s.write.Close())
	if s.unlock != nil {
		err = errors.Join(err, s.unlock())
	}
	return err
}

// usable is the first thing that every call asks.
func (s *Store) usable(ctx context.Context, op string) error {
	if s.closed.Load() {
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errClosed}
	}
	return ctx.Err()
}

// Read is part of dal.Store.
func (s *Store) Read(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if err := s.usable(ctx, "read"); err != nil {
		return nil, err
	}
	if err := dal.CheckFetches(fetches, s.d.traits.MaxKeys); err != nil {
		return nil, err
	}
	var out []dal.Rows
	err := s.borrow(ctx, func(conn any) (err error) {
		q := s.reading(fetches, conn)
		if out, err = q.answer(ctx, fetches); err != nil && q.head != "" && !errors.Is(err, driver.ErrBadConn) {
			// The connection may be in the middle of a transaction.
			return discard{err}
		}
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, "read", err, false)
	}
	return out, nil
}

// reading prepares a read over a driver's connection.
func (s *Store) reading(fetches []dal.Fetch, conn any) *query {
	several := s.several(fetches)
	q := &query{s: s, sc: newScript(s.d, s.trace != nil, conn), conn: conn, lock: s.readLock(fetches, several)}
	if several {
		q.head, q.tail = s.d.snapshot, "COMMIT"
	}
	return q
}

// several reports whether the answer takes more than one statement.
func (s *Store) several(fetches []dal.Fetch) bool {
	n := 0
	for i := range fetches {
		if f := &fetches[i]; f.Scan != nil || len(f.Keys) > 0 {
			n += 1 + len(f.Follow)
		}
		if s.d.placeholders && len(fetches[i].Keys) > maxPrepared {
			n++
		}
	}
	return n > 1
}

// readLock returns how the rows of a read are locked: not at all where statements
// see one moment. Else as the fetches ask, and if none of them asks, shared as soon
// as there can be more than one row.
func (s *Store) readLock(fetches []dal.Fetch, several bool) func(*dal.Fetch) dal.Lock {
	asked := false
	for i := range fetches {
		asked = asked || fetches[i].Lock != dal.None
		several = several || fetches[i].Scan != nil || len(fetches[i].Keys) > 1
	}
	return func(f *dal.Fetch) dal.Lock {
		switch {
		case !s.d.lockReads || !asked && !several:
			return dal.None
		case asked:
			return min(f.Lock, dal.Shared)
		}
		return dal.Shared
	}
}

// borrow runs f with a connection for reading. A connection that was broken before
// anything was sent is replaced without anybody seeing it.
func (s *Store) borrow(ctx context.Context, f func(conn any) error) error {
	for i := 1; ; i++ {
		conn, err := s.read.Conn(ctx)
		if err != nil {
			return err
		}
		err = s.raw(ctx, conn, f)
		conn.Close()
		if i >= s.attempts || !retryable(err) {
			return err
		}
	}
}

// raw runs f with the driver's connection. When the context ended it, the server is
// told to stop too: it may wait for a lock, with locks in its hands.
func (s *Store) raw(ctx context.Context, conn *sql.Conn, f func(conn any) error) error {
	var at any
	err := conn.Raw(func(conn any) error {
		at = conn
		return f(conn)
	})
	if err != nil && ctx.Err() != nil && s.stop != nil && at != nil {
		s.stop(at)
	}
	return err
}

// retryable reports whether nothing was sent before err.
func retryable(err error) bool {
	var d discard
	return errors.Is(err, driver.ErrBadConn) && !errors.As(err, &d)
}

// discard makes database/sql close the connection on which err happened.
type discard struct{ err error }

func (d discard) Error() string        { return d.err.Error() }
func (d discard) Unwrap() error        { return d.err }
func (d discard) Is(target error) bool { return target == driver.ErrBadConn }

// A query answers fetches over one connection.
type query struct {
	s          *Store
	sc         *script
	conn       any
	head, tail string // statements around the fetches
	lock       func(*dal.Fetch) dal.Lock
}

func (q *query) answer(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	defer q.show()
	out := make([]dal.Rows, len(fetches))
	if q.head != "" {
		q.sc.plain(q.head)
	}
	for i := range fetches {
		q.sc.fetch(&fetches[i], &out[i], q.lock(&fetches[i]))
		if !q.s.d.follows {
			if err := q.follow(ctx, &fetches[i], &out[i]); err != nil {
				return nil, err
			}
		}
	}
	if q.tail != "" {
		q.sc.plain(q.tail)
	}
	if err := q.send(ctx); err != nil {
		return nil, err
	}
	for i := range fetches {
		finish(&fetches[i], &out[i])
	}
	return out, nil
}

// show tells Trace what was sent.
func (q *query) show() {
	if q.s.trace != nil && len(q.sc.shape) > 0 {
		q.s.trace(string(q.sc.shape))
	}
}

// send runs the statements so far.
func (q *query) send(ctx context.Context) error {
	defer q.sc.reset()
	if len(q.sc.stmts) == 0 {
		return nil
	}
	q.s.sent.add(q.sc)
	return q.s.run(ctx, q.conn, q.sc)
}

// follow brings the rows of f's Follows by key.
func (q *query) follow(ctx context.Context, f *dal.Fetch, r *dal.Rows) error {
	if len(f.Follow) == 0 {
		return nil
	}
	if err := q.send(ctx); err != nil {
		return err
	}
	for i, fo := range f.Follow {
		q.sc.byKeys(fo.Index, valuesOf(r.Rows, &fo), &r.Followed[i], dal.None)
	}
	return q.send(ctx)
}

package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/hopsql/hopsql/dal"
)

// rollbackPatience is how long a ROLLBACK may take before the connection is
// closed, which rolls back too.
const rollbackPatience = 2 * time.Second

// Begin is part of dal.Store. Nothing is sent and no connection is taken before
// the first call.
func (s *Store) Begin(ctx context.Context) (dal.Tx, error) {
	if err := s.usable(ctx, "begin"); err != nil {
		return nil, err
	}
	return &tx{s: s}, nil
}

// tx is a dal.Tx.
type tx struct {
	s     *Store
	conn  *sql.Conn
	begun bool // BEGIN may have reached the server
	over  bool
}

// Fetch is part of dal.Tx.
func (t *tx) Fetch(ctx context.Context, fetches []dal.Fetch) ([]dal.Rows, error) {
	if err := t.usable(ctx, "fetch"); err != nil {
		return nil, err
	}
	if err := dal.CheckFetches(fetches, t.s.d.traits.MaxKeys); err != nil {
		t.end(true)
		return nil, err
	}
	var out []dal.Rows
	err := t.with(ctx, func(conn any) (err error) {
		out, err = t.locking(conn).answer(ctx, fetches)
		return err
	})
	if err != nil {
		t.end(true)
		return nil, t.s.fail(ctx, "fetch", err, false)
	}
	t.begun = true
	return out, nil
}

// Commit is part of dal.Tx.
func (t *tx) Commit(ctx context.Context, changes []dal.Change) error {
	if err := t.usable(ctx, "commit"); err != nil {
		return err
	}
	if err := dal.CheckChanges(changes, t.s.d.traits.MaxChanges); err != nil {
		t.end(true)
		return err
	}
	if !t.begun && len(changes) == 0 {
		t.end(false)
		return nil
	}
	last := false // the text with the COMMIT is on its way
	err := t.with(ctx, func(conn any) error {
		last = false
		return t.commit(ctx, t.locking(conn), changes, &last)
	})
	t.end(err != nil)
	if err != nil {
		return t.s.fail(ctx, "commit", err, last)
	}
	return nil
}

// locking prepares a call over the transaction's connection.
func (t *tx) locking(conn any) *query {
	q := &query{s: t.s, sc: newScript(t.s.d, t.s.trace != nil, conn), conn: conn, lock: func(f *dal.Fetch) dal.Lock { return f.Lock }}
	if !t.begun {
		q.head = t.s.d.begin
	}
	return q
}

func (t *tx) commit(ctx context.Context, q *query, changes []dal.Change, last *bool) error {
	defer q.show()
	if q.head != "" {
		q.sc.plain(q.head)
	}
	err := q.sc.changes(changes, func() error {
		if !q.s.d.placeholders && len(q.sc.buf) < maxTrip {
			return nil
		}
		t.begun = true
		return q.send(ctx)
	})
	if err != nil {
		return err
	}
	q.sc.plain("COMMIT")
	*last = true
	return q.send(ctx)
}

// with runs f with the transaction's connection, taking one first if there is
// none. As long as nothing was sent, a broken connection is replaced.
func (t *tx) with(ctx context.Context, f func(conn any) error) error {
	for i := 1; ; i++ {
		if t.conn == nil {
			conn, err := t.s.write.Conn(ctx)
			if err != nil {
				return err
			}
			t.conn = conn
		}
		begun := t.begun
		err := t.s.raw(ctx, t.conn, f)
		if err == nil || begun || t.begun || i >= t.s.attempts || !retryable(err) {
			t.begun = true
			return err
		}
		t.conn.Close()
		t.conn = nil
	}
}

func (t *tx) usable(ctx context.Context, op string) error {
	if t.over {
		return &dal.Error{Kind: dal.Permanent, Op: op, Err: errOver}
	}
	err := t.s.usable(ctx, op)
	if err != nil {
		t.end(true)
	}
	return err
}

// Rollback is part of dal.Tx.
func (t *tx) Rollback() {
	if !t.over {
		t.end(true)
	}
}

// end gives the connection back, after a ROLLBACK if rollback says so and there is
// something to roll back. A connection that does not answer is closed.
func (t *tx) end(rollback bool) {
	t.over = true
	if t.conn == nil {
		return
	}
	if rollback && t.begun {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackPatience)
		defer cancel()
		// The error closes the connection, and there is nobody else to tell.
		_ = t.conn.Raw(func(conn any) error {
			sc := newScript(t.s.d, false, conn)
			sc.plain("ROLLBACK")
			t.s.sent.add(sc)
			if err := t.s.run(ctx, conn, sc); err != nil {
				return discard{err}
			}
			return nil
		})
	}
	t.conn.Close()
	t.conn = nil
}

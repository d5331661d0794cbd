package txn

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// ids hands out numbers from the sequences in schema.Variables, a range at a time.
// Numbers of a range that was not used up when the program ends are lost, never
// given twice.
type ids struct {
	e    *Engine
	mu   sync.Mutex
	seqs map[string]*sequence
}

type sequence struct {
	next, end   int64 // of the range in use
	spare, stop int64 // of the range after it
	filling     bool
	fill        sync.Mutex
}

func newIDs(e *Engine) *ids { return &ids{e: e, seqs: map[string]*sequence{}} }

func (d *ids) seq(name string) *sequence {
	s := d.seqs[name]
	if s == nil {
		s = &sequence{}
		d.seqs[name] = s
	}
	return s
}

// take returns the next id without waiting; ok is false if the range is used up.
// At half of a range the next one is fetched in the background.
func (d *ids) take(name string) (int64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.seq(name)
	if s.next == s.end {
		s.next, s.end, s.spare, s.stop = s.spare, s.stop, 0, 0
	}
	if s.spare == s.stop && !s.filling && s.end-s.next < d.e.opt.IDRange/2 && s.next < s.end {
		s.filling = true
		go func() {
			// An error shows when the range is used up: refill meets it again.
			_ = d.refill(d.e.ctx, name)
			d.mu.Lock()
			s.filling = false
			d.mu.Unlock()
		}()
	}
	if s.next == s.end {
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

// NextID returns an id of the sequence, a row of schema.Variables, fetching a range
// if need be.
func (e *Engine) NextID(ctx context.Context, name string) (int64, error) {
	for {
		if id, ok := e.ids.take(name); ok {
			return id, nil
		}
		if err := e.ids.refill(ctx, name); err != nil {
			return 0, err
		}
	}
}

// refill fetches a range unless there is a spare one.
func (d *ids) refill(ctx context.Context, name string) error {
	d.mu.Lock()
	s := d.seq(name)
	d.mu.Unlock()
	s.fill.Lock()
	defer s.fill.Unlock()
	d.mu.Lock()
	full := s.spare < s.stop
	d.mu.Unlock()
	if full {
		return nil
	}
	first, err := d.e.reserve(ctx, name, d.e.opt.IDRange)
	if err != nil {
		return fmt.Errorf("reserve ids of %s: %w", name, err)
	}
	d.mu.Lock()
	s.spare, s.stop = first, first+d.e.opt.IDRange
	d.mu.Unlock()
	return nil
}

// reserve takes n ids off the sequence and returns the first. An unknown outcome
// only wastes a range.
func (e *Engine) reserve(ctx context.Context, name string, n int64) (int64, error) {
	start := e.opt.Now()
	for try := 1; ; try++ {
		first, err := e.tryReserve(ctx, name, n)
		var de *dal.Error
		switch {
		case err == nil:
			return first, nil
		case !errors.As(err, &de) || de.Kind == dal.Permanent || de.Kind == dal.Full:
			return 0, err
		case e.opt.Now().Sub(start) > e.opt.Patience:
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if err := e.backoff(ctx, try); err != nil {
			return 0, err
		}
	}
}

func (e *Engine) tryReserve(ctx context.Context, name string, n int64) (int64, error) {
	tx, err := e.store.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	t := schema.Variables
	key := schema.KeyOf(schema.Str(name))
	rows, err := tx.Fetch(ctx, []dal.Fetch{{Table: t, Keys: []schema.Key{key}, Lock: dal.Exclusive}})
	if err != nil {
		return 0, err
	}
	if len(rows[0].Rows) == 0 {
		return 0, fmt.Errorf("there is no variable %q: is the file system formatted?", name)
	}
	row := rows[0].Rows[0].Clone()
	value := t.Column("value")
	first := row[value].Int()
	row[value] = schema.Int(first + n)
	return first, tx.Commit(ctx, []dal.Change{{Op: dal.Put, Table: t, Key: key, Row: row}})
}

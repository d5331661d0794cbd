// Package txn turns many small operations into few statements. An operation is a
// function over rows (see Tx); the engine finds out what it will read, fetches that
// together with what every other waiting function needs, runs the functions one
// after another, and writes all their changes as one transaction of the store. It
// knows rows, not files. DESIGN.md says how and why.
package txn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

// Errors of the engine itself. The operation did not happen unless said otherwise.
var (
	// ErrBusy: too many calls wait, or the rows keep changing under the call.
	ErrBusy = errors.New("the NameNode is too busy; try again")
	// ErrUnavailable: the store could not be reached for Options.Patience. For an
	// Update whose commit had begun the outcome is not known.
	ErrUnavailable = errors.New("the metadata store is unavailable; try again")
	// ErrClosed: the engine is closed.
	ErrClosed = errors.New("the NameNode is stopping")
)

// Options are the settings of an Engine. The zero value of a field means its
// default.
type Options struct {
	// NodeID names this engine in batch markers. No two engines that are alive on
	// one store may share it.
	NodeID int64
	// Lanes is how many batches of changes run side by side; the store's trait.
	Lanes int
	// Readers is how many batches of reads run side by side; 3.
	Readers int
	// Crowd is how many calls wait before another batch goes out beside the one that is
	// under way; 64.
	Crowd int
	// MaxCalls is the most calls of a batch; 256.
	MaxCalls int
	// MaxQueue is the most calls that may wait; 20,000.
	MaxQueue int
	// Hints is how many rows, or units of rows, are remembered; by another index than the
	// primary key half as many; 100,000.
	Hints int
	// HintIndexes are the unique indexes that hints are kept for; by default those
	// of inodes.
	HintIndexes []*schema.Index
	// Patience is how long a call waits for a store that cannot be reached; 45 s.
	Patience time.Duration
	// RoundTrip is how long a statement may take at a server before its connection is
	// given up: one that is cut off without a word would be waited for much longer; 20 s.
	RoundTrip time.Duration
	// IDRange is how many ids are taken from a sequence at once; 10,000.
	IDRange int64
	// Now is the clock; time.Now.
	Now    func() time.Time
	Logger *slog.Logger
	// Observer is told how the engine works; nil for nobody.
	Observer Observer
}

func (o *Options) setDefaults(traits dal.Traits) {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&o.Lanes, max(1, traits.Lanes))
	def(&o.Readers, 3)
	def(&o.Crowd, 64)
	def(&o.MaxCalls, 256)
	def(&o.MaxQueue, 20_000)
	def(&o.Hints, 100_000)
	if o.HintIndexes == nil {
		o.HintIndexes = []*schema.Index{schema.Inodes.Primary, schema.InodesByID}
	}
	if o.Patience == 0 {
		o.Patience = 45 * time.Second
	}
	if o.RoundTrip == 0 {
		o.RoundTrip = 20 * time.Second
	}
	if o.IDRange == 0 {
		o.IDRange = 10_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// slowBatch is how long a batch may take before those behind it no longer wait for it
// to end: it may be held up by a lock.
const slowBatch = 20 * time.Millisecond

// An Engine runs functions over the rows of one store. Safe for many goroutines.
type Engine struct {
	store  dal.Store
	traits dal.Traits
	opt    Options
	hints  *Hints
	// journal is read where other processes change the store too; nil where nobody else
	// does (dal.Local), or nothing can be held.
	journal *journal
	ids     *ids
	reads   readQueue
	lanes   []*lane
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	laneWG  sync.WaitGroup
	queue   atomic.Int64    // calls that wait in lanes
	busy    [2]atomic.Int32 // batches under way, by Kind
}

// Coherent reports whether all rows that a run of a View looks at are of one moment.
func (e *Engine) Coherent() bool { return !e.traits.Guards }

// sole reports whether nobody else changes the store while a lane runs a batch: what is
// held then is locked by that alone.
func (e *Engine) sole() bool {
	return e.traits.Local != nil && len(e.lanes) == 1 && e.traits.Local.Only(e.hints)
}

// New starts an engine on an open store. Close it before the store.
func New(store dal.Store, opt Options) (*Engine, error) {
	opt.setDefaults(store.Traits())
	traits := store.Traits()
	journaled := traits.Markers && !traits.Guards // on NDB no SELECT sees one moment
	hints, err := newHints(opt.Hints, opt.HintIndexes, journaled || traits.Local != nil)
	if err != nil {
		return nil, fmt.Errorf("hint cache: %w", err)
	}
	e := &Engine{store: store, traits: traits, opt: opt, hints: hints}
	switch {
	case traits.Local != nil:
		traits.Local.Listen(hints)
	case journaled:
		hints.lost.Store(math.MaxUint64)
		e.journal = newJournal(hints, opt.NodeID)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.ids = newIDs(e)
	for i := range opt.Lanes {
		l := newLane(e, i)
		e.lanes = append(e.lanes, l)
		e.laneWG.Go(l.loop)
	}
	return e, nil
}

// closeGrace is how long Close lets running batches end before it breaks them off.
const closeGrace = 2 * time.Second

// Close stops the engine: running batches end, waiting calls get ErrClosed.
func (e *Engine) Close() {
	for _, l := range e.lanes {
		l.close()
	}
	t := time.AfterFunc(closeGrace, e.cancel)
	e.laneWG.Wait()
	t.Stop()
	e.cancel()
	e.reads.close()
	e.wg.Wait()
	if e.traits.Local != nil {
		e.traits.Local.Leave(e.hints)
	}
}

// View runs fn over one consistent state of the store: everything that it reads in
// its last run fits together and is not older than the call. Its changes, if any,
// are thrown away.
func (e *Engine) View(ctx context.Context, fn func(*Tx) error) error {
	c := e.newCall(ctx, fn)
	tx, err := c.run(nil, false)
	known := tx.settled()
	if known {
		known, err = e.confirm(c, err)
	}
	if !known {
		_, err = e.settle(c)
	}
	e.answered(Reads, c)
	c.free()
	return err
}

// confirm reports whether all hints that the dry run went by still hold, at a moment
// after the call came: then err, how that run ended, is the call's answer.
func (e *Engine) confirm(c *call, err error) (bool, error) {
	if e.journal != nil {
		c.asks = true
		base, failed := e.read(c)
		if failed != nil {
			return true, failed
		}
		c.asks = false
		base.release()
	}
	// None is held again, so all were when the first one was looked at.
	for _, h := range c.relied {
		if !e.hints.held(h) {
			return false, nil
		}
	}
	c.stats.Known = true
	return true, err
}

// Update runs fn and, when it returns nil, makes its changes durable before it
// returns: all of them or none. When fn returns an error there are no changes and
// Update returns that error. Operations of all engines on one store happen as if
// one after another. When ctx ends first, Update returns its error and the outcome
// is open; what was not written by then is not begun any more.
func (e *Engine) Update(ctx context.Context, fn func(*Tx) error) error {
	c := e.newCall(ctx, fn)
	defer c.free()
	c.guard = guardOf(ctx)
	tx, err := c.run(nil, false)
	if tx.barred {
		return err
	}
	if c.guard == nil && tx.settled() {
		if known, err := e.confirm(c, err); known {
			e.answered(Writes, c)
			return err
		}
		tx.unsure = true
	}
	if tx.unsure || err == nil && tx.own.len() == 0 || tx.starved {
		if tx, err = e.settle(c); err != nil || tx.own.len() == 0 {
			e.answered(Writes, c)
			return err
		}
	}
	if l := e.laneOf(c); !l.lead(c) {
		if err := l.push(c); err != nil {
			return err
		}
	}
	select {
	case <-c.done:
		e.answered(Writes, c)
		return c.err
	case <-ctx.Done():
		c.left.Store(true)
		return ctx.Err()
	}
}

// settle runs the call over consistent reads until it finishes.
func (e *Engine) settle(c *call) (*Tx, error) {
	for {
		if err := e.feed(c); err != nil {
			return nil, err
		}
		base, err := e.read(c)
		if err != nil {
			return nil, err
		}
		tx, err := c.run(base, false)
		base.release()
		if !tx.stopped {
			return tx, err
		}
		if c.tries++; c.tries > maxTries {
			return nil, ErrBusy
		}
	}
}

// feed refills the sequence that the call found empty.
func (e *Engine) feed(c *call) error {
	if c.hungry == "" {
		return nil
	}
	err := e.ids.refill(c.ctx, c.hungry)
	c.hungry = ""
	return err
}

// trip calls the store, for no longer than a round trip may take.
func (e *Engine) trip(op string, f func(context.Context) error) error {
	return e.tripOf(e.ctx, op, f)
}

// tripOf is trip for one who may give up: ctx ends before the engine's at the latest
// with the engine.
func (e *Engine) tripOf(caller context.Context, op string, f func(context.Context) error) error {
	defer e.tripped(op, e.queued())
	if !e.traits.Markers { // no server, no connection
		return f(e.ctx)
	}
	ctx, cancel := context.WithTimeout(caller, e.opt.RoundTrip)
	defer cancel()
	if caller != e.ctx {
		defer context.AfterFunc(e.ctx, cancel)()
	}
	err := f(ctx)
	if err != nil && dal.KindOf(err) == dal.Permanent && ctx.Err() != nil && caller.Err() == nil && e.ctx.Err() == nil {
		return &dal.Error{Kind: dal.Unavailable, Op: op, Err: fmt.Errorf("no answer for %v: %w", e.opt.RoundTrip, err)}
	}
	return err
}

// backoff waits before the n-th repeat (from 1) of something that met a conflict or
// a store that is away: 2 ms doubling to 500 ms, with jitter.
func (e *Engine) backoff(ctx context.Context, n int) error {
	d := min(2*time.Millisecond<<min(n-1, 8), 500*time.Millisecond)
	d = d/2 + rand.N(d)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ctx.Done():
		return ErrClosed
	}
}

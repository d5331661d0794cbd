package txn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/schema"
)

// maxTries bounds how often a call may find that it wants other rows than it was
// given. A path of the greatest depth needs one run a component.
const maxTries = 1100

// A call is one operation on its way through the engine. Calls are used again, with
// the memory of their lists: see free.
type call struct {
	engine *Engine
	ctx    context.Context
	fn     func(*Tx) error
	guard  func(*Tx) error // nil for none
	now    int64
	wants  wants // what the next run will ask for
	ids    []takenID
	hungry string // the sequence that ran out
	tries  int
	lane   schema.Key
	alone  bool

	collided bool // a batch of this call met a duplicate

	stats  CallStats
	queued time.Duration // by clock, when it last came to a lane

	asks   bool    // waits for news of the journal and no rows
	relied []*hint // what the dry run went by

	leads bool // the call's goroutine runs the batch of reads that serves it

	done chan struct{} // takes a token when err, the answer, is there
	err  error
	left atomic.Bool // the caller has gone; the engine may still work on the call

	came    chan struct{} // takes a token when a batch of reads brought set, or readErr
	set     *set
	readErr error

	memory Memory         // see Tx.Memory
	cells  []schema.Value // memory of the rows of NewRow, from the start of the run

	tx   Tx // of the run under way, or the last one
	keys keys
	// Memory of the lists of two runs, in turns: a run looks at those of the one before.
	asked [2][]asked
	mods  [2][]mod
}

// takenID is an id that a call took, and the number of the last run that was given it.
type takenID struct {
	sequence string
	id       int64
	run      int
}

var calls = sync.Pool{New: func() any {
	return &call{
		done:  make(chan struct{}, 1),
		came:  make(chan struct{}, 1),
		asked: [2][]asked{make([]asked, 0, 12), make([]asked, 0, 12)},
		mods:  [2][]mod{make([]mod, 0, 6), make([]mod, 0, 6)},
	}
}}

func (e *Engine) newCall(ctx context.Context, fn func(*Tx) error) *call {
	c := calls.Get().(*call)
	c.engine, c.ctx, c.fn = e, ctx, fn
	c.now, c.stats.Timed = e.opt.Now().UnixMilli(), e.sampled()
	return c
}

// free gives the memory of a call that has its answer to later calls.
func (c *call) free() {
	if c.left.Load() {
		return
	}
	c.fn, c.ctx, c.guard, c.set, c.err, c.readErr = nil, nil, nil, nil, nil, nil
	c.tx, c.wants = Tx{}, wants{}
	c.ids, c.hungry, c.tries = c.ids[:0], "", 0
	c.lane, c.alone, c.collided, c.asks, c.stats = "", false, false, false, CallStats{}
	c.keys.list, c.cells, c.relied = cleared(c.keys.list), cleared(c.cells), cleared(c.relied)
	for i := range c.asked {
		c.asked[i], c.mods[i] = cleared(c.asked[i]), cleared(c.mods[i])
	}
	calls.Put(c)
}

// cleared returns the memory of a list for the next one, unless it is large.
func cleared[T any](list []T) []T {
	if cap(list) > 4*longList {
		return nil
	}
	clear(list)
	return list[:0]
}

// run runs the function once. base is nil in a dry run; locks tells that it is the set
// of a lane.
func (c *call) run(base *set, locks bool) (*Tx, error) {
	turn := c.stats.Runs % 2
	tx := &c.tx
	*tx = Tx{call: c, base: base, locks: locks, before: c.wants.list}
	tx.asked.list, tx.own.list = c.asked[turn][:0], c.mods[turn][:0]
	if base == nil {
		tx.hints, c.relied = c.engine.hints, c.relied[:0]
	}
	c.keys.next, c.cells = 0, c.cells[:0]
	if c.memory != nil {
		c.memory.Reset()
	}
	c.stats.Runs++
	var err error
	if c.stats.Timed {
		from := clock()
		err = c.guarded(tx)
		c.stats.Rules += clock() - from
	} else {
		err = c.guarded(tx)
	}
	c.wants, c.lane, c.alone = tx.asked, tx.lane, tx.alone
	c.asked[turn], c.mods[turn] = tx.asked.list, tx.own.list
	if tx.stopped {
		err = errStopped
	}
	return tx, err
}

func (c *call) finish(err error) {
	c.err = err
	c.done <- struct{}{}
}

// keys are the keys that a call made, in the order of making. Runs of one call make
// mostly the same ones.
type keys struct {
	list []schema.Key
	next int // the one that comes next if this run is as the one before
}

// of returns the key with the bytes b.
func (ks *keys) of(b []byte) schema.Key {
	if ks.next < len(ks.list) && string(ks.list[ks.next]) == string(b) {
		ks.next++
		return ks.list[ks.next-1]
	}
	for i, k := range ks.list {
		if string(k) == string(b) {
			ks.next = i + 1
			return k
		}
	}
	k := schema.Key(b)
	if len(ks.list) < longList {
		ks.list = append(ks.list, k)
		ks.next = len(ks.list)
	}
	return k
}

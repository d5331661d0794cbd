package txn

import (
	"math/rand/v2"
	"time"

	"github.com/hopsql/hopsql/dal"
)

// A Kind is what a call or a batch does.
type Kind uint8

// The kinds. An Update that needs a look at the store before it goes to a lane waits
// in a batch of reads too.
const (
	Reads Kind = iota
	Writes
)

// An Observer is told how the engine works. Many goroutines call it, and calls wait
// meanwhile: it must be quick. It keeps nothing that it is given.
type Observer interface {
	// Call is told of each call that got its answer, also an error.
	Call(CallStats)
	// Wait is told how long a call waited for a batch to take it.
	Wait(k Kind, d time.Duration)
	// Batch is told of each batch that the store answered.
	Batch(BatchStats)
	// Trip is told of each call of the store, op being "read", "fetch" or "commit", also
	// one that failed. It includes the wait for a connection.
	Trip(op string, d time.Duration)
	// Retry is told of each batch that failed and is run again or in halves.
	Retry(k Kind, why dal.Kind)
}

// CallStats is what one View (Reads) or Update (Writes) took.
type CallStats struct {
	Kind Kind
	Runs int // of its function, the dry one included
	// Rows that the dry run looked up: found among the hints; not found, so that the
	// store had to be asked first; not found and taken to be absent.
	HintHits, HintMisses, HintGuesses int
	// Known: the dry run went by rows that turned out to hold still, and was the last.
	Known bool
	// Rules is the time in the function, all runs together, if Timed. One call in
	// TimedCalls is: reading the clock takes longer than all else here.
	Timed bool
	Rules time.Duration
}

// TimedCalls is how many calls there are, on average, for one that is timed.
const TimedCalls = 16

// BatchStats is what one batch did.
type BatchStats struct {
	Kind   Kind
	Calls  int
	Rows   int           // rows and ranges that were asked for
	Writes int           // rows that were written
	Later  int           // calls that it could not answer: they go into another one
	Took   time.Duration // from its start until it has all answers
}

// Load is what an engine is busy with now.
type Load struct {
	WaitingReads, WaitingWrites int // calls that no batch took yet
	Readers, BusyReaders        int
	Lanes, BusyLanes            int
}

// Load counts.
func (e *Engine) Load() Load {
	e.reads.mu.Lock()
	reads := len(e.reads.waiting)
	e.reads.mu.Unlock()
	out := Load{WaitingReads: reads, WaitingWrites: int(e.queue.Load()), Readers: e.opt.Readers, BusyReaders: int(e.busy[Reads].Load()),
		Lanes: len(e.lanes), BusyLanes: int(e.busy[Writes].Load())}
	return out
}

// started is where clock counts from.
var started = time.Now()

// clock is the monotonic clock alone, which is cheaper to read than time.Now. Durations
// are not measured by Options.Now, which may follow the clock of the store.
func clock() time.Duration { return time.Since(started) }

// sampled reports whether the next call is timed.
func (e *Engine) sampled() bool {
	return e.opt.Observer != nil && rand.Uint32()%TimedCalls == 0
}

// queued is when a call begins to wait; 0 if nobody wants to know.
func (e *Engine) queued() time.Duration {
	if e.opt.Observer == nil {
		return 0
	}
	return clock()
}

// answered tells of a call that has its answer.
func (e *Engine) answered(k Kind, c *call) {
	if e.opt.Observer != nil {
		c.stats.Kind = k
		e.opt.Observer.Call(c.stats)
	}
}

// begin notes that a batch is under way and returns when it began.
func (e *Engine) begin(k Kind) time.Duration {
	e.busy[k].Add(1)
	return e.queued()
}

// end is the counterpart of begin.
func (e *Engine) end(k Kind) { e.busy[k].Add(-1) }

// waited tells how long a call waited until now.
func (e *Engine) waited(k Kind, queued, now time.Duration) {
	if e.opt.Observer != nil {
		e.opt.Observer.Wait(k, now-queued)
	}
}

// tripped tells of a call of the store that began at from.
func (e *Engine) tripped(op string, from time.Duration) {
	if e.opt.Observer != nil {
		e.opt.Observer.Trip(op, clock()-from)
	}
}

// batched tells of a batch that began at from.
func (e *Engine) batched(from time.Duration, s BatchStats) {
	if e.opt.Observer != nil {
		s.Took = clock() - from
		e.opt.Observer.Batch(s)
	}
}

// retrying tells of a batch that failed.
func (e *Engine) retrying(k Kind, err error) {
	if e.opt.Observer != nil {
		e.opt.Observer.Retry(k, dal.KindOf(err))
	}
}

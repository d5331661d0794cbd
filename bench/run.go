package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Progress is how far a run has come.
type Progress struct {
	Op      string // what is measured or made
	Calls   int64
	Most    int64 // Calls at the end, 0 if time ends it
	Elapsed time.Duration
	Last    bool // nothing more comes of this Op
}

// tooMany failed calls end an operation: the rest would tell nothing.
const tooMany = 1000

// run is a run of all operations.
type run struct {
	o        Options
	tree     Tree
	clients  []*rpc.Client
	callers  []*caller
	choose   chooser
	progress func(Progress)

	base  int64 // the first number in names
	files files
	dirs  atomic.Int64 // directories made by mkdir
	turn  int64        // renames
	owned atomic.Int64 // files made by the callers of a mix, for themselves
	nodes *datanodes   // nil if there are none

	mix []mixPart // the operations of the mix

	next     atomic.Int64 // number of the next call
	failures atomic.Int64
	mu       sync.Mutex
	first    error // of the failures
}

// budget is what ends a load: so many calls, so much time, or whichever is first.
type budget struct {
	calls int64
	time  time.Duration
}

// Run does what the options say. progress, if not nil, is called twice a second.
// Failed calls are counted in the results; an error is about something else, and
// the report holds what was measured before it.
func Run(ctx context.Context, o Options, progress func(Progress)) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	r := newRun(ctx, o, progress)
	defer r.close()
	report := &Report{NameNodes: o.NameNodes, Options: o, Results: []Result{}}
	err := r.prepare()
	for _, name := range o.Ops {
		if err != nil {
			break
		}
		var result Result
		if result, err = r.measure(ctx, findOp(name)); err == nil {
			report.Results = append(report.Results, result)
		}
	}
	if !o.Keep {
		// Also after an interrupt.
		err = errors.Join(err, r.cleanUp(context.WithoutCancel(ctx)))
	}
	return report, err
}

func newRun(ctx context.Context, o Options, progress func(Progress)) *run {
	r := &run{o: o, tree: Tree{Dir: o.Dir, Depth: o.Depth, Fanout: o.Fanout, Hot: o.Hot}, mix: o.Mix.parts(), progress: progress}
	r.files.tree = r.tree
	for range o.Connections {
		// A connection that is idle while others are measured must not be made again.
		r.clients = append(r.clients, rpc.NewClient(rpc.ClientConfig{MaxIdle: time.Hour}))
	}
	for i := range o.Callers {
		n := i % o.Connections
		r.callers = append(r.callers, &caller{
			run: r, ctx: ctx, rpc: r.clients[n], addr: o.NameNodes[n%len(o.NameNodes)],
			holder: fmt.Appendf(nil, "bench-%d", i), random: rand.New(rand.NewPCG(o.Seed, uint64(i))),
		})
	}
	return r
}

func (r *run) close() {
	if r.nodes != nil {
		r.nodes.close()
	}
	for _, c := range r.clients {
		c.Close()
	}
}

// measure runs one operation, with what it needs in front of it.
func (r *run) measure(ctx context.Context, op *operation) (Result, error) {
	warm := budget{calls: r.o.WarmupCount, time: r.o.WarmupTime}
	if warm.time > 0 && r.o.Count > 0 {
		warm.calls = max(r.o.Count/4, 1)
	}
	if op.most != nil && r.o.Count == 0 {
		if err := r.stock(ctx, op); err != nil {
			return Result{}, err
		}
		warm = budget{}
	}
	if op.needs != nil {
		if err := r.makeFiles(ctx, op.needs(r, r.o.Count+warm.calls)); err != nil {
			return Result{}, err
		}
	}
	if warm != (budget{}) {
		if _, err := r.load(ctx, "warm-up of "+op.name, op, warm); err != nil {
			return Result{}, err
		}
	}
	before, err := r.cpuTimes()
	if err != nil {
		return Result{}, err
	}
	elapsed, err := r.load(ctx, op.name, op, budget{r.o.Count, r.o.Time})
	if err != nil {
		return Result{}, err
	}
	after, err := r.cpuTimes()
	if err != nil {
		return Result{}, err
	}
	return r.result(op, elapsed, before, after)
}

// stock makes as many files as an operation that uses them up may need in the time
// it has, judged by how fast it uses up some. That is its warm-up as well.
func (r *run) stock(ctx context.Context, op *operation) error {
	const few, reserve = 2000, 2
	if err := r.makeFiles(ctx, few); err != nil {
		return err
	}
	took, err := r.load(ctx, "warm-up of "+op.name, op, budget{calls: few})
	if err != nil {
		return err
	}
	return r.makeFiles(ctx, int64(reserve*few*float64(r.o.Time)/float64(took)))
}

// load lets all callers call until the budget is used up. Only ctx makes it fail.
func (r *run) load(ctx context.Context, what string, op *operation, b budget) (time.Duration, error) {
	from := int64(0)
	if op.first != nil {
		from = op.first(r)
	}
	if op.most != nil && (b.calls == 0 || b.calls > op.most(r)) {
		b.calls = op.most(r)
	}
	if n := r.files.choose(); r.o.Zipf && n > 0 {
		r.choose = zipf(n)
	} else {
		r.choose = uniform(n)
	}
	r.next.Store(0)
	r.failures.Store(0)
	r.first = nil
	for _, c := range r.callers {
		c.reset()
	}
	var wg sync.WaitGroup
	start := time.Now()
	stop := r.watch(what, b, start)
	for _, c := range r.callers {
		wg.Go(func() { c.loop(ctx, op, from, b, start) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	stop()
	if op.ended != nil {
		done := r.next.Load()
		if b.calls > 0 {
			done = min(done, b.calls)
		}
		op.ended(r, from+done)
	}
	return elapsed, context.Cause(ctx)
}

// loop takes one call after the other until there is no more to do.
func (c *caller) loop(ctx context.Context, op *operation, from int64, b budget, start time.Time) {
	r := c.run
	for ctx.Err() == nil && r.failures.Load() < tooMany {
		began := time.Now()
		if b.time > 0 && began.Sub(start) >= b.time {
			return
		}
		i := r.next.Add(1) - 1
		if b.calls > 0 && i >= b.calls {
			return
		}
		err := op.do(c, from+i)
		c.took.Add(time.Since(began))
		if err != nil {
			r.fail(err)
		}
	}
}

// reset forgets what was measured.
func (c *caller) reset() { c.took, c.parts = Histogram{}, make([]*Histogram, len(c.run.mix)) }

func (r *run) fail(err error) {
	r.failures.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == nil {
		r.first = err
	}
}

// watch tells the progress until the function it returns is called.
func (r *run) watch(what string, b budget, start time.Time) (stop func()) {
	if r.progress == nil {
		return func() {}
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(time.Second / 2)
		defer t.Stop()
		for last := false; !last; {
			select {
			case <-ended:
				last = true
			case <-t.C:
			}
			p := Progress{Op: what, Calls: r.next.Load(), Elapsed: time.Since(start), Last: last}
			if b.time == 0 {
				p.Most, p.Calls = b.calls, min(p.Calls, b.calls)
			}
			r.progress(p)
		}
	}()
	return func() { close(ended); <-gone }
}

func (r *run) replication() int { return max(min(r.o.DataNodes, 3), 1) }

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/txn"
)

// kindNames are the labels of reads and writes.
var kindNames = [2]string{txn.Reads: "read", txn.Writes: "write"}

// reasons are the labels of what makes a batch fail, as label values have no blanks.
var reasons = [...]string{dal.Permanent: "permanent", dal.Duplicate: "duplicate", dal.Conflict: "conflict",
	dal.Unavailable: "unavailable", dal.UnknownOutcome: "unknown_outcome", dal.Full: "full"}

// storeOps are the calls of a store.
var storeOps = []string{"read", "fetch", "commit"}

// Engine observes an engine. Each metric is found by an index: looking one up by its
// labels would cost more than counting.
type Engine struct {
	runs, rules, wait, calls, rows, batch [2]prometheus.Histogram
	hits, misses, guesses                 [2]prometheus.Counter
	known, later                          prometheus.Counter
	writes                                prometheus.Histogram
	trips                                 map[string]prometheus.Histogram
	retries                               [2][len(reasons)]prometheus.Counter
	all                                   []prometheus.Collector
}

var _ txn.Observer = (*Engine)(nil)

func newEngine() *Engine {
	e := &Engine{trips: map[string]prometheus.Histogram{}}
	h := func(name, help string, bounds []float64, labels prometheus.Labels) prometheus.Histogram {
		m := histogram(name, help, bounds, labels)
		e.all = append(e.all, m)
		return m
	}
	c := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		m := counter(name, help, labels)
		e.all = append(e.all, m)
		return m
	}
	for k, name := range kindNames {
		labels := func(more ...string) prometheus.Labels {
			l := prometheus.Labels{"kind": name}
			for i := 0; i < len(more); i += 2 {
				l[more[i]] = more[i+1]
			}
			return l
		}
		e.runs[k] = h("call_runs", "How often the rules of a call ran, the dry run included.", runBounds, labels())
		e.rules[k] = h("call_rules_seconds", "Time of a call in its rules, all runs together; one call in 16 is timed.", ruleBounds, labels())
		e.wait[k] = h("call_wait_seconds", "Time that a call waited for a batch to take it.", timeBounds, labels())
		e.calls[k] = h("batch_calls", "Calls of a batch.", callBounds, labels())
		e.rows[k] = h("batch_rows", "Rows and ranges that a batch asked for.", rowBounds, labels())
		e.batch[k] = h("batch_seconds", "Time of a batch from its start until it had all answers.", timeBounds, labels())
		e.hits[k] = c("hints_total", "Rows that a dry run looked up among the hints, by outcome.", labels("result", "hit"))
		e.misses[k] = c("hints_total", "Rows that a dry run looked up among the hints, by outcome.", labels("result", "miss"))
		e.guesses[k] = c("hints_total", "Rows that a dry run looked up among the hints, by outcome.", labels("result", "absent"))
		for i, why := range reasons {
			e.retries[k][i] = c("batch_failures_total", "Batches that failed and were run again, cut in halves or given up.", labels("reason", why))
		}
	}
	e.known = c("known_calls_total", "Calls that were answered from remembered rows which turned out to hold still.", nil)
	e.later = c("batch_later_calls_total", "Calls that a batch of writes put off into another batch.", nil)
	e.writes = h("batch_writes", "Rows that a batch wrote.", rowBounds, nil)
	for _, op := range storeOps {
		e.trips[op] = h("store_seconds", "Time of a call of the store, the wait for a connection included.", timeBounds, prometheus.Labels{"op": op})
	}
	return e
}

// Call is part of txn.Observer.
func (e *Engine) Call(s txn.CallStats) {
	e.runs[s.Kind].Observe(float64(s.Runs))
	if s.Timed {
		e.rules[s.Kind].Observe(s.Rules.Seconds())
	}
	add(e.hits[s.Kind], s.HintHits)
	add(e.misses[s.Kind], s.HintMisses)
	add(e.guesses[s.Kind], s.HintGuesses)
	if s.Known {
		e.known.Inc()
	}
}

func add(c prometheus.Counter, n int) {
	if n > 0 {
		c.Add(float64(n))
	}
}

// Wait is part of txn.Observer.
func (e *Engine) Wait(k txn.Kind, d time.Duration) { e.wait[k].Observe(d.Seconds()) }

// Batch is part of txn.Observer.
func (e *Engine) Batch(s txn.BatchStats) {
	e.calls[s.Kind].Observe(float64(s.Calls))
	e.rows[s.Kind].Observe(float64(s.Rows))
	e.batch[s.Kind].Observe(s.Took.Seconds())
	if s.Kind == txn.Writes {
		e.writes.Observe(float64(s.Writes))
		add(e.later, s.Later)
	}
}

// Trip is part of txn.Observer.
func (e *Engine) Trip(op string, d time.Duration) {
	if h := e.trips[op]; h != nil {
		h.Observe(d.Seconds())
	}
}

// Retry is part of txn.Observer.
func (e *Engine) Retry(k txn.Kind, why dal.Kind) { e.retries[k][why].Inc() }

// Describe is part of prometheus.Collector.
func (e *Engine) Describe(out chan<- *prometheus.Desc) {
	for _, c := range e.all {
		c.Describe(out)
	}
}

// Collect is part of prometheus.Collector.
func (e *Engine) Collect(out chan<- prometheus.Metric) {
	for _, c := range e.all {
		c.Collect(out)
	}
}

// Package metrics counts what a NameNode does, so that its speed can be explained: how
// calls share batches, where their time goes, how often they are run again. It is
// always on and costs a call about 0.15 µs (BenchmarkCall). Its label sets are
// bounded: ports, registered methods, classes of errors and short lists of kinds. What
// is done with the numbers it does not know.
package metrics

import (
	"net/http"
	"regexp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// prefix begins the name of every metric that is not one of the Go runtime or of the
// process.
const prefix = "hopsql_"

// Bounds of the histograms. Times are in seconds: a batch over the loopback takes a
// fraction of a millisecond, and a store that is away is waited for 45 s.
var (
	timeBounds = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
	ruleBounds = []float64{.000001, .0000025, .000005, .00001, .000025, .00005, .0001, .00025, .0005, .001, .005, .025, .1}
	runBounds  = []float64{1, 2, 3, 4, 5, 6, 8, 12, 20, 100}
	callBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	rowBounds  = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384}
)

// Metrics are those of one NameNode. Safe for many goroutines.
type Metrics struct {
	Engine   *Engine // the observer of the engine
	registry *prometheus.Registry
}

// New returns metrics that count from zero, those of this process and of the Go runtime
// among them.
func New() *Metrics {
	m := &Metrics{Engine: newEngine(), registry: prometheus.NewRegistry()}
	// How long goroutines wait for a processor is the part of a call's time that is
	// neither a wait for a batch nor the store nor the rules.
	latencies := collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/sched/latencies:seconds$`)}
	m.registry.MustRegister(m.Engine, collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(latencies)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Add adds metrics that others collect.
func (m *Metrics) Add(c prometheus.Collector) { m.registry.MustRegister(c) }

// Handler answers with all metrics as Prometheus's text, compressed where the client
// takes that.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func histogram(name, help string, bounds []float64, labels prometheus.Labels) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: bounds, ConstLabels: labels})
}

func counter(name, help string, labels prometheus.Labels) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help, ConstLabels: labels})
}

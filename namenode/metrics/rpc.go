package metrics

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Port counts the calls that come in at one port.
type Port struct {
	number  string
	server  *rpc.Server
	methods map[string]*method // all that are registered; not changed once calls come

	mu     sync.RWMutex
	errors map[string]*method // by Java class

	queue, processing recent
}

// method is one method, or one class of errors, as clients see it.
type method struct {
	name    string
	seconds prometheus.Histogram
	recent  recent
}

// NewPort returns the metrics of a port that is known by its number. Give Observe to its
// server, and the server to Watch before it serves.
func (m *Metrics) NewPort(number string) *Port {
	p := &Port{number: number, methods: map[string]*method{}, errors: map[string]*method{}}
	m.Add(p)
	return p
}

// Watch says which server it is, after everything is registered there.
func (p *Port) Watch(srv *rpc.Server) {
	for _, name := range srv.Methods() {
		p.methods[name] = &method{name: name, seconds: histogram("rpc_seconds",
			"Time of a call from its arrival to the end of its handler.", timeBounds,
			prometheus.Labels{"port": p.number, "method": name})}
	}
	p.server = srv
}

// Observe counts a call; it is for rpc.ServerConfig.
func (p *Port) Observe(c *rpc.Call, d time.Duration, err error) {
	if m := p.methods[c.Method]; m != nil {
		m.seconds.Observe(d.Seconds())
	}
	if err != nil {
		p.failed(classOf(err)).seconds.Observe(d.Seconds())
	}
}

// classOf is the Java class of an error without its package. Handlers choose it from a
// fixed list; what has none becomes an IOException.
func classOf(err error) string {
	var x *rpc.Exception
	if !errors.As(err, &x) {
		return "IOException"
	}
	return x.Class[strings.LastIndexAny(x.Class, ".$")+1:]
}

// failed finds the class of errors.
func (p *Port) failed(class string) *method {
	p.mu.RLock()
	m := p.errors[class]
	p.mu.RUnlock()
	if m != nil {
		return m
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m = p.errors[class]; m == nil {
		m = &method{name: class, seconds: histogram("rpc_error_seconds",
			"Time of a call that ended with an error, by the error's class.", timeBounds,
			prometheus.Labels{"port": p.number, "class": class})}
		p.errors[class] = m
	}
	return m
}

// each calls f for all methods, then for all classes of errors.
func (p *Port) each(f func(*method)) {
	for _, m := range p.methods {
		f(m)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, m := range p.errors {
		f(m)
	}
}

// total is how many calls there were, and their time in seconds.
func (m *method) total() (n uint64, seconds float64) {
	var d dto.Metric
	if m.seconds.Write(&d) != nil { // never for a histogram
		return 0, 0
	}
	return d.GetHistogram().GetSampleCount(), d.GetHistogram().GetSampleSum()
}

var (
	portLabel   = []string{"port"}
	connections = prometheus.NewDesc(prefix+"rpc_connections", "Open connections of clients.", portLabel, nil)
	running     = prometheus.NewDesc(prefix+"rpc_calls_running", "Calls in progress.", portLabel, nil)
	waiting     = prometheus.NewDesc(prefix+"rpc_calls_waiting", "Calls that wait for a handler, as all are taken.", portLabel, nil)
	waited      = prometheus.NewDesc(prefix+"rpc_wait_seconds_total", "Time that calls waited for a handler.", portLabel, nil)
	refused     = prometheus.NewDesc(prefix+"rpc_busy_total", "Calls that were told to come again, as no handler got free.", portLabel, nil)
	received    = prometheus.NewDesc(prefix+"rpc_received_bytes_total", "Bytes of requests.", portLabel, nil)
	sent        = prometheus.NewDesc(prefix+"rpc_sent_bytes_total", "Bytes of answers.", portLabel, nil)
	unread      = prometheus.NewDesc(prefix+"rpc_unread_bytes", "Bytes of answers that clients have not read yet.", portLabel, nil)
)

// Describe is part of prometheus.Collector. It says nothing: methods show once they were
// called.
func (p *Port) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (p *Port) Collect(out chan<- prometheus.Metric) {
	p.each(func(m *method) {
		if n, _ := m.total(); n > 0 {
			m.seconds.Collect(out)
		}
	})
	st := p.Stats()
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, p.number)
	}
	total := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, p.number)
	}
	gauge(connections, float64(st.Connections))
	gauge(running, float64(st.Running))
	gauge(waiting, float64(st.Waiting))
	gauge(unread, float64(st.QueuedBytes))
	total(waited, st.Waited.Seconds())
	total(refused, float64(st.Busy))
	total(received, float64(st.ReceivedBytes))
	total(sent, float64(st.SentBytes))
}

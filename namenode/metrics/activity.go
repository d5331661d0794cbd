package metrics

import (
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Average is how often something happened and how long it took lately, as Hadoop's beans
// show it.
type Average struct {
	Name         string
	Ops          uint64
	Milliseconds float64 // on average, over the latest ten seconds with any
}

// Number is the port.
func (p *Port) Number() string { return p.number }

// Methods are the registered methods by name, and the classes of errors that were
// answered.
func (p *Port) Methods() []Average {
	now := time.Now()
	var out []Average
	p.each(func(m *method) {
		n, seconds := m.total()
		out = append(out, Average{m.name, n, m.recent.of(n, seconds, now)})
	})
	slices.SortFunc(out, func(a, b Average) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Calls are the time that calls waited for a handler, the time in their handlers, and how
// many of them failed.
func (p *Port) Calls() (queue, processing Average, failed uint64) {
	var ops uint64
	var seconds float64
	for _, m := range p.methods {
		n, s := m.total()
		ops, seconds = ops+n, seconds+s
	}
	p.mu.RLock()
	for _, m := range p.errors {
		n, _ := m.total()
		failed += n
	}
	p.mu.RUnlock()
	waited := p.Stats().Waited.Seconds()
	now := time.Now()
	queue = Average{"RpcQueueTime", ops, p.queue.of(ops, waited, now)}
	processing = Average{"RpcProcessingTime", ops, p.processing.of(ops, max(0, seconds-waited), now)}
	return queue, processing, failed
}

// Stats are the counters of the port's server.
func (p *Port) Stats() rpc.Stats {
	if p.server == nil {
		return rpc.Stats{}
	}
	return p.server.Stats()
}

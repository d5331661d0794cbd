package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/txn"
)

// State is what a NameNode is busy with at the moment of the question.
type State struct {
	Load  func() txn.Load
	Leads func() bool
	Store dal.Counting // nil for a store that does not count
}

var (
	kindLabel   = []string{"kind"}
	batchSlots  = prometheus.NewDesc(prefix+"batch_slots", "Batches that may be under way: lanes of writes, readers of reads.", kindLabel, nil)
	batchBusy   = prometheus.NewDesc(prefix+"batch_busy", "Batches under way now: busy lanes and readers.", kindLabel, nil)
	callsQueued = prometheus.NewDesc(prefix+"calls_waiting", "Calls that no batch took yet.", kindLabel, nil)
	leads       = prometheus.NewDesc(prefix+"leader", "1 if this NameNode leads.", nil, nil)
	trips       = prometheus.NewDesc(prefix+"store_round_trips_total", "Round trips to the database server; 0 where there is none.", nil, nil)
	statements  = prometheus.NewDesc(prefix+"store_statements_total", "SQL statements.", nil, nil)
	conns       = prometheus.NewDesc(prefix+"store_connections", "Open connections to the database.", nil, nil)
	connsBusy   = prometheus.NewDesc(prefix+"store_connections_busy", "Connections to the database in use.", nil, nil)
	connWaits   = prometheus.NewDesc(prefix+"store_connection_waits_total", "How often somebody waited for a connection to the database.", nil, nil)
	connWaited  = prometheus.NewDesc(prefix+"store_connection_wait_seconds_total", "Time of these waits.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (s *State) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{batchSlots, batchBusy, callsQueued, leads, trips, statements, conns, connsBusy, connWaits, connWaited} {
		out <- d
	}
}

// Collect is part of prometheus.Collector.
func (s *State) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	total := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	l := s.Load()
	read, write := kindNames[txn.Reads], kindNames[txn.Writes]
	gauge(batchSlots, l.Readers, read)
	gauge(batchSlots, l.Lanes, write)
	gauge(batchBusy, l.BusyReaders, read)
	gauge(batchBusy, l.BusyLanes, write)
	gauge(callsQueued, l.WaitingReads, read)
	gauge(callsQueued, l.WaitingWrites, write)
	lead := 0
	if s.Leads() {
		lead = 1
	}
	gauge(leads, lead)
	if s.Store == nil {
		return
	}
	st := s.Store.Stats()
	total(trips, float64(st.RoundTrips))
	total(statements, float64(st.Statements))
	gauge(conns, st.Connections)
	gauge(connsBusy, st.InUse)
	total(connWaits, float64(st.Waits))
	total(connWaited, st.Waited.Seconds())
}

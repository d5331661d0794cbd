// Package figures holds what benchmarks measured and compares it: medians over
// rounds, ratios to a peer of the same round with their spread, tables.
//
// It promises that a ratio is never taken between figures of different rounds, and
// that a figure that was not measured is shown as missing. It measures nothing.
package figures

import (
	"slices"
)

// A Sample is one measurement: one operation with so many callers on one system in
// one round.
type Sample struct {
	Round   int    `json:"round"`
	System  string `json:"system"` // whose NameNode: "Apache"
	Tool    string `json:"tool"`   // the benchmark
	Op      string `json:"op"`
	Callers int    `json:"callers"`

	Ops           int                `json:"ops"`
	Errors        int                `json:"errors"`
	Seconds       float64            `json:"seconds"`
	OpsPerSecond  float64            `json:"opsPerSecond"`
	LatencyMicros map[string]float64 `json:"latencyMicros,omitempty"` // "p50", "p99" and so on
	// CPUMicros is the CPU of each process divided by the calls.
	CPUMicros map[string]float64 `json:"cpuMicrosPerOp,omitempty"`
	RSSBytes  map[string]int64   `json:"rssBytes,omitempty"`
}

// The processes of CPUMicros.
const (
	NameNode = "namenode"
	Database = "database"
	Client   = "client" // the benchmark's workers
	Spin     = "spin"   // the thread of the benchmark that waits busily
)

// Server is the CPU of NameNode and database together in µs a call.
func (s *Sample) Server() float64 { return s.CPUMicros[NameNode] + s.CPUMicros[Database] }

// CPU shows CPUMicros in a few words.
func (s *Sample) CPU() string {
	text := Short(s.CPUMicros[NameNode])
	if db, ok := s.CPUMicros[Database]; ok {
		text += " + " + Short(db)
	}
	return text + " µs + client " + Short(s.CPUMicros[Client]) + " µs"
}

// A Key names what is measured once a round.
type Key struct {
	System, Tool, Op string
	Callers          int
}

// Key returns what the sample is a measurement of.
func (s *Sample) Key() Key { return Key{s.System, s.Tool, s.Op, s.Callers} }

// A Set holds samples of several rounds.
type Set struct {
	Samples []Sample `json:"samples"`
}

// Add adds a sample.
func (t *Set) Add(s Sample) { t.Samples = append(t.Samples, s) }

// A Value takes one figure from a sample; ok is false when it was not measured.
type Value func(*Sample) (v float64, ok bool)

// Throughput is operations a second.
func Throughput(s *Sample) (float64, bool) { return s.OpsPerSecond, s.OpsPerSecond > 0 }

// ServerCPU is Sample.Server.
func ServerCPU(s *Sample) (float64, bool) { return s.Server(), s.Server() > 0 }

// CPU is µs a call of one process.
func CPU(process string) Value {
	return func(s *Sample) (float64, bool) {
		v, ok := s.CPUMicros[process]
		return v, ok
	}
}

// Latency is a percentile in µs.
func Latency(percentile string) Value {
	return func(s *Sample) (float64, bool) {
		v, ok := s.LatencyMicros[percentile]
		return v, ok
	}
}

// byRound returns a figure by round.
func (t *Set) byRound(k Key, value Value) map[int]float64 {
	rounds := map[int]float64{}
	for i := range t.Samples {
		if s := &t.Samples[i]; s.Key() == k {
			if v, ok := value(s); ok {
				rounds[s.Round] = v
			}
		}
	}
	return rounds
}

// A Spread is a median with the smallest and largest value. N is how many there
// were; the rest means nothing when it is 0.
type Spread struct {
	Median, Min, Max float64
	N                int
}

// Over is the spread of some values.
func Over(values ...float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1], N: n}
}

// Of is the spread of a figure over the rounds.
func (t *Set) Of(k Key, value Value) Spread {
	var values []float64
	for _, v := range t.byRound(k, value) {
		values = append(values, v)
	}
	return Over(values...)
}

// Ratio is the spread of a figure divided by the peer's of the same round.
func (t *Set) Ratio(k, peer Key, value Value) Spread {
	of := t.byRound(peer, value)
	var ratios []float64
	for round, v := range t.byRound(k, value) {
		if p, ok := of[round]; ok && p > 0 {
			ratios = append(ratios, v/p)
		}
	}
	return Over(ratios...)
}

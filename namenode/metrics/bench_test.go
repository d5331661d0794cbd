package metrics

import (
	"testing"
	"time"

	"github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/txn"
)

// BenchmarkCall is what the metrics of one call cost in all: that of its method, its
// wait, its runs and hints, its part of a batch of 16, and the clocks that are read for
// them: one for the method, one when it is queued, two for each of two runs of one call
// in txn.TimedCalls, three for the batch.
func BenchmarkCall(b *testing.B) {
	for _, way := range []string{"one", "parallel"} {
		b.Run(way, func(b *testing.B) {
			m, p := New(), servedPort(b)
			from := time.Now()
			call := &rpc.Call{Method: "getFileInfo"}
			one := func(i int) {
				queued := time.Since(from)
				timed := i%txn.TimedCalls == 0
				stats := txn.CallStats{Kind: txn.Reads, Runs: 2, HintHits: 4, HintMisses: 1, Timed: timed}
				if timed {
					for range 2 {
						ran := time.Since(from)
						stats.Rules += time.Since(from) - ran
					}
				}
				m.Engine.Wait(txn.Reads, queued/1000)
				if i%16 == 0 {
					began := time.Since(from)
					m.Engine.Trip("read", (time.Since(from)-began)*1000)
					m.Engine.Batch(txn.BatchStats{Kind: txn.Reads, Calls: 16, Rows: 80, Took: (time.Since(from) - began) * 1000})
				}
				m.Engine.Call(stats)
				p.Observe(call, time.Since(from)/1000, nil)
			}
			b.ReportAllocs()
			if way == "one" {
				for i := range b.N {
					one(i)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					one(i)
				}
			})
		})
	}
}

// BenchmarkScrape is what a look at all metrics costs.
func BenchmarkScrape(b *testing.B) {
	m, p := New(), servedPort(b)
	m.Add(p)
	for name := range p.methods {
		p.Observe(&rpc.Call{Method: name}, time.Millisecond, nil)
	}
	for b.Loop() {
		if _, err := m.registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

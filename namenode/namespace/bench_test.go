package namespace_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/namenode/blocks"
	"github.com/hopsql/hopsql/namenode/namespace"
	"github.com/hopsql/hopsql/txn"
)

// benchNode is a NameNode without the RPC side, on a store that the benchmark fills.
func benchNode(b *testing.B, store dal.Store) *namespace.Namespace {
	b.Helper()
	eng, err := txn.New(store, txn.Options{NodeID: 1, IDRange: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { eng.Close(); store.Close() })
	set := namespace.Settings{Limits: namespace.DefaultLimits(), Owner: "root", SuperGroup: "supergroup", CheckPermissions: true}
	return namespace.New(eng, blocks.NewRegistry(eng, blocks.Options{}), noSafeMode{}, set)
}

// BenchmarkMemory measures rules and engine alone: 64 callers on the memory store.
func BenchmarkMemory(b *testing.B) {
	benchOperations(b, func(testing.TB) dal.Store { return memstore.New() })
}

// BenchmarkSQLite and BenchmarkMariaDB are the same on stores that keep what they
// are given.
func BenchmarkSQLite(b *testing.B)  { benchOperations(b, openSQLite) }
func BenchmarkMariaDB(b *testing.B) { benchOperations(b, openMariaDB) }

func benchOperations(b *testing.B, open func(testing.TB) dal.Store) {
	ctx := context.Background()
	run := func(name string, op func(n *namespace.Namespace, i int64) error) {
		b.Run(name, func(b *testing.B) {
			store := open(b)
			format(b, store)
			n := benchNode(b, store)
			for d := range 200 {
				if err := n.Mkdirs(ctx, root, fmt.Sprintf("/a/b/%d", d), 0o755, true); err != nil {
					b.Fatal(err)
				}
			}
			var next atomic.Int64
			b.SetParallelism(32) // 64 callers on two cores
			b.ReportAllocs()
			db := siblingPID("mariadbd")
			dbBefore, before := cpuMicros(db), cpuMicros(os.Getpid())
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := op(n, next.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric((cpuMicros(os.Getpid())-before)/float64(b.N), "µs-cpu/op")
			b.ReportMetric((cpuMicros(db)-dbBefore)/float64(b.N), "µs-db/op")
		})
	}
	run("create", func(n *namespace.Namespace, i int64) error {
		return createFile(n, fmt.Sprintf("/a/b/%d/f%d", i%200, i), false)
	})
	run("stat", func(n *namespace.Namespace, i int64) error {
		_, err := n.GetFileInfo(ctx, root, fmt.Sprintf("/a/b/%d", i%200), false)
		return err
	})
}

// cpuMicros is the CPU time that a process has used so far, in µs; 0 without one.
func cpuMicros(pid int) float64 {
	d, err := bench.CPUTime(pid)
	if err != nil {
		return 0
	}
	return float64(d.Microseconds())
}

// siblingPID finds the server that was started for this test, by its parent.
func siblingPID(name string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(b), "("+name+")") {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
		if f[1] == strconv.Itoa(os.Getppid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return pid
		}
	}
	return 0
}

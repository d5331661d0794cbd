package sqlstore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/schema"
)

const benchDirs = 200

// fileRow is a row as create writes it.
func fileRow(parent int64, name string, id int64) schema.Row {
	v := schema.Inode{
		PartitionID: parent, ParentID: parent, Name: name, ID: id, Kind: schema.KindFile, UserName: "hdfs", GroupName: "supergroup",
		Mode: 0o644, MTime: 1_700_000_000_000, ATime: 1_700_000_000_000, Replication: 3, BlockSize: 128 << 20,
		ClientName: "DFSClient_NONMAPREDUCE_-1234567890_1", ClientMachine: "127.0.0.1",
	}
	return v.Row()
}

func dirRow(parent int64, name string, id int64) schema.Row {
	v := schema.Inode{PartitionID: parent, ParentID: parent, Name: name, ID: id, UserName: "hdfs", GroupName: "supergroup", Mode: 0o755}
	return v.Row()
}

func change(op dal.Op, t *schema.Table, r schema.Row) dal.Change {
	return dal.Change{Op: op, Table: t, Key: t.Key(r), Row: r}
}

// benchTree writes benchDirs directories at depth 3: /a/b/dN, with ids from 100 on.
func benchTree(b *testing.B, s dal.Store) {
	b.Helper()
	changes := []dal.Change{change(dal.Insert, schema.Inodes, dirRow(1, "a", 2)), change(dal.Insert, schema.Inodes, dirRow(2, "b", 3))}
	for i := range int64(benchDirs) {
		changes = append(changes, change(dal.Insert, schema.Inodes, dirRow(3, fmt.Sprintf("d%03d", i), 100+i)))
	}
	for i := range int64(benchDirs) {
		d := schema.Directory{ID: 100 + i}
		changes = append(changes, change(dal.Insert, schema.Directories, d.Row()))
	}
	commit(b, s, changes)
}

func commit(tb testing.TB, s dal.Store, changes []dal.Change) {
	tb.Helper()
	tx, err := s.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer tx.Rollback()
	if err := tx.Commit(tb.Context(), changes); err != nil {
		tb.Fatal(err)
	}
}

// pathKeys are the rows of /a/b/dN.
func pathKeys(dir int64) []schema.Key {
	return []schema.Key{schema.InodeKey(1, "a"), schema.InodeKey(2, "b"), schema.InodeKey(3, fmt.Sprintf("d%03d", dir))}
}

// createBatch is one batch of n creates as the engine makes it.
func createBatch(b *testing.B, s dal.Store, n int, nextID *atomic.Int64) error {
	tx, err := s.Begin(b.Context())
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var keys []schema.Key
	var inserts, adds []dal.Change
	seen := map[schema.Key]bool{}
	for range n {
		dir := rand.Int64N(benchDirs)
		for _, k := range pathKeys(dir) {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
		id := nextID.Add(1)
		inserts = append(inserts, change(dal.Insert, schema.Inodes, fileRow(100+dir, fmt.Sprintf("file%09d", id), id)))
		d := schema.Directory{ID: 100 + dir, MTime: 1_700_000_000_000 + id, Entries: 1}
		adds = append(adds, change(dal.Add, schema.Directories, d.Row()))
	}
	if _, err := tx.Fetch(b.Context(), []dal.Fetch{{Table: schema.Inodes, Keys: keys, Lock: dal.Shared}}); err != nil {
		return err
	}
	return tx.Commit(b.Context(), append(inserts, adds...))
}

func statBatch(b *testing.B, s dal.Store, n int) error {
	keys := make([]schema.Key, 0, 3*n)
	for range n {
		keys = append(keys, pathKeys(rand.Int64N(benchDirs))...)
	}
	rows, err := s.Read(b.Context(), []dal.Fetch{{Table: schema.Inodes, Keys: keys}})
	if err == nil && len(rows[0].Rows) < 3 {
		err = fmt.Errorf("%d rows", len(rows[0].Rows))
	}
	return err
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// lanes runs batches of n calls in several goroutines; b.N counts calls.
func lanes(b *testing.B, count, n int, batch func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	start := cpu()
	b.ResetTimer()
	for range count {
		all.Go(func() {
			for left.Add(-int64(n)) > -int64(n) {
				if err := batch(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "ns-cpu/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func benchStores(b *testing.B, f func(b *testing.B, s *Store)) {
	b.Run("innodb", func(b *testing.B) {
		s := openServer(b, serverConfig(b), innodb)
		benchTree(b, s)
		f(b, s)
	})
	b.Run("sqlite", func(b *testing.B) {
		s := openFile(b)
		benchTree(b, s)
		f(b, s)
	})
}

// BenchmarkCreate counts creates, BenchmarkStat stats of three path rows; lanes and
// calls a batch are in the names.
func BenchmarkCreate(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		var id atomic.Int64
		id.Store(1000)
		for _, c := range [][2]int{{1, 1}, {1, 32}, {2, 18}, {3, 12}} {
			b.Run(fmt.Sprintf("%dx%d", c[0], c[1]), func(b *testing.B) {
				lanes(b, c[0], c[1], func() error { return createBatch(b, s, c[1], &id) })
			})
		}
	})
}

func BenchmarkStat(b *testing.B) {
	benchStores(b, func(b *testing.B, s *Store) {
		for _, c := range [][2]int{{1, 1}, {1, 32}, {2, 18}, {3, 12}} {
			b.Run(fmt.Sprintf("%dx%d", c[0], c[1]), func(b *testing.B) {
				lanes(b, c[0], c[1], func() error { return statBatch(b, s, c[1]) })
			})
		}
	})
}

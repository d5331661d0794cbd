// Package throughput runs Apache Hadoop's NNThroughputBenchmark against a
// NameNode of this project on each store, and against Apache's own beside it.
//
// The benchmark must run without an error; its figures are printed as a table,
// and appended to the file named by HOPSQL_RESULTS if that is set.
package throughput

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/hadoop"
	"github.com/hopsql/hopsql/testkit/process"
)

const (
	threads = 32
	files   = 10_000
)

var operations = []string{"create", "mkdirs", "open", "fileStatus", "delete", "rename", "append"}

var (
	count = regexp.MustCompile(`# operations: (\d+)`)
	rate  = regexp.MustCompile(`Ops per sec: ([0-9.E]+)`)
)

// run runs one operation and returns how many it did in a second.
func run(t *testing.T, client *hadoop.Client, op string) float64 {
	t.Helper()
	unit := "-files"
	if op == "mkdirs" {
		unit = "-dirs"
	}
	args := []string{"-op", op, "-threads", strconv.Itoa(threads), unit, strconv.Itoa(files)}
	r := client.Benchmark(t, args...)
	out := r.OK(t) + r.Stderr
	// A worker that meets an error logs it and ends; the benchmark goes on and exits with 0.
	for _, word := range []string{"Exception", " ERROR ", " failed:"} {
		if at := strings.Index(out, word); at >= 0 {
			t.Errorf("%s: an error in the benchmark:\n%.2000s", op, out[max(0, at-300):])
		}
	}
	n, r1 := count.FindStringSubmatch(out), rate.FindStringSubmatch(out)
	if n == nil || r1 == nil {
		t.Fatalf("%s: no figures in the output:\n%s", op, out)
	}
	if n[1] != strconv.Itoa(files) {
		t.Errorf("%s: %s operations done, want %d", op, n[1], files)
	}
	perSecond, err := strconv.ParseFloat(r1[1], 64)
	if err != nil || perSecond <= 0 {
		t.Fatalf("%s: %q operations a second", op, r1[1])
	}
	return perSecond
}

// TestBenchmark is the benchmark with 32 threads on every kind of NameNode.
func TestBenchmark(t *testing.T) {
	figures := map[string]map[string]float64{}
	measure := func(t *testing.T, name, fs string) {
		t.Helper()
		figures[name] = map[string]float64{}
		client := hadoop.NewClient(t, fs, map[string]string{"dfs.replication": "1", "dfs.namenode.fs-limits.min-block-size": "16"})
		for _, op := range operations {
			figures[name][op] = run(t, client, op)
		}
	}
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		c := cluster.Start(t, cluster.Options{StoreURL: storeURL})
		name := "MariaDB"
		if c.SQLite() {
			name = "SQLite"
		}
		measure(t, name, c.FS())
		if c.NameNode().Ended() {
			t.Fatalf("the NameNode ended during the benchmark:\n%s", c.NameNode().Tail())
		}
	})
	t.Run("apache", func(t *testing.T) { measure(t, "Apache", hadoop.StartNameNode(t, t.TempDir(), nil).FS()) })
	report(t, figures)
}

// report prints the figures as a table.
func report(t *testing.T, figures map[string]map[string]float64) {
	t.Helper()
	var b strings.Builder
	columns := []string{"SQLite", "MariaDB", "Apache"}
	fmt.Fprintf(&b, "| operation, %d threads | %s |\n|---|---:|---:|---:|\n", threads, strings.Join(columns, " | "))
	for _, op := range operations {
		fmt.Fprintf(&b, "| %s |", op)
		for _, c := range columns {
			fmt.Fprintf(&b, " %.0f |", figures[c][op])
		}
		b.WriteString("\n")
	}
	t.Logf("operations a second:\n%s", b.String())
	path := os.Getenv("HOPSQL_RESULTS")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
}

// TestSideBySide runs the script of the benchmark beside Apache's NameNode, for a
// moment. What needs no Apache bench/versus tests.
func TestSideBySide(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	p, err := process.Start(process.Spec{
		Name: "bench-vs-hdfs.sh", Dir: cluster.Root(), Log: filepath.Join(t.TempDir(), "log"),
		Args: []string{"scripts/bench-vs-hdfs.sh", "-only", "throughput,ls", "-rounds", "1", "-ops", "640", "-time", "50ms", "-warmup", "10ms", "-json", file},
	})
	if err != nil {
		t.Fatal(err)
	}
	if code := p.ExitCode(); code != 0 {
		t.Fatalf("exit %d\n%s", code, p.Tail())
	}
	t.Log(p.Output())
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Samples []struct {
			System, Tool, Op string
			Ops              int
			CPUMicrosPerOp   map[string]float64
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for _, s := range doc.Samples {
		if s.Ops == 0 {
			t.Errorf("%s of %s: nothing was done", s.Op, s.System)
		}
		if s.Tool == "NNThroughputBenchmark" {
			runs[s.System]++
			if _, apart := s.CPUMicrosPerOp["spin"]; !apart {
				t.Errorf("%s of %s: the waiting thread of the benchmark is not counted apart", s.Op, s.System)
			}
		}
	}
	for _, system := range []string{"Apache", "MariaDB", "SQLite"} {
		if runs[system] != 6*2 {
			t.Errorf("%d runs of NNThroughputBenchmark on %s, want 12", runs[system], system)
		}
	}
}

package lab

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/bench/figures"
)

// recorded is what NNThroughputBenchmark of Hadoop 3.4.3 logged about `-op open`,
// which first makes its files.
func recorded(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/open.log")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseReport(t *testing.T) {
	log := recorded(t)
	r, err := ParseReport(log, "open")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 21, 18, 9, 24, 916_000_000, time.Local)
	if !r.Start.Equal(start) || r.Ops != 2048 || r.Elapsed != 507*time.Millisecond || int(r.OpsPerSecond) != 4039 {
		t.Errorf("%+v", r)
	}
	for name, bad := range map[string]string{
		"another operation": strings.ReplaceAll(log, "open(s)", "close(s)"),
		"cut off":           log[:strings.Index(log, "# operations")],
		"a worker failed":   log + "ERROR: java.io.IOException: no\n",
	} {
		if r, err := ParseReport(bad, "open"); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestParseDriver(t *testing.T) {
	samples, err := ParseDriver([]byte(`{"results": [{"op": "stat", "callers": 64, "ops": 100, "errors": 0, "seconds": 0.5, "opsPerSecond": 200,
		"latencyMicros": {"p50": 10, "p99": 20}, "cpuMicrosPerOp": {"driver": 8, "namenode": 30, "database": 12}, "rssBytes": {"namenode": 1048576}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s := samples[0]
	if len(samples) != 1 || s.Op != "stat" || s.Tool != DriverTool || s.CPUMicros[figures.Client] != 8 || s.Server() != 42 || s.LatencyMicros["p99"] != 20 {
		t.Errorf("%+v", samples)
	}
	for _, bad := range []string{"", `{"results": []}`} {
		if _, err := ParseDriver([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestCPU: the CPU of this process is what it burnt, as far as its clock goes.
func TestCPU(t *testing.T) {
	before, err := bench.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
	}
	after, err := bench.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after < before || after == 0 {
		t.Errorf("%v, then %v", before, after)
	}
	if _, err := bench.CPUTime(-1); err == nil {
		t.Error("no error for a process that is not there")
	}
}

// TestSampler: between two readings CPU grows evenly, outside of them not at all.
func TestSampler(t *testing.T) {
	start := time.Unix(1000, 0)
	s := &sampler{meters: map[string]meter{"x": nil}}
	for i, used := range []time.Duration{0, 10 * time.Second, 10 * time.Second, 40 * time.Second} {
		s.readings = append(s.readings, reading{at: start.Add(time.Duration(i) * time.Second), used: map[string]time.Duration{"x": used}})
	}
	for _, c := range []struct {
		from, to time.Duration
		want     time.Duration
	}{
		{0, 3 * time.Second, 40 * time.Second},
		{500 * time.Millisecond, time.Second, 5 * time.Second},
		{time.Second, 2 * time.Second, 0},
		{1500 * time.Millisecond, 2500 * time.Millisecond, 15 * time.Second},
		{-time.Hour, time.Hour, 40 * time.Second},
	} {
		if got := s.between(start.Add(c.from), start.Add(c.to))["x"]; got != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// TestOthers: what this process and its children burn is not others'.
func TestOthers(t *testing.T) {
	o, err := WatchOthers()
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
	}
	share, err := o.Share()
	if err != nil {
		t.Fatal(err)
	}
	if share < 0 || share > 1 {
		t.Errorf("others used %v of the machine", share)
	}
	o.busy -= time.Hour // as if others had worked for an hour
	o.all -= 2 * time.Hour
	report, err := o.Report()
	if err != nil {
		t.Fatal(err)
	}
	if want := "Other programs used 50 %"; !strings.HasPrefix(report, want) || !strings.Contains(report, "run it alone") {
		t.Errorf("%q, want %q", report, want)
	}
}

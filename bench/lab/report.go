package lab

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Lines that NNThroughputBenchmark logs.
var (
	startLine   = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) INFO \S+: Starting (\d+) (\w+)\(s\)\.`)
	countLine   = regexp.MustCompile(`# operations: (\d+)`)
	elapsedLine = regexp.MustCompile(`Elapsed Time: (\d+)`)
	rateLine    = regexp.MustCompile(`Ops per sec: ([0-9.E]+)`)
)

// Report is what the benchmark logged about one run.
type Report struct {
	Start        time.Time // of what was measured; making the inputs comes before
	Elapsed      time.Duration
	Ops          int
	OpsPerSecond float64
}

// ParseReport reads what a run of op logged, in the local time zone. A worker of the
// benchmark that meets an error logs it and ends, and the benchmark goes on without:
// that is an error here.
func ParseReport(log, op string) (Report, error) {
	for _, word := range []string{"Exception", " ERROR ", " failed:"} {
		if at := strings.Index(log, word); at >= 0 {
			return Report{}, fmt.Errorf("%s: an error in the benchmark:\n%.2000s", op, log[max(0, at-300):])
		}
	}
	var r Report
	for _, m := range startLine.FindAllStringSubmatch(log, -1) {
		if m[3] != op {
			continue // the inputs of op
		}
		start, err := time.ParseInLocation("2006-01-02 15:04:05,000", m[1], time.Local)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", op, err)
		}
		r.Start = start
	}
	count, elapsed, rate := countLine.FindStringSubmatch(log), elapsedLine.FindStringSubmatch(log), rateLine.FindStringSubmatch(log)
	if r.Start.IsZero() || count == nil || elapsed == nil || rate == nil {
		return Report{}, fmt.Errorf("%s: no figures in what the benchmark logged:\n%s", op, log)
	}
	var err error
	if r.Ops, err = strconv.Atoi(count[1]); err != nil {
		return Report{}, fmt.Errorf("%s: operations: %w", op, err)
	}
	ms, err := strconv.Atoi(elapsed[1])
	if err != nil {
		return Report{}, fmt.Errorf("%s: elapsed time: %w", op, err)
	}
	r.Elapsed = time.Duration(ms) * time.Millisecond
	if r.OpsPerSecond, err = strconv.ParseFloat(rate[1], 64); err != nil || r.OpsPerSecond <= 0 {
		return Report{}, fmt.Errorf("%s: %q operations a second", op, rate[1])
	}
	return r, nil
}

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run measured.
type Report struct {
	NameNodes []string
	Options   Options
	Results   []Result
}

// Result is what one operation took.
type Result struct {
	Op         string
	Callers    int
	Ops        int64 // calls that ended, failed ones included
	Errors     int64
	FirstError error // nil without Errors
	Elapsed    time.Duration
	Took       *Histogram
	CPU        map[string]time.Duration // of all calls together, by process, Driver included
	RSS        map[string]int64         // bytes at the end, by process
	Parts      []Part                   // of a mix
}

// Part is one operation of a mix.
type Part struct {
	Op   string
	Took *Histogram
}

// PerSecond is the throughput.
func (r *Result) PerSecond() float64 { return float64(r.Ops) / max(r.Elapsed.Seconds(), 1e-9) }

// CPUPerOp is the CPU time in microseconds that a process took for a call.
func (r *Result) CPUPerOp(process string) float64 {
	return micros(r.CPU[process]) / float64(max(r.Ops, 1))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Errors is how many calls failed in all.
func (r *Report) Errors() (n int64) {
	for i := range r.Results {
		n += r.Results[i].Errors
	}
	return n
}

// result makes up what the load measured.
func (r *run) result(op *operation, elapsed time.Duration, before, after map[string]time.Duration) (Result, error) {
	res := Result{
		Op: op.name, Callers: r.o.Callers, Errors: r.failures.Load(), FirstError: r.first, Elapsed: elapsed,
		Took: new(Histogram), CPU: map[string]time.Duration{}, RSS: map[string]int64{},
	}
	for _, c := range r.callers {
		res.Took.Merge(&c.took)
	}
	res.Ops = res.Took.Count()
	if op.name == mixName {
		res.Parts = r.mixedParts()
	}
	for name, t := range after {
		res.CPU[name] = t - before[name]
	}
	for _, p := range r.o.Processes {
		rss, err := residentBytes(p.PID)
		if err != nil {
			return res, err
		}
		res.RSS[p.Name] += rss
	}
	return res, nil
}

// processes are the names of those whose CPU is told, the driver last.
func (r *Report) processes() []string {
	var names []string
	for _, p := range r.Options.Processes {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return append(names, Driver)
}

// WriteTable writes one line for each operation. CPU is in microseconds a call.
func (r *Report) WriteTable(w io.Writer) error {
	rows := [][]string{{"op", "callers", "ops", "seconds", "ops/s", "p50", "p99", "p99.9", "max", "errors"}}
	for _, name := range r.processes() {
		rows[0] = append(rows[0], name+" µs/op")
	}
	for i := range r.Results {
		x := &r.Results[i]
		row := []string{x.Op, fmt.Sprint(x.Callers), fmt.Sprint(x.Ops), fmt.Sprintf("%.2f", x.Elapsed.Seconds()), fmt.Sprintf("%.0f", x.PerSecond())}
		row = append(append(row, quantiles(x.Took)...), fmt.Sprint(x.Errors))
		for _, name := range r.processes() {
			row = append(row, fmt.Sprintf("%.1f", x.CPUPerOp(name)))
		}
		rows = append(rows, row)
		for _, p := range x.Parts {
			row := slices.Repeat([]string{""}, len(row))
			row[0], row[2] = "  "+p.Op, fmt.Sprint(p.Took.Count())
			copy(row[5:], quantiles(p.Took))
			rows = append(rows, row)
		}
	}
	if err := writeAligned(w, rows); err != nil || len(r.Results) == 0 {
		return err
	}
	return r.writeMemory(w)
}

// writeMemory tells what the processes had in RAM at the end.
func (r *Report) writeMemory(w io.Writer) error {
	for _, name := range r.processes() {
		rss, known := r.Results[len(r.Results)-1].RSS[name]
		if !known {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: %d MiB resident\n", name, rss>>20); err != nil {
			return err
		}
	}
	return nil
}

func quantiles(h *Histogram) []string {
	return []string{brief(h.Quantile(.5)), brief(h.Quantile(.99)), brief(h.Quantile(.999)), brief(h.Max())}
}

// writeAligned puts the first column to the left and the others to the right.
func writeAligned(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// brief is a duration with three digits.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.0fµs", micros(d))
	case d < time.Second:
		return fmt.Sprintf("%.3gms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3gs", d.Seconds())
}

// latency is a histogram in JSON, in microseconds.
type latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func (h *Histogram) latency() latency {
	return latency{micros(h.Quantile(.5)), micros(h.Quantile(.99)), micros(h.Quantile(.999)), micros(h.Max())}
}

// MarshalJSON writes times in microseconds a call.
func (r *Result) MarshalJSON() ([]byte, error) {
	cpu := map[string]float64{}
	for name := range maps.Keys(r.CPU) {
		cpu[name] = r.CPUPerOp(name)
	}
	first := ""
	if r.FirstError != nil {
		first = r.FirstError.Error()
	}
	return json.Marshal(struct {
		Op         string             `json:"op"`
		Callers    int                `json:"callers"`
		Ops        int64              `json:"ops"`
		Errors     int64              `json:"errors"`
		FirstError string             `json:"firstError,omitempty"`
		Seconds    float64            `json:"seconds"`
		PerSecond  float64            `json:"opsPerSecond"`
		Latency    latency            `json:"latencyMicros"`
		CPU        map[string]float64 `json:"cpuMicrosPerOp"`
		RSS        map[string]int64   `json:"rssBytes"`
		Parts      []Part             `json:"mix,omitempty"`
	}{r.Op, r.Callers, r.Ops, r.Errors, first, r.Elapsed.Seconds(), r.PerSecond(), r.Took.latency(), cpu, r.RSS, r.Parts})
}

// MarshalJSON writes times in microseconds.
func (p Part) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Op      string  `json:"op"`
		Ops     int64   `json:"ops"`
		Latency latency `json:"latencyMicros"`
	}{p.Op, p.Took.Count(), p.Took.latency()})
}

// WriteJSON writes the whole report.
func (r *Report) WriteJSON(w io.Writer) error {
	results := []*Result{}
	for i := range r.Results {
		results = append(results, &r.Results[i])
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		NameNode string     `json:"namenode"`
		Options  optionJSON `json:"options"`
		Results  []*Result  `json:"results"`
	}{strings.Join(r.NameNodes, ","), r.Options.json(), results})
}

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// DriverTool is what samples of our own driver name as their tool.
const DriverTool = "hdfs bench"

// driverResult is one operation in the JSON of `hdfs bench`.
type driverResult struct {
	Op            string             `json:"op"`
	Callers       int                `json:"callers"`
	Ops           int                `json:"ops"`
	Errors        int                `json:"errors"`
	Seconds       float64            `json:"seconds"`
	OpsPerSecond  float64            `json:"opsPerSecond"`
	LatencyMicros map[string]float64 `json:"latencyMicros"`
	CPUMicros     map[string]float64 `json:"cpuMicrosPerOp"`
	RSSBytes      map[string]int64   `json:"rssBytes"`
}

// ParseDriver reads the JSON of `hdfs bench`.
func ParseDriver(data []byte) ([]figures.Sample, error) {
	var doc struct {
		Results []driverResult `json:"results"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("what `hdfs bench` wrote: %w", err)
	}
	var samples []figures.Sample
	for _, r := range doc.Results {
		s := figures.Sample{
			Tool: DriverTool, Op: r.Op, Callers: r.Callers, Ops: r.Ops, Errors: r.Errors, Seconds: r.Seconds,
			OpsPerSecond: r.OpsPerSecond, LatencyMicros: r.LatencyMicros, CPUMicros: r.CPUMicros, RSSBytes: r.RSSBytes,
		}
		if v, ok := s.CPUMicros["driver"]; ok {
			delete(s.CPUMicros, "driver")
			s.CPUMicros[figures.Client] = v
		}
		samples = append(samples, s)
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("`hdfs bench` wrote no results")
	}
	return samples, nil
}

// Drive runs `hdfs bench` with some options and operations on a system.
func (l *Lab) Drive(ctx context.Context, s *System, args ...string) ([]figures.Sample, error) {
	out := filepath.Join(l.Dir, "bench.json")
	if err := os.Remove(out); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	conf := filepath.Join(l.Dir, "conf-driver") // defaults: the user's own configuration has no say
	if err := hadoop.SaveConf(conf, nil); err != nil {
		return nil, err
	}
	line := []string{"bench", "-namenode", strings.Join(s.Addresses, ","), "-json", out}
	for _, p := range s.processes() {
		line = append(line, "-pid", p.Name+"="+strconv.Itoa(p.PID))
	}
	cmd := exec.CommandContext(ctx, l.HDFS, append(line, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), environment(conf)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("hdfs bench %s on %s: %w\n%s", strings.Join(args, " "), s.Name, err, said.Bytes())
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	samples, err := ParseDriver(data)
	if err != nil {
		return nil, err
	}
	for i := range samples {
		samples[i].System = s.Name
	}
	return samples, s.Alive()
}

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hopsql/hopsql/bench/figures"
)

// Machine describes where figures come from.
type Machine struct {
	CPU        string    `json:"cpu"`
	Cores      int       `json:"cores"`
	Kernel     string    `json:"kernel"`
	Go         string    `json:"go"`
	Java       string    `json:"java"`
	Database   string    `json:"database"`
	SyncMicros float64   `json:"syncMicros"` // a write of 4 KB with fdatasync, median
	Date       time.Time `json:"date"`
}

// Machine looks around.
func (l *Lab) Machine() (Machine, error) {
	m := Machine{
		CPU: modelName(), Cores: runtime.NumCPU(), Kernel: said("uname", "-sr"), Go: runtime.Version(),
		Java: said("java", "--version"), Database: said("mariadbd", "--version"), Date: time.Now(),
	}
	if m.Database == "" {
		m.Database = said("/usr/sbin/mariadbd", "--version")
	}
	var err error
	m.SyncMicros, err = l.sync()
	return m, err
}

// String is one line.
func (m Machine) String() string {
	var parts []string
	for _, p := range []string{m.CPU, m.Kernel, m.Go, m.Java, m.Database} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return m.Date.Format("2006-01-02") + ", " + figures.Count(float64(m.Cores)) + " cores, " + strings.Join(parts, ", ") +
		", sync of 4 KB " + figures.Count(m.SyncMicros) + " µs"
}

func modelName() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// said is the first line that a command prints, "" if it cannot be run.
func said(args ...string) string {
	out, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

// sync measures how long the disk takes to make a small write durable.
func (l *Lab) sync() (micros float64, err error) {
	f, err := os.Create(filepath.Join(l.Dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []time.Duration
	for range 100 {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return float64(took[len(took)/2].Microseconds()), nil
}

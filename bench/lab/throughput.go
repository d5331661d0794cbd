package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/testkit/hadoop"
)

// ThroughputTool is what samples of NNThroughputBenchmark name as their tool.
const ThroughputTool = "NNThroughputBenchmark"

// Throughput is a JVM that runs Apache's NNThroughputBenchmark. Its main thread
// waits busily for the workers: it gets the CPU that nobody else wants, and is counted
// apart.
type Throughput struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
	log     string
	main    int // thread id
}

// StartThroughput starts the JVM. It ends with the lab.
func (l *Lab) StartThroughput() (*Throughput, error) {
	conf := filepath.Join(l.Dir, "conf-throughput")
	err := hadoop.SaveConf(conf, map[string]string{
		"fs.defaultFS": "hdfs://127.0.0.1:1", "hadoop.tmp.dir": filepath.Join(l.Dir, "throughput"), "dfs.replication": "1",
	})
	if err != nil {
		return nil, err
	}
	line, err := hadoop.Command(conf, "2g", filepath.Join(root(), "bench", "lab", "BenchmarkRunner.java"))
	if err != nil {
		return nil, err
	}
	t := &Throughput{log: filepath.Join(l.Dir, "throughput.log")}
	log, err := os.Create(t.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	t.cmd = exec.Command(line[0], line[1:]...)
	t.cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf)
	t.cmd.Stderr = log
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if t.stdin, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.answers = bufio.NewReader(stdout)
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	l.OnClose(t.close)
	return t, nil
}

// close lets the JVM end by itself, which it does when its input ends, also when
// this process dies.
func (t *Throughput) close() {
	t.stdin.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = t.cmd.Process.Kill() }) // fails when it has ended
	defer timer.Stop()
	_ = t.cmd.Wait() // it has no work left whose failure would matter
}

// Run runs one operation. Further options are the benchmark's own.
func (t *Throughput) Run(ctx context.Context, s *System, op string, threads, ops int, options ...string) (figures.Sample, error) {
	sample := figures.Sample{System: s.Name, Tool: ThroughputTool, Op: op, Callers: threads}
	unit := "-files"
	if op == "mkdirs" {
		unit = "-dirs"
	}
	args := append([]string{"-fs", "hdfs://" + s.Address(), "-op", op, "-threads", strconv.Itoa(threads), unit, strconv.Itoa(ops)}, options...)
	meters := map[string]meter{
		figures.Client: func() (time.Duration, error) { return bench.CPUTime(t.cmd.Process.Pid) },
		figures.Spin:   func() (time.Duration, error) { return t.mainCPU() },
	}
	for _, p := range s.processes() {
		meters[p.Name] = func() (time.Duration, error) { return bench.CPUTime(p.PID) }
	}
	sampler := startSampler(meters)
	log, err := t.run(ctx, args)
	if err := errors.Join(err, sampler.end()); err != nil {
		return sample, fmt.Errorf("%s of %s: %w", op, s.Name, err)
	}
	r, err := ParseReport(log, op)
	if err != nil {
		return sample, fmt.Errorf("%s: %w", s.Name, err)
	}
	if r.Ops != ops {
		return sample, fmt.Errorf("%s: %s: %d operations done, not %d", s.Name, op, r.Ops, ops)
	}
	sample.Ops, sample.Seconds, sample.OpsPerSecond = r.Ops, r.Elapsed.Seconds(), r.OpsPerSecond
	sample.CPUMicros = map[string]float64{}
	used := sampler.between(r.Start, r.Start.Add(r.Elapsed))
	used[figures.Client] -= used[figures.Spin]
	for name, cpu := range used {
		sample.CPUMicros[name] = float64(cpu.Microseconds()) / float64(r.Ops)
	}
	return sample, s.Alive()
}

// run gives the JVM one line and waits for its answer. It returns what was logged.
func (t *Throughput) run(ctx context.Context, args []string) (string, error) {
	info, err := os.Stat(t.log)
	if err != nil {
		return "", err
	}
	from := info.Size()
	answer := make(chan error, 1)
	go func() {
		_, err := io.WriteString(t.stdin, strings.Join(args, " ")+"\n")
		if err == nil {
			var line string
			if line, err = t.answers.ReadString('\n'); err == nil && line != "exit 0\n" {
				err = fmt.Errorf("the benchmark failed: %s", strings.TrimSpace(line))
			}
		}
		answer <- err
	}()
	calm := calmer{t: t, seen: from}
	defer calm.end()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case err := <-answer:
			log, readErr := t.logged(from)
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, log[max(0, len(log)-4000):])
			}
			return log, errors.Join(err, readErr)
		case <-tick.C:
			if err := calm.look(); err != nil {
				return "", err
			}
		}
	}
}

// logged is what the JVM has logged since an offset.
func (t *Throughput) logged(from int64) (string, error) {
	f, err := os.Open(t.log)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), err
}

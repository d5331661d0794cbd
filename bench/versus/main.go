// Command versus measures our NameNode on MariaDB and on SQLite beside Apache's, on
// the same machine and in alternation, and prints throughput, CPU and latency with
// the ratios to Apache's and their spread. scripts/bench-vs-hdfs.sh installs what it
// needs and runs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
)

// The parts of a round.
const (
	partThroughput = "throughput"
	partMany       = "many"
	partOne        = "one"
	partLs         = "ls"
	partBare       = "bare"
)

var (
	allParts   = []string{partThroughput, partMany, partOne, partLs, partBare}
	allSystems = []string{"apache", "mariadb", "sqlite"}
)

const usage = `usage: scripts/bench-vs-hdfs.sh [options]

Starts Apache's NameNode and ours, on MariaDB (flush at commit = 1) and on SQLite
(synchronous=FULL), all with durable answers, and runs the same benchmarks on each
in turn, several rounds in alternation. Prints medians, ratios to Apache's NameNode
of the same round with the smallest and largest, and CPU microseconds per call of
each process. Everything runs on loopback and is removed at the end.

parts (-only, comma separated):
  throughput  Apache's NNThroughputBenchmark with 32 and with 64 threads
  many        hdfs bench with 64 callers
  one         hdfs bench with 1 caller
  ls          hdfs bench: ls of a directory of 1,000 entries, 64 callers and 1
  bare        stat and create with 32 callers beside a program that sends one bare
              statement a call to the same MariaDB

options:
`

// options of the command line.
type options struct {
	rounds  int
	ops     int
	files   int
	fanout  int
	time    time.Duration
	warmup  time.Duration
	threads []int
	parts   []string
	systems []string
	json    string
	dir     string
	short   bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("versus", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprint(out, usage)
		fs.PrintDefaults()
	}
	var threads, parts, systems string
	fs.BoolVar(&o.short, "short", false, "one round of small runs, about a quarter of an hour: -rounds 1 -ops 16000 -time 1s")
	fs.IntVar(&o.rounds, "rounds", 3, "`rounds` that count, after one that warms up")
	fs.IntVar(&o.ops, "ops", 48000, "`operations` of a run of NNThroughputBenchmark")
	fs.IntVar(&o.files, "files", 20000, "`files` that hdfs bench reads, with one caller a tenth")
	fs.IntVar(&o.fanout, "fanout", 16, "`directories` in each of the two levels above them")
	fs.DurationVar(&o.time, "time", 3*time.Second, "how `long` hdfs bench runs an operation")
	fs.DurationVar(&o.warmup, "warmup", 700*time.Millisecond, "how `long` it runs before that")
	fs.StringVar(&threads, "threads", "32,64", "`threads` of NNThroughputBenchmark")
	fs.StringVar(&parts, "only", strings.Join(allParts, ","), "`parts` to run")
	fs.StringVar(&systems, "systems", strings.Join(allSystems, ","), "`systems` to measure")
	fs.StringVar(&o.json, "json", "", "write all figures to this `file` as well")
	fs.StringVar(&o.dir, "dir", "", "`folder` for databases and logs, on the disk to be measured (default: the system's temporary files)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", fs.Arg(0))
	}
	if o.short {
		given := map[string]bool{}
		fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, value := range map[string]string{"rounds": "1", "ops": "16000", "files": "5000", "time": "1s", "warmup": "300ms"} {
			if !given[name] {
				if err := fs.Set(name, value); err != nil {
					return o, err
				}
			}
		}
	}
	for t := range strings.SplitSeq(threads, ",") {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-threads: %q is no number of threads", t)
		}
		o.threads = append(o.threads, n)
	}
	var err error
	if o.parts, err = lab.Choose("-only", parts, allParts); err != nil {
		return o, err
	}
	if o.systems, err = lab.Choose("-systems", systems, allSystems); err != nil {
		return o, err
	}
	if slices.Contains(o.parts, partBare) && !slices.Contains(o.systems, "mariadb") {
		o.parts = slices.DeleteFunc(o.parts, func(p string) bool { return p == partBare })
	}
	if o.rounds < 1 || o.ops < 1 || o.files < 10 || o.fanout < 1 || o.time <= 0 {
		return o, errors.New("-rounds, -ops, -fanout and -time must be larger than 0, -files at least 10")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	return lab.Run(ctx, lab.Program[options]{Name: "bench-vs-hdfs", Parse: parse, Measure: measure}, args, out, errs)
}

// document is what -json writes.
type document struct {
	Machine lab.Machine       `json:"machine"`
	Options map[string]string `json:"options"`
	figures.Set
}

func measure(ctx context.Context, o options, out io.Writer) (err error) {
	progress := lab.NewProgress()
	progress.Now("building and starting")
	l, err := lab.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer l.Close()
	machine, err := l.Machine()
	if err != nil {
		return err
	}
	c := &contest{o: o, lab: l, progress: progress}
	if err := c.start(ctx); err != nil {
		return err
	}
	progress.Done("started: %s", machine)
	doc := document{Machine: machine, Options: map[string]string{
		"rounds": strconv.Itoa(o.rounds), "ops": strconv.Itoa(o.ops), "files": strconv.Itoa(o.files), "time": o.time.String(), "warmup": o.warmup.String(),
	}}
	for round := range o.rounds + 1 {
		samples, err := c.round(ctx, round)
		if err != nil {
			return err
		}
		if round == 0 {
			continue // it warmed up
		}
		doc.Samples = append(doc.Samples, samples...)
		if err := save(o.json, &doc); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%s\nrounds: %d. A ratio is the median of those within each round (smallest–largest).\n", machine, o.rounds)
	for _, t := range c.tables(&doc.Set) {
		fmt.Fprintf(out, "\n%s", t)
	}
	return nil
}

func save(file string, doc *document) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

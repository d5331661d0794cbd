// Command scale measures what grows with a file system and what does not: cost per
// call with the number of files, the depth of paths, the size of directories and the
// number of NameNodes, mv and rm -r with the size of what they move, memory and start
// with the number of files. scripts/bench-scale.sh installs what it needs and runs it.
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
)

// The parts.
const (
	partStart       = "start"
	partSizes       = "sizes"
	partDepth       = "depth"
	partDirectories = "directories"
	partNameNodes   = "namenodes"
	partSubtree     = "subtree"
)

var (
	allParts  = []string{partStart, partSizes, partDepth, partDirectories, partNameNodes, partSubtree}
	allStores = []string{"mariadb", "sqlite"}
)

const usage = `usage: scripts/bench-scale.sh [options]

Starts NameNodes on databases that were filled in bulk and shows what a call costs
when there is more of something, several rounds in alternation. Prints medians and
ratios to the smallest of the same round with the smallest and largest. Everything
runs on loopback and is removed at the end. Ten million files take 10 GB of disk on
each store.

parts (-only, comma separated):
  start        time until the NameNode answers and its memory, by number of files
  sizes        cost per call by number of files, calls all over the tree
  depth        cost per call at depth 2, 4 and 10
  directories  cost per call in a directory of 10, 10,000 and 1,000,000 entries
  namenodes    1, 2 and 4 NameNodes on one database (MariaDB only)
  subtree      mv and rm -r of a directory of 1,000 and of 1,000,000 files

options:
`

// options of the command line.
type options struct {
	rounds  int
	files   int
	time    time.Duration
	warmup  time.Duration
	sizes   []int64 // files
	entries []int64 // of a directory
	moved   []int64 // files below what is moved
	depths  []int64
	nodes   []int64
	parts   []string
	stores  []string
	json    string
	dir     string
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("scale", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprint(out, usage)
		fs.PrintDefaults()
	}
	short := fs.Bool("short", false, "one round of small runs, about ten minutes: up to 100,000 files")
	parts := fs.String("only", strings.Join(allParts, ","), "`parts` to run")
	stores := fs.String("stores", strings.Join(allStores, ","), "`stores` to measure")
	fs.IntVar(&o.rounds, "rounds", 3, "`rounds` that count, after one that warms up")
	fs.IntVar(&o.files, "files", 5000, "`files` that are read where their number is not what is compared")
	fs.DurationVar(&o.time, "time", 2*time.Second, "how `long` hdfs bench runs an operation")
	fs.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how `long` it runs before that")
	lists := map[string]*[]int64{"sizes": &o.sizes, "entries": &o.entries, "moved": &o.moved, "depths": &o.depths, "nodes": &o.nodes}
	texts := map[string]*string{
		"sizes":   fs.String("sizes", "10000,1000000,10000000", "`numbers` of files"),
		"entries": fs.String("entries", "10,10000,1000000", "`numbers` of entries of a directory"),
		"moved":   fs.String("moved", "1000,1000000", "`numbers` of files below what is moved and removed"),
		"depths":  fs.String("depths", "2,4,10", "`depths` of paths"),
		"nodes":   fs.String("nodes", "1,2,4", "`numbers` of NameNodes"),
	}
	fs.StringVar(&o.json, "json", "", "write all figures to this `file` as well")
	fs.StringVar(&o.dir, "dir", "", "`folder` for databases and logs, on the disk to be measured (default: the system's temporary files)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", fs.Arg(0))
	}
	if *short {
		if err := shorten(fs); err != nil {
			return o, err
		}
	}
	for name, text := range texts {
		list, err := numbers(*text)
		if err != nil {
			return o, fmt.Errorf("-%s: %w", name, err)
		}
		*lists[name] = list
	}
	var err error
	if o.parts, err = lab.Choose("-only", *parts, allParts); err != nil {
		return o, err
	}
	if o.stores, err = lab.Choose("-stores", *stores, allStores); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.files < 1 || o.time <= 0 {
		return o, errors.New("-rounds, -files and -time must be larger than 0")
	}
	return o, nil
}

// shorten sets what was not given to small values.
func shorten(fs *flag.FlagSet) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{
		"rounds": "1", "time": "1s", "warmup": "200ms", "sizes": "10000,100000", "entries": "10,1000,100000", "moved": "1000,100000",
	} {
		if !given[name] {
			if err := fs.Set(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func numbers(text string) (list []int64, err error) {
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number above 0", field)
		}
		list = append(list, n)
	}
	return list, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	return lab.Run(ctx, lab.Program[options]{Name: "bench-scale", Parse: parse, Measure: measure}, args, out, errs)
}

// document is what -json writes.
type document struct {
	Machine lab.Machine             `json:"machine"`
	Parts   map[string]*figures.Set `json:"parts"`
	Starts  []started               `json:"starts,omitempty"`
	Moves   []moved                 `json:"subtrees,omitempty"`
}

func measure(ctx context.Context, o options, out io.Writer) error {
	progress := lab.NewProgress()
	progress.Now("building")
	l, err := lab.Open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer l.Close()
	s := &study{o: o, lab: l, progress: progress, doc: document{Parts: map[string]*figures.Set{}}}
	if s.doc.Machine, err = l.Machine(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\nrounds: %d. A ratio is the median of those within each round (smallest–largest).\n", s.doc.Machine, o.rounds)
	for _, store := range o.stores {
		if err := s.measure(ctx, store, out); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.doc, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(data, '\n'), 0o644)
}

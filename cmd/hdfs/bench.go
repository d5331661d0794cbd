package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/shell"
)

const benchUsage = `hdfs bench [options] OP [OP...]

Puts load on a live NameNode, ours or Apache's, and tells how it bore it. The
operations run one after another over one tree of files, each with all callers:

mkdir    make a directory                 chmod   change the mode of a file
create   make an empty file               chown   change the group of a file
write    make a file with one block       setrep  change its replication
stat     the status of a file             rename  give it another name
open     the blocks of a file             delete  remove it
ls       list a whole directory           mix     operations by weight, see -mix
summary  count what a directory holds

Options:

`

// benchOptions makes the flags of hdfs bench; json is where the report goes.
func benchOptions(o *bench.Options, json, mix *string, procs *int) *flag.FlagSet {
	f := flag.NewFlagSet("hdfs bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are printed once, by the caller
	f.Usage = func() {}
	f.Func("namenode", "`HOST:PORT` of a NameNode; several with commas or by naming this again [fs.defaultFS]", func(s string) error {
		o.NameNodes = append(o.NameNodes, strings.Split(s, ",")...)
		return nil
	})
	f.StringVar(&o.Dir, "dir", "", "root of the tree [/bench]")
	f.IntVar(&o.Callers, "callers", 0, "calls in progress at a time [64]")
	f.IntVar(&o.Connections, "connections", 0, "connections, shared by the callers [one for 8 callers]")
	f.Int64Var(&o.Count, "count", 0, "calls of each operation [20000]")
	f.DurationVar(&o.Time, "time", 0, "how long each operation runs; with -count, whichever comes first. Enough files are made for delete")
	f.Func("warmup", "`D or N`: for so long, or so many, calls in front of each operation do not count [none]", func(s string) (err error) {
		if o.WarmupCount, err = strconv.ParseInt(s, 10, 64); err == nil {
			return nil
		}
		o.WarmupTime, err = time.ParseDuration(s)
		return err
	})
	f.IntVar(&o.Depth, "depth", 0, "components of the path of a file [4]")
	f.IntVar(&o.Fanout, "fanout", 0, "directories in a directory, at the last two levels [16]")
	f.Int64Var(&o.Files, "files", 0, "files there are before stat and the like; made if no operation made them [-count]")
	f.BoolVar(&o.Hot, "hot", false, "everything happens in one directory")
	f.BoolVar(&o.Zipf, "zipf", false, "3 % of the files get 80 % of the accesses")
	f.StringVar(mix, "mix", "industrial", "`OP=WEIGHT,...` of mix, or industrial: what a cluster of Spotify's was asked")
	f.IntVar(&o.DataNodes, "datanodes", 0, "`N` simulated DataNodes are registered, which report the blocks of write")
	f.Func("pid", "`NAME=PID` of a process whose CPU time for a call is told; can be given again", func(s string) error {
		name, pid, found := strings.Cut(s, "=")
		n, err := strconv.Atoi(pid)
		if !found || err != nil || name == "" {
			return fmt.Errorf("want NAME=PID")
		}
		o.Processes = append(o.Processes, bench.Process{Name: name, PID: n})
		return nil
	})
	f.StringVar(json, "json", "", "`FILE` for a report in JSON; - is standard output, without the table")
	f.BoolVar(&o.Clean, "clean", false, "remove what lies at -dir first")
	f.BoolVar(&o.Keep, "keep", false, "leave the tree")
	f.BoolVar(&o.Existing, "existing", false, "the tree is there, with -files files: made by a run with -keep and the same -depth, -fanout and -hot, or in bulk. It stays as it is")
	f.IntVar(procs, "procs", 1, "cores that the driver uses; with one a call costs it the least")
	f.Uint64Var(&o.Seed, "seed", 1, "of everything random")
	return f
}

const benchTail = `
Exit codes: 0 measured, 1 a call failed, 255 wrong use.

`

// bench measures a NameNode.
func (t *tool) bench(args []string) int {
	// To Hadoop -files is a generic option without effect; here it is one of ours.
	own := slices.Index(args, "-files")
	if own < 0 {
		own = len(args)
	}
	cfg, rest, err := load(args[:own])
	if err != nil {
		return t.complain("hdfs bench", err)
	}
	rest = append(rest, args[own:]...)
	var o bench.Options
	var jsonFile, mix string
	var procs int
	flags := benchOptions(&o, &jsonFile, &mix, &procs)
	switch err := flags.Parse(rest); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(t.out, "Usage: %s", benchUsage)
		flags.SetOutput(t.out)
		flags.PrintDefaults()
		fmt.Fprint(t.out, benchTail+shell.GenericUsage)
		return 0
	case err != nil:
		return t.complain("hdfs bench", fmt.Errorf("%w; see hdfs bench -help", err))
	}
	o.Ops = flags.Args()
	if err := benchTarget(cfg, &o); err != nil {
		return t.complain("hdfs bench", err)
	}
	if o.Mix, err = bench.ParseMix(mix, o.DataNodes > 0); err == nil {
		err = o.Check()
	}
	if err != nil {
		return t.complain("hdfs bench", fmt.Errorf("%w; see hdfs bench -help", err))
	}
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the process
	runtime.GOMAXPROCS(max(procs, 1))
	report, err := bench.Run(ctx, o, t.benchProgress())
	if err == nil || report != nil && len(report.Results) > 0 {
		err = errors.Join(err, t.writeBench(report, jsonFile))
	}
	if err != nil {
		t.complain("hdfs bench", err)
		return 1
	}
	if report.Errors() > 0 {
		return 1
	}
	return 0
}

// benchTarget takes the NameNodes from the configuration if none was named.
func benchTarget(cfg *conf.Config, o *bench.Options) error {
	if len(o.NameNodes) > 0 {
		return nil
	}
	ns, err := client.LookupNameService(cfg, "")
	if err != nil {
		return err
	}
	o.NameNodes = ns.Addrs
	return nil
}

// benchProgress draws a line on a terminal and is nil elsewhere.
func (t *tool) benchProgress() func(bench.Progress) {
	if !isTerminal(t.err) {
		return nil
	}
	return func(p bench.Progress) {
		line := fmt.Sprintf("%s: %d", p.Op, p.Calls)
		if p.Most > 0 {
			line += fmt.Sprintf(" of %d (%d %%)", p.Most, min(100*p.Calls/p.Most, 100))
		}
		line += fmt.Sprintf(", %.0f/s", float64(p.Calls)/p.Elapsed.Seconds())
		fmt.Fprintf(t.err, "\r%s\x1b[K", line)
		if p.Last {
			fmt.Fprint(t.err, "\r\x1b[K")
		}
	}
}

// writeBench writes the table, the report in JSON, and what went wrong.
func (t *tool) writeBench(r *bench.Report, jsonFile string) error {
	for i := range r.Results {
		if x := &r.Results[i]; x.Errors > 0 {
			fmt.Fprintf(t.err, "hdfs bench: %s: %d of %d calls failed, the first: %s\n", x.Op, x.Errors, x.Ops, shell.Message(x.FirstError))
		}
	}
	switch jsonFile {
	case "-":
		return r.WriteJSON(t.out)
	case "":
		return r.WriteTable(t.out)
	}
	err := r.WriteTable(t.out)
	f, cause := os.Create(jsonFile)
	if cause != nil {
		return errors.Join(err, cause)
	}
	err = errors.Join(err, r.WriteJSON(f))
	return errors.Join(err, f.Close())
}

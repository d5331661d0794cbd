// Command bare sends one bare statement a call to a database: the peer for what
// sharing statements between calls gains.
//
// Reads are one SELECT of one row of the inodes table by its primary key, at random;
// writes are one INSERT of one such row, which is a transaction of its own. Nothing
// is checked, looked up or locked in front of it. The database, an empty one with
// the tables of hopsql, is named by HOPSQL_BARE_DSN. What was measured goes to
// standard output as JSON, in the words of `hdfs bench`.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// EnvDSN is the environment variable with the address of the database, in the form
// of go-sql-driver/mysql.
const envDSN = "HOPSQL_BARE_DSN"

// options of the command line.
type options struct {
	ops     []string
	callers int
	time    time.Duration
	warmup  time.Duration
	rows    int
	pid     int
	text    bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bare", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprintf(out, "usage: %s=user:password@tcp(host:port)/database bare [options] stat|create...\n\n", envDSN)
		fs.PrintDefaults()
	}
	fs.IntVar(&o.callers, "callers", 32, "`callers`, each with a connection of its own")
	fs.DurationVar(&o.time, "time", 5*time.Second, "how `long` each operation runs")
	fs.DurationVar(&o.warmup, "warmup", time.Second, "how `long` it runs before that")
	fs.IntVar(&o.rows, "rows", 20000, "`rows` there are for reads")
	fs.IntVar(&o.pid, "pid", 0, "`process` of the database, to tell its CPU")
	fs.BoolVar(&o.text, "text", false, "send literals and not prepared statements")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.ops = fs.Args()
	for _, op := range o.ops {
		if op != "stat" && op != "create" {
			return o, fmt.Errorf("unknown operation %q", op)
		}
	}
	if len(o.ops) == 0 {
		return o, errors.New("no operation is named: stat or create")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(2)
	}
	if err := run(ctx, o, os.Getenv(envDSN), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, dsn string, out io.Writer) error {
	if dsn == "" {
		return fmt.Errorf("%s is not set", envDSN)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(o.callers)
	db.SetMaxIdleConns(o.callers)
	p := &peer{options: o, db: db}
	if err := p.fill(ctx); err != nil {
		return err
	}
	var results []result
	for _, op := range o.ops {
		r, err := p.measure(ctx, op)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		results = append(results, r)
	}
	return json.NewEncoder(out).Encode(map[string]any{"results": results})
}

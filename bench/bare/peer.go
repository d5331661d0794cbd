package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver of the product

	"github.com/hopsql/hopsql/bench"
)

const (
	selectRow = "SELECT id, kind, user_name, group_name, mode, flags, mtime, atime, length, replication, block_size, storage_policy, ec_policy" +
		" FROM inodes WHERE partition_id=? AND parent_id=? AND name=?"
	insertRow = "INSERT INTO inodes (partition_id, parent_id, name, id, kind, user_name, group_name, mode, flags, mtime, atime, length," +
		" replication, block_size, storage_policy, ec_policy, client_name, client_machine) VALUES " + insertValues
	insertValues = "(?, ?, ?, ?, 1, 'root', 'supergroup', 420, 0, 0, 0, 0, 1, 134217728, 0, 0, '', '')"
)

// perDirectory is how many rows have one parent.
const perDirectory = 100

// result is one operation in the JSON of `hdfs bench`.
type result struct {
	Op            string             `json:"op"`
	Callers       int                `json:"callers"`
	Ops           int64              `json:"ops"`
	Seconds       float64            `json:"seconds"`
	OpsPerSecond  float64            `json:"opsPerSecond"`
	LatencyMicros map[string]float64 `json:"latencyMicros"`
	CPUMicros     map[string]float64 `json:"cpuMicrosPerOp"`
}

// peer is the program's state.
type peer struct {
	options
	db     *sql.DB
	nextID atomic.Int64
}

// key is where the i-th row lies.
func key(i int64) (parent int64, name string) {
	return 1<<40 + i/perDirectory, fmt.Sprintf("f%08d", i)
}

// fill makes the rows that are read, unless an earlier run has done so, and finds the
// next free id.
func (p *peer) fill(ctx context.Context) error {
	var have, most sql.NullInt64
	if err := p.db.QueryRowContext(ctx, "SELECT COUNT(id), MAX(id) FROM inodes WHERE partition_id >= ?", int64(1)<<40).Scan(&have, &most); err != nil {
		return err
	}
	p.nextID.Store(max(most.Int64, 1<<40))
	for i := have.Int64; i < int64(p.rows); i += perDirectory {
		args := make([]any, 0, 4*perDirectory)
		for j := range int64(perDirectory) {
			parent, name := key(i + j)
			args = append(args, parent, parent, name, p.nextID.Add(1))
		}
		statement := insertRow + strings.Repeat(", "+insertValues, perDirectory-1)
		if _, err := p.db.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// caller prepares one call a time on a connection of its own. The calls have no
// context that can end: for such a one the driver starts a goroutine a call.
func (p *peer) caller(ctx context.Context, op string, seed uint64) (call func() error, end func(), err error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	text := selectRow
	if op == "create" {
		text = insertRow
	}
	type runner interface {
		QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
		ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	}
	var run runner = plain{conn, text}
	if !p.text {
		st, err := conn.PrepareContext(ctx, text)
		if err != nil {
			conn.Close()
			return nil, nil, err
		}
		run = st
	}
	random := rand.New(rand.NewPCG(seed, 7))
	if op == "create" {
		call = func() error {
			id := p.nextID.Add(1)
			parent, name := key(id)
			_, err := run.ExecContext(context.Background(), parent, parent, name, id)
			return err
		}
	} else {
		call = func() error {
			parent, name := key(random.Int64N(int64(p.rows)))
			rows, err := run.QueryContext(context.Background(), parent, parent, name)
			if err != nil {
				return err
			}
			return one(rows)
		}
	}
	return call, func() { conn.Close() }, nil
}

// plain sends a text with its values as literals, if the DSN says interpolateParams.
type plain struct {
	conn *sql.Conn
	text string
}

func (t plain) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return t.conn.QueryContext(ctx, t.text, args...)
}

func (t plain) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return t.conn.ExecContext(ctx, t.text, args...)
}

// one reads a row, which must be there.
func one(rows *sql.Rows) error {
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	var numbers [11]int64
	var user, group sql.RawBytes
	n := &numbers
	if err := rows.Scan(&n[0], &n[1], &user, &group, &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10]); err != nil {
		return err
	}
	return rows.Close()
}

// usage is CPU so far: of this process and of the database.
func (p *peer) usage() (own, database time.Duration, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, 0, err
	}
	if p.pid > 0 {
		if database, err = bench.CPUTime(p.pid); err != nil {
			return 0, 0, err
		}
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), database, nil
}

// measure runs one operation with all callers.
func (p *peer) measure(ctx context.Context, op string) (result, error) {
	r := result{Op: op, Callers: p.callers, CPUMicros: map[string]float64{}}
	latencies := make([][]time.Duration, p.callers)
	errs := make([]error, p.callers)
	calls := make([]func() error, p.callers)
	for i := range calls {
		call, stop, err := p.caller(ctx, op, uint64(i))
		if err != nil {
			return r, err
		}
		defer stop()
		calls[i] = call
	}
	start := time.Now().Add(p.warmup)
	end := start.Add(p.time)
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				if errs[i] = call(); errs[i] != nil {
					return
				}
				then := time.Now()
				if !now.Before(start) {
					latencies[i] = append(latencies[i], then.Sub(now))
				}
				now = then
			}
		})
	}
	time.Sleep(time.Until(start))
	own0, db0, err := p.usage()
	if err != nil {
		return r, err
	}
	began := time.Now()
	wg.Wait()
	took := time.Since(began)
	own1, db1, err := p.usage()
	if err != nil {
		return r, err
	}
	for _, err := range errs {
		if err != nil {
			return r, err
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(latencies...)))
	if len(all) == 0 {
		return r, fmt.Errorf("not one call ended in %v", p.time)
	}
	r.Ops, r.Seconds = int64(len(all)), took.Seconds()
	r.OpsPerSecond = float64(r.Ops) / r.Seconds
	at := func(part float64) float64 { return float64(all[int(part*float64(len(all)-1))].Nanoseconds()) / 1000 }
	r.LatencyMicros = map[string]float64{"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1)}
	r.CPUMicros["driver"] = float64((own1 - own0).Microseconds()) / float64(r.Ops)
	if p.pid > 0 {
		r.CPUMicros["database"] = float64((db1 - db0).Microseconds()) / float64(r.Ops)
	}
	return r, nil
}

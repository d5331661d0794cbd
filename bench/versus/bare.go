package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

const (
	bareSystem  = "bare"
	bareTool    = "path at depth 4 or one bare statement"
	bareCallers = 32
)

// bare is the program that sends one statement a call.
type bare struct {
	program string
	dsn     string
	pid     int // of the database
}

func newBare(ctx context.Context, l *lab.Lab, server *mariadb.Server) (*bare, error) {
	if err := server.CreateDatabase(ctx, bareSystem); err != nil {
		return nil, err
	}
	if err := l.Format(ctx, bareSystem, server.URL(bareSystem)); err != nil {
		return nil, err
	}
	program, err := l.Build(ctx, "bench/bare")
	if err != nil {
		return nil, err
	}
	return &bare{program: program, dsn: server.DSN(bareSystem), pid: server.PID()}, nil
}

// runBare measures stat and create by path beside one bare statement a call.
func (c *contest) runBare(ctx context.Context, round int) error {
	for _, s := range c.systems {
		if s.Name != lab.MariaDB {
			continue
		}
		args := append(c.tree(strconv.Itoa(bareCallers), c.o.files), "-time", c.o.time.String(), "-warmup", c.o.warmup.String(), "stat", "create")
		samples, err := c.lab.Drive(ctx, s, args...)
		if err != nil {
			return err
		}
		if err := s.Settle(ctx, c.o.time); err != nil {
			return err
		}
		alone, err := c.bare.run(ctx, c.o)
		if err != nil {
			return err
		}
		for _, sample := range append(samples, alone...) {
			sample.Tool = bareTool
			c.add(round, sample)
		}
	}
	return nil
}

func (b *bare) run(ctx context.Context, o options) ([]figures.Sample, error) {
	cmd := exec.CommandContext(ctx, b.program, "-callers", strconv.Itoa(bareCallers), "-pid", strconv.Itoa(b.pid),
		"-rows", strconv.Itoa(o.files), "-time", o.time.String(), "-warmup", o.warmup.String(), "stat", "create")
	cmd.Env = append(os.Environ(), "HOPSQL_BARE_DSN="+b.dsn)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bare statements: %w\n%s", err, said.Bytes())
	}
	samples, err := lab.ParseDriver(out)
	for i := range samples {
		samples[i].System = bareSystem
	}
	return samples, err
}

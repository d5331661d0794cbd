package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// contest is the systems and what runs on them.
type contest struct {
	o        options
	lab      *lab.Lab
	progress *lab.Progress

	systems    []*lab.System
	database   *mariadb.Server
	throughput *lab.Throughput
	bare       *bare
	round0     bool
	samples    []figures.Sample
}

// start starts everything that stays up for all rounds.
func (c *contest) start(ctx context.Context) error {
	for _, name := range c.o.systems {
		var s *lab.System
		var err error
		switch name {
		case "apache":
			s, err = c.lab.StartApache(ctx)
		case "sqlite":
			s, err = c.lab.StartSQLite(ctx)
		case "mariadb":
			if c.database, err = c.lab.MariaDB("2G"); err == nil {
				s, err = c.lab.StartMariaDB(ctx, c.database)
			}
		}
		if err != nil {
			return err
		}
		c.systems = append(c.systems, s)
	}
	var err error
	if slices.Contains(c.o.parts, partThroughput) {
		if c.throughput, err = c.lab.StartThroughput(); err != nil {
			return err
		}
	}
	if slices.Contains(c.o.parts, partBare) {
		c.bare, err = newBare(ctx, c.lab, c.database)
	}
	return err
}

// round runs all parts on all systems; round 0 is smaller and warms up.
func (c *contest) round(ctx context.Context, round int) ([]figures.Sample, error) {
	c.samples, c.round0 = nil, round == 0
	// Nobody is always the first one.
	order := slices.Concat(c.systems[round%len(c.systems):], c.systems[:round%len(c.systems)])
	for _, part := range c.o.parts {
		var err error
		switch part {
		case partThroughput:
			err = c.runThroughput(ctx, round, order)
		case partMany:
			err = c.drive(ctx, round, order, c.tree("64", c.o.files), manyOps...)
		case partOne:
			err = c.drive(ctx, round, order, c.tree("1", c.o.files/10), oneOps...)
		case partLs:
			// Many callers make the directory, and it stays for the one.
			hot := []string{"-dir", "/ls", "-hot", "-files", "1000", "-callers"}
			if err = c.drive(ctx, round, order, append(hot, "64", "-clean", "-keep"), "ls"); err == nil {
				err = c.drive(ctx, round, order, append(hot, "1", "-existing"), "ls")
			}
		case partBare:
			err = c.runBare(ctx, round)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.samples, nil
}

// What `hdfs bench` runs with many callers and with one. What makes files comes last:
// a faster NameNode would have larger directories to list.
var (
	manyOps = []string{"stat", "open", "ls", "chmod", "rename", "mix", "mkdir", "create", "delete"}
	oneOps  = []string{"stat", "open", "rename", "mkdir", "create", "delete"}
)

// big marks ls of a large directory, which is another operation than that of a small one.
const big = "ls of 1,000"

// tree are the options for a tree of the run's own, whose files are at depth 4.
func (c *contest) tree(callers string, files int) []string {
	return []string{"-clean", "-depth", "4", "-fanout", strconv.Itoa(c.o.fanout), "-files", strconv.Itoa(files), "-callers", callers}
}

// drive runs `hdfs bench` on each system.
func (c *contest) drive(ctx context.Context, round int, order []*lab.System, options []string, ops ...string) error {
	for _, s := range order {
		length := c.o.time
		if c.round0 {
			length = c.o.time / 2
		}
		args := append([]string{"-time", length.String(), "-warmup", c.o.warmup.String()}, options...)
		if slices.Contains(ops, "mix") {
			args = append(args, "-mix", "industrial")
		}
		what := fmt.Sprintf("%s: hdfs bench %s %s", s.Name, strings.Join(options, " "), strings.Join(ops, " "))
		c.progress.Now("round %d  %s", round, what)
		samples, err := c.lab.Drive(ctx, s, append(args, ops...)...)
		if err != nil {
			return err
		}
		for _, sample := range samples {
			if slices.Contains(options, "-hot") {
				sample.Op = big
			}
			c.add(round, sample)
		}
		if err := s.Settle(ctx, c.o.time); err != nil {
			return err
		}
	}
	return nil
}

// add keeps a sample and shows it.
func (c *contest) add(round int, s figures.Sample) {
	s.Round = round
	c.samples = append(c.samples, s)
	name := fmt.Sprintf("round %d", round)
	if round == 0 {
		name = "warm-up"
	}
	c.progress.Done("%-8s %-8s %-22s %3d  %-12s %8s/s  %6.2f s  %s", name, s.System, s.Tool, s.Callers, s.Op,
		figures.Count(s.OpsPerSecond), s.Seconds, s.CPU())
}

// tables are those of all parts that were measured.
func (c *contest) tables(set *figures.Set) []*figures.Table {
	peer, others := c.systems[0].Name, []string{}
	for _, s := range c.systems {
		if s.Name == lab.Apache {
			peer = lab.Apache
		}
	}
	for _, s := range c.systems {
		if s.Name != peer {
			others = append(others, s.Name)
		}
	}
	main, bare := &figures.Set{}, &figures.Set{}
	for _, s := range set.Samples {
		if s.Tool == bareTool {
			bare.Add(s)
		} else {
			main.Add(s)
		}
	}
	tables := main.Versus(peer, others...)
	if len(bare.Samples) > 0 {
		tables = append(tables, bare.Versus(bareSystem, lab.MariaDB)...)
	}
	return tables
}

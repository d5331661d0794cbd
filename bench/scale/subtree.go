package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/testkit/bulk"
)

// moved is one mv or rm -r of a directory.
type moved struct {
	Store  string  `json:"store"`
	Op     string  `json:"op"`
	Files  int64   `json:"files"`
	Round  int     `json:"round"`
	Micros float64 `json:"micros"`
}

const (
	copies = 5  // directories of each size, to be removed
	moves  = 20 // of each of them, there and back
)

func subtreeName(files int64, i int) string { return fmt.Sprintf("of-%d-%d", files, i) }

// subtrees measures mv and rm -r of directories, one caller, sizes in alternation. A
// rm -r of a large one leaves work behind, beside which the next ones are measured.
func (s *study) subtrees(ctx context.Context, store string) (tables []*figures.Table, err error) {
	tree := bulk.Tree{Directories: []bulk.Directory{{Name: "a", Parent: -1}, {Name: "b", Parent: -1}}}
	for _, files := range s.o.moved {
		for i := range copies {
			tree.Directories = append(tree.Directories, bulk.Directory{Name: subtreeName(files, i), Parent: 0, Files: func() (names []string) {
				for n := range files {
					names = append(names, fmt.Sprintf("f%07d", n))
				}
				return names
			}})
		}
	}
	system, end, err := s.one(ctx, store, "subtree", 1, tree)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	cl, err := client.Dial(system.Address())
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	began := len(s.doc.Moves)
	if err := s.moveAll(cl.WithContext(ctx), store); err != nil {
		return nil, err
	}
	table := figures.NewTable(title[store]+": mv and rm -r of a directory, latency in µs", append([]string{""}, s.columns()...)...)
	for _, op := range []string{"mv", "rm -r"} {
		set := &figures.Set{}
		for _, m := range s.doc.Moves[began:] {
			if m.Op == op {
				set.Add(figures.Sample{Round: m.Round, System: fmt.Sprint(m.Files), LatencyMicros: map[string]float64{"p50": m.Micros}})
			}
		}
		row := []string{op}
		for i, files := range s.o.moved {
			k, least := figures.Key{System: fmt.Sprint(files)}, figures.Key{System: fmt.Sprint(s.o.moved[0])}
			row = append(row, set.Of(k, figures.Latency("p50")).In(figures.Count))
			if i > 0 {
				row = append(row, set.Ratio(k, least, figures.Latency("p50")).String())
			}
		}
		table.Row(row...)
	}
	return []*figures.Table{table}, nil
}

// columns are the sizes, each but the first with its ratio.
func (s *study) columns() (names []string) {
	for i, files := range s.o.moved {
		names = append(names, figures.Count(float64(files))+" files")
		if i > 0 {
			names = append(names, "× "+figures.Count(float64(s.o.moved[0])))
		}
	}
	return names
}

// moveAll moves every directory there and back, then removes them all.
func (s *study) moveAll(cl *client.Client, store string) error {
	timed := func(op string, files int64, round int, do func() error) error {
		s.progress.Now("subtree, %s: %s of %s files, %d", title[store], op, figures.Count(float64(files)), round)
		began := time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s of %d files: %w", op, files, err)
		}
		took := time.Since(began)
		s.doc.Moves = append(s.doc.Moves, moved{Store: title[store], Op: op, Files: files, Round: round, Micros: float64(took.Microseconds())})
		return nil
	}
	for round := range copies * moves {
		from, to := "/a/", "/b/"
		if round/copies%2 == 1 {
			from, to = to, from
		}
		for _, files := range s.o.moved {
			name := subtreeName(files, round%copies)
			if err := timed("mv", files, round, func() error { return cl.Rename(from+name, to+name, client.NoReplace) }); err != nil {
				return err
			}
		}
	}
	for round := range copies {
		for _, files := range s.o.moved {
			if err := timed("rm -r", files, round, func() error { return cl.RemoveAll("/a/" + subtreeName(files, round)) }); err != nil {
				return err
			}
		}
	}
	for _, m := range s.doc.Moves {
		if m.Store == title[store] && m.Op == "rm -r" {
			s.progress.Done("subtree     %s: rm -r of %s files: %.1f ms", m.Store, figures.Count(float64(m.Files)), m.Micros/1000)
		}
	}
	return nil
}

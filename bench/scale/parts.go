package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
	"github.com/hopsql/hopsql/testkit/bulk"
)

const (
	callers     = "64"
	dir         = "/bench"
	perLeaf     = 1000 // files in a directory of the sizes, or a bit less
	depthOfTree = 4
)

// What is run in a tree that was made in bulk, and in one that the run makes.
var (
	existingOps = []string{"stat", "open", "ls", "chmod", "mkdir", "create", "rename", "delete"}
	ownOps      = []string{"stat", "open", "chmod", "rename", "mkdir", "create", "delete"}
)

// treeOf is a tree of so many files with directories of perLeaf.
func treeOf(files int64) bench.Tree {
	fanout := int64(1)
	for fanout*fanout*perLeaf < files {
		fanout++
	}
	return bench.Tree{Dir: dir, Depth: depthOfTree, Fanout: int(fanout)}
}

// sized makes the file system of a number of files.
func (s *study) sized(ctx context.Context, store string, files int64) (name, url string, err error) {
	name = fmt.Sprintf("files_%d", files)
	if url = s.url[name]; url != "" {
		return name, url, nil
	}
	url, err = s.fileSystem(ctx, store, name, grown(treeOf(files), files))
	return name, url, err
}

// existing are the options for a tree that is there.
func existing(t bench.Tree, files int64) []string {
	args := []string{"-existing", "-callers", callers, "-dir", t.Dir, "-depth", strconv.Itoa(t.Depth), "-fanout", strconv.Itoa(t.Fanout),
		"-files", strconv.FormatInt(files, 10)}
	if t.Hot {
		args = append(args, "-hot")
	}
	return args
}

func (s *study) sizes(ctx context.Context, store string) ([]*figures.Table, error) {
	var subjects []subject
	for _, files := range s.o.sizes {
		name, url, err := s.sized(ctx, store, files)
		if err != nil {
			return nil, err
		}
		system, err := s.open(ctx, store, name, url, 1)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject{
			label: figures.Count(float64(files)) + " files", system: system, args: existing(treeOf(files), files), ops: existingOps,
		})
	}
	tables, err := s.compare(ctx, partSizes, store, subjects)
	if err != nil {
		return nil, err
	}
	for i, files := range s.o.sizes {
		if err := subjects[i].system.Stop(); err != nil {
			return nil, err
		}
		if err := s.forget(ctx, store, fmt.Sprintf("files_%d", files)); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// one starts a NameNode on a file system for one part, and returns what removes both.
func (s *study) one(ctx context.Context, store, name string, nodes int, trees ...bulk.Tree) (*lab.System, func() error, error) {
	url, err := s.fileSystem(ctx, store, name, trees...)
	if err != nil {
		return nil, nil, err
	}
	system, err := s.open(ctx, store, name, url, nodes)
	if err != nil {
		return nil, nil, err
	}
	return system, func() error { return errors.Join(system.Stop(), s.forget(ctx, store, name)) }, nil
}

// own are the options for a tree of the run's own, of 100 directories.
func (s *study) own() []string {
	return []string{"-clean", "-callers", callers, "-dir", dir, "-fanout", "10", "-files", strconv.Itoa(s.o.files)}
}

func (s *study) depths(ctx context.Context, store string) ([]*figures.Table, error) {
	system, end, err := s.one(ctx, store, "depth", 1)
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for _, depth := range s.o.depths {
		subjects = append(subjects, subject{
			label: fmt.Sprintf("depth %d", depth), system: system, ops: ownOps,
			args: append(s.own(), "-depth", strconv.FormatInt(depth, 10)),
		})
	}
	tables, err := s.compare(ctx, partDepth, store, subjects)
	return tables, errors.Join(err, end())
}

func (s *study) directories(ctx context.Context, store string) ([]*figures.Table, error) {
	var trees []bulk.Tree
	var shapes []bench.Tree
	for _, n := range s.o.entries {
		t := bench.Tree{Dir: fmt.Sprintf("/of-%d", n), Depth: 2, Fanout: 1, Hot: true}
		shapes, trees = append(shapes, t), append(trees, grown(t, n))
	}
	system, end, err := s.one(ctx, store, "directories", 1, trees...)
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for i, n := range s.o.entries {
		subjects = append(subjects, subject{
			label: figures.Count(float64(n)) + " entries", system: system, args: existing(shapes[i], n),
			ops: []string{"stat", "open", "chmod", "mkdir", "create", "rename", "delete"},
		})
	}
	tables, err := s.compare(ctx, partDirectories, store, subjects)
	if err == nil {
		var table *figures.Table
		if table, err = s.list(ctx, store, system, shapes); err == nil {
			tables = append(tables, table)
		}
	}
	return tables, errors.Join(err, end())
}

// page is how many entries a NameNode lists in one answer.
const page = 1000

// list measures ls of the directories that take more than one answer, one caller.
func (s *study) list(ctx context.Context, store string, system *lab.System, shapes []bench.Tree) (*figures.Table, error) {
	table := figures.NewTable(title[store]+": ls of a whole directory, for 1,000 entries of it", "", "µs", "CPU, µs")
	for i, n := range s.o.entries {
		if n < 2*page {
			continue
		}
		set := &figures.Set{}
		for round := range s.o.rounds {
			args := append(existing(shapes[i], n), "-callers", "1", "-count", strconv.FormatInt(max(page*page/n, 1), 10), "ls")
			samples, err := s.lab.Drive(ctx, system, args...)
			if err != nil {
				return nil, err
			}
			x := samples[0]
			x.Round, x.System, x.Tool = round+1, figures.Count(float64(n))+" entries", title[store]+", ls"
			s.show(partDirectories, &x)
			set.Add(x)
		}
		s.keep(partDirectories, set)
		pages := float64(n) / page
		each := func(s *figures.Sample) (float64, bool) { return s.Seconds * 1e6 / float64(s.Ops) / pages, s.Ops > 0 }
		cpu := func(s *figures.Sample) (float64, bool) { return s.Server() / pages, s.Server() > 0 }
		k := set.Samples[0].Key()
		table.Row(k.System, set.Of(k, each).In(figures.Count), set.Of(k, cpu).In(figures.Count))
	}
	return table, nil
}

// nameNodes compares numbers of NameNodes. They share the machine, so what counts is
// CPU per call, not throughput.
func (s *study) nameNodes(ctx context.Context, store string) ([]*figures.Table, error) {
	if store != "mariadb" {
		return nil, nil // SQLite has one NameNode
	}
	var subjects []subject
	ends := func() error { return nil }
	for _, n := range s.o.nodes {
		system, end, err := s.one(ctx, store, fmt.Sprintf("nodes_%d", n), int(n))
		if err != nil {
			return nil, errors.Join(err, ends())
		}
		before := ends
		ends = func() error { return errors.Join(end(), before()) }
		label := "1 NameNode"
		if n > 1 {
			label = fmt.Sprintf("%d NameNodes", n)
		}
		subjects = append(subjects, subject{
			label: label, system: system, args: s.own(), ops: ownOps,
		})
	}
	tables, err := s.compare(ctx, partNameNodes, store, subjects)
	return tables, errors.Join(err, ends())
}

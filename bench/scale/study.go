package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hopsql/hopsql/bench"
	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/bench/lab"
	"github.com/hopsql/hopsql/testkit/bulk"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

// study is what all parts need.
type study struct {
	o        options
	lab      *lab.Lab
	progress *lab.Progress
	server   *mariadb.Server
	doc      document
	url      map[string]string // of each file system of the store at hand
}

// Words of tables: the stores, and what the columns of a part differ in.
var (
	title = map[string]string{"mariadb": lab.MariaDB, "sqlite": lab.SQLite}
	by    = map[string]string{
		partSizes: "by number of files", partDepth: "by depth", partDirectories: "by entries of one directory", partNameNodes: "by number of NameNodes",
	}
)

// measure runs all parts on one store and prints their tables.
func (s *study) measure(ctx context.Context, store string, out io.Writer) error {
	if store == "mariadb" && s.server == nil {
		var err error
		if s.server, err = s.lab.MariaDB(bufferPool()); err != nil {
			return err
		}
	}
	s.url = map[string]string{}
	for _, part := range s.o.parts {
		var tables []*figures.Table
		var err error
		switch part {
		case partStart:
			tables, err = s.start(ctx, store)
		case partSizes:
			tables, err = s.sizes(ctx, store)
		case partDepth:
			tables, err = s.depths(ctx, store)
		case partDirectories:
			tables, err = s.directories(ctx, store)
		case partNameNodes:
			tables, err = s.nameNodes(ctx, store)
		case partSubtree:
			tables, err = s.subtrees(ctx, store)
		}
		if err != nil {
			return fmt.Errorf("%s on %s: %w", part, title[store], err)
		}
		for _, t := range tables {
			fmt.Fprintf(out, "\n%s", t)
		}
	}
	return nil
}

// bufferPool is a third of the machine's memory, so that ten million files fit where
// there is enough of it.
func bufferPool() string {
	data, err := os.ReadFile("/proc/meminfo")
	var kib int64
	if err == nil {
		_, err = fmt.Sscanf(string(data), "MemTotal: %d kB", &kib)
	}
	if err != nil {
		kib = 3 << 20
	}
	return strconv.FormatInt(kib/3/1024, 10) + "M"
}

// fileSystem formats a store for a file system and fills it, unless an earlier part
// has done so. It returns the store's URL.
func (s *study) fileSystem(ctx context.Context, store, name string, trees ...bulk.Tree) (string, error) {
	if url := s.url[name]; url != "" {
		return url, nil
	}
	url := "sqlite://" + filepath.Join(s.lab.Dir, name, "namespace.db")
	if store == "mariadb" {
		if err := s.server.CreateDatabase(ctx, name); err != nil {
			return "", err
		}
		url = s.server.URL(name)
	}
	if err := s.lab.Format(ctx, name, url); err != nil {
		return "", err
	}
	if len(trees) > 0 {
		s.progress.Now("%s: filling %s", title[store], name)
		files, err := fill(ctx, url, trees)
		if err != nil {
			return "", err
		}
		s.progress.Done("%s: %s filled with %s files", title[store], name, figures.Count(float64(files)))
	}
	s.url[name] = url
	return url, nil
}

func fill(ctx context.Context, url string, trees []bulk.Tree) (files int64, err error) {
	l, err := bulk.Open(url)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	for _, t := range trees {
		n, err := l.Fill(ctx, t)
		if err != nil {
			return files, err
		}
		files += n
	}
	return files, nil
}

// forget removes a file system that no other part needs.
func (s *study) forget(ctx context.Context, store, name string) error {
	delete(s.url, name)
	if store == "mariadb" {
		return s.server.DropDatabase(ctx, name)
	}
	return os.RemoveAll(filepath.Join(s.lab.Dir, name))
}

// open starts NameNodes on a file system.
func (s *study) open(ctx context.Context, store, name, url string, many int) (*lab.System, error) {
	system, err := s.lab.StartNameNodes(ctx, name, url, many)
	if err == nil && store == "mariadb" {
		system.Database = s.server.PID()
	}
	return system, err
}

// grown is the tree that `hdfs bench -existing` expects, as rows in bulk.
func grown(t bench.Tree, files int64) bulk.Tree {
	var tree bulk.Tree
	at := map[string]int{"": -1} // positions of the directories that are there
	var directory func(path string) int
	directory = func(path string) int {
		if i, ok := at[path]; ok {
			return i
		}
		cut := strings.LastIndexByte(path, '/')
		parent := directory(path[:cut])
		tree.Directories = append(tree.Directories, bulk.Directory{Name: path[cut+1:], Parent: parent})
		at[path] = len(tree.Directories) - 1
		return at[path]
	}
	leaves := t.Leaves()
	for leaf := range min(leaves, files) {
		i := directory(string(t.AppendLeaf(nil, leaf)))
		tree.Directories[i].Files = func() (names []string) {
			for n := leaf; n < files; n += leaves {
				path := t.Path(n)
				names = append(names, path[strings.LastIndexByte(path, '/')+1:])
			}
			return names
		}
	}
	tree.Blocks = true
	return tree
}

// subject is one of the things that are compared: a running system and what
// `hdfs bench` is to do there.
type subject struct {
	label  string // of the column
	system *lab.System
	args   []string
	ops    []string
}

// compare runs `hdfs bench` on each subject, in rounds.
func (s *study) compare(ctx context.Context, part, store string, subjects []subject) ([]*figures.Table, error) {
	set := &figures.Set{}
	for round := range s.o.rounds + 1 {
		order := slices.Concat(subjects[round%len(subjects):], subjects[:round%len(subjects)])
		for _, sub := range order {
			length := s.o.time
			if round == 0 {
				length /= 2 // it warms up
			}
			args := append([]string{"-time", length.String(), "-warmup", s.o.warmup.String()}, sub.args...)
			s.progress.Now("%s, %s: round %d, %s", part, title[store], round, sub.label)
			samples, err := s.lab.Drive(ctx, sub.system, append(args, sub.ops...)...)
			if err != nil {
				return nil, err
			}
			for _, sample := range samples {
				sample.Round, sample.System, sample.Tool = round, sub.label, title[store]+", "+by[part]
				s.show(part, &sample)
				if round > 0 {
					set.Add(sample)
				}
			}
			if err := sub.system.Settle(ctx, s.o.time); err != nil {
				return nil, err
			}
		}
	}
	s.keep(part, set)
	var others []string
	for _, sub := range subjects[1:] {
		others = append(others, sub.label)
	}
	return set.Versus(subjects[0].label, others...), nil
}

func (s *study) show(part string, x *figures.Sample) {
	s.progress.Done("%-11s round %d  %s, %s: %s %s/s, %s", part, x.Round, x.Tool, x.System, x.Op, figures.Count(x.OpsPerSecond), x.CPU())
}

// keep adds samples to what -json writes.
func (s *study) keep(part string, set *figures.Set) {
	if s.doc.Parts[part] == nil {
		s.doc.Parts[part] = &figures.Set{}
	}
	s.doc.Parts[part].Samples = append(s.doc.Parts[part].Samples, set.Samples...)
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hopsql/hopsql/bench/figures"
	"github.com/hopsql/hopsql/client"
)

// started is one start of a NameNode.
type started struct {
	Store string `json:"store"`
	Files int64  `json:"files"`
	Round int    `json:"round"`
	// Seconds from the start of the process to the answer of a first call.
	Seconds float64 `json:"seconds"`
	// RSS is memory in bytes after that call, and after many calls all over the tree.
	RSS     int64 `json:"rssBytes"`
	RSSUsed int64 `json:"rssBytesUsed"`
}

// start measures starts and memory.
func (s *study) start(ctx context.Context, store string) ([]*figures.Table, error) {
	for round := range s.o.rounds {
		for _, files := range s.o.sizes {
			x, err := s.startOne(ctx, store, files)
			if err != nil {
				return nil, err
			}
			x.Round = round + 1
			s.doc.Starts = append(s.doc.Starts, x)
			s.progress.Done("start       round %d  %-7s %s files: first answer after %.0f ms, memory %d MB, then %d MB", x.Round, x.Store,
				figures.Count(float64(files)), x.Seconds*1000, x.RSS>>20, x.RSSUsed>>20)
		}
	}
	table := figures.NewTable(title[store]+": start and memory of the NameNode", "files", "first answer, ms", "memory, MB", "after "+figures.Count(float64(20*s.o.files))+" stats, MB")
	for _, files := range s.o.sizes {
		var took, rss, used []float64
		for _, x := range s.doc.Starts {
			if x.Files == files && x.Store == title[store] {
				took, rss, used = append(took, x.Seconds*1000), append(rss, float64(x.RSS>>20)), append(used, float64(x.RSSUsed>>20))
			}
		}
		table.Row(figures.Count(float64(files)), figures.Over(took...).In(figures.Count), figures.Over(rss...).In(figures.Count),
			figures.Over(used...).In(figures.Count))
	}
	return []*figures.Table{table}, nil
}

func (s *study) startOne(ctx context.Context, store string, files int64) (started, error) {
	x := started{Store: title[store], Files: files}
	name, url, err := s.sized(ctx, store, files)
	if err != nil {
		return x, err
	}
	began := time.Now()
	system, err := s.open(ctx, store, name, url, 1)
	if err != nil {
		return x, err
	}
	t := treeOf(files)
	if err := first(ctx, system.Address(), t.Path(files-1)); err != nil {
		return x, err
	}
	x.Seconds = time.Since(began).Seconds()
	nn := system.NameNodes[0]
	if x.RSS, err = nn.RSS(); err != nil {
		return x, err
	}
	if _, err := s.lab.Drive(ctx, system, append(existing(t, files), "-count", strconv.Itoa(20*s.o.files), "stat")...); err != nil {
		return x, err
	}
	if x.RSSUsed, err = nn.RSS(); err != nil {
		return x, err
	}
	return x, system.Stop()
}

// first asks a NameNode for a file.
func first(ctx context.Context, address, path string) error {
	cl, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := cl.WithContext(ctx).Stat(path); err != nil {
		return fmt.Errorf("first call: %w", err)
	}
	return nil
}

package crash

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/cluster"
	"github.com/hopsql/hopsql/testkit/mariadb"
)

const (
	workers = 12
	rounds  = 20
)

// load is the workers and the writer of one test.
type load struct {
	t       *testing.T
	workers []*worker
	writer  *writer
	client  *client.Client
}

func newLoad(t *testing.T, c *cluster.Cluster, seed uint64, patient bool) *load {
	t.Helper()
	l := &load{t: t}
	for i := range workers {
		w := newWorker(i, c.Address, seed, patient)
		t.Cleanup(func() { w.client.Close() })
		l.workers = append(l.workers, w)
	}
	var err error
	if l.writer, err = newWriter("/load/data", c.Conf, seed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.writer.client.Close() })
	cfg, err := conf.Load(conf.Options{Dir: c.Conf})
	if err != nil {
		t.Fatal(err)
	}
	if l.client, err = client.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.client.Close() })
	return l
}

// run starts everybody; the returned function waits until all have ended.
func (l *load) run(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	for _, w := range l.workers {
		wg.Go(func() {
			if err := w.work(ctx); err != nil {
				l.t.Error(err)
			}
		})
	}
	wg.Go(func() { l.writer.work(ctx) })
	return wg.Wait
}

func (l *load) answered() (n int64) {
	for _, w := range l.workers {
		n += w.answered.Load()
	}
	return n
}

// observe reads a worker's tree from the NameNode.
func (l *load) observe(home string) tree {
	l.t.Helper()
	seen := tree{}
	err := l.client.Walk(home, func(info *client.FileInfo, err error) error {
		if err != nil {
			return err
		}
		n := node{dir: info.Dir, mode: info.Perm}
		if !info.Dir {
			closed, err := l.client.IsClosed(info.Path)
			if err != nil {
				return err
			}
			n.open = !closed
		}
		seen[info.Path] = n
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatalf("list %s: %v", home, err)
	}
	return seen
}

// verify holds what the NameNode has against what each worker knows. A pending
// operation must be done whole or not at all; every second one is repeated under
// its call id and must then be done.
func (l *load) verify() {
	l.t.Helper()
	for i, w := range l.workers {
		seen := l.observe(w.home)
		if w.pending == nil {
			if diff := w.tree.differences(seen); len(diff) > 0 {
				l.t.Errorf("%s, nothing pending:\n%s", w.name, strings.Join(diff, "\n"))
			}
			continue
		}
		without, with := w.tree.differences(seen), w.tree.after(*w.pending).differences(seen)
		if len(without) > 0 && len(with) > 0 {
			l.t.Errorf("%s: neither before nor after the pending %v;\nas if not done:\n%s\nas if done:\n%s",
				w.name, *w.pending, strings.Join(without, "\n"), strings.Join(with, "\n"))
		}
		if i%2 == 0 || w.pending.verb == create {
			// A create must be repeated in any case: its answer has the file's id.
			if err := w.retry(l.t.Context()); err != nil {
				l.t.Error(err)
				w.settle(len(with) == 0)
				continue
			}
			if diff := w.tree.differences(l.observe(w.home)); len(diff) > 0 {
				l.t.Errorf("%s, after the repeated call:\n%s", w.name, strings.Join(diff, "\n"))
			}
			continue
		}
		w.settle(len(with) == 0)
	}
	if err := l.writer.check(l.t.Context(), 10); err != nil {
		l.t.Errorf("file with data: %v", err)
	}
}

// TestKilledNameNode kills the NameNode under load, twenty times on each store.
func TestKilledNameNode(t *testing.T) {
	cluster.OnEachStore(t, func(t *testing.T, storeURL string) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		c := cluster.Start(t, cluster.Options{StoreURL: storeURL, DataNodes: 1, Race: true})
		l := newLoad(t, c, seed, false)
		for round := range rounds {
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
			wait := l.run(ctx)
			time.Sleep(time.Duration(300+random.IntN(700)) * time.Millisecond)
			c.NameNode().Kill()
			stop()
			wait()
			c.CheckStore(t)
			c.StartNameNode(t)
			c.WaitDataNodes(t, 1)
			l.verify()
			if t.Failed() {
				t.Fatalf("in round %d", round+1)
			}
		}
		t.Logf("%d operations and %d files answered", l.answered(), l.writer.written.Load())
		if l.answered() < rounds*workers*5 || l.writer.written.Load() == 0 {
			t.Errorf("only %d operations and %d files were answered: that is no load", l.answered(), l.writer.written.Load())
		}
		if err := l.writer.check(t.Context(), -1); err != nil {
			t.Errorf("file with data: %v", err)
		}
		c.StopNameNode(t)
		c.CheckStore(t)
	})
}

// TestDatabaseOutage takes the database away under load: stopped where it is, shut
// down, killed. Nothing is lost and everything goes on, in the same process.
func TestDatabaseOutage(t *testing.T) {
	const outage = 20 * time.Second
	server := mariadb.Start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := cluster.Start(t, cluster.Options{StoreURL: server.URL(server.Database(t)), DataNodes: 1, Race: true})
	l := newLoad(t, c, seed, true)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	wait := l.run(ctx)
	restart := func() {
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []struct {
		name     string
		end, fix func()
		how      time.Duration
	}{
		{"stopped where it is", server.Pause, server.Continue, outage},
		{"shut down", func() {
			if err := server.Stop(); err != nil {
				t.Fatal(err)
			}
		}, restart, outage},
		{"killed", server.Kill, restart, time.Second},
		{"killed again", server.Kill, restart, 0},
	} {
		l.wantProgress(way.name+": before", c)
		way.end()
		time.Sleep(way.how)
		if c.NameNode().Ended() {
			t.Fatalf("database %s: the NameNode ended:\n%s", way.name, c.NameNode().Tail())
		}
		way.fix()
		l.wantProgress(way.name+": after", c)
	}
	stop()
	wait()
	l.verify()
	if err := l.writer.check(t.Context(), -1); err != nil {
		t.Errorf("file with data: %v", err)
	}
	t.Logf("%d operations and %d files answered", l.answered(), l.writer.written.Load())
	c.StopNameNode(t)
	c.CheckStore(t)
}

// wantProgress waits until every worker has had ten more answers.
func (l *load) wantProgress(when string, c *cluster.Cluster) {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, w := range l.workers {
		for from := w.answered.Load(); w.answered.Load() < from+10; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) || l.t.Failed() {
				l.t.Fatalf("%s: %s had %d answers within a minute; the NameNode's log ends:\n%s", when, w.name, w.answered.Load()-from, c.NameNode().Tail())
			}
		}
	}
}

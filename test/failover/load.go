// Package failover takes NameNodes away from clients that work: killed, stopped
// where they are, cut off from the database, restarted in turn. There are several
// NameNodes over one MariaDB, and whatever happens to one of them no call of a client
// may fail, and nothing that was answered may be lost.
package failover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hopsql/hopsql/client"
	"github.com/hopsql/hopsql/hadoop/conf"
	"github.com/hopsql/hopsql/testkit/cluster"
)

const (
	maxFiles = 30     // of one worker
	maxPart  = 48_000 // bytes of one write; some files get a second block by it
	folders  = 3      // of one worker
	pause    = 40 * time.Millisecond
)

// part is what one write put into a file.
type part struct {
	seed uint64
	size int
}

func (p part) bytes() []byte {
	source := rand.NewChaCha8([32]byte{byte(p.seed), byte(p.seed >> 8), byte(p.seed >> 16), byte(p.seed >> 24), byte(p.seed >> 32)})
	data := make([]byte, p.size)
	_, _ = source.Read(data) // never fails
	return data
}

// content is what a file must hold.
type content []part

func (c content) bytes() []byte {
	var all []byte
	for _, p := range c {
		all = append(all, p.bytes()...)
	}
	return all
}

// worker writes, reads, moves and removes files of its own folder, one call after
// another, and remembers what was answered.
type worker struct {
	home   string
	client *client.Client
	random *rand.Rand
	times  *stopwatch
	number int
	files  map[string]content
	gone   []string // the last names that were removed or moved away
	folder [folders]string

	done atomic.Int64 // operations
}

func newWorker(i int, cfg *conf.Config, seed uint64, times *stopwatch) (*worker, error) {
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	w := &worker{home: fmt.Sprintf("/load/w%02d", i), client: c, random: rand.New(rand.NewPCG(seed, uint64(i))), times: times, files: map[string]content{}}
	for k := range w.folder {
		w.folder[k] = fmt.Sprintf("%s/d%d", w.home, k)
	}
	return w, nil
}

// work goes on until the context ends or a call fails. The context does not break
// off calls: their outcome is wanted.
func (w *worker) work(ctx context.Context) error {
	for _, dir := range w.folder {
		if err := w.step("mkdirs", dir, func() error { return w.client.MkdirAll(dir, 0o755) }); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		if err := w.operation(); err != nil {
			return err
		}
		w.done.Add(1)
		time.Sleep(time.Duration(w.random.Int64N(int64(2 * pause))))
	}
	return nil
}

// step times one call, or one step of many, and says of its error what it was.
func (w *worker) step(verb, name string, f func() error) error {
	began := time.Now()
	err := f()
	w.times.add(verb, began, time.Now())
	if err != nil {
		return fmt.Errorf("%s %s, after %v: %w", verb, name, time.Since(began).Round(time.Millisecond), err)
	}
	return nil
}

func (w *worker) operation() error {
	dice := w.random.IntN(100)
	switch {
	case len(w.files) < 4 || dice < 30 && len(w.files) < maxFiles:
		return w.write(w.fresh())
	case dice < 37:
		return w.append(w.any())
	case dice < 60:
		return w.read(w.any())
	case dice < 73:
		return w.rename(w.any(), w.fresh())
	case dice < 76:
		return w.renameFolder(w.random.IntN(folders))
	case dice < 90 || len(w.files) >= maxFiles:
		return w.remove(w.any())
	}
	return w.stat()
}

func (w *worker) fresh() string {
	w.number++
	return fmt.Sprintf("%s/f%d", w.folder[w.random.IntN(folders)], w.number)
}

func (w *worker) any() string {
	names := slices.Sorted(maps.Keys(w.files))
	return names[w.random.IntN(len(names))]
}

func (w *worker) write(name string) error {
	p := part{seed: w.random.Uint64N(1 << 40), size: w.random.IntN(maxPart)}
	var f *client.Writer
	err := w.step("create", name, func() (err error) {
		f, err = w.client.Create(name, client.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	if err := w.fill(f, p); err != nil {
		return err
	}
	w.files[name] = content{p}
	return nil
}

func (w *worker) fill(f *client.Writer, p part) error {
	err := w.step("write", f.Name(), func() error {
		_, err := f.Write(p.bytes())
		return err
	})
	if err != nil {
		f.Abort()
		return err
	}
	return w.step("close", f.Name(), f.Close)
}

func (w *worker) append(name string) error {
	p := part{seed: w.random.Uint64N(1 << 40), size: 1 + w.random.IntN(maxPart)}
	var f *client.Writer
	err := w.step("append", name, func() (err error) {
		f, err = w.client.Append(name, false)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.fill(f, p); err != nil {
		return err
	}
	w.files[name] = append(w.files[name], p)
	return nil
}

func (w *worker) read(name string) error {
	return w.step("read", name, func() error { return w.compare(name) })
}

// compare reads a file and wants every byte of it.
func (w *worker) compare(name string) error {
	f, err := w.client.Open(name)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		return err
	}
	if want := w.files[name].bytes(); !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came back, not the %d that were written, or others", len(got), len(want))
	}
	return nil
}

func (w *worker) rename(from, to string) error {
	err := w.step("rename", from+" "+to, func() error { return w.client.Rename(from, to, client.NoReplace) })
	if err != nil {
		return err
	}
	w.files[to] = w.files[from]
	w.forget(from)
	return nil
}

func (w *worker) renameFolder(k int) error {
	w.number++
	from, to := w.folder[k], fmt.Sprintf("%s/m%d", w.home, w.number)
	err := w.step("rename", from+" "+to, func() error { return w.client.Rename(from, to, client.NoReplace) })
	if err != nil {
		return err
	}
	w.folder[k] = to
	for _, name := range slices.Collect(maps.Keys(w.files)) {
		if path.Dir(name) == from {
			w.files[to+"/"+path.Base(name)] = w.files[name]
			w.forget(name)
		}
	}
	return nil
}

func (w *worker) remove(name string) error {
	if err := w.step("delete", name, func() error { return w.client.Remove(name) }); err != nil {
		return err
	}
	w.forget(name)
	return nil
}

func (w *worker) forget(name string) {
	delete(w.files, name)
	w.gone = append(w.gone, name)
	w.gone = w.gone[max(0, len(w.gone)-10):]
}

// stat looks at a file that is there, and at one that is not.
func (w *worker) stat() error {
	name := w.any()
	err := w.step("stat", name, func() error {
		info, err := w.client.Stat(name)
		if err == nil && info.Length != int64(len(w.files[name].bytes())) {
			err = fmt.Errorf("the length is %d, not %d", info.Length, len(w.files[name].bytes()))
		}
		return err
	})
	if err != nil || len(w.gone) == 0 {
		return err
	}
	name = w.gone[w.random.IntN(len(w.gone))]
	return w.step("stat", name, func() error {
		if _, err := w.client.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("it was removed and is there: %w", err)
		}
		return nil
	})
}

// verify wants below the worker's home what was answered, and nothing else.
func (w *worker) verify() error {
	seen := map[string]bool{}
	err := w.client.Walk(w.home, func(info *client.FileInfo, err error) error {
		if err == nil && !info.Dir {
			seen[info.Path] = true
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", w.home, err)
	}
	for name := range seen {
		if _, ok := w.files[name]; !ok {
			return fmt.Errorf("%s is there and was removed, moved away or never written", name)
		}
	}
	for name := range w.files {
		if !seen[name] {
			return fmt.Errorf("%s was written and is not there", name)
		}
		if err := w.compare(name); err != nil {
			return fmt.Errorf("read back %s: %w", name, err)
		}
	}
	return nil
}

// load is the workers of one test.
type load struct {
	t       *testing.T
	workers []*worker
	times   *stopwatch
	stop    context.CancelFunc
	group   sync.WaitGroup
}

// startLoad starts n workers; each has connections of its own. The seed is logged.
func startLoad(t *testing.T, c *cluster.Cluster, n int) *load {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed of the load %d", seed)
	cfg := clientConf(t, c)
	l := &load{t: t, times: new(stopwatch)}
	for i := range n {
		w, err := newWorker(i, cfg, seed, l.times)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.client.Close() })
		l.workers = append(l.workers, w)
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	t.Cleanup(stop)
	for _, w := range l.workers {
		l.group.Go(func() {
			if err := w.work(ctx); err != nil {
				t.Errorf("%s %s: a call failed: %v", time.Now().Format("15:04:05.000"), w.home, err)
			}
		})
	}
	return l
}

func (l *load) done() (n int64) {
	for _, w := range l.workers {
		n += w.done.Load()
	}
	return n
}

// wantProgress waits until every worker has had a few more answers. A worker whose
// call failed has said so.
func (l *load) wantProgress(when string) {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	from := make([]int64, len(l.workers))
	for i, w := range l.workers {
		from[i] = w.done.Load()
	}
	for i, w := range l.workers {
		for ; w.done.Load() < from[i]+3; time.Sleep(5 * time.Millisecond) {
			if l.t.Failed() {
				l.t.FailNow()
			}
			if time.Now().After(deadline) {
				l.t.Fatalf("%s: %s had %d answers within a minute", when, w.home, w.done.Load()-from[i])
			}
		}
	}
}

// end lets the workers end what they are at, and holds what is there against what
// was answered.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.group.Wait()
	files := 0
	var group sync.WaitGroup
	for _, w := range l.workers {
		files += len(w.files)
		group.Go(func() {
			if err := w.verify(); err != nil {
				l.t.Errorf("%s: %v", w.home, err)
			}
		})
	}
	group.Wait()
	l.t.Logf("%d operations answered; %d files read back at the end", l.done(), files)
}

package txn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/dal/memstore"
	"github.com/hopsql/hopsql/schema"
)

// open returns an engine over a memory store that has a root, a sequence and, when
// asked for, markers.
func open(t *testing.T, markers bool) (*Engine, *faulty.Store) {
	t.Helper()
	mem := memstore.New(func(tr *dal.Traits) { tr.Markers = markers })
	s := faulty.New(mem)
	ctx := context.Background()
	root := schema.Inode{ID: schema.RootID, Name: ""}
	seq := schema.Variable{Name: schema.VarNextInodeID, Value: 20_000}
	tx, err := s.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx, []dal.Change{
		{Op: dal.Insert, Table: schema.Inodes, Key: schema.Inodes.Key(root.Row()), Row: root.Row()},
		{Op: dal.Insert, Table: schema.Directories, Key: schema.KeyOf(schema.Int(schema.RootID)), Row: (&schema.Directory{ID: schema.RootID}).Row()},
		{Op: dal.Insert, Table: schema.Variables, Key: schema.KeyOf(schema.Str(seq.Name)), Row: seq.Row()},
	}); err != nil {
		t.Fatal(err)
	}
	e, err := New(s, Options{NodeID: 7, Patience: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(); mem.Close() })
	s.Reset()
	return e, s
}

// child inserts one child of the root, as a namespace operation would.
func child(name string) func(*Tx) error {
	return func(tx *Tx) error {
		if _, err := tx.Get(schema.Inodes, schema.InodeKey(0, ""), dal.None); err != nil {
			return err
		}
		k := schema.InodeKey(schema.RootID, name)
		row, err := tx.Get(schema.Inodes, k, dal.Exclusive)
		if err != nil {
			return err
		}
		if row != nil {
			return errExists
		}
		id, err := tx.NewID(schema.VarNextInodeID)
		if err != nil {
			return err
		}
		in := schema.Inode{PartitionID: schema.RootID, ParentID: schema.RootID, Name: name, ID: id}
		if err := tx.Insert(schema.Inodes, in.Row()); err != nil {
			return err
		}
		tx.Add(schema.Directories, (&schema.Directory{ID: schema.RootID, Entries: 1, MTime: tx.Now()}).Row())
		return nil
	}
}

var errExists = errors.New("exists")

func entries(t *testing.T, e *Engine) int64 {
	t.Helper()
	var n int64
	err := e.View(context.Background(), func(tx *Tx) error {
		row, err := tx.Get(schema.Directories, schema.KeyOf(schema.Int(schema.RootID)), dal.None)
		if err == nil {
			n = schema.DirectoryOf(row).Entries
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConcurrentInsertsShareBatches(t *testing.T) {
	e, s := open(t, true)
	ctx := context.Background()
	if err := e.Update(ctx, child("warm")); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	var commits sync.Map
	var mu sync.Mutex
	n := 0
	s.Observe(func(c faulty.Call) {
		if c.Op == faulty.Commit {
			mu.Lock()
			n++
			mu.Unlock()
			time.Sleep(2 * time.Millisecond) // while this batch is in flight the next gathers
		}
	})
	var wg sync.WaitGroup
	const calls = 500
	for i := range calls {
		wg.Go(func() {
			name := fmt.Sprintf("f%03d", i/2) // every name twice: one of both must fail
			err := e.Update(ctx, child(name))
			if err == nil {
				if _, twice := commits.LoadOrStore(name, true); twice {
					t.Errorf("%s was created twice", name)
				}
			} else if !errors.Is(err, errExists) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if got := entries(t, e); got != calls/2+1 {
		t.Errorf("%d entries, want %d", got, calls/2+1)
	}
	if n > calls/10 {
		t.Errorf("%d commits for %d calls", n, calls)
	}
}

func TestThousandStatsAreFewStatements(t *testing.T) {
	e, s := open(t, false)
	ctx := context.Background()
	for i := range 10 {
		if err := e.Update(ctx, child(fmt.Sprint("d", i))); err != nil {
			t.Fatal(err)
		}
	}
	s.Reset()
	var mu sync.Mutex
	reads := 0
	s.Observe(func(c faulty.Call) {
		mu.Lock()
		reads++
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	})
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			err := e.View(ctx, func(tx *Tx) error {
				row, err := tx.Get(schema.Inodes, schema.InodeKey(schema.RootID, fmt.Sprint("d", i%10)), dal.None)
				if err == nil && row == nil {
					return errors.New("missing")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if reads > 20 {
		t.Errorf("%d round trips for 1,000 stats", reads)
	}
}

// TestEveryFailure fails the i-th round trip of an operation (the i-th commit, where
// the failure is one of commits), for all i and kinds that can pass, and expects the operation to succeed all the same, once.
func TestEveryFailure(t *testing.T) {
	faults := []faulty.Fault{{Kind: dal.Conflict}, {Kind: dal.Unavailable},
		{Kind: dal.UnknownOutcome}, {Kind: dal.UnknownOutcome, Done: true}}
	for _, f := range faults {
		for i := 1; i <= 6; i++ {
			t.Run(fmt.Sprintf("%v/%v/%d", f.Kind, f.Done, i), func(t *testing.T) {
				e, s := open(t, true)
				n := 0
				s.Fail(func(c faulty.Call) *faulty.Fault {
					if f.Kind == dal.UnknownOutcome && c.Op != faulty.Commit {
						return nil
					}
					if n++; n == i {
						return &f
					}
					return nil
				})
				if err := e.Update(context.Background(), child("x")); err != nil {
					t.Fatal(err)
				}
				s.Reset()
				if got := entries(t, e); got != 1 {
					t.Errorf("%d entries", got)
				}
			})
		}
	}
}

func TestPermanentFailureHitsOnlyItsCall(t *testing.T) {
	e, s := open(t, true)
	ctx := context.Background()
	if err := e.Update(ctx, child("warm")); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	s.Fail(func(c faulty.Call) *faulty.Fault {
		for _, ch := range c.Changes {
			if strings.Contains(string(ch.Key), "bad") {
				return &faulty.Fault{Kind: dal.Permanent}
			}
		}
		if c.Op == faulty.Commit {
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			name := fmt.Sprint("good", i)
			if i == 40 {
				name = "bad"
			}
			err := e.Update(ctx, child(name))
			if (err != nil) != (name == "bad") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	s.Reset()
	if got := entries(t, e); got != 64 {
		t.Errorf("%d entries, want 64", got)
	}
}

func TestWrongHintCostsOneMoreRun(t *testing.T) {
	e, s := open(t, false)
	ctx := context.Background()
	if err := e.Update(ctx, child("a")); err != nil {
		t.Fatal(err)
	}
	other, err := New(s, Options{NodeID: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// Another NameNode removes a; this one's hint says that it is there.
	err = other.Update(ctx, func(tx *Tx) error {
		k := schema.InodeKey(schema.RootID, "a")
		row, err := tx.Get(schema.Inodes, k, dal.Exclusive)
		if err != nil {
			return err
		}
		if row == nil {
			return errors.New("no a")
		}
		tx.Delete(schema.Inodes, k)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Update(ctx, child("a")); err != nil {
		t.Errorf("create after a removal elsewhere: %v", err)
	}
}

// TestPanicOfALoneCaller: a mistake in a function that runs in its caller's goroutine
// ends that call and no other.
func TestPanicOfALoneCaller(t *testing.T) {
	e, _ := open(t, false)
	if err := e.Update(context.Background(), child("known")); err != nil {
		t.Fatal(err)
	}
	runs := 0
	func() {
		defer func() {
			if recover() == nil {
				t.Errorf("no panic in %d runs", runs)
			}
		}()
		_ = e.Update(context.Background(), func(tx *Tx) error {
			if runs++; runs == 2 {
				panic("a mistake")
			}
			return child("broken")(tx)
		})
	}()
	done := make(chan error, 1)
	go func() { done <- e.Update(context.Background(), child("after")) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the lane is stuck")
	}
}

// silent is a store that does not answer its first read.
type silent struct {
	dal.Store
	asked chan struct{}
	once  sync.Once
}

func (s *silent) Read(ctx context.Context, fs []dal.Fetch) ([]dal.Rows, error) {
	first := false
	s.once.Do(func() { first = true })
	if first {
		close(s.asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Read(ctx, fs)
}

// TestLoneReaderGivesUp: who waits in person for a server that is silent leaves when its
// call ends, and those behind it are served.
func TestLoneReaderGivesUp(t *testing.T) {
	_, store := open(t, true)
	s := &silent{Store: store, asked: make(chan struct{})}
	e, err := New(s, Options{NodeID: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	look := func(ctx context.Context, errs chan<- error) {
		errs <- e.View(ctx, func(tx *Tx) error {
			_, err := tx.Get(schema.Inodes, schema.InodeKey(0, ""), dal.None)
			return err
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	lone, behind := make(chan error, 1), make(chan error, 1)
	go look(ctx, lone)
	<-s.asked
	go look(context.Background(), behind)
	for e.reads.waits() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	for name, errs := range map[string]chan error{"lone": lone, "behind": behind} {
		select {
		case err := <-errs:
			if want := name == "lone"; errors.Is(err, context.Canceled) != want || !want && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no answer", name)
		}
	}
}

func (q *readQueue) waits() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

func TestCallerGivesUp(t *testing.T) {
	e, s := open(t, false)
	s.Fail(func(faulty.Call) *faulty.Fault { return &faulty.Fault{Kind: dal.Unavailable} })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := e.View(ctx, child("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("view: %v", err)
	}
	if err := e.Update(ctx, child("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("update: %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("gave up after %v", d)
	}
}

func TestIDsAreNeverGivenTwice(t *testing.T) {
	e, s := open(t, false)
	other, err := New(s, Options{NodeID: 8, IDRange: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// One that is killed with its range in use, and what starts in its place.
	killed, err := New(s, Options{NodeID: 9, IDRange: 7})
	if err != nil {
		t.Fatal(err)
	}
	var seen sync.Map
	id, err := killed.NextID(context.Background(), schema.VarNextInodeID)
	if err != nil {
		t.Fatal(err)
	}
	seen.Store(id, true)
	killed.Close()
	again, err := New(s, Options{NodeID: 10, IDRange: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var wg sync.WaitGroup
	for _, e := range []*Engine{e, other, again} {
		for range 8 {
			wg.Go(func() {
				for range 50 {
					id, err := e.NextID(context.Background(), schema.VarNextInodeID)
					if err != nil {
						t.Error(err)
						return
					}
					if _, dup := seen.LoadOrStore(id, true); dup {
						t.Errorf("id %d twice", id)
					}
				}
			})
		}
	}
	wg.Wait()
}

// TestScanSeesWhatTheBatchDid: with a limit, a row that the batch inserts after the
// fetched ones must not get lost when the batch removes a fetched one.
func TestScanSeesWhatTheBatchDid(t *testing.T) {
	e, _ := open(t, false)
	ctx := context.Background()
	if err := e.Update(ctx, child("a")); err != nil {
		t.Fatal(err)
	}
	first := Range{Index: schema.Inodes.Primary, Limit: 1,
		Prefix: schema.KeyOf(schema.Int(schema.RootID), schema.Int(schema.RootID))}
	runs := 0
	err := e.Update(ctx, func(tx *Tx) error {
		runs++
		k := schema.InodeKey(schema.RootID, "a")
		row, err := tx.Get(schema.Inodes, k, dal.Exclusive)
		if err != nil {
			return err
		}
		tx.Want(first.Ref())
		if row != nil && runs < 20 {
			tx.Delete(schema.Inodes, k)
			in := schema.Inode{PartitionID: schema.RootID, ParentID: schema.RootID, Name: "b", ID: 99}
			if err := tx.Insert(schema.Inodes, in.Row()); err != nil {
				return err
			}
		}
		got, err := tx.Scan(first)
		if err == nil && len(got.Rows) == 0 {
			t.Error("the scan shows no row where one was moved")
		}
		return err
	})
	// The function asks again and again for what only a later batch could see, so
	// it must not be told that it is done with less.
	if err != nil && !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
}

package txn

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
	"github.com/hopsql/hopsql/schema"
)

// notes is an Observer that keeps everything.
type notes struct {
	mu      sync.Mutex
	calls   [2][]CallStats
	waits   [2]int
	batches [2][]BatchStats
	trips   map[string]int
	retries map[dal.Kind]int
}

func (n *notes) Call(s CallStats) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls[s.Kind] = append(n.calls[s.Kind], s)
}

func (n *notes) Wait(k Kind, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d >= 0 && d < time.Minute {
		n.waits[k]++
	}
}

func (n *notes) Batch(s BatchStats) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.batches[s.Kind] = append(n.batches[s.Kind], s)
}

func (n *notes) Trip(op string, _ time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trips[op]++
}

func (n *notes) Retry(_ Kind, why dal.Kind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.retries[why]++
}

// observed is an engine whose observer has seen nothing yet.
func observed(t *testing.T, markers bool) (*Engine, *faulty.Store, *notes) {
	t.Helper()
	quiet, s := open(t, markers)
	quiet.Close()
	n := &notes{trips: map[string]int{}, retries: map[dal.Kind]int{}}
	e, err := New(s, Options{NodeID: 7, Observer: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, s, n
}

func TestTheObserverSeesHowCallsShareBatches(t *testing.T) {
	e, s, n := observed(t, true)
	ctx := context.Background()
	for i := range 8 {
		if err := e.Update(ctx, child(fmt.Sprint("d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(n.calls[Writes]); got != 8 {
		t.Fatalf("%d updates were seen", got)
	}
	// The first one has no hint of the root, so it asks the store first.
	if first, last := n.calls[Writes][0], n.calls[Writes][7]; first.HintMisses == 0 || first.Runs < 3 ||
		last.HintHits != 1 || last.HintGuesses != 1 || last.HintMisses != 0 || last.Runs != 2 {
		t.Errorf("first %+v, last %+v", first, last)
	}
	if b := n.batches[Writes]; len(b) != 8 || b[7].Calls != 1 || b[7].Writes != 2 || b[7].Rows < 2 || b[7].Took <= 0 {
		t.Errorf("batches %+v", b)
	}
	if n.trips["commit"] != 8 || n.trips["fetch"] != 8 || n.waits[Writes] != 8 {
		t.Errorf("trips %v, waits %v", n.trips, n.waits)
	}

	s.Observe(func(faulty.Call) { time.Sleep(2 * time.Millisecond) })
	const calls = 300
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			err := e.View(ctx, func(tx *Tx) error {
				_, err := tx.Get(schema.Inodes, schema.InodeKey(schema.RootID, fmt.Sprint("d", i%8)), dal.None)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	e.Close() // so that the readers have told everything
	inBatches, timed := 0, 0
	for _, b := range n.batches[Reads] {
		inBatches += b.Calls
	}
	for _, c := range n.calls[Reads] {
		if c.Timed {
			timed++
		}
	}
	if len(n.calls[Reads]) != calls || inBatches < calls || n.waits[Reads] != inBatches || len(n.batches[Reads]) > calls/4 {
		t.Errorf("%d calls, %d of them in %d batches after %d waits", len(n.calls[Reads]), inBatches, len(n.batches[Reads]), n.waits[Reads])
	}
	if timed == 0 || timed > calls/2 {
		t.Errorf("%d calls of %d are timed", timed, calls)
	}
	if l := e.Load(); l.BusyLanes != 0 || l.BusyReaders != 0 || l.WaitingReads != 0 || l.WaitingWrites != 0 || l.Lanes == 0 || l.Readers == 0 {
		t.Errorf("at rest: %+v", l)
	}
}

func TestTheObserverSeesFailures(t *testing.T) {
	e, s, n := observed(t, true)
	if err := e.Update(context.Background(), child("ids and hints")); err != nil {
		t.Fatal(err)
	}
	once := true
	s.Fail(func(c faulty.Call) *faulty.Fault {
		if once && c.Op == faulty.Commit {
			once = false
			return &faulty.Fault{Kind: dal.Conflict}
		}
		return nil
	})
	if err := e.Update(context.Background(), child("d")); err != nil {
		t.Fatal(err)
	}
	if n.retries[dal.Conflict] != 1 || len(n.retries) != 1 || n.calls[Writes][1].Runs != 3 {
		t.Errorf("%v, %+v", n.retries, n.calls[Writes])
	}
}

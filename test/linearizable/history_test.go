package linearizable

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hopsql/hopsql/testkit/peers"
)

const (
	clients      = 5 // of a history, spread over the NameNodes
	callsEach    = 8 // of a client
	atOnce       = 3 // histories
	checkerLimit = time.Minute
)

// A history is what clients saw who worked in one directory.
type history struct {
	seed   uint64
	ops    []porcupine.Operation
	result porcupine.CheckResult
	info   porcupine.LinearizationInfo
}

// record runs a history in a directory of its own at the NameNodes of p.
func record(ctx context.Context, p *peers.Peers, seed uint64) (*history, error) {
	dir := fmt.Sprintf("/h%d", seed)
	if err := p.Nodes[0].NS.Mkdirs(ctx, peers.Root, dir, 0o777, false); err != nil {
		return nil, err
	}
	return recordIn(ctx, p, dir, seed)
}

// recordIn runs a history in a directory that is empty, or in the root: "".
func recordIn(ctx context.Context, p *peers.Peers, dir string, seed uint64) (*history, error) {
	var mu sync.Mutex
	var first error
	h := &history{seed: seed}
	began := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		cl := &client{ns: p.Nodes[(int(seed)+i)%len(p.Nodes)].NS, dir: dir, name: fmt.Sprintf("client-%d-%d", seed, i)}
		wg.Go(func() {
			for range callsEach {
				c := pick(rng)
				op := porcupine.Operation{ClientId: i, Input: c, Call: int64(time.Since(began))}
				out, err := cl.send(ctx, c)
				op.Output, op.Return = out, int64(time.Since(began))
				mu.Lock()
				h.ops = append(h.ops, op)
				if err != nil && first == nil {
					first = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	h.result, h.info = porcupine.CheckOperationsVerbose(model, h.ops, checkerLimit)
	return h, first
}

// errors is how many calls were refused.
func (h *history) errors() int {
	n := 0
	for _, op := range h.ops {
		if o := op.Output.(answer).outcome; o != ok && o != no && o != absent {
			n++
		}
	}
	return n
}

// show writes what the checker saw into a file and returns its path.
func (h *history) show() string {
	f, err := os.CreateTemp("", "hopsql-history-*.html")
	if err == nil {
		err = porcupine.Visualize(model, h.info, f)
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Sprintf("nowhere: %v", err)
	}
	return f.Name()
}

// runHistories records and checks n histories, until one has no explanation. It
// returns that one, nil if all have one.
func runHistories(t *testing.T, p *peers.Peers, first uint64, n int) (bad *history) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	next, calls, refused := uint64(0), 0, 0
	turn := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return first + next - 1, next <= uint64(n) && bad == nil
	}
	for range atOnce {
		wg.Go(func() {
			for seed, more := turn(); more; seed, more = turn() {
				h, err := record(ctx, p, seed)
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
				mu.Lock()
				calls, refused = calls+len(h.ops), refused+h.errors()
				switch {
				case h.result == porcupine.Unknown:
					t.Errorf("seed %d: the checker did not come to an end within %v", seed, checkerLimit)
				case h.result == porcupine.Illegal && bad == nil:
					bad = h
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("seeds %d to %d: %d calls, %d of them refused", first, first+min(next, uint64(n))-1, calls, refused)
	return bad
}

package election

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hopsql/hopsql/dal"
	"github.com/hopsql/hopsql/dal/faulty"
)

// A fence is work that a leader began.
type fence struct {
	ctx   context.Context
	n     *Node
	epoch int64
}

// schedule is one random history of several NameNodes over one store: heartbeats
// that come late, hang in their middle, fail, or are written without their writer
// knowing it.
type schedule struct {
	*cluster
	rng     *rand.Rand
	nodes   []*Node
	fences  []fence
	holders map[int64]int64 // epoch: id
	busy    *Node           // whose heartbeat is under way
	nested  bool            // another one in its middle
	locks   bool            // the outer one holds a lock
	led     int             // moments with a leader
	passed  int             // fences
}

// slow is a store whose calls take their time.
type slow struct {
	dal.Store
	before func(locks, commits bool)
}

type slowTx struct {
	dal.Tx
	before func(locks, commits bool)
}

func (s *slow) Begin(ctx context.Context) (dal.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	return &slowTx{tx, s.before}, err
}

func (s *slowTx) Fetch(ctx context.Context, f []dal.Fetch) ([]dal.Rows, error) {
	s.before(f[0].Lock != dal.None, false)
	return s.Tx.Fetch(ctx, f)
}

func (s *slowTx) Commit(ctx context.Context, c []dal.Change) error {
	s.before(false, true)
	return s.Tx.Commit(ctx, c)
}

// before makes calls of the store slow, and lets others beat meanwhile.
func (s *schedule) before(locks, commits bool) {
	s.check()
	if s.busy == nil || s.nested {
		return
	}
	if s.rng.IntN(20) == 0 {
		s.clock.pass(time.Duration(s.rng.Int64N(int64(3 * interval))))
	}
	if n := s.nodes[s.rng.IntN(len(s.nodes))]; n != s.busy && !(s.locks && commits) {
		s.nested = true
		for range s.rng.IntN(4) {
			_ = n.Beat(s.t.Context()) // it may fail
			s.check()
			s.clock.pass(time.Duration(s.rng.Int64N(int64(interval))))
		}
		s.nested = false
	}
	s.locks = locks
}

// fail makes calls of the store fail.
func (s *schedule) fail(c faulty.Call) *faulty.Fault {
	if s.rng.IntN(25) != 0 {
		return nil
	}
	if c.Op == faulty.Commit && s.rng.IntN(2) == 0 {
		return &faulty.Fault{Kind: dal.UnknownOutcome, Done: s.rng.IntN(2) == 0}
	}
	return &faulty.Fault{Kind: dal.Unavailable}
}

// check wants at most one leader, and one for each epoch.
func (s *schedule) check() {
	leaders := 0
	for _, n := range s.nodes {
		leads, epoch := n.Leader()
		if !leads {
			continue
		}
		leaders++
		if other, ok := s.holders[epoch]; ok && other != n.row.ID {
			s.t.Errorf("epoch %d has two leaders, %d and %d", epoch, other, n.row.ID)
		}
		s.holders[epoch] = n.row.ID
	}
	s.led += leaders
	if leaders > 1 {
		s.t.Errorf("%d NameNodes lead", leaders)
	}
}

// step lets something happen.
func (s *schedule) step(store *faulty.Store) {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	switch k := s.rng.IntN(12); {
	case k < 8:
		s.busy = n
		_ = n.Beat(s.t.Context()) // it may fail
		s.busy = nil
		if leads, epoch := n.Leader(); leads && len(s.fences) < 50 {
			s.fences = append(s.fences, fence{n.Fence(s.t.Context()), n, epoch})
		}
	case k < 9:
		s.clock.pass(4 * interval)
	case len(s.fences) > 0:
		i := s.rng.IntN(len(s.fences))
		s.tryFence(store, s.fences[i])
		s.fences = append(s.fences[:i], s.fences[i+1:]...)
	}
	s.clock.pass(time.Duration(s.rng.Int64N(int64(interval / 2))))
	s.check()
}

// tryFence does the work that was begun, and wants it barred if its epoch is over.
func (s *schedule) tryFence(store *faulty.Store, f fence) {
	store.Fail(nil)
	newest := s.epoch()
	err := f.n.cfg.Engine.Update(f.ctx, change)
	switch {
	case err == nil && newest != f.epoch:
		s.t.Errorf("work of epoch %d was done in epoch %d", f.epoch, newest)
	case err == nil:
		s.passed++
	case !errors.Is(err, ErrNotLeader):
		s.t.Error(err)
	}
	store.Fail(s.fail)
}

// TestNeverTwoLeaders plays random schedules: at no moment two NameNodes lead, no
// epoch has two leaders, and no fence lets old work pass.
func TestNeverTwoLeaders(t *testing.T) {
	var epochs, leaders, led, passed int
	const seeds = 20
	for range seeds {
		seed := rand.Uint64()
		c := newCluster(t)
		store := faulty.New(c.store)
		s := &schedule{cluster: c, rng: rand.New(rand.NewPCG(seed, 0)), holders: map[int64]int64{}}
		c.store = &slow{store, s.before}
		for _, addr := range []string{"a:1", "b:1", "d:1"} {
			s.nodes = append(s.nodes, c.join(addr, false))
		}
		store.Fail(s.fail)
		for range 1000 {
			s.step(store)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		holders := map[int64]bool{}
		for _, id := range s.holders {
			holders[id] = true
		}
		epochs += len(s.holders)
		leaders += len(holders)
		led += s.led
		passed += s.passed
	}
	if epochs < 5*seeds || leaders < 2*seeds || led < 300*seeds || passed < 20*seeds {
		t.Errorf("%d seeds test too little: %d epochs of %d NameNodes, %d moments with a leader, %d fences passed",
			seeds, epochs, leaders, led, passed)
	}
}

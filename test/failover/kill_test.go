package failover

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hopsql/hopsql/testkit/cluster"
)

// envTime says how long TestKilledEvery3Seconds goes on, "10m" for example.
const envTime = "HOPSQL_CHAOS_TIME"

const (
	clients   = 32
	killEvery = 3 * time.Second
	deadFor   = 1500 * time.Millisecond // then a killed NameNode is started again
	maxStall  = time.Second             // of a call of ours when a NameNode is killed that does not lead
)

// killer kills one NameNode after the other and starts them again.
type killer struct {
	t      *testing.T
	c      *cluster.Cluster
	seen   *observer
	random *rand.Rand
	killed []time.Time // each NameNode's last
	events []event
}

// leading says whether the NameNode leads: it took the lead last, and that run of it
// lives.
func (k *killer) leading(i int) bool {
	l := k.seen.last()
	return l.NameNode == i && l.at.After(k.killed[i])
}

// kill kills the leader, or more often one of the others.
func (k *killer) kill() int {
	victim, leader := k.random.IntN(len(k.killed)), -1
	for i := range k.killed {
		if k.leading(i) {
			leader = i
		}
	}
	switch wanted := k.random.IntN(5) < 2; {
	case leader >= 0 && wanted:
		victim = leader
	case victim == leader:
		victim = (victim + 1 + k.random.IntN(len(k.killed)-1)) % len(k.killed)
	}
	e := event{leader: victim == leader, at: time.Now()}
	k.c.Kill(victim)
	k.killed[victim] = e.at
	k.events = append(k.events, e)
	return victim
}

// takeovers is the longest time from the death of a leader to the next epoch.
func (k *killer) takeovers() (longest time.Duration, n int) {
	for _, e := range k.events {
		if !e.leader {
			continue
		}
		n++
		for _, c := range k.seen.history() {
			if c.at.After(e.at) {
				longest = max(longest, c.at.Sub(e.at))
				break
			}
		}
	}
	return longest, n
}

// TestKilledEvery3Seconds kills NameNodes, the leader as well as others, under the
// load of 32 clients of ours and one of Apache's.
func TestKilledEvery3Seconds(t *testing.T) {
	lasts := 2 * time.Minute
	if v := os.Getenv(envTime); v != "" {
		var err error
		if lasts, err = time.ParseDuration(v); err != nil {
			t.Fatalf("%s: %v", envTime, err)
		}
	}
	c := start(t, 3, 3, nil)
	seed := rand.Uint64()
	t.Logf("seed of the kills %d", seed)
	k := &killer{t: t, c: c, seen: observe(t, c), random: rand.New(rand.NewPCG(seed, 0)), killed: make([]time.Time, 3)}
	stock := newStockLoop(t, c)
	l := startLoad(t, c, clients)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { stock.work(ctx) })
	l.wantProgress("before the first kill")

	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for end := time.Now().Add(lasts); time.Now().Before(end) && !t.Failed(); <-tick.C {
		victim := k.kill()
		time.Sleep(deadFor)
		c.Start(t, victim)
	}
	l.wantProgress("after the last kill")
	stop()
	group.Wait()
	l.end()
	stock.verify()
	k.seen.wantSettled(3)
	c.CheckStore(t)

	longest, leaders := k.takeovers()
	t.Logf("%d kills, %d of them of the leader; the longest time without a leader was %v", len(k.events), leaders, longest.Round(time.Millisecond))
	ours := l.times.after(k.events, deadFor)
	t.Logf("clients of ours:\n%v", ours)
	t.Logf("Apache's client, whole commands, %d rounds:\n%v", stock.done, stock.times.after(k.events, deadFor))
	if leaders == 0 || leaders == len(k.events) || stock.done == 0 {
		t.Errorf("%d kills, %d of the leader, %d rounds of Apache's client: that tests nothing", len(k.events), leaders, stock.done)
	}
	// A machine that is busy with other things as well is slow without kills, too.
	if limit := max(maxStall, 2*ours.none.took()); ours.other.took() > limit {
		t.Errorf("a call took %v (%s) when a NameNode was killed that did not lead, more than %v", ours.other.took(), ours.other.verb, limit)
	}
	if longest > takeover {
		t.Errorf("%v without a leader, more than %v", longest, takeover)
	}
}

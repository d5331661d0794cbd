package datanode

import (
	"context"
	"sync"
	"time"
)

// throttle spreads bytes over time; all copies of the balancer share one.
type throttle struct {
	mu   sync.Mutex
	rate int64     // bytes per second
	next time.Time // when the next byte may go
}

func newThrottle(rate int64) *throttle { return &throttle{rate: max(rate, 1)} }

func (t *throttle) set(rate int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rate = max(rate, 1)
}

// wait returns when n bytes may go, or when ctx ends.
func (t *throttle) wait(ctx context.Context, n int) {
	t.mu.Lock()
	now := time.Now()
	if t.next.Before(now) {
		t.next = now
	}
	at := t.next
	t.next = t.next.Add(time.Duration(float64(n) / float64(t.rate) * float64(time.Second)))
	t.mu.Unlock()
	if d := at.Sub(now); d > 0 {
		pause(ctx, d)
	}
}

func (t *throttle) current() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rate
}

package metrics

import (
	"sync"
	"time"
)

// period is over how long Hadoop's averages go.
const period = 10 * time.Second

// recent is the average of a growing sum over its latest period, as Hadoop shows
// averages. Nothing runs in the background: who asks moves the period on.
type recent struct {
	mu      sync.Mutex
	at      time.Time // end of the period
	n       uint64
	seconds float64 // by then
	average float64
}

// of returns the average in ms, given the totals as they are now.
func (r *recent) of(n uint64, seconds float64, now time.Time) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.at) >= period {
		if n > r.n {
			r.average = (seconds - r.seconds) / float64(n-r.n) * 1000
		}
		r.at, r.n, r.seconds = now, n, seconds
	}
	return r.average
}

package client

import (
	"context"
	"sync"
	"time"

	"github.com/hopsql/hopsql/hadoop/protocols/hdfspb"
)

// How often a client with open files says that it lives: half of the time after
// which another client may take the files over (60 s).
const leaseInterval = 30 * time.Second

// leases renews the one lease of a client while it writes files, and no longer.
type leases struct {
	s     *session
	every time.Duration

	mu   sync.Mutex
	open int
	quit context.CancelFunc
	done chan struct{}
}

func newLeases(s *session) *leases { return &leases{s: s, every: leaseInterval} }

// acquire counts a file that is open for writing; release takes it back.
func (l *leases) acquire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	if l.open > 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.quit, l.done = cancel, make(chan struct{})
	go l.renew(ctx, l.done)
}

func (l *leases) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == 0 {
		return
	}
	if l.open--; l.open == 0 {
		l.quit()
	}
}

// stop ends the renewing whatever is open.
func (l *leases) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quit != nil {
		l.quit()
	}
	l.open = 0
}

func (l *leases) renew(ctx context.Context, done chan struct{}) {
	defer close(done)
	wait := l.every
	for {
		if sleepContext(ctx, wait) != nil {
			return
		}
		// A failure is not fatal here: the lease lives for another half minute,
		// and a writer that has lost it hears so from its own next call.
		wait = l.every
		c, cancel := context.WithTimeout(ctx, l.every)
		err := l.s.call(c, ProtocolClient, "renewLease", &hdfspb.RenewLeaseRequestProto{ClientName: &l.s.holder}, &hdfspb.RenewLeaseResponseProto{})
		cancel()
		if err != nil && ctx.Err() == nil {
			l.s.log.Warn("lease was not renewed", "err", err)
			wait = l.every / 30
		}
	}
}

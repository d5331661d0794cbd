package namenode

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hopsql/hopsql/dal"
)

// clockInterval is how often the clock is compared with that of the store.
const clockInterval = 10 * time.Second

// Bounds of a comparison.
const (
	slowAnswer = time.Second     // a slower one says too little
	slew       = 20              // the clock changes by at most one part of so many
	apart      = 5 * time.Second // what people should know of
)

// A clock tells the time of the store's machine: times in rows are compared with it,
// so all NameNodes have the same, however wrong those of their machines are. Between
// two comparisons it runs by the monotonic clock of this machine. It jumps only where
// this machine's time did too: it slept.
type clock struct {
	store dal.Store
	local func() time.Time // monotonic
	wall  func() time.Time // what this machine shows to people
	log   *slog.Logger

	mu   sync.Mutex
	at   time.Time // local time of the newest comparison; zero before the first
	wake time.Time // wall time then
	is   time.Time // what this clock said then
	said bool
}

// now returns the time of the store.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.then(c.local())
}

// then is the time of the store at a local time. The caller holds c.mu.
func (c *clock) then(local time.Time) time.Time { return c.is.Add(local.Sub(c.at)) }

// compare brings the clock to the time of the store: at once when it is new, and
// slowly later, since intervals are measured by it.
func (c *clock) compare(ctx context.Context) error {
	asked := c.local()
	theirs, err := c.store.Admin().Clock(ctx)
	if err != nil {
		return err
	}
	answered, wall := c.local(), c.wall().Round(0)
	took := answered.Sub(asked)
	theirs = theirs.Add(took / 2).Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		c.at, c.wake, c.is = answered, wall, theirs
		if d := answered.Sub(theirs); d.Abs() > apart {
			c.log.Warn("the clock of this machine is not that of the metadata store, which counts here", "ahead", d.Round(time.Millisecond))
		}
		return nil
	}
	if took > slowAnswer {
		return nil
	}
	most := answered.Sub(c.at) / slew
	behind := theirs.Sub(c.then(answered))
	if slept := wall.Sub(c.wake) - answered.Sub(c.at); slept > apart && (slept-behind).Abs() < apart {
		c.at, c.wake, c.is = answered, wall, theirs
		return nil
	}
	if behind.Abs() > apart && !c.said {
		c.log.Warn("the clock of the metadata store jumped; this NameNode follows slowly, and at once when it is started again", "by", behind.Round(time.Millisecond))
	}
	c.said = behind.Abs() > apart
	c.is = c.then(answered).Add(max(-most, min(behind, most)))
	c.at, c.wake = answered, wall
	return nil
}

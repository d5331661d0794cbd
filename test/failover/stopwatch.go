package failover

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// stopwatch keeps how long calls took.
type stopwatch struct {
	mu    sync.Mutex
	calls []call
}

type call struct {
	verb       string
	began, end time.Time
}

func (c call) took() time.Duration { return c.end.Sub(c.began) }

func (s *stopwatch) add(verb string, began, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{verb, began, end})
}

func (s *stopwatch) all() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// event is something that was done to a NameNode.
type event struct {
	at     time.Time
	leader bool // the one that led
}

// stalls are the longest calls, by what they met.
type stalls struct {
	leader, other, none call
	calls               int
	median              time.Duration
}

// after gives each call to the event that it met: one that fell into it, the
// leader's rather than another one's; else the last before it, if the call began
// within the time that the event may be felt.
func (s *stopwatch) after(events []event, felt time.Duration) stalls {
	var out stalls
	var all []time.Duration
	for _, c := range s.all() {
		out.calls++
		all = append(all, c.took())
		longest := &out.none
		for _, e := range events {
			if !e.at.After(c.end) && c.began.Before(e.at.Add(felt)) {
				if e.leader {
					longest = &out.leader
					break
				}
				longest = &out.other
			}
		}
		if c.took() > longest.took() {
			*longest = c
		}
	}
	slices.Sort(all)
	if len(all) > 0 {
		out.median = all[len(all)/2]
	}
	return out
}

func (s stalls) String() string {
	var b strings.Builder
	for _, x := range []struct {
		what string
		c    call
	}{{"the leader went", s.leader}, {"another one went", s.other}, {"nobody went", s.none}} {
		if x.c.verb != "" {
			fmt.Fprintf(&b, "longest call when %s: %v (%s)\n", x.what, x.c.took().Round(time.Millisecond), x.c.verb)
		}
	}
	fmt.Fprintf(&b, "%d calls, half of them within %v", s.calls, s.median.Round(100*time.Microsecond))
	return b.String()
}

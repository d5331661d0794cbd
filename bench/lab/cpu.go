package lab

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A meter reads something that grows.
type meter func() (time.Duration, error)

// reading is what all meters showed at one moment.
type reading struct {
	at   time.Time
	used map[string]time.Duration
}

// sampler reads meters all the time, because the end of what is measured is known
// only later.
type sampler struct {
	meters map[string]meter
	stop   chan struct{}
	done   sync.WaitGroup

	readings []reading
	err      error
}

// sampling is how far two readings are apart. Between them CPU is taken to grow
// evenly.
const sampling = 50 * time.Millisecond

func startSampler(meters map[string]meter) *sampler {
	s := &sampler{meters: meters, stop: make(chan struct{})}
	s.read()
	s.done.Go(func() {
		t := time.NewTicker(sampling)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				s.read()
				return
			case <-t.C:
				s.read()
			}
		}
	})
	return s
}

func (s *sampler) read() {
	r := reading{used: map[string]time.Duration{}}
	for name, m := range s.meters {
		used, err := m()
		if err != nil {
			s.err = fmt.Errorf("CPU of %s: %w", name, err)
			return
		}
		r.used[name] = used
	}
	r.at = time.Now()
	s.readings = append(s.readings, r)
}

// end stops reading.
func (s *sampler) end() error {
	close(s.stop)
	s.done.Wait()
	return s.err
}

// between is what each meter grew from one moment to another, after end.
func (s *sampler) between(from, to time.Time) map[string]time.Duration {
	grown := map[string]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(s.meters)) {
		grown[name] = s.at(name, to) - s.at(name, from)
	}
	return grown
}

// at is what a meter showed at a moment.
func (s *sampler) at(name string, when time.Time) time.Duration {
	n, _ := slices.BinarySearchFunc(s.readings, when, func(r reading, t time.Time) int { return r.at.Compare(t) })
	switch n {
	case 0:
		return s.readings[0].used[name]
	case len(s.readings):
		return s.readings[n-1].used[name]
	}
	a, b := s.readings[n-1], s.readings[n]
	part := float64(when.Sub(a.at)) / float64(b.at.Sub(a.at))
	return a.used[name] + time.Duration(part*float64(b.used[name]-a.used[name]))
}

package lab

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hopsql/hopsql/bench"
)

// Others tells how much of the machine went to programs that were not measured.
type Others struct {
	busy, all, own time.Duration
}

// WatchOthers begins to count.
func WatchOthers() (*Others, error) {
	busy, all, err := machineTimes()
	if err != nil {
		return nil, err
	}
	own, err := ownTimes()
	return &Others{busy, all, own}, err
}

// Share is the part of the CPU of all cores, 0 to 1, that others used since then:
// all that this process and its children did not. Children count once they ended, so
// it is asked for after Close.
func (o *Others) Share() (float64, error) {
	busy, all, err := machineTimes()
	if err != nil {
		return 0, err
	}
	own, err := ownTimes()
	if err != nil || all <= o.all {
		return 0, err
	}
	return max(0, float64(busy-o.busy-(own-o.own))/float64(all-o.all)), nil
}

// machineTimes are those of all cores together since the machine was started: at
// work, or taken away by its host, and in all.
func machineTimes() (busy, all time.Duration, err error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	var user, nice, system, idle, wait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal); err != nil {
		return 0, 0, fmt.Errorf("/proc/stat: %q: %w", line, err)
	}
	busy = time.Duration(user+nice+system+irq+softirq+steal) * bench.Tick
	return busy, busy + time.Duration(idle+wait)*bench.Tick, nil
}

func ownTimes() (sum time.Duration, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return 0, err
		}
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum, nil
}

// Report says what Share found, and what that means.
func (o *Others) Report() (string, error) {
	share, err := o.Share()
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("Other programs used %.0f %% of the machine meanwhile.", share*100)
	if share > 0.05 {
		text += " That is too much for these figures to mean anything: run it alone."
	}
	return text, nil
}

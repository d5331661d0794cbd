package bench

import (
	"os"
	"testing"
	"time"
)

// TestCPUTime: the two ways to the CPU time of this process agree, to a few ticks.
func TestCPUTime(t *testing.T) {
	from := time.Now()
	for time.Since(from) < 60*time.Millisecond {
		_ = from.String()
	}
	low, err1 := ownCPU()
	got, err2 := CPUTime(os.Getpid())
	high, err3 := ownCPU()
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if got < low-3*Tick || got > high+3*Tick || got == 0 {
		t.Errorf("/proc tells %v of CPU, getrusage %v to %v", got, low, high)
	}
	rss, err := residentBytes(os.Getpid())
	if err != nil || rss < 1<<20 || rss > 1<<36 {
		t.Errorf("%d bytes of memory, %v", rss, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	if d, err := CPUTime(1 << 30); err == nil {
		t.Errorf("a process that is not there took %v", d)
	}
	if n, err := residentBytes(1 << 30); err == nil {
		t.Errorf("a process that is not there has %d bytes", n)
	}
}

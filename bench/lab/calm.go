package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/hopsql/hopsql/bench"
)

// Scheduling policies of Linux.
const (
	schedOther = 0
	schedIdle  = 5
)

// setPolicy gives a thread a scheduling policy without a priority.
func setPolicy(tid, policy int) error {
	var priority int32
	_, _, errno := syscall.Syscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(tid), uintptr(policy), uintptr(unsafe.Pointer(&priority)))
	if errno != 0 {
		return fmt.Errorf("scheduling policy of thread %d: %w", tid, errno)
	}
	return nil
}

// mainThread is the thread that runs Java's main: the first one that the launcher,
// whose id is the process's, starts.
func (t *Throughput) mainThread() (int, error) {
	if t.main != 0 {
		return t.main, nil
	}
	dir := fmt.Sprintf("/proc/%d/task", t.cmd.Process.Pid)
	for range 200 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		var ids []int
		for _, e := range entries {
			if id, err := strconv.Atoi(e.Name()); err == nil && id != t.cmd.Process.Pid {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			t.main = slices.Min(ids)
			return t.main, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("the JVM has no thread for main in %s", dir)
}

func (t *Throughput) mainCPU() (time.Duration, error) {
	tid, err := t.mainThread()
	if err != nil {
		return 0, err
	}
	return bench.ThreadCPUTime(t.cmd.Process.Pid, tid)
}

// calmer gives the main thread SCHED_IDLE while it waits for the workers, and only
// then: threads inherit the policy of the thread that starts them.
type calmer struct {
	t    *Throughput
	seen int64 // of the log
	idle bool
	at   time.Time // when to give it, zero for not
}

// ramp is how long the main thread gets to start its workers.
const ramp = 60 * time.Millisecond

func (c *calmer) look() error {
	log, err := c.t.logged(c.seen)
	if err != nil {
		return err
	}
	// Only whole lines: the rest comes again.
	log = log[:strings.LastIndexByte(log, '\n')+1]
	c.seen += int64(len(log))
	for line := range strings.Lines(log) {
		switch {
		case startLine.MatchString(line):
			c.at = time.Now().Add(ramp)
		case strings.Contains(line, ": Created "):
			// The inputs are there; the workers proper are started next.
			c.at = time.Time{}
			if err := c.set(schedOther); err != nil {
				return err
			}
		}
	}
	if !c.at.IsZero() && time.Now().After(c.at) {
		c.at = time.Time{}
		return c.set(schedIdle)
	}
	return nil
}

func (c *calmer) set(policy int) error {
	if c.idle == (policy == schedIdle) {
		return nil
	}
	tid, err := c.t.mainThread()
	if err != nil {
		return err
	}
	c.idle = policy == schedIdle
	return setPolicy(tid, policy)
}

// end gives the policy back for the next run, if the JVM still lives.
func (c *calmer) end() { _ = c.set(schedOther) }

package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Tick is the unit of CPU time in /proc: 1/100 s on every Linux, whatever its clock.
const Tick = 10 * time.Millisecond

// CPUTime is what a process has used so far, in user and in kernel mode.
func CPUTime(pid int) (time.Duration, error) { return cpuIn(fmt.Sprintf("/proc/%d/stat", pid)) }

// ThreadCPUTime is the part of CPUTime that one thread used.
func ThreadCPUTime(pid, tid int) (time.Duration, error) {
	return cpuIn(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
}

func cpuIn(file string) (time.Duration, error) {
	stat, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("CPU time: %w", err)
	}
	// The name in parentheses may hold anything, blanks and parentheses included.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3 // the third field is the first here
	if len(fields) <= stime {
		return 0, fmt.Errorf("CPU time: %s has %q", file, stat)
	}
	var sum int64
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time: %s: %w", file, err)
		}
		sum += n
	}
	return time.Duration(sum) * Tick, nil
}

// residentBytes is the memory of a process that is in RAM.
func residentBytes(pid int) (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0, fmt.Errorf("memory of process %d: /proc has %q: %w", pid, statm, err)
	}
	return resident * int64(os.Getpagesize()), nil
}

// ownCPU is CPUTime of this process, to the microsecond.
func ownCPU() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("CPU of this process: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// Driver is the name under which the CPU of this process itself is told.
const Driver = "driver"

// cpuTimes are those of the driver and of all processes, by name.
func (r *run) cpuTimes() (map[string]time.Duration, error) {
	own, err := ownCPU()
	if err != nil {
		return nil, err
	}
	times := map[string]time.Duration{Driver: own}
	for _, p := range r.o.Processes {
		t, err := CPUTime(p.PID)
		if err != nil {
			return nil, err
		}
		times[p.Name] += t
	}
	return times, nil
}

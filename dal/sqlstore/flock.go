package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A LockedError says that another process has the database file open.
type LockedError struct {
	Path string // of the lock file
	PID  string // of the process that holds it, "" if it did not say
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "process " + e.PID
	}
	return fmt.Sprintf("%s is locked by %s: only one NameNode at a time can use a SQLite file; stop that one, or use MySQL for several", e.Path, who)
}

// lockFile takes the lock on a file, which is created if it is missing, and writes
// the number of this process into it. The lock goes with the process. The file
// stays: removing it would let two processes hold locks on two files of one name.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := os.ReadFile(path)
		f.Close()
		return nil, &LockedError{Path: path, PID: strings.TrimSpace(string(pid))}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f.Close, nil
}

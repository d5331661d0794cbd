package replicas

import (
	"errors"
	"fmt"
)

// The kinds of error of this package; test with errors.Is.
var (
	ErrNotFound = errors.New("replica not found")
	ErrExists   = errors.New("replica already exists")
	// ErrState says that the replica's state, stamp or length does not allow it.
	ErrState = errors.New("replica is in the wrong state")
	// ErrRecovering says that a newer recovery of the block is running.
	ErrRecovering = errors.New("replica recovery in progress")
	// ErrNoSpace says that no volume has room.
	ErrNoSpace = errors.New("no space")
	// ErrIdentity says that a volume belongs to something else than the NameNode asked for.
	ErrIdentity = errors.New("volume of another cluster")
	// ErrVolume says that a volume cannot be used: locked, not writable, damaged.
	ErrVolume = errors.New("volume cannot be used")
	// ErrNotReady says that no NameNode has named the block pool yet, or that it is another one.
	ErrNotReady = errors.New("block pool is not served here")
)

func wrong(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}

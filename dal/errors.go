package dal

import (
	"errors"
	"fmt"
)

// A Kind is what went wrong, as far as a caller can act on it.
type Kind uint8

// The kinds. Their numbers never change.
const (
	// Permanent: the same call would fail again.
	Permanent Kind = iota
	// Duplicate: a row with that key exists.
	Duplicate
	// Conflict: a deadlock or a lock wait that ran out; run the transaction again.
	Conflict
	// Unavailable: the store cannot be reached or is out of resources for now.
	Unavailable
	// UnknownOutcome: the connection broke during Commit. The changes are all
	// there or none of them is.
	UnknownOutcome
	// Full: the store has no room for the change.
	Full
)

var kindNames = [...]string{"permanent", "duplicate", "conflict", "unavailable", "unknown outcome", "full"}

func (k Kind) String() string { return kindNames[k] }

// An Error is an error of a store.
type Error struct {
	Kind Kind
	Op   string // what was tried: "read", "lock", "commit", …
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("store: %s (%s): %v", e.Op, e.Kind, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of a store's error. Anything else is Permanent.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Permanent
}

// Is reports whether err is a store's error of kind k.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

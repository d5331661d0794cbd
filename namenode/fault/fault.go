// Package fault holds the errors that the rules of the namespace and of blocks
// report: a closed set of kinds, each with the text that HDFS users know. It knows
// no wire; namenode/rpc turns a kind into the Java class that clients expect.
package fault

import (
	"errors"
	"fmt"
)

// A Kind is what went wrong. Kinds are errors, so errors.Is(err, fault.NotFound)
// works.
type Kind string

// The kinds.
const (
	NotFound           Kind = "not found"
	Exists             Kind = "exists"
	AccessDenied       Kind = "access denied"
	ParentNotDirectory Kind = "parent is not a directory"
	NotEmpty           Kind = "directory is not empty"
	InvalidPath        Kind = "invalid path"
	InvalidArgument    Kind = "invalid argument" // HadoopIllegalArgumentException
	IllegalArgument    Kind = "illegal argument" // java.lang.IllegalArgumentException
	BeingCreated       Kind = "open for writing" // AlreadyBeingCreatedException
	RecoveryInProgress Kind = "lease is being recovered"
	LeaseExpired       Kind = "no lease"
	NotReplicatedYet   Kind = "not replicated yet"
	SafeMode           Kind = "safe mode"
	NameTooLong        Kind = "name too long"
	TooManyItems       Kind = "too many items in a directory"
	NSQuota            Kind = "namespace quota exceeded"
	DSQuota            Kind = "space quota exceeded"
	TypeQuota          Kind = "quota of a type of storage exceeded"
	NotDirectory       Kind = "path is not a directory"
	UnsupportedAction  Kind = "action not supported"
	Unsupported        Kind = "not supported"
	Retry              Kind = "try again at this NameNode"
	Standby            Kind = "try another NameNode"
	Unregistered       Kind = "unknown DataNode"
	Disallowed         Kind = "DataNode not allowed"
	IncorrectVersion   Kind = "incorrect version"
	ListingCursor      Kind = "listing cursor vanished"
	ACL                Kind = "access control list" // AclException
	NoXAttr            Kind = "no such extended attribute"
	Snapshot           Kind = "no snapshots"
	Assertion          Kind = "no absolute path" // java.lang.AssertionError
	IO                 Kind = "failed"           // java.io.IOException
)

func (k Kind) Error() string { return string(k) }

// An Error is an error of one kind with the text for the user.
type Error struct {
	Kind    Kind
	Message string
	Err     error // the cause, if there is one
}

func (e *Error) Error() string { return e.Message }

// Is reports whether target is e's kind.
func (e *Error) Is(target error) bool { return target == error(e.Kind) }

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind k with a formatted message.
func New(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of kind k whose message is err's.
func Wrap(k Kind, err error) error {
	return &Error{Kind: k, Message: err.Error(), Err: err}
}

// KindOf returns err's kind, IO if it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return IO
}

package rpc

import (
	"context"
	"errors"

	"github.com/hopsql/hopsql/dal"
	ipc "github.com/hopsql/hopsql/hadoop/rpc"
	"github.com/hopsql/hopsql/namenode/election"
	"github.com/hopsql/hopsql/namenode/fault"
	"github.com/hopsql/hopsql/txn"
)

// Java classes that no fault.Kind stands for.
const (
	classIO            = "java.io.IOException"
	classRetriable     = "org.apache.hadoop.ipc.RetriableException"
	classStandby       = "org.apache.hadoop.ipc.StandbyException"
	classAuthorization = "org.apache.hadoop.security.authorize.AuthorizationException"
	classServiceFailed = "org.apache.hadoop.ha.ServiceFailedException"
)

// classes are the Java classes that clients know the kinds by. A client compares
// the exact name, so it is part of the protocol.
var classes = map[fault.Kind]string{
	fault.NotFound:           "java.io.FileNotFoundException",
	fault.Exists:             "org.apache.hadoop.fs.FileAlreadyExistsException",
	fault.AccessDenied:       "org.apache.hadoop.security.AccessControlException",
	fault.ParentNotDirectory: "org.apache.hadoop.fs.ParentNotDirectoryException",
	fault.NotEmpty:           "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException",
	fault.InvalidPath:        "org.apache.hadoop.fs.InvalidPathException",
	fault.InvalidArgument:    "org.apache.hadoop.HadoopIllegalArgumentException",
	fault.IllegalArgument:    "java.lang.IllegalArgumentException",
	fault.BeingCreated:       "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException",
	fault.RecoveryInProgress: "org.apache.hadoop.hdfs.protocol.RecoveryInProgressException",
	fault.LeaseExpired:       "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException",
	fault.NotReplicatedYet:   "org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException",
	fault.SafeMode:           "org.apache.hadoop.hdfs.server.namenode.SafeModeException",
	fault.NameTooLong:        "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException",
	fault.TooManyItems:       "org.apache.hadoop.hdfs.protocol.FSLimitException$MaxDirectoryItemsExceededException",
	fault.NSQuota:            "org.apache.hadoop.hdfs.protocol.NSQuotaExceededException",
	fault.DSQuota:            "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException",
	fault.TypeQuota:          "org.apache.hadoop.hdfs.protocol.QuotaByStorageTypeExceededException",
	fault.NotDirectory:       "org.apache.hadoop.fs.PathIsNotDirectoryException",
	fault.UnsupportedAction:  "org.apache.hadoop.hdfs.server.namenode.UnsupportedActionException",
	fault.Unsupported:        "java.lang.UnsupportedOperationException",
	fault.Retry:              classRetriable,
	fault.Standby:            classStandby,
	fault.Unregistered:       "org.apache.hadoop.hdfs.protocol.UnregisteredNodeException",
	fault.Disallowed:         "org.apache.hadoop.hdfs.server.protocol.DisallowedDatanodeException",
	fault.IncorrectVersion:   "org.apache.hadoop.hdfs.server.common.IncorrectVersionException",
	fault.ListingCursor:      "org.apache.hadoop.fs.DirectoryListingStartAfterNotFoundException",
	fault.ACL:                "org.apache.hadoop.hdfs.protocol.AclException",
	fault.NoXAttr:            "org.apache.hadoop.hdfs.protocol.XAttrNotFoundException",
	fault.Snapshot:           "org.apache.hadoop.hdfs.protocol.SnapshotException",
	fault.Assertion:          "java.lang.AssertionError",
	fault.IO:                 classIO,
}

// exception turns an error of the rules, the engine or the store into the one that
// a client understands.
func exception(err error) *ipc.Exception {
	var x *ipc.Exception
	if errors.As(err, &x) {
		return x
	}
	var f *fault.Error
	if errors.As(err, &f) {
		class := classes[f.Kind]
		if class == "" {
			class = classIO
		}
		return &ipc.Exception{Class: class, Message: f.Message}
	}
	return &ipc.Exception{Class: classOf(err), Message: err.Error()}
}

// classOf is the class of an error that no rule raised.
func classOf(err error) string {
	switch {
	case errors.Is(err, txn.ErrClosed), errors.Is(err, election.ErrAway):
		return classStandby
	case errors.Is(err, txn.ErrBusy), errors.Is(err, txn.ErrUnavailable),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classRetriable
	}
	var d *dal.Error
	if !errors.As(err, &d) {
		return classIO
	}
	switch d.Kind {
	case dal.Unavailable, dal.Conflict, dal.UnknownOutcome:
		// A repeated call has the same id, so it may be repeated even if the first
		// one was done after all.
		return classRetriable
	}
	return classIO
}

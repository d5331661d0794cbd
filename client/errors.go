package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/hopsql/hopsql/hadoop/rpc"
)

// Kinds that package fs has no word for; test them with errors.Is.
var (
	// ErrSafeMode: the NameNode refuses changes until it leaves safe mode.
	ErrSafeMode = errors.New("name node is in safe mode")
	// ErrQuota: a namespace or space quota would be exceeded.
	ErrQuota = errors.New("quota exceeded")
	// ErrLease: another writer holds the file, or this one has lost it.
	ErrLease = errors.New("file is being written by another client")
	// ErrNotEmpty: a directory that must be empty is not.
	ErrNotEmpty error = syscall.ENOTEMPTY
	// ErrNotDir: a name inside the path is a file.
	ErrNotDir error = syscall.ENOTDIR
	// ErrIsDir: the operation wants a file.
	ErrIsDir error = syscall.EISDIR
	// ErrClosed: the Client was closed.
	ErrClosed = errors.New("client is closed")
)

// Java classes that stock NameNodes send and the kind each of them is.
var kinds = map[string]error{
	"java.io.FileNotFoundException":                                                  fs.ErrNotExist,
	"org.apache.hadoop.fs.PathNotFoundException":                                     fs.ErrNotExist,
	"org.apache.hadoop.fs.FileAlreadyExistsException":                                fs.ErrExist,
	"org.apache.hadoop.security.AccessControlException":                              fs.ErrPermission,
	"org.apache.hadoop.fs.InvalidPathException":                                      fs.ErrInvalid,
	"org.apache.hadoop.HadoopIllegalArgumentException":                               fs.ErrInvalid,
	"java.lang.IllegalArgumentException":                                             fs.ErrInvalid,
	"java.lang.UnsupportedOperationException":                                        errors.ErrUnsupported,
	"org.apache.hadoop.ipc.RpcNoSuchMethodException":                                 errors.ErrUnsupported,
	"org.apache.hadoop.ipc.RpcNoSuchProtocolException":                               errors.ErrUnsupported,
	"org.apache.hadoop.fs.ParentNotDirectoryException":                               ErrNotDir,
	"org.apache.hadoop.fs.PathIsNotDirectoryException":                               ErrNotDir,
	"org.apache.hadoop.fs.PathIsNotEmptyDirectoryException":                          ErrNotEmpty,
	"org.apache.hadoop.hdfs.server.namenode.SafeModeException":                       ErrSafeMode,
	"org.apache.hadoop.hdfs.protocol.NSQuotaExceededException":                       ErrQuota,
	"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException":                       ErrQuota,
	"org.apache.hadoop.hdfs.protocol.QuotaByStorageTypeExceededException":            ErrQuota,
	"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException":                   ErrLease,
	"org.apache.hadoop.hdfs.protocol.RecoveryInProgressException":                    ErrLease,
	"org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException":                   ErrLease,
	"org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException": fs.ErrInvalid,
}

const (
	classStandby       = "org.apache.hadoop.ipc.StandbyException"
	classRetriable     = "org.apache.hadoop.ipc.RetriableException"
	classNotReplicated = "org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException"
	classInvalidToken  = "org.apache.hadoop.security.token.SecretManager$InvalidToken"
)

// RemoteError is an answer of a server together with the kind it stands for.
type RemoteError struct {
	*rpc.Exception
	kind error
}

// Unwrap gives both the exception and the kind to errors.Is and errors.As.
func (e *RemoteError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.Exception}
	}
	return []error{e.Exception, e.kind}
}

// classified dresses an *rpc.Exception in the kind its class stands for and
// leaves every other error alone.
func classified(err error) error {
	var x *rpc.Exception
	var done *RemoteError
	if err == nil || errors.As(err, &done) || !errors.As(err, &x) {
		return err
	}
	return &RemoteError{Exception: x, kind: kinds[x.Class]}
}

func isClass(err error, class string) bool {
	var x *rpc.Exception
	return errors.As(err, &x) && x.Class == class
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op, Path: name, Err: classified(err)}
}

func linkError(op, from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: from, New: to, Err: classified(err)}
}

// ConnectError says that no NameNode could be reached; Error has the words of
// Apache's client, which scripts search for.
type ConnectError struct {
	Local string // name and address of this machine, "host/ip"
	Addr  string // the NameNode asked last, host:port
	Err   error  // what the dial said
}

func (e *ConnectError) Error() string {
	if errors.Is(e.Err, syscall.ECONNREFUSED) {
		return fmt.Sprintf("Call From %s to %s failed on connection exception: java.net.ConnectException: Connection refused; "+
			"For more details see:  http://wiki.apache.org/hadoop/ConnectionRefused", e.Local, e.Addr)
	}
	return fmt.Sprintf("Call From %s to %s failed on connection exception: %v", e.Local, e.Addr, e.Err)
}

func (e *ConnectError) Unwrap() error { return e.Err }

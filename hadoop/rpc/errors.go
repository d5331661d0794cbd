package rpc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
)

// Exception is an error with a Java class. The server sends it as ERROR with
// class and message; the client returns it for every error a server sent.
type Exception struct {
	Class   string // binary name, such as java.io.FileNotFoundException
	Message string // may hold a Java stack trace after its first line
}

// Error is the first line of the message, or the class if there is no message.
func (e *Exception) Error() string {
	line, _, _ := strings.Cut(e.Message, "\n")
	if line == "" {
		return e.Class
	}
	return line
}

// Kinds of failure of Client.Call that are no answer of the server; test with errors.Is.
var (
	// ErrConnect: no connection could be made; the call was not sent.
	ErrConnect = errors.New("cannot connect")
	// ErrConnectionLost: the connection broke after the call may have been
	// sent; the server may or may not have run it.
	ErrConnectionLost = errors.New("connection lost")
	// ErrTimeout: ClientConfig.CallTimeout passed without an answer; the
	// server may or may not have run the call.
	ErrTimeout = errors.New("call timed out")
	// ErrClosed: the client or server was closed.
	ErrClosed = errors.New("rpc: closed")
)

// Java classes that this layer sends by itself.
const (
	classIO              = "java.io.IOException"
	classRuntime         = "java.lang.RuntimeException"
	classNotFound        = "java.lang.ClassNotFoundException"
	classAccessControl   = "org.apache.hadoop.security.AccessControlException"
	classAuthorization   = "org.apache.hadoop.security.authorize.AuthorizationException"
	classFatal           = "org.apache.hadoop.ipc.Server$FatalRpcServerException"
	classIPC             = "org.apache.hadoop.ipc.IpcException"
	classNoSuchMethod    = "org.apache.hadoop.ipc.RpcNoSuchMethodException"
	classNoSuchProtocol  = "org.apache.hadoop.ipc.RpcNoSuchProtocolException"
	classRetriable       = "org.apache.hadoop.ipc.RetriableException"
	classVersionMismatch = "org.apache.hadoop.ipc.RPC$VersionMismatch"
	classInvalidProtobuf = "org.apache.hadoop.thirdparty.protobuf.InvalidProtocolBufferException"
	classSasl            = "javax.security.sasl.SaslException"
)

// Status and detail codes of a response header, under short names.
const (
	statusSuccess = ipcpb.RpcResponseHeaderProto_SUCCESS
	statusError   = ipcpb.RpcResponseHeaderProto_ERROR
	statusFatal   = ipcpb.RpcResponseHeaderProto_FATAL

	detailApplication         = ipcpb.RpcResponseHeaderProto_ERROR_APPLICATION
	detailNoSuchMethod        = ipcpb.RpcResponseHeaderProto_ERROR_NO_SUCH_METHOD
	detailNoSuchProtocol      = ipcpb.RpcResponseHeaderProto_ERROR_NO_SUCH_PROTOCOL
	detailRPCServer           = ipcpb.RpcResponseHeaderProto_ERROR_RPC_SERVER
	detailSerializingResponse = ipcpb.RpcResponseHeaderProto_ERROR_SERIALIZING_RESPONSE
	detailProtocolVersion     = ipcpb.RpcResponseHeaderProto_ERROR_RPC_VERSION_MISMATCH
	detailInvalidHeader       = ipcpb.RpcResponseHeaderProto_FATAL_INVALID_RPC_HEADER
	detailDeserializing       = ipcpb.RpcResponseHeaderProto_FATAL_DESERIALIZING_REQUEST
	detailVersion             = ipcpb.RpcResponseHeaderProto_FATAL_VERSION_MISMATCH
	detailUnauthorized        = ipcpb.RpcResponseHeaderProto_FATAL_UNAUTHORIZED
)

// wireError is an error with everything a response header says about it.
type wireError struct {
	status      ipcpb.RpcResponseHeaderProto_RpcStatusProto
	detail      ipcpb.RpcResponseHeaderProto_RpcErrorCodeProto
	class, text string
}

func (e *wireError) Error() string { return e.text }

// fatalf is an error that ends the connection.
func fatalf(detail ipcpb.RpcResponseHeaderProto_RpcErrorCodeProto, format string, args ...any) *wireError {
	return &wireError{statusFatal, detail, classFatal, fmt.Sprintf(format, args...)}
}

// toWire says how an error of a handler is sent.
func toWire(err error) *wireError {
	var w *wireError
	if errors.As(err, &w) {
		return w
	}
	var x *Exception
	if errors.As(err, &x) {
		return &wireError{statusError, detailApplication, x.Class, x.Message}
	}
	return &wireError{statusError, detailApplication, classIO, err.Error()}
}

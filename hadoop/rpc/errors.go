package rpc

import (
	"errors"
	"strings"
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

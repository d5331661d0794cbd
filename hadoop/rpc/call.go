package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// Call describes one incoming call. It belongs to the handler, which may keep it.
type Call struct {
	Protocol, Method string
	ClientID         [16]byte
	HasClientID      bool
	CallID           int32
	RetryCount       int32 // 0 at the first try, -1 if the client does not count
	User             string
	RealUser         string // "" unless User is impersonated by RealUser
	RemoteIP         string // address of the peer without its port
	RemotePort       int
	CallerContext    string // "" if the client sent none
}

// Method decodes, runs and encodes one RPC. Build it with Handle.
type Method struct {
	// run decodes request, calls the handler and appends the delimited answer to dst.
	run func(ctx context.Context, c *Call, request, dst []byte) ([]byte, error)
}

// Handle makes a Method of a function over messages. A request that does not
// parse never reaches f. f returns *Exception to choose the Java class that the
// client sees; any other error is sent as java.io.IOException. A nil answer
// without an error is sent as the empty message.
func Handle[Q any, R any, PQ interface {
	*Q
	proto.Message
}, PR interface {
	*R
	proto.Message
}](f func(ctx context.Context, c *Call, req PQ) (PR, error)) Method {
	return Method{}
}

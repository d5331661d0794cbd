package rpc

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/hopsql/hopsql/hadoop/wire"
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
	// run decodes request, calls the handler and appends the delimited answer
	// to dst, which it returns unchanged in front of it.
	run func(ctx context.Context, c *Call, request, dst []byte) ([]byte, error)
}

// Handle makes a Method of a function over messages. A request that does not
// parse never reaches f. f returns *Exception to choose the Java class that the
// client sees; any other error is sent as java.io.IOException. A nil answer
// without an error is sent as the empty message.
//
// The context of f ends when Shutdown runs out of time, not when the client
// goes away: like Hadoop, the server ends what it began.
func Handle[Q any, R any, PQ interface {
	*Q
	proto.Message
}, PR interface {
	*R
	proto.Message
}](f func(ctx context.Context, c *Call, req PQ) (PR, error)) Method {
	return Method{run: func(ctx context.Context, c *Call, request, dst []byte) ([]byte, error) {
		req := PQ(new(Q))
		if err := proto.Unmarshal(request, req); err != nil {
			// Java decodes in the handler too, so this is ERROR and not FATAL.
			return nil, Undecodable(c, err)
		}
		resp, err := f(ctx, c, req)
		if err != nil {
			return nil, err
		}
		if resp == nil {
			resp = PR(new(R))
		}
		return appendMessage(dst, resp)
	}}
}

// HandleRaw makes a Method of a function over encoded messages. f appends the encoded
// answer to dst, with dst in front, and does not keep request. A request that it cannot
// decode it answers with Undecodable.
func HandleRaw(f func(ctx context.Context, c *Call, request, dst []byte) ([]byte, error)) Method {
	var length atomic.Int32 // of the latest answer, which the next one may have too
	return Method{run: func(ctx context.Context, c *Call, request, dst []byte) ([]byte, error) {
		dst, m := wire.BeginDelimited(dst, int(length.Load()))
		from := len(dst)
		dst, err := f(ctx, c, request, dst)
		if err != nil {
			return nil, err
		}
		if n := int32(len(dst) - from); n != length.Load() {
			length.Store(n)
		}
		return m.End(dst), nil
	}}
}

// Undecodable is the error of a request that does not parse.
func Undecodable(c *Call, err error) *Exception {
	return &Exception{classInvalidProtobuf, fmt.Sprintf("Error decoding the request of %s: %v", c.Method, err)}
}

// Within returns a Method that runs m under the context that enter gives, which
// takes the place of the server's. An error of enter is the call's; one of m goes
// through failed.
func (m Method) Within(enter func() (context.Context, error), failed func(ctx context.Context, err error) error) Method {
	return Method{run: func(_ context.Context, c *Call, request, dst []byte) ([]byte, error) {
		ctx, err := enter()
		if err != nil {
			return nil, err
		}
		out, err := m.run(ctx, c, request, dst)
		if err != nil {
			return nil, failed(ctx, err)
		}
		return out, nil
	}}
}

// appendMessage appends m behind its length as a varint.
func appendMessage(dst []byte, m proto.Message) ([]byte, error) {
	dst = protowire.AppendVarint(dst, uint64(proto.Size(m)))
	dst, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(dst, m)
	if err != nil {
		return nil, &wireError{status: statusError, detail: detailSerializingResponse, class: classIO,
			text: fmt.Sprintf("cannot encode %s: %v", m.ProtoReflect().Descriptor().FullName(), err)}
	}
	return dst, nil
}

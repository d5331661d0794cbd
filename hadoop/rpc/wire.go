package rpc

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
	"github.com/hopsql/hopsql/hadoop/wire"
)

// The headers of each call are decoded and encoded by hand, because the
// generated code would allocate a dozen objects a call. The fuzz targets hold
// them against the generated code. Decoded byte slices alias the input.

// Call ids below zero are no calls.
const (
	idNone    int32 = -1 // in answers to no call in particular
	idContext int32 = -3
	idPing    int32 = -4
	idSasl    int32 = -33
)

const (
	kindProtobuf  = int32(ipcpb.RpcKindProto_RPC_PROTOCOL_BUFFER)
	opFinalPacket = int32(ipcpb.RpcRequestHeaderProto_RPC_FINAL_PACKET)
	missing       = int32(-1) // of an enum; unknown values count as missing, as in Java
	noRetryCount  = int32(-1)
)

// requestHeader is RpcRequestHeaderProto without what the server ignores.
type requestHeader struct {
	kind, op      int32
	callID, retry int32
	clientID      []byte
	callerContext []byte
}

// methodHeader is RequestHeaderProto.
type methodHeader struct {
	method, protocol []byte
	version          uint64
}

// responseHeader is RpcResponseHeaderProto without state ids.
type responseHeader struct {
	callID, retry int32
	status        int32
	clientID      []byte
	class, text   string
}

// cutMessage splits a varint length and that many bytes off b.
func cutMessage(b []byte) (msg, rest []byte, err error) { return wire.CutMessage(b) }

func sint32(u uint64) int32 { return int32(protowire.DecodeZigZag(u & math.MaxUint32)) }

// enum is u if it lies in 0..last, else missing.
func enum(u uint64, last, old int32) int32 {
	if v := int32(u); v >= 0 && v <= last {
		return v
	}
	return old
}

func decodeRequestHeader(b []byte) (h requestHeader, err error) {
	h = requestHeader{kind: missing, op: missing, retry: noRetryCount}
	var hasCall, hasClient, hasContext bool
	for len(b) > 0 {
		var f wire.Field
		if f, b, err = wire.Cut(b); err != nil {
			return h, err
		}
		switch {
		case f.Is(1, wire.Varint):
			h.kind = enum(f.U, kindProtobuf, h.kind)
		case f.Is(2, wire.Varint):
			h.op = enum(f.U, 2, h.op)
		case f.Is(3, wire.Varint):
			h.callID, hasCall = sint32(f.U), true
		case f.Is(4, wire.Bytes):
			h.clientID, hasClient = f.B, true
		case f.Is(5, wire.Varint):
			h.retry = sint32(f.U)
		case f.Is(7, wire.Bytes):
			hasContext = true
			if h.callerContext, err = decodeCallerContext(f.B, h.callerContext); err != nil {
				return h, err
			}
		}
	}
	if !hasCall || !hasClient {
		return h, errors.New("callId or clientId is missing")
	}
	if hasContext && h.callerContext == nil {
		return h, errors.New("callerContext.context is missing")
	}
	return h, nil
}

// decodeCallerContext is the context of RPCCallerContextProto, nil if there is
// none; old is that of an earlier occurrence, with which this one merges.
func decodeCallerContext(b, old []byte) (context []byte, err error) {
	context = old
	for len(b) > 0 {
		var f wire.Field
		if f, b, err = wire.Cut(b); err != nil {
			return nil, err
		}
		if f.Is(1, wire.Bytes) {
			context = f.B
			if context == nil {
				context = []byte{}
			}
		}
	}
	return context, nil
}

func decodeMethodHeader(b []byte) (h methodHeader, err error) {
	var seen int
	for len(b) > 0 {
		var f wire.Field
		if f, b, err = wire.Cut(b); err != nil {
			return h, err
		}
		switch {
		case f.Is(1, wire.Bytes):
			h.method, seen = f.B, seen|1
		case f.Is(2, wire.Bytes):
			h.protocol, seen = f.B, seen|2
		case f.Is(3, wire.Varint):
			h.version, seen = f.U, seen|4
		}
	}
	if seen != 7 {
		return h, errors.New("methodName, declaringClassProtocolName or clientProtocolVersion is missing")
	}
	return h, nil
}

func decodeResponseHeader(b []byte) (h responseHeader, err error) {
	h = responseHeader{status: missing, retry: noRetryCount}
	var hasCall bool
	for len(b) > 0 {
		var f wire.Field
		if f, b, err = wire.Cut(b); err != nil {
			return h, err
		}
		switch {
		case f.Is(1, wire.Varint):
			h.callID, hasCall = int32(uint32(f.U)), true
		case f.Is(2, wire.Varint):
			h.status = enum(f.U, int32(statusFatal), h.status)
		case f.Is(4, wire.Bytes):
			h.class = string(f.B)
		case f.Is(5, wire.Bytes):
			h.text = string(f.B)
		case f.Is(7, wire.Bytes):
			h.clientID = f.B
		case f.Is(8, wire.Varint):
			h.retry = sint32(f.U)
		}
	}
	if !hasCall || h.status == missing {
		return h, errors.New("callId or status is missing")
	}
	return h, nil
}

func appendSint(b []byte, num protowire.Number, v int32) []byte {
	return wire.AppendUint(b, num, uint64(uint32(protowire.EncodeZigZag(int64(v)))))
}

// delimit puts the length in front of what begins at from.
func delimit(b []byte, from int) []byte {
	n := len(b) - from
	k := protowire.SizeVarint(uint64(n))
	for range k {
		b = append(b, 0)
	}
	copy(b[from+k:], b[from:from+n])
	protowire.AppendVarint(b[:from], uint64(n))
	return b
}

// appendRequestHeader appends the delimited RpcRequestHeaderProto, fields in
// the order in which Java writes them.
func appendRequestHeader(b []byte, h requestHeader) []byte {
	from := len(b)
	b = wire.AppendUint(b, 1, uint64(kindProtobuf))
	b = wire.AppendUint(b, 2, uint64(opFinalPacket))
	b = appendSint(b, 3, h.callID)
	b = wire.AppendText(b, 4, h.clientID)
	b = appendSint(b, 5, h.retry)
	if len(h.callerContext) > 0 {
		var inner [512]byte
		b = wire.AppendText(b, 7, wire.AppendText(inner[:0], 1, h.callerContext))
	}
	return delimit(b, from)
}

// appendMethodHeader appends the delimited RequestHeaderProto.
func appendMethodHeader(b []byte, protocol, method string) []byte {
	from := len(b)
	b = wire.AppendText(b, 1, method)
	b = wire.AppendText(b, 2, protocol)
	b = wire.AppendUint(b, 3, 1)
	return delimit(b, from)
}

// appendResponseHeader appends the delimited RpcResponseHeaderProto; w is nil on success.
func appendResponseHeader(b []byte, callID, retry int32, clientID []byte, w *wireError) []byte {
	from := len(b)
	b = wire.AppendUint(b, 1, uint64(uint32(callID)))
	status := statusSuccess
	if w != nil {
		status = w.status
	}
	b = wire.AppendUint(b, 2, uint64(status))
	b = wire.AppendUint(b, 3, ipcVersion)
	if w != nil {
		b = wire.AppendText(b, 4, w.class)
		b = wire.AppendText(b, 5, w.text)
		b = wire.AppendUint(b, 6, uint64(w.detail))
	}
	b = wire.AppendText(b, 7, clientID)
	b = appendSint(b, 8, retry)
	return delimit(b, from)
}

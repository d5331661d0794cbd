package rpc

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hopsql/hopsql/hadoop/protocols/ipcpb"
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

var errTruncated = errors.New("message ends before its announced length")

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
func cutMessage(b []byte) (msg, rest []byte, err error) {
	n, k := protowire.ConsumeVarint(b)
	if k < 0 {
		return nil, nil, protowire.ParseError(k)
	}
	if n > uint64(len(b)-k) {
		return nil, nil, errTruncated
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// field is one decoded field: u for varints, b for byte strings.
type field struct {
	num protowire.Number
	typ protowire.Type
	u   uint64
	b   []byte
}

// cutField splits one field off b.
func cutField(b []byte) (f field, rest []byte, err error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	if num > protowire.MaxValidNumber {
		return f, nil, errors.New("invalid field number")
	}
	f.num, f.typ = num, typ
	b = b[n:]
	switch typ {
	case protowire.VarintType:
		f.u, n = protowire.ConsumeVarint(b)
	case protowire.BytesType:
		f.b, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, typ, b)
	}
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	return f, b[n:], nil
}

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
		var f field
		if f, b, err = cutField(b); err != nil {
			return h, err
		}
		switch {
		case f.num == 1 && f.typ == protowire.VarintType:
			h.kind = enum(f.u, kindProtobuf, h.kind)
		case f.num == 2 && f.typ == protowire.VarintType:
			h.op = enum(f.u, 2, h.op)
		case f.num == 3 && f.typ == protowire.VarintType:
			h.callID, hasCall = sint32(f.u), true
		case f.num == 4 && f.typ == protowire.BytesType:
			h.clientID, hasClient = f.b, true
		case f.num == 5 && f.typ == protowire.VarintType:
			h.retry = sint32(f.u)
		case f.num == 7 && f.typ == protowire.BytesType:
			hasContext = true
			if h.callerContext, err = decodeCallerContext(f.b, h.callerContext); err != nil {
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
		var f field
		if f, b, err = cutField(b); err != nil {
			return nil, err
		}
		if f.num == 1 && f.typ == protowire.BytesType {
			context = f.b
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
		var f field
		if f, b, err = cutField(b); err != nil {
			return h, err
		}
		switch {
		case f.num == 1 && f.typ == protowire.BytesType:
			h.method, seen = f.b, seen|1
		case f.num == 2 && f.typ == protowire.BytesType:
			h.protocol, seen = f.b, seen|2
		case f.num == 3 && f.typ == protowire.VarintType:
			h.version, seen = f.u, seen|4
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
		var f field
		if f, b, err = cutField(b); err != nil {
			return h, err
		}
		switch {
		case f.num == 1 && f.typ == protowire.VarintType:
			h.callID, hasCall = int32(uint32(f.u)), true
		case f.num == 2 && f.typ == protowire.VarintType:
			h.status = enum(f.u, int32(statusFatal), h.status)
		case f.num == 4 && f.typ == protowire.BytesType:
			h.class = string(f.b)
		case f.num == 5 && f.typ == protowire.BytesType:
			h.text = string(f.b)
		case f.num == 7 && f.typ == protowire.BytesType:
			h.clientID = f.b
		case f.num == 8 && f.typ == protowire.VarintType:
			h.retry = sint32(f.u)
		}
	}
	if !hasCall || h.status == missing {
		return h, errors.New("callId or status is missing")
	}
	return h, nil
}

func appendUint(b []byte, num protowire.Number, u uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), u)
}

func appendSint(b []byte, num protowire.Number, v int32) []byte {
	return appendUint(b, num, uint64(uint32(protowire.EncodeZigZag(int64(v)))))
}

func appendText[T string | []byte](b []byte, num protowire.Number, s T) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(len(s)))
	return append(b, s...)
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
	b = appendUint(b, 1, uint64(kindProtobuf))
	b = appendUint(b, 2, uint64(opFinalPacket))
	b = appendSint(b, 3, h.callID)
	b = appendText(b, 4, h.clientID)
	b = appendSint(b, 5, h.retry)
	if len(h.callerContext) > 0 {
		var inner [512]byte
		b = appendText(b, 7, appendText(inner[:0], 1, h.callerContext))
	}
	return delimit(b, from)
}

// appendMethodHeader appends the delimited RequestHeaderProto.
func appendMethodHeader(b []byte, protocol, method string) []byte {
	from := len(b)
	b = appendText(b, 1, method)
	b = appendText(b, 2, protocol)
	b = appendUint(b, 3, 1)
	return delimit(b, from)
}

// appendResponseHeader appends the delimited RpcResponseHeaderProto; w is nil on success.
func appendResponseHeader(b []byte, callID, retry int32, clientID []byte, w *wireError) []byte {
	from := len(b)
	b = appendUint(b, 1, uint64(uint32(callID)))
	status := statusSuccess
	if w != nil {
		status = w.status
	}
	b = appendUint(b, 2, uint64(status))
	b = appendUint(b, 3, ipcVersion)
	if w != nil {
		b = appendText(b, 4, w.class)
		b = appendText(b, 5, w.text)
		b = appendUint(b, 6, uint64(w.detail))
	}
	b = appendText(b, 7, clientID)
	b = appendSint(b, 8, retry)
	return delimit(b, from)
}
